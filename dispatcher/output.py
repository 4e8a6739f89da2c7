"""Reading what an agent wrote to its log files, in bounded memory."""

import errno
import os
import stat
from pathlib import Path
from typing import BinaryIO

from wrappers.base import Finished, Parser

CHUNK_BYTES = 256 * 2**10
KEPT_CHARACTERS = 10_000


def feed_log(path: Path, parser: Parser) -> tuple[str, bool]:
    """Feed the whole file to the parser; answers its first 10,000 characters, and whether a final event was in it.

    A missing file counts as empty. Raises OSError for one that is no plain file any more.
    """
    head = b""
    finished = False
    try:
        with _open(path) as file:
            while chunk := file.read(CHUNK_BYTES):
                if not head:
                    head = chunk[: KEPT_CHARACTERS * 4]
                finished |= any(isinstance(event, Finished) for event in parser.feed(chunk))
    except FileNotFoundError:
        pass
    return as_text(head)[:KEPT_CHARACTERS], finished


def tail(path: Path) -> str:
    """Read the last 10,000 characters of the file; a missing file counts as empty. Raises OSError."""
    try:
        with _open(path) as file:
            file.seek(max(0, file.seek(0, 2) - KEPT_CHARACTERS * 4))
            return as_text(file.read())[-KEPT_CHARACTERS:]
    except FileNotFoundError:
        return ""


def _open(path: Path) -> BinaryIO:
    """Open a log: the agent may have put a link or a FIFO in its place."""
    descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise OSError(errno.EINVAL, "is no plain file any more", str(path))
    return os.fdopen(descriptor, "rb")


def as_text(content: bytes) -> str:
    """Decode what agents print; a text column holds neither invalid UTF-8 nor NUL."""
    return content.decode(errors="replace").replace("\0", "\N{REPLACEMENT CHARACTER}")
