"""When a cron expression has instants, minute by minute and as slowly as it is easy to see that it is right."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from functools import cache
from zoneinfo import ZoneInfo

MINUTE = timedelta(minutes=1)
LEAST = (0, 0, 1, 1, 0)
MOST = (59, 23, 31, 12, 6)


def instants(expression: str, zone: ZoneInfo, after: datetime, until: datetime) -> list[datetime]:
    """Return the instants after ``after``, up to ``until``, in UTC. Both are whole minutes."""
    fields = expression.split()
    if fields[0].startswith("*") or fields[1].startswith("*"):
        return [
            minute
            for minute in _minutes(after.astimezone(UTC), until.astimezone(UTC))
            if _matches(fields, minute.astimezone(zone))
        ]
    # A day around it: there, each time on the clock is looked at once, whether it comes twice or never.
    begin = after.astimezone(zone).replace(tzinfo=None) - timedelta(days=1)
    end = until.astimezone(zone).replace(tzinfo=None) + timedelta(days=1)
    found = {_begin_of(local, zone) for local in _minutes(begin, end) if _matches(fields, local)}
    return sorted(instant for instant in found if after < instant <= until)


def _minutes(after: datetime, until: datetime) -> Iterator[datetime]:
    while (after := after + MINUTE) <= until:
        yield after


def _begin_of(local: datetime, zone: ZoneInfo) -> datetime:
    """Return the first moment at which clocks of the zone show this time, or a later one if they never show it."""
    while True:
        moment = local.replace(tzinfo=zone).astimezone(UTC)
        if moment.astimezone(zone).replace(tzinfo=None) == local:
            return moment
        local += MINUTE


def _matches(fields: list[str], local: datetime) -> bool:
    values = (local.minute, local.hour, local.day, local.month, local.isoweekday() % 7)
    minute, hour, day, month, weekday = (
        value in _values(field, least, most)
        for value, field, least, most in zip(values, fields, LEAST, MOST, strict=True)
    )
    is_either = not fields[2].startswith("*") and not fields[4].startswith("*")
    return minute and hour and month and (day or weekday if is_either else day and weekday)


@cache
def _values(field: str, least: int, most: int) -> set[int]:
    found: set[int] = set()
    for part in field.split(","):
        span, _, step = part.partition("/")
        first, _, last = span.partition("-")
        begin, end = (least, most) if span == "*" else (int(first), int(last or (most if step else first)))
        found.update(range(begin, end + 1, int(step or 1)))
    return found
