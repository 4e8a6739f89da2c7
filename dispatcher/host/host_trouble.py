"""Trouble of this host that any task would meet: no room for processes, memory, descriptors or files.

It is no failure of the task. What can wait for room waits; what cannot is tried again later and uses up no attempt.
"""

import errno
import os
from collections.abc import Callable
from typing import TypeVar

import structlog
import trio

from dispatcher.host.threads import in_thread

log = structlog.get_logger()
Result = TypeVar("Result")

SCARCE = frozenset({errno.EAGAIN, errno.ENOMEM, errno.EMFILE, errno.ENFILE})
"""What there is more of as soon as something else on this host ends."""
HOST_TROUBLE = SCARCE | {errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EIO}
TASK_PAUSE = 10.0
"""Seconds until a task is tried again that this host had no room for."""
PAUSE = 1.0
"""Seconds until a call is tried again that costs nobody anything."""

_WORDS = ("Cannot fork", "can't fork", *map(os.strerror, HOST_TROUBLE))


def is_host_trouble(error: BaseException) -> bool:
    """Whether an error, or all of a group, is trouble of the host."""
    match error:
        case BaseExceptionGroup():
            return all(map(is_host_trouble, error.exceptions))
        case OSError():
            return error.errno in HOST_TROUBLE
        case RuntimeError():
            return "start new thread" in str(error)
        case _:
            return isinstance(error, MemoryError)


def tells_of_host_trouble(complaint: str) -> bool:
    """Whether a shell complains of trouble of the host: in its own words, or in those of the C library."""
    return any(words in complaint for words in _WORDS)


async def when_there_is_room(what: str, call: Callable[[], Result], *, thread: bool = False) -> Result:
    """Return what ``call`` returns, as soon as this host has the descriptors and memory for it.

    ``what`` is for the log. Raises any other OSError.
    """
    while True:
        try:
            return await in_thread(call) if thread else call()
        except OSError as error:
            if error.errno not in SCARCE:
                raise
            log.warning("no room on this host", while_doing=what, error=str(error), retry_in_s=PAUSE)
        await trio.sleep(PAUSE)
