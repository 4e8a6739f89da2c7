"""YAML into frozen msgspec structs, strictly: whatever is not understood is an error that names its key."""

import difflib
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Literal, TypeVar, get_args, get_origin

import msgspec

from dispatcher.errors import UsageError
from dispatcher.own_environment import variable

SomeStruct = TypeVar("SomeStruct", bound=msgspec.Struct)

_REFERENCE = re.compile(
    r"(?P<escape>\$?)\$\{(?:(?P<name>[A-Za-z_][A-Za-z0-9_]*)(?::-(?P<default>[^}]*))?\})?"
)
_PLACE_IN_LIST = re.compile(r"^(?P<what>.*) - at `\$(?P<place>.*)`$")


def read(file: Path) -> Mapping[str, object]:
    """The mapping in a YAML file; an empty file is an empty mapping.

    Raises :class:`UsageError` with the line where YAML itself is wrong, and where a mapping names a key twice
    (YAML parsers quietly take the last).
    """
    import yaml

    class Loader(yaml.SafeLoader):
        def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[object, object]:
            seen = set()
            for key, _ in node.value:
                if isinstance(key, yaml.ScalarNode):
                    if key.value in seen:
                        what = f"the key {key.value!r} stands here a second time"
                        raise yaml.constructor.ConstructorError(None, None, what, key.start_mark)
                    seen.add(key.value)
            return super().construct_mapping(node, deep)

    try:
        content = yaml.load(file.read_text(encoding="utf-8"), Loader)  # noqa: S506
    except OSError as error:
        raise UsageError(f"cannot read {file}: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise UsageError(f"{file} is not UTF-8") from error
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        place = f"line {mark.line + 1}, column {mark.column + 1}: " if mark else ""
        raise UsageError(f"{file}: {place}{getattr(error, 'problem', None) or error}") from error
    if content is None:
        return {}
    if not isinstance(content, dict):
        raise UsageError(f"{file}: expected keys and values, such as `limits:`, not {_name_of(content)}")
    return content


def build(kind: type[SomeStruct], content: Mapping[str, object], file: str) -> SomeStruct:
    """Make a ``kind`` of ``content``; ``file`` is what error messages call the source.

    In every string ``${NAME}`` and ``${NAME:-default}`` are replaced from the environment (``$${`` is a plain
    ``${``); only such a string may also become a number or a boolean. A struct refuses values that do not go
    together by a ValueError whose message begins with the key.
    """
    return _Builder(kind, file).struct(kind, content, "")


class _Builder:
    def __init__(self, root: type[msgspec.Struct], file: str) -> None:
        self._root = root
        self._file = file

    def struct(self, kind: type[SomeStruct], value: object, where: str) -> SomeStruct:
        mapping = self._mapping(value, where)
        fields = {field.encode_name: field for field in msgspec.structs.fields(kind)}
        for key in mapping:
            if key not in fields:
                raise self._unknown(where, key, list(fields))
        built = {
            fields[key].name: self._value(fields[key].type, part, _dotted(where, key))
            for key, part in mapping.items()
        }
        for field in fields.values():
            if field.required and field.name not in built:
                raise self._error(_dotted(where, field.encode_name), "is missing")
        try:
            return kind(**built)
        except ValueError as error:
            raise UsageError(f"{self._file}: {_dotted(where, str(error))}") from error

    def _value(self, kind: object, value: object, where: str) -> object:
        if isinstance(kind, type) and issubclass(kind, msgspec.Struct):
            return self.struct(kind, value, where)
        if get_origin(kind) is Mapping:
            _, of_values = get_args(kind)
            return {
                key: self._value(of_values, part, _dotted(where, key))
                for key, part in self._mapping(value, where).items()
            }
        return self._leaf(kind, value, where)

    def _mapping(self, value: object, where: str) -> Mapping[str, object]:
        if value is None:  # a section whose every line is commented out
            return {}
        if not isinstance(value, dict):
            raise self._error(where, f"expected keys and values, not {_name_of(value)}")
        for key in value:
            if not isinstance(key, str):
                raise self._error(where, f"the key {key!r} must be text; put it into quotes")
        return value

    def _leaf(self, kind: object, value: object, where: str) -> object:
        expanded = self._expand(value, where)
        if get_origin(kind) is Literal and expanded not in get_args(kind):
            raise self._error(where, f"expected one of {', '.join(get_args(kind))}")
        try:
            return msgspec.convert(expanded, kind, strict=expanded == value)
        except msgspec.ValidationError as error:
            inside = _PLACE_IN_LIST.match(str(error))
            what, place = (inside["what"], inside["place"]) if inside else (str(error), "")
            raise self._error(where + place, what[0].lower() + what[1:] + _remedy(kind)) from None

    def _expand(self, value: object, where: str) -> object:
        if isinstance(value, list):
            return [self._expand(part, f"{where}[{index}]") for index, part in enumerate(value)]
        if not isinstance(value, str):
            return value

        def replace(match: re.Match[str]) -> str:
            if match["escape"]:
                return match[0][1:]
            if match["name"] is None:
                raise self._error(
                    where, "`${` must begin `${NAME}` or `${NAME:-default}`; write `$${` for the text"
                )
            found = variable(match["name"])
            if match["default"] is not None:
                return found or match["default"]
            if found is None:
                raise self._error(where, f"the environment variable {match['name']} is not set")
            return found

        return _REFERENCE.sub(replace, value)

    def _unknown(self, where: str, key: str, known: list[str]) -> UsageError:
        elsewhere = [dotted for dotted in _dotted_keys(self._root, "") if dotted.rsplit(".", 1)[-1] == key]
        near = difflib.get_close_matches(key, known, n=1, cutoff=0.5)
        if near:
            remedy = f"did you mean {_dotted(where, near[0])}?"
        elif elsewhere:
            remedy = f"did you mean {elsewhere[0]}?"
        else:
            remedy = f"known here: {', '.join(known)}"
        return self._error(_dotted(where, key), f"is not a known key; {remedy}")

    def _error(self, where: str, what: str) -> UsageError:
        separator = " " if what.startswith("is ") else ": "
        return UsageError(f"{self._file}: {where}{separator}{what}" if where else f"{self._file}: {what}")


def _dotted(where: str, key: str) -> str:
    return f"{where}.{key}" if where else key


def _dotted_keys(kind: type[msgspec.Struct], where: str) -> Iterator[str]:
    for field in msgspec.structs.fields(kind):
        dotted = _dotted(where, field.encode_name)
        yield dotted
        if isinstance(field.type, type) and issubclass(field.type, msgspec.Struct):
            yield from _dotted_keys(field.type, dotted)


def _remedy(kind: object) -> str:
    """What to write, where the type has a description (the type itself, or one of a union)."""
    for part in (kind, *get_args(kind)):
        for meta in getattr(part, "__metadata__", ()):
            if meta.description:
                return f"; write {meta.description}"
    return ""


def _name_of(value: object) -> str:
    return {list: "a list", str: "text", int: "a number", float: "a number", bool: "a boolean"}.get(
        type(value), f"a {type(value).__name__}"
    )
