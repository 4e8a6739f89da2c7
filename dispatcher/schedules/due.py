"""What is due of a schedule: the instants for which to submit, and the next one."""

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import takewhile
from zoneinfo import ZoneInfo

from dispatcher.schedules import zones
from dispatcher.schedules.cron import Cron
from sql.rows.schedules import DueSchedule

GRACE = 60.0
"""Seconds that an instant may be late before it counts as missed."""
MOST = 100
"""Instants for which one catch-up submits."""


@dataclass(frozen=True)
class Due:
    """``instants`` are those to submit for. ``remark`` says which others were left out, and why; None for no others."""

    instants: Sequence[datetime]
    next_at: datetime | None
    remark: str | None = None


def due(schedule: DueSchedule) -> Due:
    """Return what is due of a schedule at its ``now``.

    Raises :class:`UsageError` for an expression or a zone that cannot be read.
    """
    cron, zone = Cron(schedule.cron), zones.zone(schedule.zone)
    next_at = next(cron.after(max(schedule.done_until, schedule.now), zone), None)
    if schedule.catch_up == "all" and schedule.within_s is not None:
        return _all(cron, zone, schedule, next_at)
    last = cron.last(schedule.done_until, schedule.now, zone)
    if last is None:
        return Due((), next_at)
    if schedule.catch_up == "none" and last < schedule.now - timedelta(seconds=GRACE):
        return Due(
            (), next_at, f"left out {last.isoformat()} and what came before it: no dispatcher was there"
        )
    return Due((last,), next_at)


def _all(cron: Cron, zone: ZoneInfo, schedule: DueSchedule, next_at: datetime | None) -> Due:
    """Take the instants that are no older than ``within_s``, but the newest ``MOST`` of them at most."""
    oldest = schedule.now - timedelta(seconds=max(schedule.within_s or 0, GRACE))
    since = max(schedule.done_until, oldest)
    passed = takewhile(lambda instant: instant <= schedule.now, cron.after(since, zone))
    newest = deque(passed, MOST + 1)
    remark = None
    if len(newest) > MOST:
        newest.popleft()
        remark = f"left out what came before {newest[0].isoformat()}: at most {MOST} are made up for at once"
    elif cron.last(schedule.done_until, since, zone) is not None:
        remark = f"left out what came before {since.astimezone(zone).isoformat()}: that is too long ago"
    return Due(tuple(newest), next_at, remark)
