"""Words, numbers and lengths of time as people read them."""

from dispatcher.terminal import harmless


def first_lines(text: str, most: int, most_characters: int = 4_000) -> str:
    """Return the first ``most`` lines of ``text``, made harmless, and how many follow; fewer if they are long."""
    lines = harmless(text).splitlines()
    shown, left = [], most_characters
    for line in lines[:most]:
        if len(line) > left:
            shown.append(f"{line[:left]}… {sum(map(len, lines)) - most_characters:,} more characters")
            return "\n".join(shown)
        shown.append(line)
        left -= len(line)
    rest = len(lines) - most
    return "\n".join([*shown, f"… {rest} more line{'' if rest == 1 else 's'}"] if rest > 0 else shown)


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


def money(dollars: float) -> str:
    """``$1.31``; below a cent with four places, since many runs cost less."""
    return f"${dollars:.2f}" if dollars >= 0.01 or dollars == 0 else f"${dollars:.4f}"


def text_of(value: object) -> str:
    """Return a value of JSON as text: text stays itself, numbers stay as they were written, and lists become JSON."""
    match value:
        case str():
            return value
        case bool():
            return "true" if value else "false"
        case int():
            return str(value)
        case _:
            import msgspec

            return msgspec.json.Encoder(decimal_format="number").encode(value).decode()
