"""Opens files that a person names, so that none of them makes us wait."""

import os
import stat
from pathlib import Path
from typing import BinaryIO

from dispatcher.errors import UsageError

_KINDS = {
    stat.S_IFDIR: "a directory",
    stat.S_IFIFO: "a pipe",
    stat.S_IFSOCK: "a socket",
    stat.S_IFCHR: "a device",
    stat.S_IFBLK: "a device",
}


def open_regular(path: str | Path) -> BinaryIO:
    """Open a file for reading, if it is a regular one or /dev/null. Raises :class:`UsageError`.

    A pipe could make us wait for a writer, and a device could have no end: both are refused.
    """
    try:
        # Without O_NONBLOCK, opening a pipe waits for its writer.
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC)
    except (OSError, ValueError) as error:
        raise unreadable(path, error) from error
    file = os.fdopen(descriptor, "rb", closefd=True) if _is_usable(descriptor) else None
    if file is None:
        kind = _KINDS.get(stat.S_IFMT(os.fstat(descriptor).st_mode), "something else")
        os.close(descriptor)
        raise UsageError(f"cannot read {str(path)!r}: it is {kind}, not a regular file")
    return file


def unreadable(path: str | Path, error: OSError | ValueError) -> UsageError:
    """Return the error for a file that cannot be read. Python raises ValueError for a NUL in its name."""
    reason = error.strerror if isinstance(error, OSError) else str(error)
    return UsageError(f"cannot read {str(path)!r}: {reason}")


def _is_usable(descriptor: int) -> bool:
    state = os.fstat(descriptor)
    return stat.S_ISREG(state.st_mode) or os.path.samestat(state, Path(os.devnull).stat())
