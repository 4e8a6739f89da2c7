"""Where each CLI has its login from, so that it can be asked for without a request to its service.

Measured with claude 2.1.330, codex 0.169.0 and gemini 0.61.0.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Login:
    """``keys`` are variables of which each is a login by itself; it goes before one that is stored.

    ``status`` are the arguments of the CLI's own answer: exit code 0 when a login is stored. It reads files only.
    ``files``, relative to the config home, hold a login of a CLI that has no such command. ``home`` is the config
    home, relative to HOME, where no variable moves it; ``command`` is how a person logs in.
    """

    keys: Sequence[str]
    home: str
    command: str
    status: Sequence[str] = ()
    files: Sequence[str] = ()
    ignored: Sequence[str] = ()
    """Variables that people take for a key of this CLI."""


LOGINS: Mapping[str, Login] = {
    "claude": Login(
        keys=("ANTHROPIC_API_KEY", "ANTHROPIC_AUTH_TOKEN", "CLAUDE_CODE_OAUTH_TOKEN"),
        home=".claude",
        command="claude /login",
        status=("auth", "status"),
    ),
    "codex": Login(
        keys=("CODEX_API_KEY",),
        home=".codex",
        command="codex login",
        status=("login", "status"),
        ignored=("OPENAI_API_KEY",),
    ),
    "gemini": Login(
        keys=("GEMINI_API_KEY", "GOOGLE_API_KEY", "GOOGLE_APPLICATION_CREDENTIALS"),
        home="",
        command="gemini",
        files=(".gemini/oauth_creds.json",),
    ),
}
