"""Finding values in what a tool printed: in a JSON value, or in the named groups of a pattern."""

import json
import math
import re
from collections.abc import Iterator, Sequence
from functools import lru_cache
from itertools import chain, islice

from wrappers.text import storable

PLACE = re.compile(r"-?[0-9]{1,18}")
WITH_UNIT = re.compile(r"\$?([0-9][0-9,]*(?:\.[0-9]+)?|\.[0-9]+)\s*([kKmM]?)")
UNITS = {"": 1, "k": 1e3, "m": 1e6}
PLACEHOLDER = re.compile(r"\{([^{}]+)\}")
NOTHING: Sequence[object] = (None, "", False, [], {})
LONGEST_BODY = 100_000
"""Characters of a JSON object in a text that is looked into."""
MOST = 100_000
"""How many values of lists a path may lead to: enough for any answer, and a bound for a hostile one."""


def look_up(document: object, path: str) -> Iterator[object]:
    """Yield what the path leads to: nothing, one value, or several where it holds a `*`."""
    found = [document]
    for step in _steps(path):
        found = list(islice(chain.from_iterable(_step(value, step) for value in found), MOST))
    yield from found


def is_there(value: object) -> bool:
    """Whether a value says anything: null, false and what is empty do not."""
    return not any(
        value is nothing or (type(value) is type(nothing) and value == nothing) for nothing in NOTHING
    )


def text_at(document: object, paths: str | Sequence[str] | None) -> str | None:
    """Return the text at the first path that leads to one; None where nothing is. Other values are given as JSON."""
    for path in _each(paths):
        texts = [as_text(value) for value in look_up(document, path) if is_there(value)]
        if any(texts):
            return "".join(texts)
    return None


def number_at(document: object, paths: str | Sequence[str] | None) -> float | None:
    """Return the sum of all numbers at these paths that can count something; None if there is none."""
    numbers = [_number(value) for path in _each(paths) for value in look_up(document, path)]
    counted = [number for number in numbers if number is not None]
    return min(sum(counted), 1e300) if counted else None


def fill_in(template: str, document: object) -> str | None:
    """Return the template with each {path} replaced by the text there; None if one leads to nothing."""
    missing = False

    def value_of(match: re.Match[str]) -> str:
        nonlocal missing
        text = text_at(document, match[1])
        missing = missing or text is None
        return text or ""

    filled = PLACEHOLDER.sub(value_of, template)
    return None if missing else filled


def as_text(value: object) -> str:
    """Return a text as it is and any other value as JSON; empty if it is nested too deeply to be written."""
    if isinstance(value, str):
        return storable(value)
    try:
        return storable(json.dumps(value, ensure_ascii=False, separators=(",", ":")))
    except (ValueError, RecursionError):
        return ""


def _each(paths: str | Sequence[str] | None) -> Sequence[str]:
    return [paths] if isinstance(paths, str) else paths or ()


@lru_cache(10_000)
def _steps(path: str) -> Sequence[str]:
    return path.split(".")


def _step(value: object, step: str) -> Iterator[object]:
    """Yield what one step leads to. A text that is a JSON object, as the body of an answer is, is looked into."""
    if isinstance(value, str) and value[:1] == "{" and len(value) <= LONGEST_BODY:
        try:
            value = json.loads(value)
        except (ValueError, RecursionError):
            return
    if isinstance(value, dict):
        if step in value:
            yield value[step]
    elif isinstance(value, list):
        if step == "*":
            yield from value
        elif PLACE.fullmatch(step) and -len(value) <= int(step) < len(value):
            yield value[int(step)]


def _number(value: object) -> float | None:
    """Return a number of tokens or of money, also out of a text such as "2.4k"; None for what cannot be one."""
    if isinstance(value, str):
        match = WITH_UNIT.fullmatch(value[:40].strip())
        return None if match is None else float(match[1].replace(",", "")) * UNITS[match[2].lower()]
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    try:
        number = float(value)
    except OverflowError:  # a whole number of more than 308 digits
        return None
    return number if 0 <= number < math.inf else None
