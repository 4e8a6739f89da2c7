"""Trouble of this host that any task would meet: no room for processes, memory, descriptors or files.

It is not a failure of the task. What can wait for room waits. What cannot wait is tried again later and uses up no
attempt.
"""

import errno
import os
import shutil
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TypeVar

import structlog
import trio

from dispatcher.host.threads import in_thread

log = structlog.get_logger()
Result = TypeVar("Result")

SCARCE = frozenset({errno.EAGAIN, errno.ENOMEM, errno.EMFILE, errno.ENFILE})
"""Errors about resources that become free when something else on this host ends."""
HOST_TROUBLE = SCARCE | {errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EIO}
TASK_PAUSE = 10.0
"""Seconds until a task is tried again after this host had no room for it."""
PAUSE = 1.0
"""Seconds until a cheap call is tried again."""

LEAST_ROOM = 2**20
"""Bytes. With less on a file system, an agent that failed has very likely found no room for what it wrote."""
FEWEST_INODES = 8
_NO_ROOM = ("ENOSPC", "EDQUOT", os.strerror(errno.ENOSPC), os.strerror(errno.EDQUOT))
_WORDS = ("Cannot fork", "can't fork", *map(os.strerror, HOST_TROUBLE))


def is_host_trouble(error: BaseException) -> bool:
    """Return whether an error, or every error of a group, is trouble of the host."""
    match error:
        case BaseExceptionGroup():
            return all(map(is_host_trouble, error.exceptions))
        case shutil.Error():  # of a whole tree: it has the words of each error, and no number
            return tells_of_host_trouble(str(error))
        case OSError():
            return error.errno in HOST_TROUBLE
        case RuntimeError():
            return "start new thread" in str(error)
        case _:
            return isinstance(error, MemoryError)


def tells_of_host_trouble(complaint: str) -> bool:
    """Return whether a shell complains about trouble of the host, in its own words or in those of the C library."""
    return any(words in complaint for words in _WORDS)


def tells_of_no_room(complaint: str) -> bool:
    """Return whether a program complains that a disk, or its user's part of it, is full."""
    return any(words in complaint for words in _NO_ROOM)


def lacks_room(places: Iterable[Path]) -> str | None:
    """Return a sentence about the first of these directories whose file system is full; None if none is.

    It may be on a dead network mount: call this in a thread.
    """
    for place in places:
        try:
            status = os.statvfs(place)
        except OSError:
            continue
        is_root = os.geteuid() == 0  # to whom a part of the disk is reserved
        blocks, inodes = (status.f_bfree, status.f_ffree) if is_root else (status.f_bavail, status.f_favail)
        if blocks * status.f_frsize < LEAST_ROOM:
            return f"the file system of {place} is full"
        if status.f_files and inodes < FEWEST_INODES:
            return f"the file system of {place} has no inodes left"
    return None


async def when_there_is_room(what: str, call: Callable[[], Result], *, thread: bool = False) -> Result:
    """Call until this host has the descriptors and memory for it, and return what ``call`` returns.

    ``what`` is for the log. Any other OSError is raised.
    """
    while True:
        try:
            return await in_thread(call) if thread else call()
        except OSError as error:
            if error.errno not in SCARCE:
                raise
            log.warning("no room on this host", while_doing=what, error=str(error), retry_in_s=PAUSE)
        await trio.sleep(PAUSE)
