"""Files that somebody names: opened so that none of them holds us up, and read to a bound."""

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
    """The file, if it is a regular one or /dev/null. Raises :class:`UsageError`.

    Nobody waits for a pipe into which nobody writes, and no device is read, which may have no end.
    """
    try:
        # Without O_NONBLOCK to open a pipe is to wait for its writer.
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
    """The refusal of a file that cannot be read. ValueError is what Python says of a NUL in its name."""
    reason = error.strerror if isinstance(error, OSError) else str(error)
    return UsageError(f"cannot read {str(path)!r}: {reason}")


def _is_usable(descriptor: int) -> bool:
    state = os.fstat(descriptor)
    return stat.S_ISREG(state.st_mode) or os.path.samestat(state, Path(os.devnull).stat())
