"""OpenAI's `codex`, npm package @openai/codex."""
