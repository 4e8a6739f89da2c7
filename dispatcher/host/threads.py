"""Blocking calls in worker threads."""

import threading
from collections.abc import Callable
from queue import SimpleQueue
from types import TracebackType
from typing import Self, TypeVar, TypeVarTuple, cast

import outcome
import structlog
import trio

log = structlog.get_logger()

Arguments = TypeVarTuple("Arguments")
Result = TypeVar("Result")

PAUSE = 1.0


async def in_thread(call: Callable[[*Arguments], Result], *arguments: *Arguments) -> Result:
    """Return what ``call`` returns. A cancelled call runs to its end, and its result counts.

    Unlike trio's own function, this one tries again every second while the host lets nobody start a thread (because of
    a process limit or missing memory): agents must not die of that, and results must not be lost.
    """
    while True:
        try:
            return await trio.to_thread.run_sync(call, *arguments)
        except RuntimeError as error:
            if "start new thread" not in str(error):
                raise
            log.warning("no thread can be started on this host", retry_in_s=PAUSE)
        await trio.sleep(PAUSE)


def require_threads(count: int) -> None:
    """Raise RuntimeError when the host lets us start fewer threads than that; :func:`in_thread` would wait for them."""
    may_end = threading.Event()
    try:
        for _ in range(count):
            threading.Thread(target=may_end.wait, daemon=True).start()
    finally:
        may_end.set()


class SerialThread:
    """A thread that runs calls one after the other inside its ``with`` block.

    It is for many short calls: a call costs 0.1 ms of CPU time, and 0.35 ms with :func:`in_thread`.
    """

    def __init__(self) -> None:
        self._calls: SimpleQueue[Callable[[], None] | None] = SimpleQueue()

    def __enter__(self) -> Self:
        """Start the thread. Raises RuntimeError when the host lets nobody start one."""
        self._token = trio.lowlevel.current_trio_token()
        threading.Thread(target=self._work, daemon=True).start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._calls.put(None)

    async def call(self, call: Callable[[*Arguments], Result], *arguments: *Arguments) -> Result:
        """Return what ``call`` returns. A cancelled call runs to its end, and its result counts."""
        task = trio.lowlevel.current_task()

        def work() -> None:
            self._token.run_sync_soon(trio.lowlevel.reschedule, task, outcome.capture(call, *arguments))

        self._calls.put(work)
        return cast(Result, await trio.lowlevel.wait_task_rescheduled(_go_on_waiting))

    def _work(self) -> None:
        while (work := self._calls.get()) is not None:
            work()


def _go_on_waiting(_: object) -> trio.lowlevel.Abort:
    return trio.lowlevel.Abort.FAILED
