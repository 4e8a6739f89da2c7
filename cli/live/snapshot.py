"""What the live table shows, as it was at one moment, and how it ages until the next one."""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING

from msgspec import structs

from cli.live.words import ACTIVE
from sql import calls
from sql.rows.groups import GroupRow
from sql.rows.people import DispatcherRow, TaskRow
from sql.selection import Selection

if TYPE_CHECKING:
    from cli.database.connection import Database

ENDED = ("succeeded", "failed", "canceled")
LAST_ENDED = 100
"""So many tasks that ended last tell how fast they end."""


@dataclass(frozen=True)
class Snapshot:
    """``counts`` has the number of tasks in each state that are selected; ``tasks`` are the first of them.

    ``at`` is when it was taken, by the clock of this host. ``stopping`` are tasks that were asked to stop, and
    ``ended`` those that ended last. ``selected`` says whether only some tasks are looked at.
    """

    at: datetime = field(default_factory=lambda: datetime.now().astimezone())
    dispatchers: Sequence[DispatcherRow] = ()
    groups: Sequence[GroupRow] = ()
    counts: Mapping[str, int] = field(default_factory=dict)
    tasks: Sequence[TaskRow] = ()
    stopping: frozenset[int] = frozenset()
    ended: Sequence[TaskRow] = ()
    selected: bool = False

    @property
    def total(self) -> int:
        return sum(self.counts.values())

    @property
    def done(self) -> int:
        return sum(self.counts.get(state, 0) for state in ENDED)

    def holds_for(self, seconds: float = 0.0) -> float:
        """Return how long after ``seconds`` time alone changes what the database would return; infinite if never."""
        return min((moment - seconds for moment in self._moments() if moment > seconds), default=math.inf)

    def _moments(self) -> Iterator[float]:
        yield from (row.lease_left_s for row in self.dispatchers)
        yield from (row.cooldown_s for row in self.groups if row.cooldown_s is not None)
        yield from (model.cooldown_s for row in self.groups for model in row.cooling_models)
        yield from (row.waits_s for row in self.tasks if row.waits_s is not None)


def take(db: "Database", select: Selection, limit: int) -> Snapshot:
    """Read a snapshot. Raises :class:`dispatcher.errors.DispatchError`."""
    groups = [group for group in db.call(calls.list_groups()) if _concerns(select, group)]
    dispatchers = db.call(calls.list_dispatchers())
    counts = {row.state: row.tasks for row in db.call(calls.count_tasks(select))}
    tasks = db.call(calls.list_tasks(select, limit))
    return Snapshot(
        at=datetime.now().astimezone(),
        dispatchers=dispatchers,
        groups=groups,
        counts=counts,
        tasks=tasks,
        stopping=_stopping(db, tasks),
        ended=_ended(db, select, counts, tasks),
        selected=select != Selection(),
    )


def _concerns(select: Selection, group: GroupRow) -> bool:
    return select.tool in (None, group.tool) and select.group in (None, group.group_name)


def _stopping(db: "Database", tasks: Sequence[TaskRow]) -> frozenset[int]:
    """Return the active tasks that were asked to stop. They cannot be canceled, but nor can others by some sessions."""
    if all("cancel" in task.actions for task in tasks if task.status in ACTIVE):
        return frozenset()
    return frozenset(task.number for task in db.call(calls.list_active()) if task.stops)


def _ended(
    db: "Database", select: Selection, counts: Mapping[str, int], tasks: Sequence[TaskRow]
) -> Sequence[TaskRow]:
    """Return the tasks that ended last, also if the list is full of others."""
    ended = [task for task in tasks if task.status in ENDED]
    wanted = min(LAST_ENDED, sum(counts.get(state, 0) for state in ENDED))
    if len(ended) >= wanted or select.states is not None:
        return ended[:LAST_ENDED]
    return db.call(calls.list_tasks(structs.replace(select, states=("ended",)), LAST_ENDED))


def aged_dispatcher(row: DispatcherRow, seconds: float) -> DispatcherRow:
    """Return the row ``seconds`` later, as far as time alone changes it."""
    left = row.lease_left_s - seconds
    return structs.replace(
        row, heartbeat_age_s=row.heartbeat_age_s + seconds, lease_left_s=left, alive=left > 0
    )


def aged_group(row: GroupRow, seconds: float) -> GroupRow:
    """Return the row ``seconds`` later, as far as time alone changes it."""
    if row.cooldown_s is None:
        return row
    left = row.cooldown_s - seconds
    if left > 0 or row.state not in ("cooling", "overloaded"):
        return structs.replace(row, cooldown_s=max(0.0, left))
    state = "full" if row.current_concurrent >= row.max_concurrent else "open"
    return structs.replace(row, cooldown_s=None, reason=None, state=state)


def aged_task(row: TaskRow, seconds: float) -> TaskRow:
    """Return the row ``seconds`` later, as far as time alone changes it."""
    runs = row.status in ACTIVE and row.elapsed_s is not None
    return structs.replace(
        row,
        age_s=row.age_s + seconds,
        elapsed_s=(row.elapsed_s or 0.0) + seconds if runs else row.elapsed_s,
        waits_s=None if row.waits_s is None else row.waits_s - seconds,
        silent_s=None if row.silent_s is None else row.silent_s + seconds,
    )
