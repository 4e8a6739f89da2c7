"""The YAML loader that refuses a file beyond the bounds before anything of it is built.

It has a module of its own because importing yaml takes time, and most commands read no YAML.
"""

from dataclasses import dataclass

import yaml

MOST_LEVELS = 30
MOST_VALUES = 50_000
"""Keys and values; an alias counts as the whole value that it refers to."""
LONGEST_NUMBER = 100
"""Characters. Python itself reads no number of more than 4,300 digits."""

_TOO_DEEP = f"this is nested more than {MOST_LEVELS} levels deep"
_TOO_MUCH = f"this holds more than {MOST_VALUES:,} values"
_PREFIX = "tag:yaml.org,2002:"
_WRITTEN_TAGS = (None, "!", f"{_PREFIX}str", f"{_PREFIX}map", f"{_PREFIX}seq")


@dataclass(frozen=True, slots=True)
class _Extent:
    """How many values a node holds, itself included, and how many levels."""

    values: int = 1
    levels: int = 1


class BoundedLoader(yaml.SafeLoader):
    """Counts values and levels while it reads. Raises :class:`yaml.YAMLError` where a file passes a bound."""

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
            raise _wrong("the alias is inside the value that it refers to", alias)
        if self._level + extent.levels > MOST_LEVELS:
            raise _wrong(_TOO_DEEP, alias)
        return node

    def _measure(self, node: yaml.Node) -> None:
        parts = []
        if isinstance(node, yaml.SequenceNode):
            parts = [self._extents[id(part)] for part in node.value]
        elif isinstance(node, yaml.MappingNode):
            _refuse_double_keys(node)
            parts = [self._extents[id(part)] for pair in node.value for part in pair]
        values = 1 + sum(part.values for part in parts)
        if values > MOST_VALUES:
            raise _wrong(_TOO_MUCH, node)
        self._extents[id(node)] = _Extent(values, 1 + max((part.levels for part in parts), default=0))

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
            raise _wrong(f"{node.value!r} is not a valid {kind}: {error}", node) from error


def _refuse_double_keys(node: yaml.MappingNode) -> None:
    # Called before aliases are merged into the mapping: its own keys may replace theirs.
    seen = set()
    for key, _ in node.value:
        if isinstance(key, yaml.ScalarNode):
            if key.value in seen:
                raise _wrong(f"the key {key.value!r} is here a second time", key)
            seen.add(key.value)


def _wrong(what: str, place: yaml.Node | yaml.Event) -> yaml.YAMLError:
    return yaml.constructor.ConstructorError(None, None, what, place.start_mark)  # type: ignore[arg-type]
