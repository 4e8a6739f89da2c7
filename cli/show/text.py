"""Texts of tasks as people read them."""

from dispatcher.quantities import plural
from dispatcher.task_rows.text import text_of
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
    return "\n".join([*shown, f"… {plural(rest, 'more line')}"] if rest > 0 else shown)


def words_of(value: object) -> str:
    """Return a value of JSON for a line: as :func:`text_of`, but without the brackets of lists and objects."""
    match value:
        case dict():
            return ", ".join(f"{key}={text_of(one)}" for key, one in value.items())
        case list() | tuple():
            return ", ".join(map(text_of, value))
        case _:
            return text_of(value)
