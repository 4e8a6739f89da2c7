"""Reads a YAML file within bounds. The file holds a mapping, or an error says where it is wrong.

Configuration needs no tags, no deep nesting and no megabytes. What is beyond these bounds is refused before it is
built. Aliases of aliases can grow without end, so an alias counts as the whole value that it refers to.
"""

from collections.abc import Mapping
from pathlib import Path

from dispatcher.configuration.given_files import open_regular, unreadable
from dispatcher.errors import UsageError

MOST_BYTES = 2**20
"""The example with every key has 10 kB; a thousand groups have 300 kB."""


def read(file: Path) -> Mapping[str, object]:
    """Return the mapping in a YAML file; an empty file is an empty mapping.

    Raises :class:`UsageError` with the line where the file is not YAML, where it passes a bound, and where a mapping
    names a key twice (YAML parsers silently take the last one). /dev/null is an empty file; other files that are not
    regular are refused.
    """
    import yaml

    from dispatcher.configuration.bounded_loader import BoundedLoader

    text = _text(file)
    try:
        content = yaml.load(text, BoundedLoader)  # noqa: S506
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        place = f"line {mark.line + 1}, column {mark.column + 1}: " if mark else ""
        raise UsageError(f"{file}: {place}{getattr(error, 'problem', None) or error}") from error
    if content is None:
        return {}
    if not isinstance(content, dict):
        raise UsageError(f"{file}: expected keys and values, such as `limits:`, not {name_of(content)}")
    return content


def name_of(value: object) -> str:
    """Return what kind of value it is, in words."""
    return {list: "a list", str: "text", int: "a number", float: "a number", bool: "a boolean"}.get(
        type(value), f"a {type(value).__name__}"
    )


def _text(file: Path) -> str:
    with open_regular(file) as opened:
        try:
            content = opened.read(MOST_BYTES + 1)
        except OSError as error:
            raise unreadable(file, error) from error
    if len(content) > MOST_BYTES:
        raise UsageError(f"{file} is larger than {MOST_BYTES // 2**20} MiB: is it a configuration file?")
    try:
        return content.decode()
    except UnicodeDecodeError as error:
        raise UsageError(f"{file} is not UTF-8") from error
