"""Standard output: tables for people, and JSON, JSON lines and CSV for programs."""

import os
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated, TypeVar

import typer

from dispatcher.terminal import escaped, harmless, message

if TYPE_CHECKING:
    from msgspec import Struct

    from cli.show.tables import Column

    Row = TypeVar("Row", bound=Struct)


class Format(StrEnum):
    TABLE = "table"
    JSON = "json"
    JSONL = "jsonl"
    CSV = "csv"


class TextOrJson(StrEnum):
    TEXT = "text"
    JSON = "json"


class WriteFormat(StrEnum):
    TEXT = "text"
    NAME = "name"
    JSON = "json"


FormatOption = Annotated[Format, typer.Option("-o", "--format", help="Print in this format.")]
TextOrJsonOption = Annotated[TextOrJson, typer.Option("-o", "--format", help="Print in this format.")]
WriteFormatOption = Annotated[
    WriteFormat, typer.Option("-o", "--format", help="Print in this format; name is the names alone.")
]


def show_rows(
    kind: "type[Row]", rows: "Sequence[Row]", columns: "Sequence[Column[Row]]", output: Format, empty: str
) -> None:
    """Print ``rows`` in the given format; for a table without rows, print ``empty`` on standard error."""
    match output:
        case Format.JSON:
            write(to_json(rows))
        case Format.JSONL if rows:
            write("\n".join(to_json(row, indent=False) for row in rows))
        case Format.JSONL:
            pass
        case Format.CSV:
            write(to_csv(kind, rows), exact=True)
        case Format.TABLE if not rows:
            say(empty)
        case Format.TABLE:
            _show_table(rows, columns)


def _show_table(rows: "Sequence[Row]", columns: "Sequence[Column[Row]]") -> None:
    from cli.show.tables import table

    if not sys.stdout.isatty():
        write("\n".join(line.plain for line in table(rows, columns)))
        return
    from rich.console import Console

    console = Console(highlight=False)
    for line in table(rows, columns, console.width):
        console.print(line, soft_wrap=True)


def to_json(value: object, *, indent: bool = True) -> str:
    """Return JSON with times as RFC 3339 and money as numbers; what a terminal obeys or hides is escaped."""
    import msgspec

    encoded = msgspec.json.Encoder(decimal_format="number").encode(value)
    return escaped((msgspec.json.format(encoded, indent=2) if indent else encoded).decode())


def to_csv(kind: "type[Row]", rows: "Sequence[Row]") -> str:
    """Return a heading and a line for each row; lists and objects are JSON. As in RFC 4180, except for line ends."""
    import csv
    import io
    from decimal import Decimal

    import msgspec

    names = [field.name for field in msgspec.structs.fields(kind)]
    lines = io.StringIO()
    writer = csv.writer(lines, lineterminator="\n")
    writer.writerow(names)
    for row in msgspec.to_builtins(rows, builtin_types=(Decimal,)):
        writer.writerow(
            to_json(row[name], indent=False) if isinstance(row[name], dict | list) else row[name]
            for name in names
        )
    return lines.getvalue().removesuffix("\n")


def has_screen() -> bool:
    """Whether standard output is a terminal that we can draw on."""
    return sys.stdout.isatty() and os.environ.get("TERM", "dumb") not in ("", "dumb")


def write(text: str, *, exact: bool = False) -> None:
    """Print lines to standard output at once, without characters that a terminal obeys or hides.

    With ``exact`` the text stays as it is, unless standard output is a terminal.
    """
    print(text if exact and not sys.stdout.isatty() else harmless(text), flush=True)  # noqa: T201


def say(text: str) -> None:
    """Print a remark for people to standard error."""
    print(harmless(text), file=sys.stderr)  # noqa: T201


def complain(error: str, hint: str | None = None) -> None:
    """Print what went wrong and what to do. Quoted input may contain anything and have any length."""
    say(f"error: {message(error)}")
    if hint:
        say(f"hint: {message(hint)}")


@contextmanager
def interrupts_say(what: Callable[[], str]) -> Iterator[None]:
    """At Ctrl-C, say ``what`` goes on: it ends only the waiting, which people may not expect."""
    try:
        yield
    except KeyboardInterrupt:
        say(f"interrupted: {what()}")
        raise
