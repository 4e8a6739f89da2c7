"""Verbs about what tasks changed in repositories."""
