"""The wall between the dispatcher and what it runs: an error behind it is logged and goes no further.

A run, a service or a signal may meet an error that nobody foresaw. Such an error may end that run or interrupt that
service, but never the dispatcher with all its other runs.
"""

import traceback
from collections.abc import Awaitable, Callable
from types import TracebackType
from typing import Self, TypeVar

import structlog
import trio

from dispatcher.backoff import Backoff
from dispatcher.errors import SupersededError

log = structlog.get_logger()
Result = TypeVar("Result")

SHORTEST_PAUSE, LONGEST_PAUSE = 1.0, 60.0
"""Seconds until a call that failed is tried again. The pauses start again after a call that lasted longer."""
LONGEST_TRACE = 20_000
LONGEST_SENTENCE = 300


class Wall:
    """Use it as a context manager. ``error`` is the error of its block that the wall held back, None if there is none.

    The log names the block by ``what``, with ``details`` and the traceback, which goes through ``masked`` first.
    Cancellation, the end of the program and :class:`SupersededError` pass: they concern the whole dispatcher.
    """

    def __init__(self, what: str, *, masked: Callable[[str], str] = str, **details: object) -> None:
        self.error: Exception | None = None
        self._what = what
        self._masked = masked
        self._details = details

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> bool:
        if error is None:
            return False
        held, passing = _divide(error)
        if held is None:
            return False
        self.error = held
        trace_text = "".join(traceback.format_exception(held))[-LONGEST_TRACE:]
        log.error("failed unexpectedly", what=self._what, **self._details, exception=self._masked(trace_text))
        if passing is not None:
            raise passing
        return True


async def persist(what: str, call: Callable[[], Awaitable[Result]], task: int | None = None) -> Result:
    """Call behind a wall, with growing pauses, until it does not raise.

    ``task`` is the number of a task, for the log.
    """
    backoff = Backoff(SHORTEST_PAUSE, LONGEST_PAUSE)
    while True:
        began = trio.current_time()
        with Wall(what, task=task, retry_in_s=backoff.pause):
            return await call()
        await trio.sleep(backoff.next(trio.current_time() - began))


def in_a_sentence(error: BaseException) -> str:
    """Return what an error says in one short line, for people who do not read its traceback."""
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    words = " ".join(str(error).split())[:LONGEST_SENTENCE]
    return f"{type(error).__name__}: {words}" if words else type(error).__name__


def _divide(error: BaseException) -> tuple[Exception | None, BaseException | None]:
    """Return the part of an error that stays behind the wall, and the part that passes."""
    if not isinstance(error, BaseExceptionGroup):
        return (error, None) if isinstance(error, Exception) and _stays(error) else (None, error)
    held, passing = error.split(_stays)
    assert held is None or isinstance(held, ExceptionGroup)
    return held, passing


def _stays(error: BaseException) -> bool:
    return isinstance(error, Exception) and not isinstance(error, SupersededError | BaseExceptionGroup)
