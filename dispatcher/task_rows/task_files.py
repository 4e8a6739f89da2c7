"""Files of tasks: JSON lines, and CSV as Excel and databases write it. They are read line by line."""

import csv
import os
import stat
import sys
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum
from pathlib import Path
from types import TracebackType
from typing import BinaryIO

import msgspec

from dispatcher.configuration.given_files import unreadable
from dispatcher.errors import UsageError

MOST_LINE_BYTES = 64 * 2**20
"""A prompt has at most 32 MiB, and JSON may write it twice as long. A file without line ends stops here, too."""

MOST_CELL_CHARACTERS = 32 * 2**20
"""A bound, so that a quotation mark without its partner does not read the rest of a large file into memory."""

MOST_COLUMNS = 1_000
MOST_NAME_CHARACTERS = 1_000
"""The longest name of a column. Each name is compared with the names of fields, and remembered."""

MOST_HEADER_CHARACTERS = 2**20

MOST_LEVELS = 100
"""The most levels of lists and objects within each other. The database takes some thousands."""

MOST_DIGITS = 100
_LARGEST_EXPONENT = 308
"""The largest exponent of floating point, which every reader of JSON takes."""


class FileKind(StrEnum):
    JSONL = "jsonl"
    CSV = "csv"
    TSV = "tsv"


_KINDS = {
    ".jsonl": FileKind.JSONL,
    ".ndjson": FileKind.JSONL,
    ".json-lines": FileKind.JSONL,
    ".csv": FileKind.CSV,
    ".tsv": FileKind.TSV,
}


@dataclass(frozen=True, slots=True)
class Row:
    """The ``values`` of a row by column or key: text in CSV, any type in JSON. ``line`` is its first line."""

    line: int
    values: Mapping[str, object]


