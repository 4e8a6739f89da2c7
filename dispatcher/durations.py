"""Lengths of time in words, and as people type them."""

import re

_TYPED = re.compile(r"(?:(\d{1,9})d)?(?:(\d{1,9})h)?(?:(\d{1,9})m)?(?:(\d{1,9})s)?", re.ASCII)
_NUMBER = re.compile(r"\d{1,9}", re.ASCII)
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
    """Return the seconds of ``90s``, ``10m``, ``2h``, ``30d`` or a sum such as ``1h30m``; at most ten years.

    A number needs a unit, since nobody knows what ``30`` means without it; 0 is the same in each.
    Raises :class:`ValueError` with a sentence for people.
    """
    text = given.strip()
    if text == "0":
        return 0
    if _NUMBER.fullmatch(text):
        raise ValueError(f"{text!r} has no unit: write {text}s, {text}m, {text}h or {text}d")
    found = _TYPED.fullmatch(text)
    if not text or not found:
        raise ValueError(
            f"{given!r} is not a length of time: expected a number with a unit, as in 90s, 10m, 2h, 30d or 1h30m"
        )
    days, hours, minutes, seconds = (int(part or 0) for part in found.groups())
    length = ((days * 24 + hours) * 60 + minutes) * 60 + seconds
    if length > _LONGEST:
        raise ValueError(f"{given!r} is longer than ten years")
    return length


def as_typed(seconds: int) -> str:
    """Return what to type for this length of time: ``1h30m``, ``45s``, ``0s``."""
    parts = []
    for unit, length in (("d", 86_400), ("h", 3600), ("m", 60), ("s", 1)):
        number, seconds = divmod(seconds, length)
        if number:
            parts.append(f"{number}{unit}")
    return "".join(parts) or "0s"
