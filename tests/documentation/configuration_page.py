"""docs/configuration.md: each key of config.yaml, from the settings themselves."""

from collections.abc import Iterator

from msgspec import Struct
from msgspec import inspect as types

from dispatcher.configuration.settings import Settings
from tests.documentation.structs import about, cell, default_in_words, fields, type_in_words


def text() -> str:
    return "\n".join(_lines())


def _lines() -> Iterator[str]:
    for section in fields(Settings):
        match section.type:
            case types.StructType(cls=struct):
                yield from (f"## {section.name}", "", about(struct), "")
                yield from _table(struct)
            case types.DictType(value_type=types.StructType(cls=struct)):
                yield from (f"## {section.name}", "", "A map of names to objects with these keys.", "")
                yield from (about(struct), "")
                yield from _table(struct)
                yield from _parts_of(struct)
            case other:
                yield from (
                    f"## {section.name}",
                    "",
                    section.about,
                    "",
                    f"{capitalized(type_in_words(other))}.",
                    "",
                )
                for part in _structs_in(other):
                    yield from (f"### {part.__name__}", "", about(part), "")
                    yield from _table(part)


def capitalized(words: str) -> str:
    return words[:1].upper() + words[1:]


def _parts_of(struct: type[Struct]) -> Iterator[str]:
    """The structs in the fields of a struct, with a heading that the types of its table link to."""
    for part in _structs(struct, set()):
        yield from (f"### {part.__name__}", "", about(part), "")
        yield from _table(part)


def _structs(struct: type[Struct], seen: set[type[Struct]]) -> Iterator[type[Struct]]:
    for field in fields(struct):
        for part in _structs_in(field.type):
            if part not in seen:
                seen.add(part)
                yield part
                yield from _structs(part, seen)


def _structs_in(type_: types.Type) -> Iterator[type[Struct]]:
    match type_:
        case types.StructType(cls=struct):
            yield struct
        case (
            types.Metadata(type=inner)
            | types.VarTupleType(item_type=inner)
            | types.DictType(value_type=inner)
        ):
            yield from _structs_in(inner)
        case types.UnionType(types=members):
            for member in members:
                yield from _structs_in(member)


def _table(struct: type[Struct]) -> Iterator[str]:
    yield from ("| key | what it takes | default | meaning |", "|---|---|---|---|")
    for field in fields(struct):
        yield (
            f"| `{field.name}` | {cell(type_in_words(field.type))} | {cell(default_in_words(field))} "
            f"| {cell(field.about)} |"
        )
    yield ""
