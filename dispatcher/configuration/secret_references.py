"""References to secrets in the settings: ``env:NAME`` and ``file:/path``. A secret itself is never written down."""

import math
import re
from collections import Counter

_REFERENCE = re.compile(r"env:[A-Za-z_][A-Za-z0-9_]*|file:[/~].*", re.DOTALL)
_SECRET_NAME = re.compile(r"(^|_)(KEY|TOKEN|PASSWORD|PASSWD)$|SECRET", re.IGNORECASE)
_KNOWN_TOKEN = re.compile(
    r"sk-|sk_live_|gh[oprsu]_|github_pat_|glpat-|xox[a-z]-|AKIA[0-9A-Z]|AIza|ya29\.|eyJ|hf_|-----BEGIN"
)
_PASSWORD_IN_URL = re.compile(r"://[^/@\s]*:[^/@\s]+@")
_RUN_OF_LETTERS_AND_DIGITS = re.compile(r"[A-Za-z0-9]{20,}")


def is_reference(value: str) -> bool:
    """Return whether ``value`` is a reference to a secret (``env:NAME``, ``file:/path``)."""
    return _REFERENCE.fullmatch(value) is not None


def holds_password(value: str) -> bool:
    """Return whether ``value`` is a URL with a password in it."""
    return _PASSWORD_IN_URL.search(value) is not None


def why_secret(variable: str, value: str) -> str | None:
    """Say why ``value`` of the environment variable ``variable`` looks like a secret. Return None if it does not.

    The sentence never repeats the value. A false alarm costs one line in a file, but a missed key ends up in a table
    of the database, so the test is strict.
    """
    if not value or is_reference(value):
        return None
    if _SECRET_NAME.search(variable):
        return "its name says that it holds a secret"
    if _KNOWN_TOKEN.match(value):
        return "its value begins like a key or token"
    if holds_password(value):
        return "its value is a URL with a password"
    if any(_is_random(run) for run in _RUN_OF_LETTERS_AND_DIGITS.findall(value)):
        return "its value looks like a key or token"
    return None


def _is_random(run: str) -> bool:
    """Return whether letters and digits are mixed with over 3 bits a character; 40 hexadecimal digits have 3.7."""
    if run.isalpha() or run.isdigit():
        return False
    shares = [count / len(run) for count in Counter(run).values()]
    return -sum(share * math.log2(share) for share in shares) > 3
