"""Tokens of the HTTP API and sessions of browsers: what is shown over HTTP, and what the database keeps of it."""

import hashlib
import secrets


def new_token() -> str:
    """Return a token: ``llmctl_`` and 43 random characters, which are safe in URLs, headers and shells."""
    return f"llmctl_{secrets.token_urlsafe(32)}"


def hashed(token: str) -> bytes:
    """Return what the database keeps of a token: its SHA-256. It has 256 random bits, so no salt is needed."""
    return hashlib.sha256(token.encode()).digest()


def new_session() -> str:
    """Return the id of a session: 43 random characters, which a browser keeps in place of a token."""
    return secrets.token_urlsafe(32)


def hashed_session(session: str) -> bytes:
    """Return what the database keeps of a session. It differs from a token's, so that neither works as the other."""
    return hashed(f"session:{session}")
