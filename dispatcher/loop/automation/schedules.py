"""Submitting the tasks of schedules when their instants have come. The claim says when: nothing here polls."""

from collections.abc import Callable

import structlog

from dispatcher.database.store import Store
from dispatcher.errors import UsageError
from dispatcher.host.auto_reset_event import AutoResetEvent
from dispatcher.host.threads import in_thread
from dispatcher.schedules import zones
from dispatcher.schedules.due import Due, due
from sql import schedule_calls
from sql.rows.schedules import DueSchedule

log = structlog.get_logger()

BATCH = 100


class Schedules:
    """Fires what is due whenever :meth:`look` is called, and then calls ``claim_now``.

    A claim that comes after knows the next instant. At the start, and after :meth:`reloaded`, what an older version of
    the time zone database was used for is computed anew. Several dispatchers may do all this at once.
    """

    def __init__(self, store: Store, claim_now: Callable[[], None]) -> None:
        self._store = store
        self._claim_now = claim_now
        self._due = AutoResetEvent()
        self._zone_data: str | None = None

    def look(self) -> None:
        """Fire what is due, soon."""
        self._due.set()

    def reloaded(self) -> None:
        """Use the time zones as they are on this host now."""
        self._zone_data = None
        self._due.set()

    async def run(self) -> None:
        self._due.set()
        while True:
            await self._due.wait()
            await self._fire_all()
            self._claim_now()

    async def _fire_all(self) -> None:
        is_newly_read = self._zone_data is None
        if self._zone_data is None:
            zones.forget()
            self._zone_data = await in_thread(zones.data_version)
        version = self._zone_data
        seen: set[tuple[str, str, int]] = set()
        while True:
            listing = schedule_calls.due_schedules(
                self._store.dispatcher_id, version if is_newly_read else None, BATCH
            )
            found = await self._store.patiently("looking at schedules", listing)
            news = [one for one in found if (one.tenant_id, one.name, one.revision) not in seen]
            if not news:
                return
            for schedule in news:
                seen.add((schedule.tenant_id, schedule.name, schedule.revision))
                await self._fire(schedule, version)

    async def _fire(self, schedule: DueSchedule, version: str) -> None:
        problem: str | None = None
        try:
            result = await in_thread(due, schedule)
        except UsageError as error:
            result, problem = Due((), None), str(error)
        fire = schedule_calls.fire_schedule(
            self._store.dispatcher_id,
            schedule.tenant_id,
            schedule.name,
            schedule.revision,
            max(schedule.now, schedule.done_until),
            [instant.isoformat() for instant in result.instants],
            next_at=result.next_at,
            zone_data=version,
            remark=result.remark,
            problem=problem or (None if result.next_at else "it never comes again"),
        )
        fired = await self._store.patiently("firing a schedule", fire)
        if fired and (result.instants or problem):
            log.info(
                "schedule fired" if not problem else "schedule paused: it cannot be read",
                schedule=schedule.name,
                tenant=schedule.tenant_id,
                instants=len(result.instants),
                **({"problem": problem} if problem else {}),
            )
