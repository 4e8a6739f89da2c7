"""Where our own files are. Everything is below one directory, so that one variable moves it all."""

import os
from collections.abc import Sequence
from pathlib import Path

from dispatcher.errors import UsageError


def home() -> Path:
    """Return ``LLMCTL_HOME``, or the platform's directory for a user's data. It need not exist yet.

    Raises :class:`UsageError` if neither ``LLMCTL_HOME`` nor ``HOME`` is set. The password file is not asked: a cron
    job or a service that lost its ``HOME`` would silently work on a second, empty database.
    """
    if given := os.environ.get("LLMCTL_HOME"):
        return _absolute(given, "LLMCTL_HOME")
    _require_home("the database and the work directories")
    import platformdirs

    return Path(platformdirs.user_data_dir("llmctl", appauthor=False))


def config_files() -> Sequence[Path]:
    """Return where ``config.yaml`` is looked for, first place first: ``LLMCTL_HOME``, the user's config directory.

    So a home elsewhere moves the data, and a file in it replaces the user's. The current directory is never searched: a
    repository that agents work on could then choose what we start. Raises :class:`UsageError` if there is no place.
    """
    places = []
    if given := os.environ.get("LLMCTL_HOME"):
        places.append(_absolute(given, "LLMCTL_HOME"))
    else:
        _require_home("config.yaml")
    if os.environ.get("HOME"):
        import platformdirs

        places.append(Path(platformdirs.user_config_dir("llmctl", appauthor=False)))
    return [place / "config.yaml" for place in places]


def private_directory(path: Path) -> Path:
    """Create ``path`` and its missing parents with mode 0700. What already exists stays as it is."""
    try:
        if not path.parent.exists():
            private_directory(path.parent)
        path.mkdir(mode=0o700, exist_ok=True)
    except OSError as error:
        remedy = "set LLMCTL_HOME to a directory that you can write to"
        raise UsageError(f"cannot create the directory {path}: {error.strerror}; {remedy}") from error
    return path


def expanded(given: str) -> Path:
    """Replace ``~`` and ``~NAME`` in a path. Raises :class:`UsageError` if there is no such home directory."""
    try:
        return Path(given).expanduser()
    except (RuntimeError, ValueError):  # ValueError: it holds a NUL
        raise UsageError(
            f"{given!r} names a home directory that does not exist; write the path in full"
        ) from None


def _absolute(given: str, name: str) -> Path:
    path = expanded(given)
    if not path.is_absolute():
        raise UsageError(
            f"{name} must be an absolute path, not {given!r}: that would depend on the current directory"
        )
    return path


def _require_home(what: str) -> None:
    if not os.environ.get("HOME"):
        raise UsageError(f"HOME is not set, so there is no place for {what}; set HOME or LLMCTL_HOME")
