"""Anthropic's `claude`, npm package @anthropic-ai/claude-code."""
