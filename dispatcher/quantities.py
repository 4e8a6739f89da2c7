"""Numbers, sums and lengths of time as people read them, on the command line and on the page."""

import re

_SIZE = re.compile(r"(\d{1,12})\s?(?:(k|M|G|T)(i?)B|B)", re.ASCII)


def age(seconds: float) -> str:
    """Return an age in one unit: ``45s``, ``12m``, ``3h``, ``2d``."""
    whole = max(0, int(seconds))
    for unit, length, most in (("s", 1, 100), ("m", 60, 100 * 60), ("h", 3600, 48 * 3600)):
        if whole < most:
            return f"{whole // length}{unit}"
    return f"{whole // 86_400}d"


def stopwatch(seconds: float) -> str:
    """Return how long something has been running: ``0:07``, ``12:45``, ``3:20:00``."""
    minutes, second = divmod(max(0, int(seconds)), 60)
    hours, minute = divmod(minutes, 60)
    return f"{hours}:{minute:02}:{second:02}" if hours else f"{minute}:{second:02}"


def count(number: int) -> str:
    """``950``, ``12.3k``, ``412k``, ``1.2M``."""
    if number < 1_000:
        return str(number)
    scaled, unit = (number / 1_000_000, "M") if number >= 999_500 else (number / 1_000, "k")
    return f"{scaled:.1f}{unit}" if scaled < 99.95 else f"{scaled:.0f}{unit}"


def plural(number: int, thing: str) -> str:
    """``1 task``, ``0 tasks``, ``1,204 tasks``."""
    return f"{number:,} {thing}{'' if number == 1 else 's'}"


def size(number_of_bytes: int) -> str:
    """``950 B``, ``12.3 kB``, ``1.2 MB``; powers of 1,000."""
    for unit, length in (("GB", 10**9), ("MB", 10**6), ("kB", 10**3)):
        if number_of_bytes >= length:
            return f"{number_of_bytes / length:.1f} {unit}"
    return f"{number_of_bytes} B"


def bytes_of(given: str) -> int:
    """Return the bytes of ``100MB`` (powers of 1,000) or ``20MiB`` (powers of 1,024). Raises :class:`ValueError`."""
    found = _SIZE.fullmatch(given.strip())
    if not found:
        raise ValueError(
            f"{given!r} is not a size: expected a number with a unit, as in 500kB, 100MB or 20MiB"
        )
    number, prefix, binary = found.groups()
    factor: int = (1024 if binary else 1000) ** ("kMGT".index(prefix) + 1 if prefix else 0)
    return int(number) * factor


def money(dollars: float) -> str:
    """``$1.31``; below a cent with four places, since many runs cost less."""
    return f"${dollars:.2f}" if dollars >= 0.01 or dollars == 0 else f"${dollars:.4f}"
