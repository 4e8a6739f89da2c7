"""Calls that block, in worker threads; the one difference to trio's own is that a host without room is waited for."""

from collections.abc import Callable
from typing import TypeVar, TypeVarTuple

import structlog
import trio

log = structlog.get_logger()

Arguments = TypeVarTuple("Arguments")
Result = TypeVar("Result")

PAUSE = 1.0


async def in_thread(call: Callable[[*Arguments], Result], *arguments: *Arguments) -> Result:
    """Answer what ``call`` does. A cancelled call runs to its end, and its answer counts.

    While the host lets nobody start a thread (a limit of processes, no memory) this tries again each second:
    agents are not to die of it, nor results to be lost.
    """
    while True:
        try:
            return await trio.to_thread.run_sync(call, *arguments)
        except RuntimeError as error:
            if "start new thread" not in str(error):
                raise
            log.warning("no thread can be started on this host", retry_in_s=PAUSE)
        await trio.sleep(PAUSE)
