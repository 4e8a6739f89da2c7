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
            case other:
                yield from (
                    f"## {section.name}",
                    "",
                    section.about,
                    "",
                    f"{type_in_words(other).capitalize()}.",
                    "",
                )


def _table(struct: type[Struct]) -> Iterator[str]:
    yield from ("| key | what it takes | default | meaning |", "|---|---|---|---|")
    for field in fields(struct):
        yield (
            f"| `{field.name}` | {cell(type_in_words(field.type))} | {cell(default_in_words(field))} "
            f"| {cell(field.about)} |"
        )
    yield ""
