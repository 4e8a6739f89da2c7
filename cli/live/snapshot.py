"""What the live table shows, as it was at one moment, and how it ages until the next one."""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from msgspec import structs

from sql import calls
from sql.rows import DispatcherRow, GroupRow, Selection, TaskRow

if TYPE_CHECKING:
    from cli.database.connection import Database

ACTIVE = ("leased", "running")


@dataclass(frozen=True)
class Snapshot:
    """``counts`` has the number of tasks in each state that fit the filter; ``tasks`` are the first of them."""

    dispatchers: Sequence[DispatcherRow] = ()
    groups: Sequence[GroupRow] = ()
    counts: Mapping[str, int] = field(default_factory=dict)
    tasks: Sequence[TaskRow] = ()

    def aged(self, seconds: float) -> "Snapshot":
        """Return the same snapshot ``seconds`` later, as far as time alone changes it."""
        return replace(
            self,
            dispatchers=[_aged_dispatcher(row, seconds) for row in self.dispatchers],
            groups=[_aged_group(row, seconds) for row in self.groups],
            tasks=[_aged_task(row, seconds) for row in self.tasks],
        )

    def holds_for(self) -> float:
        """Return the seconds until time alone changes what the database would return; infinite if it never does."""
        return min((moment for moment in self._moments() if moment > 0), default=math.inf)

    def _moments(self) -> Iterator[float]:
        yield from (row.lease_left_s for row in self.dispatchers)
        yield from (row.cooldown_s for row in self.groups if row.cooldown_s is not None)
        yield from (row.waits_s for row in self.tasks if row.waits_s is not None)


def take(db: "Database", tool: str | None, limit: int) -> Snapshot:
    """Read a snapshot. Raises :class:`dispatcher.errors.DatabaseError`."""
    groups = db.call(calls.list_groups())
    select = Selection(tool=tool)
    return Snapshot(
        dispatchers=db.call(calls.list_dispatchers()),
        groups=[group for group in groups if tool in (None, group.tool)],
        counts={row.state: row.tasks for row in db.call(calls.count_tasks(select))},
        tasks=db.call(calls.list_tasks(select, limit)),
    )


def _aged_dispatcher(row: DispatcherRow, seconds: float) -> DispatcherRow:
    left = row.lease_left_s - seconds
    return structs.replace(
        row, heartbeat_age_s=row.heartbeat_age_s + seconds, lease_left_s=left, alive=left > 0
    )


def _aged_group(row: GroupRow, seconds: float) -> GroupRow:
    if row.cooldown_s is None:
        return row
    left = row.cooldown_s - seconds
    if left > 0 or row.state != "cooling":
        return structs.replace(row, cooldown_s=max(0.0, left))
    state = "full" if row.current_concurrent >= row.max_concurrent else "open"
    return structs.replace(row, cooldown_s=None, reason=None, state=state)


def _aged_task(row: TaskRow, seconds: float) -> TaskRow:
    runs = row.status in ACTIVE and row.elapsed_s is not None
    return structs.replace(
        row,
        age_s=row.age_s + seconds,
        elapsed_s=(row.elapsed_s or 0.0) + seconds if runs else row.elapsed_s,
        waits_s=None if row.waits_s is None else row.waits_s - seconds,
        silent_s=None if row.silent_s is None else row.silent_s + seconds,
    )
