"""A log file that an agent appends to while we read it."""

import errno
import os
import stat
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from dispatcher.host import linux
from dispatcher.host.host_trouble import SCARCE
from dispatcher.host.regaining import regaining

CHUNK = 256 * 2**10
BLOCK = 64 * 2**10
"""Holes begin and end at multiples of this, which every file system can release."""


class LogFile:
    """Positions count every byte that was ever written.

    The agent may remove, truncate or replace the file. Then there is less to read, later bytes get higher positions,
    and nothing is raised. If it closed the file or its directory to us, we open them again. An OSError means that this
    host has no descriptors: nothing was read, and the same call may be repeated.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.written = 0
        self._size = 0
        self._truncated = 0  # bytes that were cut off: where the file begins

    def measure(self) -> bool:
        """Look how much is written; return whether that is more than at the last look."""
        before = self.written
        try:
            status = self._status()
        except OSError:
            return False
        if stat.S_ISREG(status.st_mode):
            if status.st_size < self._size:
                self._truncated += self._size
            self._size = status.st_size
            self.written = self._truncated + self._size
        return self.written > before

    def last_write(self) -> float | None:
        """Return when it was last written to, in seconds since the epoch; None if nothing was ever written."""
        try:
            status = self._status()
        except OSError:
            return None
        return status.st_mtime if status.st_size else None

    def read(self, start: int, end: int) -> tuple[bytes, int]:
        """Read from ``start``, or from where the file begins now, to ``end``; return the bytes and their position."""
        first = max(start, self._truncated)
        if end <= first:
            return b"", start
        with self._opened(os.O_RDONLY) as file:
            if file is None:
                return b"", start
            return os.pread(file, end - first, first - self._truncated), first

    def pieces(self, start: int, end: int) -> Iterator[bytes]:
        """Read from ``start`` to ``end``, piece by piece. A hole reads as a single line end.

        Holes are what was released, and what an agent skipped: it can make a sparse file of terabytes in no time,
        which would take hours to read.
        """
        if end <= start:
            return
        with self._opened(os.O_RDONLY) as file:
            position, last = max(0, start - self._truncated), end - self._truncated
            while file is not None and position < last:
                data, hole = _next_data(file, position)
                if data > position:
                    yield b"\n"
                if data >= last:
                    return
                piece = os.pread(file, min(CHUNK, min(hole, last) - data), data)
                if not piece:
                    return
                yield piece
                position = data + len(piece)

    def release(self, start: int, end: int) -> int:
        """Give the bytes between back to the disk, if the file system can; return the position where to go on."""
        first = -(-(start - self._truncated) // BLOCK) * BLOCK
        last = (end - self._truncated) // BLOCK * BLOCK
        if first < 0 or last <= first:
            return start
        with self._opened(os.O_WRONLY) as file:
            if file is None:
                return start
            try:
                linux.punch_hole(file, first, last)
            except OSError:
                return end  # asking again would not help
        return self._truncated + last

    def _status(self) -> os.stat_result:
        return regaining(self.path, lambda: os.lstat(self.path))

    @contextmanager
    def _opened(self, flags: int) -> Iterator[int | None]:
        try:
            # Without O_NONBLOCK, a FIFO in its place would block us.
            carefully = flags | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
            file = regaining(self.path, lambda: os.open(self.path, carefully))
        except OSError as error:
            if error.errno in SCARCE:
                raise
            yield None
            return
        try:
            yield file if stat.S_ISREG(os.fstat(file).st_mode) else None
        finally:
            os.close(file)


def _next_data(file: int, position: int) -> tuple[int, int]:
    """Return where the next data begins that was not released, and where it ends."""
    try:
        data = os.lseek(file, position, os.SEEK_DATA)
        return data, os.lseek(file, data, os.SEEK_HOLE)
    except OSError as error:
        if error.errno == errno.ENXIO:
            return sys.maxsize, sys.maxsize  # nothing but a hole follows
        return position, sys.maxsize
