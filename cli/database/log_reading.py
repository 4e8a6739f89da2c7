"""Reading a task's output as it is stored: run after run, and through restarts of the database."""

import math
import time
from collections.abc import Iterator
from dataclasses import dataclass

from cli.database.connection import Database, opened
from cli.database.events import Listener, concerns, listening, pauses
from cli.database.waiting import AWAY_SECONDS
from cli.show.output import say
from dispatcher.errors import DatabaseError
from sql import calls
from sql.output_rows import LogState


@dataclass(frozen=True)
class RunBegins:
    """The output of this run comes next."""

    state: LogState


@dataclass(frozen=True)
class CaughtUp:
    """Everything that is there was read. More may come, of this run or of the first or next one."""

    state: LogState


@dataclass(frozen=True)
class RunEnded:
    """There is no more of this run."""

    state: LogState


News = RunBegins | bytes | CaughtUp | RunEnded


class LogReader:
    """Reads a stream of the run ``run_no``; without it of the last run and, with ``follow``, of those after it."""

    def __init__(self, task: str, run_no: int | None, stream: str, *, follow: bool) -> None:
        self._task = task
        self._stream = stream
        self._follow = follow
        self._given = run_no
        self._current: int | None = None
        self._done = 0
        self._position = 0
        self._last_read: float | None = None

    def news(self) -> Iterator[News]:
        """Yield everything once. With ``follow`` this ends when the task, or the run ``run_no``, has ended.

        Raises :class:`dispatcher.errors.NotFoundError` when there is no such task or run; :class:`DatabaseError` when
        the database cannot be reached at the start, or later for some minutes.
        """
        if not self._follow:
            with opened() as db:
                yield from self._read(db, None)
            return
        waits = pauses()
        while True:
            try:
                # Listen first and read then, so that no output is missed.
                with listening("run_output", "task_event") as listener, opened() as db:
                    yield from self._read(db, listener)
                    return
            except DatabaseError as error:
                if self._last_read is None or time.monotonic() > self._last_read + AWAY_SECONDS:
                    raise
                say(f"{error}; trying again")
                time.sleep(waits.next())

    def _read(self, db: Database, listener: Listener | None) -> Iterator[News]:
        while True:
            # The state first: when it says that a run has ended, all of its output is there.
            state = self._state(db)
            if self._current is None and state.run_no is not None and state.run_no != self._done:
                self._current = self._done + 1 if self._done else state.run_no
                self._position = 0
                state = self._state(db)
                yield RunBegins(state)
            if self._current is not None:
                yield from self._pieces(db)
                if state.run_ended:
                    yield RunEnded(state)
                    self._done, self._current = self._current, None
                    if listener is None or self._given is not None:
                        return
                    continue
            elif state.task_ended and self._done:
                return
            yield CaughtUp(state)
            if listener is None or state.task_ended:
                return
            while not any(concerns(event, {state.number}) for event in listener.wait(math.inf)):
                self._last_read = time.monotonic()

    def _state(self, db: Database) -> LogState:
        state = db.call(calls.log_state(self._task, self._current or self._given))
        self._last_read = time.monotonic()
        return state

    def _pieces(self, db: Database) -> Iterator[bytes]:
        while pieces := db.call(calls.read_output(self._task, self._current, self._stream, self._position)):
            for piece in pieces:
                self._position = piece.ends_at
                yield piece.content
