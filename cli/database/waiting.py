"""Waiting for tasks to end, through restarts of the database."""

import math
import time
from collections.abc import Callable, Iterator, Sequence
from functools import partial

from cli.database.absence import Absence
from cli.database.connection import Database, opened
from cli.database.events import Listener, listening, named
from cli.show.output import say
from dispatcher.errors import DatabaseError
from sql import calls
from sql.rows.people import TaskState

FOR_PEOPLE = ("question", "approval")
"""The reasons to wait that only a person ends."""


class Waiter:
    """Waits for tasks, at most ``timeout`` seconds, or for ever with None; ``pending`` are those that have not ended.

    If it waits for a single task, it says why whenever that is queued again: a paused account can take for ever. Of
    every task it says when that waits for a person, since nothing else will end that.
    ``before_sleep`` is called whenever it goes on waiting.
    """

    def __init__(
        self, tasks: Sequence[str], timeout: float | None, before_sleep: Callable[[], None] = lambda: None
    ) -> None:
        self._tasks = list(tasks)
        self._before_sleep = before_sleep
        self._deadline = None if timeout is None else time.monotonic() + timeout
        self._reported: set[int] = set()
        self._for_people: set[int] = set()
        self._absence = Absence()
        self.pending: set[int] = set()

    def ended(self) -> Iterator[TaskState]:
        """Yield each task once, as it ends, until none is left.

        Raises :class:`TimeoutError`; :class:`dispatcher.errors.NotFoundError` when there is no such task;
        :class:`DatabaseError` when the database cannot be reached at the start, or later for some minutes.
        """
        while True:
            try:
                # Listen first and read then, so that no change is missed.
                with listening("task_event") as listener, opened() as db:
                    yield from self._ended(db, listener)
                    return
            except DatabaseError as error:
                self._absence.bridge(error, self._left())
                self._require_time()

    def _ended(self, db: Database, listener: Listener) -> Iterator[TaskState]:
        asked = self._tasks
        seen: Sequence[TaskState] = ()
        while True:
            states = db.call(calls.task_states(asked))
            self._absence.end()
            if asked is self._tasks:
                self.pending = {state.number for state in states}
            # Where no notification arrives, only a change of the state shows that a task was queued again.
            news = asked is not self._tasks and (listener.hears or states != seen)
            for state in states:
                if state.ended:
                    self.pending.discard(state.number)
                    if state.number not in self._reported:
                        self._reported.add(state.number)
                        yield state
                elif state.wait_reason in FOR_PEOPLE:
                    if state.number not in self._for_people:
                        self._for_people.add(state.number)
                        _say_who_waits(db, state.number)
                else:
                    self._for_people.discard(state.number)
                    if news and state.status == "queued" and len(self._tasks) == 1:
                        _say_why(db, state.number)
            seen = states
            if not self.pending:
                return
            asked = self._told(db, listener)

    def _told(self, db: Database, listener: Listener) -> list[str]:
        """Sleep until there is news of tasks that have not ended; returns these tasks.

        Only their states are read then: to read all of 1,000 tasks at the end of each is a million look-ups.
        """
        told: set[int] = set()
        self._require_time()
        self._before_sleep()
        while not told:
            self._require_time()
            for event in listener.wait(self._left(), partial(_note_gone, db)):
                told.update(named(event, self.pending))
            self._absence.end()
        return [str(number) for number in told]

    def _left(self) -> float:
        return math.inf if self._deadline is None else max(0.0, self._deadline - time.monotonic())

    def _require_time(self) -> None:
        if self._left() == 0:
            raise TimeoutError


def _note_gone(db: Database) -> None:
    if db.note_gone():
        say(
            "the dispatcher of this host died, and nothing more starts here: start it again with `dispatcher run`"
        )


def _say_who_waits(db: Database, number: int) -> None:
    say(f"task {number} {db.call(calls.why_waiting(str(number)))}")


def _say_why(db: Database, number: int) -> None:
    why = db.call(calls.why_waiting(str(number)))
    if why not in (None, "about to start"):
        say(f"task {number} is queued again: {why}")
