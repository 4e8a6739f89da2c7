"""YAML files of a person, read within bounds: each file is a mapping, or an error that says where it is wrong.

Configuration needs no tags, no deep nesting and no megabytes, so whatever is beyond these is refused before it is
built: aliases of aliases, which grow without end, are counted as what they stand for.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from dispatcher.configuration.given_files import open_regular, unreadable
from dispatcher.errors import UsageError

if TYPE_CHECKING:
    import yaml

MOST_BYTES = 2**20
"""The example with every key has 10 kB; a thousand groups have 300 kB."""
MOST_LEVELS = 30
MOST_VALUES = 50_000
"""Keys and values; an alias counts as all that it stands for."""
LONGEST_NUMBER = 100
"""Characters. Python itself reads no number of more than 4,300 digits."""

_TOO_DEEP = f"this is nested more than {MOST_LEVELS} levels deep"
_TOO_MUCH = f"this holds more than {MOST_VALUES:,} values"
_PREFIX = "tag:yaml.org,2002:"
_WRITTEN_TAGS = (None, "!", f"{_PREFIX}str", f"{_PREFIX}map", f"{_PREFIX}seq")


def read(file: Path) -> Mapping[str, object]:
    """The mapping in a YAML file; an empty file is an empty mapping.

    Raises :class:`UsageError` with the line where YAML itself is wrong or beyond the bounds, and where a mapping names
    a key twice (YAML parsers quietly take the last). /dev/null is an empty file, all else that is not regular is
    refused.
    """
    import yaml

    text = _text(file)
    try:
        content = yaml.load(text, _loader())  # noqa: S506
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
    """What kind of value it is, in words."""
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


@dataclass(frozen=True, slots=True)
class _Extent:
    """How many values a node holds with itself, and how many levels."""

    values: int = 1
    levels: int = 1


@cache
def _loader() -> "type[yaml.SafeLoader]":
    import yaml

    class Loader(yaml.SafeLoader):
        """Counts while it reads, and builds nothing of a file that is beyond the bounds."""

        def __init__(self, stream: str) -> None:
            super().__init__(stream)
            self._level = 0
            self._nodes = 0
            self._extents: dict[int, _Extent] = {}

        def compose_node(self, parent: yaml.Node | None, index: int) -> yaml.Node | None:
            event = self.peek_event()  # type: ignore[no-untyped-call]
            if isinstance(event, yaml.AliasEvent):
                return self._checked_alias(super().compose_node(parent, index), event)
            if getattr(event, "tag", None) not in _WRITTEN_TAGS:
                raise _wrong(f"the tag {event.tag!r} is not understood; leave it out", event)
            self._level += 1
            self._nodes += 1
            if self._level > MOST_LEVELS:
                raise _wrong(_TOO_DEEP, event)
            if self._nodes > MOST_VALUES:
                raise _wrong(_TOO_MUCH, event)
            node = super().compose_node(parent, index)
            self._level -= 1
            if node is not None:
                self._measure(node)
            return node

        def _checked_alias(self, node: yaml.Node | None, alias: yaml.Event) -> yaml.Node | None:
            extent = self._extents.get(id(node))
            if extent is None:
                raise _wrong("the alias stands inside of what it stands for", alias)
            if self._level + extent.levels > MOST_LEVELS:
                raise _wrong(_TOO_DEEP, alias)
            return node

        def _measure(self, node: yaml.Node) -> None:
            parts = []
            if isinstance(node, yaml.SequenceNode):
                parts = [self._extents[id(part)] for part in node.value]
            elif isinstance(node, yaml.MappingNode):
                self._refuse_double_keys(node)
                parts = [self._extents[id(part)] for pair in node.value for part in pair]
            values = 1 + sum(part.values for part in parts)
            if values > MOST_VALUES:
                raise _wrong(_TOO_MUCH, node)
            self._extents[id(node)] = _Extent(values, 1 + max((part.levels for part in parts), default=0))

        def _refuse_double_keys(self, node: yaml.MappingNode) -> None:
            # Before aliases are merged into it, whose keys its own take the place of.
            seen = set()
            for key, _ in node.value:
                if isinstance(key, yaml.ScalarNode):
                    if key.value in seen:
                        raise _wrong(f"the key {key.value!r} stands here a second time", key)
                    seen.add(key.value)

        def construct_object(self, node: yaml.Node, deep: bool = False) -> object:
            if not isinstance(node, yaml.ScalarNode):
                return super().construct_object(node, deep)
            kind = node.tag.removeprefix(_PREFIX)
            if kind in ("int", "float") and len(node.value) > LONGEST_NUMBER:
                what = f"the number has {len(node.value):,} characters; at most {LONGEST_NUMBER} are read"
                raise _wrong(what, node)
            try:
                return super().construct_object(node, deep)
            except ValueError as error:  # such as the 31st of February
                raise _wrong(f"{node.value!r} is no {kind}: {error}", node) from error

    def _wrong(what: str, place: yaml.Node | yaml.Event) -> yaml.YAMLError:
        return yaml.constructor.ConstructorError(None, None, what, place.start_mark)  # type: ignore[arg-type]

    return Loader
