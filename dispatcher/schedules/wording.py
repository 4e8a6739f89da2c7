"""What people read of a schedule."""

from datetime import UTC, datetime

from dispatcher.errors import UsageError
from dispatcher.schedules import zones
from dispatcher.schedules.cron import Cron
from sql.rows.schedules import ScheduleRow


def words(schedule: ScheduleRow) -> str:
    """Return what the expression says, or the expression where it cannot be read."""
    try:
        return Cron(schedule.cron).words
    except UsageError:
        return schedule.cron


def local(moment: datetime, schedule: ScheduleRow) -> str:
    """Return a moment on the clocks of the schedule's zone, with their offset."""
    try:
        moment = moment.astimezone(zones.zone(schedule.zone))
    except UsageError:
        moment = moment.astimezone(UTC)
    return moment.isoformat(sep=" ", timespec="minutes")
