"""Standard output: tables for people, and JSON, JSON lines and CSV for programs."""

import os
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated, TextIO, TypeVar

import typer

from dispatcher.terminal import escaped, harmless, message

if TYPE_CHECKING:
    from msgspec import Struct

    from cli.show.tables import Column

    Row = TypeVar("Row", bound=Struct)
    Line = TypeVar("Line")


class Format(StrEnum):
    TABLE = "table"
    JSON = "json"
    JSONL = "jsonl"
    CSV = "csv"


class TextOrJson(StrEnum):
    TEXT = "text"
    JSON = "json"


class WriteFormat(StrEnum):
    """The formats of verbs that write: ``name`` is the names alone, and of tasks their numbers."""

    TEXT = "text"
    NAME = "name"
    JSON = "json"

    @property
    def for_results(self) -> TextOrJson:
        """The format of what has no name, such as the result of a task."""
        return TextOrJson.JSON if self is WriteFormat.JSON else TextOrJson.TEXT


FormatOption = Annotated[Format, typer.Option("-o", "--format", help="Print in this format.")]
TextOrJsonOption = Annotated[TextOrJson, typer.Option("-o", "--format", help="Print in this format.")]
WriteFormatOption = Annotated[
    WriteFormat,
    typer.Option("-o", "--format", help="Print in this format; name is the names or numbers alone."),
]


def show_rows(
    kind: "type[Row]", rows: "Sequence[Row]", columns: "Sequence[Column[Row]]", output: Format, empty: str
) -> None:
    """Print ``rows`` in the given format; for a table without rows, print ``empty`` on standard error."""
    if output is not Format.TABLE:
        write_rows(kind.__struct_fields__, [rows], output)
    elif rows:
        show_table(rows, columns)
    else:
        say(empty)


def show_written(output: WriteFormat, words: str, names: "Sequence[str]", rows: "Sequence[object]") -> None:
    """Print what a verb did: in words, or the names or the objects that it did it to."""
    match output:
        case WriteFormat.TEXT:
            write(words)
        case WriteFormat.NAME:
            write("\n".join(names))
        case WriteFormat.JSON:
            write(to_json(rows))


def write_rows(names: "Sequence[str]", pages: "Iterable[Sequence[object]]", output: Format) -> None:
    """Print objects with these fields for programs, each page as soon as it is there."""
    for piece in _PIECES[output](names, pages):
        # A terminal obeys what CSV quotes; of JSON nothing is left that it would obey.
        print(harmless(piece) if sys.stdout.isatty() else piece, end="", flush=True)  # noqa: T201


def _json_pieces(_: "Sequence[str]", pages: "Iterable[Sequence[object]]") -> "Iterator[str]":
    opening = "[\n  "
    for page in filter(None, pages):
        yield opening + ",\n  ".join(to_json(row).replace("\n", "\n  ") for row in page)
        opening = ",\n  "
    yield "[]\n" if opening[0] == "[" else "\n]\n"


def _json_lines(_: "Sequence[str]", pages: "Iterable[Sequence[object]]") -> "Iterator[str]":
    for page in pages:
        yield "".join(to_json(row, indent=False) + "\n" for row in page)


def _csv_pieces(names: "Sequence[str]", pages: "Iterable[Sequence[object]]") -> "Iterator[str]":
    """A heading and a line for each row; lists and objects are JSON. As in RFC 4180, except for line ends."""
    import csv
    import io
    from decimal import Decimal

    import msgspec

    lines = io.StringIO()
    writer = csv.writer(lines, lineterminator="\n")
    writer.writerow(names)
    yield lines.getvalue()
    for page in pages:
        lines.seek(0)
        lines.truncate()
        for row in msgspec.to_builtins(page, builtin_types=(Decimal,)):
            writer.writerow(
                to_json(row[name], indent=False) if isinstance(row[name], dict | list) else row[name]
                for name in names
            )
        yield lines.getvalue()


_PIECES = {Format.JSON: _json_pieces, Format.JSONL: _json_lines, Format.CSV: _csv_pieces}


def show_table(
    rows: "Sequence[Row]",
    columns: "Sequence[Column[Row]]",
    *,
    wide: bool = False,
    below: "Callable[[Row], str] | None" = None,
) -> None:
    """Print a table: as broad as the terminal, or as its content if it is ``wide`` or goes elsewhere.

    ``below`` returns a line that follows the one of a row; it is not cut.
    """
    from cli.show.tables import table

    follows = ["", *map(below, rows)] if below else []
    if not sys.stdout.isatty():
        lines = [line.plain for line in table(rows, columns)]
        write("\n".join(_interleaved(lines, follows)))
        return
    from rich.console import Console

    console = Console(highlight=False)
    for line in _interleaved(table(rows, columns, None if wide else console.width), follows):
        console.print(harmless(line) if isinstance(line, str) else line, soft_wrap=True, markup=False)


def _interleaved(lines: "Sequence[Line]", follows: "Sequence[str]") -> "Iterator[Line | str]":
    for place, line in enumerate(lines):
        yield line
        if place < len(follows) and follows[place]:
            yield follows[place]


def to_json(value: object, *, indent: bool = True) -> str:
    """Return JSON with times as RFC 3339 and money as numbers; what a terminal obeys or hides is escaped."""
    import msgspec

    encoded = msgspec.json.Encoder(decimal_format="number").encode(value)
    return escaped((msgspec.json.format(encoded, indent=2) if indent else encoded).decode())


def has_screen(stream: TextIO | None = None) -> bool:
    """Whether a stream, standard output unless given, is a terminal that we can draw on."""
    return (stream or sys.stdout).isatty() and os.environ.get("TERM", "dumb") not in ("", "dumb")


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
    """At Ctrl-C, say ``what`` was done by then, or goes on although the command ends."""
    try:
        yield
    except KeyboardInterrupt:
        say(f"interrupted: {what()}")
        raise
