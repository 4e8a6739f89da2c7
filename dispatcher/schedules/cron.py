"""Cron expressions: when their instants are in a time zone, and what they say in words.

They are read by cronsim as Debian's cron reads them. Of an expression with a fixed hour and minute, an instant in the
hour that comes twice in autumn is the first one only, and one in the hour that is left out in spring moves to its end.
An expression whose minutes or hours begin with ``*`` goes on with the time that passes.
"""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from cronsim import CronSim, CronSimError

from dispatcher.errors import UsageError

ALIASES = {
    "@yearly": "0 0 1 1 *",
    "@annually": "0 0 1 1 *",
    "@monthly": "0 0 1 * *",
    "@weekly": "0 0 * * 0",
    "@daily": "0 0 * * *",
    "@midnight": "0 0 * * *",
    "@hourly": "0 * * * *",
}
LONGEST = 200
"""Characters."""
_BEGIN = datetime(2024, 1, 1, tzinfo=UTC)


class Cron:
    """A cron expression of five fields, or one of ``ALIASES``.

    Raises :class:`UsageError` for one that cannot be read, or that has no instant within 50 years.
    """

    def __init__(self, expression: str) -> None:
        self._fields = ALIASES.get(expression.strip().lower(), expression).split()
        if len(self._fields) != 5 or len(expression) > LONGEST:
            raise _not_valid(
                expression, "expected five fields: minute, hour, day of month, month, day of week"
            )
        self._expression = " ".join(self._fields)
        try:
            next(CronSim(self._expression, _BEGIN))
        except (CronSimError, ValueError, TypeError, AssertionError) as error:
            raise _not_valid(expression, str(error).lower() or "it cannot be read") from None
        except StopIteration:
            raise _not_valid(expression, "it never comes") from None

    @property
    def words(self) -> str:
        """What the expression says, such as "At 02:30 on Monday through Friday"."""
        return CronSim(self._expression, _BEGIN).explain()

    def after(self, moment: datetime, zone: ZoneInfo) -> Iterator[datetime]:
        """Yield the instants after ``moment`` with the offset that ``zone`` has then, until 50 years have none."""
        latest = moment.astimezone(UTC)
        for found in CronSim(self._expression, latest.astimezone(zone)):
            instant = found.astimezone(UTC)
            if instant > latest:  # in the second of two hours alike it finds those of the first
                latest = instant
                yield instant.astimezone(zone)

    def last(self, after: datetime, until: datetime, zone: ZoneInfo) -> datetime | None:
        """Return the last instant after ``after``, at ``until`` at the latest; None if there is none.

        It looks at the last hour first and then further back, so that it walks along few instants in years.
        """
        for days in (1 / 24, 1.0, 31.0, 366.0, 36600.0):
            begin = max(after, until - timedelta(days=days))
            if (found := self._last_of(begin, until, zone)) is not None or begin == after:
                return found
        return None

    def _last_of(self, after: datetime, until: datetime, zone: ZoneInfo) -> datetime | None:
        last = None
        for instant in self.after(after, zone):
            if instant > until:
                break
            last = instant
        return last


def _not_valid(expression: str, why: str) -> UsageError:
    return UsageError(
        f"{expression!r} is not a valid cron expression: {why}",
        hint="such as `30 2 * * 1-5`: at 02:30 on Monday through Friday; or @hourly, @daily, @weekly, @monthly",
    )
