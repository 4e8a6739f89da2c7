"""Lengths and points of time as people type them."""

import re
from datetime import datetime, time, timedelta

import typer

_DURATION = re.compile(r"(?:(\d{1,9})d)?(?:(\d{1,9})h)?(?:(\d{1,9})m)?(?:(\d{1,9})s?)?", re.ASCII)
_CLOCK = re.compile(r"\d{1,2}:\d{2}(:\d{2})?", re.ASCII)
_LONGEST = timedelta(days=3650)


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

    A time without an offset is a local one. The answer always has an offset.
    """
    now = (now or datetime.now().astimezone()).astimezone()
    text = given.strip()
    try:
        if not _CLOCK.fullmatch(text):
            # 2025-01-31T22:00Z: fromisoformat() is strict about hours of one digit, as it should be.
            return datetime.fromisoformat(text).astimezone()
        at = time.fromisoformat(text.zfill(len("22:00:00") if text.count(":") == 2 else len("22:00")))
    except (ValueError, OverflowError):
        raise typer.BadParameter(
            f"{given!r} is no time; write 22:00 (the next one), 2031-01-31T22:00 (local) or 2031-01-31T22:00Z"
        ) from None
    # The date comes before the offset, so that 22:00 is 22:00 also behind a change of the clocks.
    today = datetime.combine(now.date(), at).astimezone()
    return today if today > now else datetime.combine(now.date() + timedelta(days=1), at).astimezone()
