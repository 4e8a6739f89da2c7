"""Where our own files are: everything hangs below one directory, so that one variable moves it all."""

import os
from pathlib import Path

from dispatcher.errors import UsageError


def home() -> Path:
    """``LLMCTL_HOME``, or the platform's directory for a user's data. It need not exist yet.

    Without ``HOME`` nothing is guessed from the password file: a cron job or a service that lost its ``HOME``
    would quietly work on a second, empty database. Raises :class:`UsageError` then.
    """
    if given := os.environ.get("LLMCTL_HOME"):
        return _absolute(given, "LLMCTL_HOME")
    _require_home("the database and the work directories")
    import platformdirs

    return Path(platformdirs.user_data_dir("llmctl", appauthor=False))


def default_config_file() -> Path:
    """Where ``config.yaml`` is when nobody names it: in ``LLMCTL_HOME``, else in the user's config directory.

    Never in the current directory: a repository that agents work on could then choose what we start.
    """
    if given := os.environ.get("LLMCTL_HOME"):
        return _absolute(given, "LLMCTL_HOME") / "config.yaml"
    _require_home("config.yaml")
    import platformdirs

    return Path(platformdirs.user_config_dir("llmctl", appauthor=False)) / "config.yaml"


def private_directory(path: Path) -> Path:
    """Create ``path`` and its missing parents, each with mode 0700; what exists already stays as it is."""
    try:
        if not path.parent.exists():
            private_directory(path.parent)
        path.mkdir(mode=0o700, exist_ok=True)
    except OSError as error:
        remedy = "set LLMCTL_HOME to a place of yours"
        raise UsageError(f"cannot create the directory {path}: {error.strerror}; {remedy}") from error
    return path


def expanded(given: str) -> Path:
    """``given`` with ``~`` and ``~NAME`` replaced; raises :class:`UsageError` where nobody has such a home."""
    try:
        return Path(given).expanduser()
    except (RuntimeError, ValueError):  # the latter for a NUL in it
        raise UsageError(f"there is no such home directory as in {given!r}; write the path in full") from None


def _absolute(given: str, name: str) -> Path:
    path = expanded(given)
    if not path.is_absolute():
        raise UsageError(
            f"{name} must be an absolute path, not {given!r}: it would change with the current directory"
        )
    return path


def _require_home(what: str) -> None:
    if not os.environ.get("HOME"):
        raise UsageError(f"HOME is not set, so there is no place for {what}; set HOME or LLMCTL_HOME")
