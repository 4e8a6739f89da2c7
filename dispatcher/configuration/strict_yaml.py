"""Builds frozen msgspec structs from what was read from YAML. What is not understood is an error with its key."""

import difflib
import re
from collections.abc import Iterator, Mapping, Sequence
from types import NoneType, UnionType
from typing import Literal, TypeVar, Union, get_args, get_origin

import msgspec

from dispatcher.configuration.bounded_yaml import name_of
from dispatcher.errors import UsageError
from dispatcher.host.own_environment import variable

SomeStruct = TypeVar("SomeStruct", bound=msgspec.Struct)

_REFERENCE = re.compile(
    r"(?P<escape>\$\$\{)|\$\{(?:(?P<name>[A-Za-z_][A-Za-z0-9_]*)(?::-(?P<default>[^}]*))?\})?"
)
_NUMBER = re.compile(r"\s*[-+]?[\d.]+([eE][-+]?\d+)?\s*", re.ASCII)

READS = "reads"
"""The key in ``extra`` of a msgspec.Meta whose value is a function: it makes a number of text with a unit, or raises
ValueError.
"""


def build(kind: type[SomeStruct], content: Mapping[str, object], file: str) -> SomeStruct:
    """Build a ``kind`` from ``content``; ``file`` is the name of the source in error messages.

    In every string ``${NAME}`` and ``${NAME:-default}`` are replaced from the environment (``$${`` is a plain
    ``${``). Only such a string may become a number or a boolean. A struct refuses values that contradict each other
    with a ValueError whose message begins with the key.
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
            of_keys, of_values = get_args(kind)
            return {
                self._key(of_keys, key, where): self._value(of_values, part, _dotted(where, str(key)))
                for key, part in self._mapping(value, where, _is_number(of_keys)).items()
            }
        if isinstance(value, dict) and (inner := _struct_in(kind)) is not None:
            return self.struct(inner, value, where)
        if isinstance(value, list) and (of_parts := _part_in(kind)) is not None:
            return tuple(self._value(of_parts, part, f"{where}[{index}]") for index, part in enumerate(value))
        return self._leaf(kind, value, where)

    def _key(self, kind: object, key: object, where: str) -> object:
        try:
            return msgspec.convert(key, kind, strict=False)
        except msgspec.ValidationError as error:
            words = f"expected one of {', '.join(_words_of(kind))}" if _words_of(kind) else str(error)
            raise self._error(where, f"the key {key!r}: {words[0].lower()}{words[1:]}") from None

    def _mapping(self, value: object, where: str, of_numbers: bool = False) -> Mapping[str, object]:
        if value is None:  # a section whose every line is commented out
            return {}
        if not isinstance(value, dict):
            raise self._error(where, f"expected keys and values, not {name_of(value)}")
        for key in value:
            if of_numbers and type(key) is int:
                continue
            if not isinstance(key, str):
                raise self._error(where, f"the key {key!r} must be text; put it into quotes")
            if not is_storable(key):
                raise self._error(where, f"the key {key!r} holds a character that a database cannot store")
        return value

    def _leaf(self, kind: object, value: object, where: str) -> object:
        expanded = self._with_unit_read(kind, self._expand(value, where), where)
        words = _words_of(kind)
        if words and expanded is not None and expanded not in words:
            raise self._error(where, f"expected one of {', '.join(words)}")
        try:
            return msgspec.convert(expanded, kind, strict=expanded == value)
        except msgspec.ValidationError as error:
            what = str(error)
            raise self._error(where, what[0].lower() + what[1:] + _remedy(kind)) from None

    def _with_unit_read(self, kind: object, value: object, where: str) -> object:
        """Return the number that a text such as ``10m`` means, if the type reads such texts; else the value."""
        if not isinstance(value, str) or _NUMBER.fullmatch(value):
            return value
        for meta in _metas(kind):
            if read := (meta.extra or {}).get(READS):
                try:
                    return read(value)
                except ValueError as error:
                    raise self._error(where, str(error)) from None
        return value

    def _expand(self, value: object, where: str) -> object:
        if isinstance(value, list):
            return [self._expand(part, f"{where}[{index}]") for index, part in enumerate(value)]
        if not isinstance(value, str):
            return value

        def replace(match: re.Match[str]) -> str:
            if match["escape"]:
                return "${"
            if match["name"] is None:
                raise self._error(
                    where, "after `${` expected `NAME}` or `NAME:-default}`; write `$${` for a plain `${`"
                )
            found = variable(match["name"])
            if match["default"] is not None:
                return found or match["default"]
            if found is None:
                raise self._error(where, f"the environment variable {match['name']} is not set")
            return found

        expanded = _REFERENCE.sub(replace, value)
        if not is_storable(expanded):
            raise self._error(where, f"{expanded!r} holds a character that a path or a database cannot hold")
        return expanded

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


def _struct_in(kind: object) -> type[msgspec.Struct] | None:
    """Return the struct that a mapping of this type is: the type itself, or the one struct of a union."""
    structs = (part for part in _members(kind) if isinstance(part, type) and issubclass(part, msgspec.Struct))
    return next(structs, None)


def _part_in(kind: object) -> object | None:
    """Return the type of each part of a list of this type: that of the tuple, or of the one tuple of a union."""
    parts = (get_args(member) for member in _members(kind) if get_origin(member) is tuple)
    return next((part for part, *more in parts if more == [...]), None)


def _members(kind: object) -> Sequence[object]:
    return get_args(kind) if get_origin(kind) in (Union, UnionType) else [kind]


def _words_of(kind: object) -> Sequence[str]:
    """Return the texts that a type takes, if it takes no others: a Literal, or one in a union with None."""
    kinds = [member for member in _members(kind) if member is not NoneType]
    return get_args(kinds[0]) if len(kinds) == 1 and get_origin(kinds[0]) is Literal else ()


def _is_number(kind: object) -> bool:
    return int in (kind, *get_args(kind))


def is_storable(text: str) -> bool:
    """Return whether it holds neither NUL nor half of a surrogate pair: no argument, path or column can hold these."""
    return "\0" not in text and not any("\ud800" <= character <= "\udfff" for character in text)


def _dotted(where: str, key: str) -> str:
    return f"{where}.{key}" if where else key


def _dotted_keys(kind: type[msgspec.Struct], where: str) -> Iterator[str]:
    for field in msgspec.structs.fields(kind):
        dotted = _dotted(where, field.encode_name)
        yield dotted
        if isinstance(field.type, type) and issubclass(field.type, msgspec.Struct):
            yield from _dotted_keys(field.type, dotted)


def _remedy(kind: object) -> str:
    """Return what to write, if the type or a member of its union has a description."""
    return next((f"; write {meta.description}" for meta in _metas(kind) if meta.description), "")


def _metas(kind: object) -> Iterator[msgspec.Meta]:
    """Yield what annotates a type or a member of its union."""
    for part in (kind, *get_args(kind)):
        yield from getattr(part, "__metadata__", ())
