"""Lengths of time and points in time as people type them."""

import re
from datetime import UTC, datetime, time, timedelta

import typer

from dispatcher.durations import seconds_of

_CLOCK = re.compile(r"\d{1,2}:\d{2}(:\d{2})?", re.ASCII)
_LENGTH = re.compile(r"(\d+[dhms])+", re.ASCII)


def duration_option(help_: str, *names: str) -> object:
    """Return an option that takes a length of time, for Annotated[int | None, …]."""
    return typer.Option(*names, parser=parse_duration, metavar="DURATION", help=help_)


def parse_duration(given: str) -> int:
    """Return what :func:`dispatcher.durations.seconds_of` does. Raises :class:`typer.BadParameter`."""
    try:
        return seconds_of(given)
    except ValueError as error:
        raise typer.BadParameter(str(error)) from None


def checked_duration(given: str) -> str:
    """Return a length of time as it was typed, for fields that are read later: a number without unit means nothing.

    Raises :class:`typer.BadParameter`.
    """
    parse_duration(given)
    return given


def parse_time(given: str, now: datetime | None = None) -> datetime:
    """Return the moment of an ISO 8601 time, or of ``HH:MM``: the next moment at which the local clock shows it.

    A time without an offset is local. If the clock shows it twice, the first moment counts. If the clock skips it, the
    time moves forward as far as the clock does: 02:30 becomes 03:30. The result always has an offset.
    """
    now = (now or datetime.now().astimezone()).astimezone()
    text = given.strip()
    try:
        if not _CLOCK.fullmatch(text):
            # As in 2025-01-31T22:00Z. fromisoformat() refuses hours of one digit, as it should.
            return _moment(datetime.fromisoformat(text))
        at = time.fromisoformat(text.zfill(len("22:00:00") if text.count(":") == 2 else len("22:00")))
    except (ValueError, OverflowError):
        raise typer.BadParameter(
            f"{given!r} is not a time: expected 22:00 (the next one), 2031-01-31T22:00 (local) or 2031-01-31T22:00Z"
        ) from None
    # The date is added before the offset, so that 22:00 stays 22:00 after a change of the clocks.
    today, tomorrow = (_moments(datetime.combine(now.date() + timedelta(days=days), at)) for days in (0, 1))
    return next((moment for moment in today if moment > now), tomorrow[0])


def parse_past(given: str, now: datetime | None = None) -> datetime:
    """Return the moment of an ISO 8601 time or date, or the moment that a length of time with a unit ago was.

    A time without an offset is local, as in :func:`parse_time`.
    """
    now = (now or datetime.now().astimezone()).astimezone()
    text = given.strip()
    try:
        if _LENGTH.fullmatch(text):
            return now - timedelta(seconds=seconds_of(text))
        if (
            not text.isdecimal()
        ):  # fromisoformat() takes 20310131, which is more likely a number without its unit
            return _moment(datetime.fromisoformat(text))
    except (ValueError, OverflowError):
        pass
    raise typer.BadParameter(
        f"{given!r} is not a time in the past: expected a length of time ago (90s, 10m, 2h, 30d, 1h30m) or a time"
        " (2031-01-31, 2031-01-31T22:00 in local time, 2031-01-31T22:00Z)"
    )


def _moment(given: datetime) -> datetime:
    return given.astimezone() if given.tzinfo else _moments(given)[0]


def _moments(local: datetime) -> tuple[datetime, datetime]:
    """Return the first and the last moment at which the local clock shows a time: two only where it is set back.

    local.astimezone() would return an hour too early for a time that the clock skips (Python 3.11 to 3.14).
    """
    first, last = (datetime.fromtimestamp(local.replace(fold=fold).timestamp(), UTC) for fold in (0, 1))
    return first.astimezone(), max(first, last).astimezone()
