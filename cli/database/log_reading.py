"""Reading the output of tasks as it is stored: run after run, and through restarts of the database."""

import math
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass

from cli.database.absence import Absence
from cli.database.connection import Database, opened
from cli.database.events import Listener, listening, named
from dispatcher.errors import DatabaseError, DispatchError, NotFoundError
from sql import calls
from sql.rows.output import LogState


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


@dataclass(frozen=True)
class Missing:
    """One of several tasks has no log: it was deleted, or has no such run. The others go on."""

    error: DispatchError


News = RunBegins | bytes | CaughtUp | RunEnded | Missing


class TaskLog:
    """A stream of the run ``run_no`` of a task; without it of the last run and, with ``follow``, of those after it."""

    def __init__(self, task: str, run_no: int | None, stream: str, *, follow: bool = False) -> None:
        self.task = task
        self.number: int | None = None
        """The number of the task, once it was read."""

        self.is_over = False
        """Whether nothing more will come, or is wanted."""

        self._stream = stream
        self._follow = follow
        self._given = run_no
        self._current: int | None = None
        self._done = 0
        self._position = 0

    def read(self, db: Database) -> Iterator[News]:
        """Yield what is there and was not yielded before. Raises :class:`NotFoundError`."""
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
                    if not self._follow or self._given is not None:
                        self.is_over = True
                        return
                    continue
            elif state.task_ended and self._done:
                self.is_over = True
                return
            yield CaughtUp(state)
            self.is_over = not self._follow or state.task_ended
            return

    def _state(self, db: Database) -> LogState:
        state = db.call(calls.log_state(self.task, self._current or self._given))
        self.number = state.number
        return state

    def _pieces(self, db: Database) -> Iterator[bytes]:
        while pieces := db.call(calls.read_output(self.task, self._current, self._stream, self._position)):
            for piece in pieces:
                self._position = piece.ends_at
                yield piece.content


class LogReader:
    """Reads the logs of tasks, one after the other; with ``follow`` whatever comes, until all tasks have ended."""

    def __init__(self, tasks: Sequence[str], run_no: int | None, stream: str, *, follow: bool) -> None:
        self._logs = [TaskLog(task, run_no, stream, follow=follow) for task in tasks]
        self._follow = follow
        self._absence = Absence()

    def news(self) -> Iterator[tuple[str, News]]:
        """Yield everything once, with the task that it is about, in the word that was given for it.

        With ``follow`` this ends when all tasks, or their runs ``run_no``, have ended. Raises :class:`NotFoundError`
        when there is no such task or run, if it is the only one; :class:`DatabaseError` when the database cannot be
        reached at the start, or later for some minutes.
        """
        if not self._follow:
            with opened() as db:
                yield from self._read(db, self._logs)
            return
        while True:
            try:
                # Listen first and read then, so that no output is missed.
                with listening("run_output", "task_event") as listener, opened() as db:
                    yield from self._read(db, self._open())
                    while self._open():
                        yield from self._read(db, self._concerned(listener))
                    return
            except DatabaseError as error:
                self._absence.bridge(error)

    def _open(self) -> Collection[TaskLog]:
        return [log for log in self._logs if not log.is_over]

    def _read(self, db: Database, logs: Iterable[TaskLog]) -> Iterator[tuple[str, News]]:
        for log in logs:
            try:
                for news in log.read(db):
                    self._absence.end()
                    yield log.task, news
            except NotFoundError as error:
                if len(self._logs) == 1:
                    raise
                log.is_over = True
                yield log.task, Missing(error)

    def _concerned(self, listener: Listener) -> Collection[TaskLog]:
        """Sleep until there may be news of open logs; returns these."""
        logs = {log.number: log for log in self._open() if log.number is not None}
        while True:
            told: set[int] = set()
            for event in listener.wait(math.inf):
                told.update(named(event, logs))
            self._absence.end()
            if told:
                return [logs[number] for number in sorted(told)]