class TaskFile:
    """A file of rows; ``path`` is - for standard input. With ``source`` it only names what that holds.

    A context manager, which closes the file.

    Without ``kind`` the name says what the file is, and standard input is JSON lines. Raises :class:`UsageError`.
    """

    def __init__(self, path: str, kind: FileKind | None = None, source: BinaryIO | None = None) -> None:
        self.name = "standard input" if path == "-" else path
        self._kind = kind or _kind_of(path)
        try:
            self._source = source or (sys.stdin.buffer if path == "-" else Path(path).open("rb"))  # noqa: SIM115
        except (OSError, ValueError) as error:
            raise unreadable(path, error) from error
        self.read_bytes = 0
        self._line = 0

    def __enter__(self) -> "TaskFile":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._source is not sys.stdin.buffer:
            self._source.close()

    @property
    def total_bytes(self) -> int | None:
        """The size of the file; None if nobody knows it, as for a pipe."""
        state = os.fstat(self._source.fileno())
        return state.st_size if stat.S_ISREG(state.st_mode) else None

    def wrong(self, line: int, message: str, *, hint: str | None = None) -> UsageError:
        """Return an error about a line."""
        return UsageError(f"{self.name}:{line}: {message}", hint=hint)

    def rows(self) -> Iterator[Row]:
        """Yield each row that is not blank. Raises :class:`UsageError` with the line that cannot be read."""
        match self._kind:
            case FileKind.JSONL:
                return self._json_rows()
            case FileKind.CSV:
                return self._csv_rows(None)
            case FileKind.TSV:
                return self._csv_rows("\t")

    def _json_rows(self) -> Iterator[Row]:
        decoder = msgspec.json.Decoder(dict[str, object], float_hook=_decimal)  # 1.50 stays 1.50
        for number, line in self._lines():
            if not line or line.isspace():
                continue
            try:
                values = decoder.decode(line)
            except (UnicodeDecodeError, msgspec.DecodeError) as error:
                self._decoded(number, line)
                is_piped = self._source is sys.stdin.buffer
                hint = None
                if line.lstrip().startswith(b"["):
                    array = "" if is_piped else f" {self.name}"
                    hint = f"write one object a line: `jq -c '.[]'{array}` turns an array into lines"
                elif is_piped and number == 1:
                    hint = "standard input is read as JSON lines; for CSV add --from-format csv"
                raise self.wrong(number, f"this is not a JSON object: {error}", hint=hint) from error
            except RecursionError as error:
                raise self._nested_too_deep(number) from error
            self._check_names(number, values)
            self._check_levels(number, line, values)
            yield Row(number, values)

    def _check_names(self, line: int, names: Collection[str]) -> None:
        if len(names) > MOST_COLUMNS:
            raise self.wrong(line, f"there are {len(names):,} columns; at most {MOST_COLUMNS:,} are read")
        for name in names:
            if len(name) > MOST_NAME_CHARACTERS:
                what = f"the name of a column has {len(name):,} characters; at most {MOST_NAME_CHARACTERS:,} are read"
                raise self.wrong(line, what)

    def _check_levels(self, number: int, line: bytes, values: Mapping[str, object]) -> None:
        if len(line) <= MOST_LEVELS:
            return  # as most are
        if line.count(b"[") + line.count(b"{") > MOST_LEVELS and _levels(values) > MOST_LEVELS:
            raise self._nested_too_deep(number)

    def _nested_too_deep(self, line: int) -> UsageError:
        return self.wrong(
            line, f"there are more than {MOST_LEVELS} levels of lists and objects in each other"
        )

    def _csv_rows(self, delimiter: str | None) -> Iterator[Row]:
        csv.field_size_limit(MOST_CELL_CHARACTERS)
        lines = self._text_lines()
        header = next((line for line in lines if line.strip()), None)
        if header is None:
            return
        began = self._line
        if len(header) > MOST_HEADER_CHARACTERS:
            what = f"the line that names the columns has more than {MOST_HEADER_CHARACTERS:,} characters"
            raise self.wrong(began, what)
        rows = csv.reader(_chain(header, lines), delimiter=delimiter or _delimiter_of(header), strict=True)
        columns: Sequence[str] | None = None
        while True:
            try:
                cells = next(rows, None)
            except csv.Error as error:
                raise self.wrong(began, f"the row that begins here is not valid CSV: {error}") from error
            if cells is None:
                return
            if columns is None:
                columns = self._columns(cells, began)
            elif any(cells) or len(cells) > MOST_COLUMNS:
                if len(cells) != len(columns):
                    raise self.wrong(
                        began,
                        f"{len(cells)} values, but the first line names {len(columns)} columns",
                        hint="put a value with a comma or a line end between quotation marks",
                    )
                yield Row(began, dict(zip(columns, cells, strict=True)))
            began = self._line + 1

    def _columns(self, cells: Sequence[str], line: int) -> Sequence[str]:
        columns = [cell.strip() for cell in cells]
        self._check_names(line, columns)
        for position, column in enumerate(columns, 1):
            if not column:
                raise self.wrong(line, f"column {position} has no name")
            if column in columns[: position - 1]:
                raise self.wrong(line, f"two columns are named {column!r}")
        return columns

    def _text_lines(self) -> Iterator[str]:
        for number, line in self._lines():
            self._line = number
            text = self._decoded(number, line)
            if "\0" in text:
                raise self.wrong(number, "there is a NUL character, which the database cannot store")
            yield text

    def _lines(self) -> Iterator[tuple[int, bytes]]:
        """Yield the number and the content of each line, without a byte order mark."""
        number = 0
        try:
            while line := self._source.readline(MOST_LINE_BYTES + 1):
                number += 1
                self.read_bytes += len(line)
                if len(line) > MOST_LINE_BYTES:
                    raise self.wrong(number, f"the line is longer than {MOST_LINE_BYTES // 2**20} MiB")
                if number == 1:
                    if line.startswith((b"\xff\xfe", b"\xfe\xff")):
                        raise self.wrong(1, "this is UTF-16", hint="save it as UTF-8; Excel: CSV UTF-8")
                    line = line.removeprefix(b"\xef\xbb\xbf")
                yield number, line
        except OSError as error:
            raise unreadable(self.name, error) from error

    def _decoded(self, number: int, line: bytes) -> str:
        try:
            return line.decode()
        except UnicodeDecodeError as error:
            raise self.wrong(
                number,
                f"byte {error.start + 1} of the line, {line[error.start]:#04x}, is not UTF-8",
                hint="save it as UTF-8; Excel: CSV UTF-8",
            ) from error


def _decimal(number: str) -> Decimal:
    """Return the number as it was written. Raises ValueError if it cannot be used as a number."""
    if len(number) > MOST_DIGITS:
        raise ValueError(f"a number of {len(number):,} characters; at most {MOST_DIGITS} are read")
    try:
        found = Decimal(number)
    except ArithmeticError:  # of an exponent without end
        found = Decimal("inf")
    if not found.is_finite() or abs(found.adjusted()) > _LARGEST_EXPONENT:
        raise ValueError(f"{number} is too large or too small for a number")
    return found


def _levels(value: object) -> int:
    """Count the levels of lists and objects within each other."""
    levels, parts = 0, [value]
    while parts := [part for part in parts if isinstance(part, list | dict)]:
        levels += 1
        parts = [inner for part in parts for inner in (part.values() if isinstance(part, dict) else part)]
    return levels


def _kind_of(path: str) -> FileKind:
    if path == "-":
        return FileKind.JSONL
    kind = _KINDS.get(Path(path).suffix.casefold())
    if kind is None:
        raise UsageError(
            f"the name of {path!r} does not say what is in it",
            hint="name it .jsonl, .csv or .tsv, or add --from-format",
        )
    return kind


def _delimiter_of(header: str) -> str:
    """Excel separates by semicolons where numbers have a decimal comma."""
    return ";" if ";" in header and "," not in header else ","


def _chain(first: str, rest: Iterator[str]) -> Iterator[str]:
    yield first
    yield from rest
