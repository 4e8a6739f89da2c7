"""A call of an SQL function as a value: what is sent, and how the result is read. Nothing here does I/O."""

from collections.abc import Callable, Mapping, Sequence
from functools import cache, partial
from typing import Generic, TypeVar

import msgspec
from msgspec import Struct

Result = TypeVar("Result", covariant=True)
Row = TypeVar("Row", bound=Struct)
Rows = Sequence[Sequence[object]]
"""What a driver returns: the columns of each row in the order in which they were selected."""


class Reading(Struct, Generic[Result], frozen=True):
    """How a result is selected (``{}`` stands for the call), and what its rows become."""

    select: str
    read: Callable[[Rows], Result]


class Call(Struct, Generic[Result], frozen=True):
    """One call. Its arguments are named without the ``p_`` of the SQL parameter, so their order does not matter.

    ``binary`` is for results with a bytea, which takes twice as many bytes as text. ``result_size`` is how many bytes
    the result may have, where that can be too many for the usual time limit on a slow line.
    """

    function: str
    arguments: Mapping[str, object]
    reading: Reading[Result]
    binary: bool = False
    result_size: int = 0

    @property
    def statement(self) -> bytes:
        """The SQL text, with a ``%s`` for each of :attr:`values`."""
        return _statement(self.function, tuple(self.arguments), self.reading.select)

    @property
    def values(self) -> list[object]:
        return list(self.arguments.values())

    @property
    def size(self) -> int:
        """About how many bytes the larger direction moves."""
        sent = sum(len(value) for value in self.arguments.values() if isinstance(value, str | bytes))
        return max(sent, self.result_size)

    def read(self, rows: Rows) -> Result:
        return self.reading.read(rows)


def given(**optional: object) -> dict[str, object]:
    """Return the arguments that are not None; the others take the default of the SQL function."""
    return {name: value for name, value in optional.items() if value is not None}


def as_json(value: object) -> str:
    """Return an argument of type jsonb."""
    return _JSON.encode(value).decode()


def as_array(values: Sequence[str] | None) -> list[str] | None:
    """Return an argument of an array type: the driver knows lists only."""
    return None if values is None else list(values)


def many(row: type[Row]) -> Reading[list[Row]]:
    """Read a list of ``row``, which names the columns to select."""
    return Reading(_select(row), partial(_read_many, row))


def one(row: type[Row]) -> Reading[Row]:
    """Read exactly one ``row``."""
    return Reading(_select(row), partial(_read_one, row))


def value(kind: type[Result], cast: str = "") -> Reading[Result]:
    """Read one value, which PostgreSQL converts to the type ``cast`` first, if there is one."""
    return Reading(f"SELECT {{}}::{cast}" if cast else "SELECT {}", partial(_read_value, kind))


def _select(row: type[Row]) -> str:
    return f"SELECT {', '.join(row.__struct_fields__)} FROM {{}}"  # noqa: S608 - the names are those of our structs


def _read_many(row: type[Row], rows: Rows) -> list[Row]:
    names = row.__struct_fields__
    return [msgspec.convert(dict(zip(names, columns, strict=True)), row) for columns in rows]


def _read_one(row: type[Row], rows: Rows) -> Row:
    [result] = _read_many(row, rows)
    return result


def _read_value(kind: type[Result], rows: Rows) -> Result:
    return msgspec.convert(rows[0][0], kind)


@cache
def _statement(function: str, arguments: tuple[str, ...], select: str) -> bytes:
    named = ", ".join(f"p_{argument} => %s" for argument in arguments)
    return select.format(f"{function}({named})").encode()


OPTIONAL_TEXT: Reading[str | None] = Reading(
    "SELECT {}", lambda rows: None if rows[0][0] is None else str(rows[0][0])
)
NOTHING: Reading[None] = Reading("SELECT {}", lambda _: None)
_JSON = msgspec.json.Encoder(decimal_format="number")
