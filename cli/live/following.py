"""Following tasks without a screen: one snapshot after another, and what changed from each to the next."""

import math
import time
from collections.abc import Callable, Iterator

from cli.database.absence import Absence
from cli.database.connection import Database, opened
from cli.database.events import listening
from cli.live.snapshot import Snapshot
from cli.live.words import state_of
from dispatcher.errors import DatabaseError
from sql.rows.people import TaskRow

CHANNELS = ("task_event", "task_ready", "task_cancel", "run_output", "dispatcher_heartbeat")
"""What a snapshot may change with."""

FETCH_SECONDS = 0.25
"""The shortest time between two fetches, however many events come."""

FETCH_SHARE = 0.1
"""The largest share of its time that a fetch and what it makes us do may take if it takes long."""

Take = Callable[[Database], Snapshot]


def snapshots(take: Take) -> Iterator[Snapshot]:
    """Yield a snapshot now and after each event that may be about tasks, through restarts of the database."""
    absence = Absence(math.inf)
    while True:
        try:
            # Listen first and read then, so that no change is missed.
            with listening("task_event") as listener, opened() as db:
                while True:
                    listener.drain()
                    begun = time.monotonic()
                    yield take(db)
                    absence.end()
                    time.sleep(max(FETCH_SECONDS, (time.monotonic() - begun) / FETCH_SHARE))
                    while not listener.wait():
                        pass
        except DatabaseError as error:
            absence.bridge(error)


class Changes:
    """Knows the last state of each task that it was shown."""

    def __init__(self) -> None:
        self._states: dict[int, str] = {}

    def of(self, snapshot: Snapshot) -> Iterator[TaskRow]:
        """Yield the tasks that are new or whose state is another one than before."""
        for task in {task.number: task for task in (*snapshot.tasks, *snapshot.ended)}.values():
            state = state_of(task, stops=task.number in snapshot.stopping)
            if self._states.get(task.number) != state:
                self._states[task.number] = state
                yield task
