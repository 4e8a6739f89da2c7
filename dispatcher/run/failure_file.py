"""The end of a file that a CLI keeps in its config home, and that says why a run failed."""

import os
import stat
from pathlib import Path

from dispatcher.host.host_trouble import SCARCE

LONGEST = 2**20
"""Bytes that are read: what counts stands at the end."""


def newest(home: Path, pattern: str) -> bytes:
    """The end of the file below ``home`` that was written last of those that ``pattern`` fits; empty if none is.

    Links and special files are passed over: an agent may have made them. Belongs in a thread. Raises OSError when this
    host has no descriptors.
    """
    found = []
    for path in home.glob(pattern):
        try:
            status = path.lstat()
        except OSError:
            continue
        if stat.S_ISREG(status.st_mode):
            found.append((status.st_mtime_ns, path))
    return _end_of(max(found)[1]) if found else b""


def _end_of(path: Path) -> bytes:
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError as error:
        if error.errno in SCARCE:
            raise
        return b""
    with os.fdopen(descriptor, "rb") as file:
        file.seek(max(0, os.fstat(descriptor).st_size - LONGEST))
        return file.read(LONGEST)
