"""What the source says about the fields of a struct: their types in words, and the text below each."""

import ast
import inspect
import sys
from collections.abc import Iterator, Mapping
from functools import cache
from typing import NamedTuple

from msgspec import NODEFAULT, Struct
from msgspec import inspect as types

_PLAIN: Mapping[type, str] = {
    types.BoolType: "true or false",
    types.StrType: "text",
    types.DateTimeType: "time (RFC 3339)",
    types.UUIDType: "uuid",
    types.DecimalType: "number",
    types.FloatType: "number",
    types.IntType: "whole number",
    types.AnyType: "any value",
    types.CustomType: "any value",
}


class FieldText(NamedTuple):
    name: str
    type: types.Type
    default: object
    """The default, or NODEFAULT."""
    about: str

    @property
    def may_be_missing(self) -> bool:
        return isinstance(self.type, types.UnionType) and self.type.includes_none


def fields(struct: type[Struct]) -> Iterator[FieldText]:
    """Return the fields of a struct in order, as the source has them."""
    about = _texts(struct)
    described = types.type_info(struct)
    assert isinstance(described, types.StructType)
    for field in described.fields:
        default = field.default if field.default_factory is NODEFAULT else field.default_factory()
        yield FieldText(field.encode_name, field.type, default, about.get(field.name, ""))


def about(struct: type[Struct]) -> str:
    """Return the docstring of a struct as a paragraph or several."""
    return as_text(inspect.getdoc(struct) or "")


def as_text(docstring: str) -> str:
    """Return a docstring as Markdown: names in single backticks, each paragraph in one line."""
    paragraphs = inspect.cleandoc(docstring).replace("``", "`").split("\n\n")
    return "\n\n".join(" ".join(paragraph.split()) for paragraph in paragraphs)


def type_in_words(type_: types.Type) -> str:
    """Return the type of a value for people: ``whole number, 1 to 1000``, ``list of text``."""
    match type_:
        case types.Metadata(type=inner, extra_json_schema=extra):
            described = (extra or {}).get("description")
            # Such a description begins with an article and may end with an example.
            return str(described).partition(", ")[0].partition(" ")[2] if described else type_in_words(inner)
        case types.UnionType(types=members):
            kept = [member for member in members if not isinstance(member, types.NoneType)]
            return " or ".join(dict.fromkeys(map(type_in_words, kept)))
        case types.LiteralType(values=values):
            return ", ".join(f"`{value}`" for value in values)
        case types.IntType(ge=int(least), le=int(most)):
            return f"whole number, {least} or more" if most > 2**30 else f"whole number, {least} to {most}"
        case types.DictType(key_type=types.IntType(), value_type=value):
            return f"map of whole numbers to {type_in_words(value)}"
        case types.DictType(value_type=value):
            return f"map of names to {type_in_words(value)}"
        case types.CollectionType(item_type=item) | types.VarTupleType(item_type=item):
            return f"list of {type_in_words(item)}"
        case types.StructType(cls=struct):
            return f"[{struct.__name__}](#{struct.__name__.lower()})"
    return _PLAIN[type(type_)]


def default_in_words(field: FieldText) -> str:
    """Return the default of a setting as config.yaml would have it, with a unit where it takes one."""
    takes = type_in_words(field.type)
    match field.default:
        case value if value is NODEFAULT:
            return "required"
        case bool(value):
            return f"`{str(value).lower()}`"
        case int(value) if takes.startswith("size"):
            return f"`{value >> 20}MiB`" if value % 2**20 == 0 else f"`{value}`"
        case int(value) | float(value) if takes.startswith("length of time"):
            return f"`{_as_typed(value)}`"
        case int(value) | float(value):
            return f"`{value:g}`"
        case str(value):
            return f"`{value}`"
    return "none"


def _as_typed(seconds: float) -> str:
    """Return a length of time in the largest unit that makes it a whole number: ``10m``."""
    unit, length = next(
        (u, n) for u, n in (("d", 86_400), ("h", 3600), ("m", 60), ("s", 1)) if seconds % n == 0
    )
    return f"{seconds / length:g}{unit}"


def cell(text: str) -> str:
    """Return text that may stand in a table."""
    return text.replace("|", "\\|").replace("\n\n", " ").replace("\n", " ")


@cache
def _texts(struct: type[Struct]) -> Mapping[str, str]:
    """Return the text that stands below each field of a struct in the source."""
    tree = ast.parse(inspect.getsource(sys.modules[struct.__module__]))
    found = next(
        node for node in tree.body if isinstance(node, ast.ClassDef) and node.name == struct.__name__
    )
    texts: dict[str, str] = {}
    for field, below in zip(found.body, found.body[1:], strict=False):
        match field, below:
            case (
                ast.AnnAssign(target=ast.Name(id=name)),
                ast.Expr(value=ast.Constant(value=str(text))),
            ):
                texts[name] = as_text(text)
    return texts
