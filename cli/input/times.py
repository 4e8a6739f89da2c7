"""Lengths of time and points in time as people type them."""

import re
from datetime import datetime, timedelta

import typer

from dispatcher.durations import seconds_of
from dispatcher.task_rows.times import moment_of, with_offset

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
    """Return what :func:`dispatcher.task_rows.times.moment_of` does. Raises :class:`typer.BadParameter`."""
    try:
        return moment_of(given, now)
    except ValueError as error:
        raise typer.BadParameter(str(error)) from None


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
            return with_offset(datetime.fromisoformat(text))
    except (ValueError, OverflowError):
        pass
    raise typer.BadParameter(
        f"{given!r} is not a time in the past: expected a length of time ago (90s, 10m, 2h, 30d, 1h30m) or a time"
        " (2031-01-31, 2031-01-31T22:00 in local time, 2031-01-31T22:00Z)"
    )
