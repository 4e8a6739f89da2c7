"""Sizes in words."""


def size(number_of_bytes: int) -> str:
    """``950 B``, ``12.3 kB``, ``1.2 MB``; powers of 1,000."""
    for unit, length in (("GB", 10**9), ("MB", 10**6), ("kB", 10**3)):
        if number_of_bytes >= length:
            return f"{number_of_bytes / length:.1f} {unit}"
    return f"{number_of_bytes} B"
