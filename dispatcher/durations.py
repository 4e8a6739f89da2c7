"""Lengths of time in words, and as people type them."""

import re

_TYPED = re.compile(r"(?:(\d{1,9})d)?(?:(\d{1,9})h)?(?:(\d{1,9})m)?(?:(\d{1,9})s?)?", re.ASCII)
_LONGEST = 3650 * 86_400


def duration(seconds: float) -> str:
    """Return the same words as in_words() of the database: ``45 s``, ``12 min``, ``3 h 20 min``, ``2 d 4 h``."""
    whole = max(0, round(seconds))
    if whole < 90:
        return f"{whole} s"
    if whole < 5400:
        return f"{whole // 60} min"
    if whole < 172_800:
        return f"{whole // 3600} h {whole % 3600 // 60} min"
    return f"{whole // 86_400} d {whole % 86_400 // 3600} h"


def seconds_of(given: str) -> int:
    """Return the seconds of ``90``, ``90s``, ``10m``, ``2h``, ``1d`` or a sum such as ``1h30m``; at most ten years.

    Raises :class:`ValueError` with a sentence for people.
    """
    found = _TYPED.fullmatch(given.strip())
    if not given.strip() or not found:
        raise ValueError(
            f"{given!r} is not a length of time: expected 90 (seconds), 90s, 10m, 2h, 1d or 1h30m"
        )
    days, hours, minutes, seconds = (int(part or 0) for part in found.groups())
    length = ((days * 24 + hours) * 60 + minutes) * 60 + seconds
    if length > _LONGEST:
        raise ValueError(f"{given!r} is longer than ten years")
    return length
