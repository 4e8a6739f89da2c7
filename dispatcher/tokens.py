"""Tokens of the HTTP API: what whoever acts over HTTP shows, and what the database keeps of it."""

import hashlib
import secrets


def new_token() -> str:
    """Return a token: ``llmctl_`` and 43 random characters, which are safe in URLs, headers and shells."""
    return f"llmctl_{secrets.token_urlsafe(32)}"


def hashed(token: str) -> bytes:
    """Return what the database keeps of a token: its SHA-256. It has 256 random bits, so no salt is needed."""
    return hashlib.sha256(token.encode()).digest()
