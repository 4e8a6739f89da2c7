"""Lengths and points of time as people type them."""

import re
from datetime import UTC, datetime, time, timedelta

import typer

_DURATION = re.compile(r"(?:(\d{1,9})d)?(?:(\d{1,9})h)?(?:(\d{1,9})m)?(?:(\d{1,9})s?)?", re.ASCII)
_CLOCK = re.compile(r"\d{1,2}:\d{2}(:\d{2})?", re.ASCII)
_LONGEST = timedelta(days=3650)


def duration_option(help_: str, *names: str) -> object:
    """Return an option that takes a length of time, for Annotated[int | None, …]."""
    return typer.Option(*names, parser=parse_duration, metavar="DURATION", help=help_)


def parse_duration(given: str) -> int:
    """Seconds of ``90``, ``90s``, ``10m``, ``2h``, ``1d`` or a sum such as ``1h30m``; at most ten years."""
    found = _DURATION.fullmatch(given.strip())
    if not given.strip() or not found:
        raise typer.BadParameter(
            f"{given!r} is no length of time; write 90 (seconds), 90s, 10m, 2h, 1d or 1h30m"
        )
    days, hours, minutes, seconds = (int(part or 0) for part in found.groups())
    length = ((days * 24 + hours) * 60 + minutes) * 60 + seconds
    if length > _LONGEST.total_seconds():
        raise typer.BadParameter(f"{given!r} is longer than ten years")
    return length


def parse_time(given: str, now: datetime | None = None) -> datetime:
    """An ISO 8601 time, or ``HH:MM`` for the next time that the clock here shows it.

    A time without an offset is a local one. Where the clock shows it twice, that is the first time; where the clock is
    set forward over it, as much later as it is set forward: 02:30 is 03:30 then. The result always has an offset.
    """
    now = (now or datetime.now().astimezone()).astimezone()
    text = given.strip()
    try:
        if not _CLOCK.fullmatch(text):
            # 2025-01-31T22:00Z: fromisoformat() is strict about hours of one digit, as it should be.
            given_time = datetime.fromisoformat(text)
            return given_time.astimezone() if given_time.tzinfo else _moments(given_time)[0]
        at = time.fromisoformat(text.zfill(len("22:00:00") if text.count(":") == 2 else len("22:00")))
    except (ValueError, OverflowError):
        raise typer.BadParameter(
            f"{given!r} is no time; write 22:00 (the next one), 2031-01-31T22:00 (local) or 2031-01-31T22:00Z"
        ) from None
    # The date comes before the offset, so that 22:00 is 22:00 also behind a change of the clocks.
    today, tomorrow = (_moments(datetime.combine(now.date() + timedelta(days=days), at)) for days in (0, 1))
    return next((moment for moment in today if moment > now), tomorrow[0])


def _moments(local: datetime) -> tuple[datetime, datetime]:
    """The first and the last moment at which the clock here shows a time: two only where it is set back.

    Not local.astimezone(): over a time that is left out that is an hour too early (Python 3.11 to 3.14).
    """
    first, last = (datetime.fromtimestamp(local.replace(fold=fold).timestamp(), UTC) for fold in (0, 1))
    return first.astimezone(), max(first, last).astimezone()
