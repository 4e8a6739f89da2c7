"""Points in time as people type them."""

import re
from datetime import UTC, datetime, time, timedelta

_CLOCK = re.compile(r"\d{1,2}:\d{2}(:\d{2})?", re.ASCII)


def moment_of(given: str, now: datetime | None = None) -> datetime:
    """Return the moment of an ISO 8601 time, or of ``HH:MM``: the next moment at which the local clock shows it.

    A time without an offset is local. If the clock shows it twice, the first moment counts. If the clock skips it, the
    time moves forward as far as the clock does: 02:30 becomes 03:30. The result always has an offset.
    Raises :class:`ValueError` with a sentence for people.
    """
    now = (now or datetime.now().astimezone()).astimezone()
    text = given.strip()
    try:
        if not _CLOCK.fullmatch(text):
            # As in 2025-01-31T22:00Z. fromisoformat() refuses hours of one digit, as it should.
            return with_offset(datetime.fromisoformat(text))
        at = time.fromisoformat(text.zfill(len("22:00:00") if text.count(":") == 2 else len("22:00")))
    except (ValueError, OverflowError):
        raise ValueError(
            f"{given!r} is not a time: expected 22:00 (the next one), 2031-01-31T22:00 (local) or 2031-01-31T22:00Z"
        ) from None
    # The date is added before the offset, so that 22:00 stays 22:00 after a change of the clocks.
    today, tomorrow = (_moments(datetime.combine(now.date() + timedelta(days=days), at)) for days in (0, 1))
    return next((moment for moment in today if moment > now), tomorrow[0])


def with_offset(given: datetime) -> datetime:
    """Return a moment as it is, and a local time as the first moment at which the local clock shows it."""
    return given.astimezone() if given.tzinfo else _moments(given)[0]


def _moments(local: datetime) -> tuple[datetime, datetime]:
    """Return the first and the last moment at which the local clock shows a time: two only where it is set back.

    local.astimezone() would return an hour too early for a time that the clock skips (Python 3.11 to 3.14).
    """
    first, last = (datetime.fromtimestamp(local.replace(fold=fold).timestamp(), UTC) for fold in (0, 1))
    return first.astimezone(), max(first, last).astimezone()
