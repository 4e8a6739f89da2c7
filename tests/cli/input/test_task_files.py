"""Files of tasks: whatever a spreadsheet or a program writes is read as it was meant, or refused with its line."""

import contextlib
import csv
import io
from collections.abc import Mapping, Sequence
from pathlib import Path

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from dispatcher.errors import UsageError
from dispatcher.task_rows.task_files import FileKind, TaskFile

text = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]))
one_directory = settings(suppress_health_check=[HealthCheck.function_scoped_fixture])


def read(path: Path, kind: FileKind | None = None) -> list[tuple[int, Mapping[str, object]]]:
    with TaskFile(str(path), kind) as file:
        return [(row.line, row.values) for row in file.rows()]


def file_of(directory: Path, content: bytes, name: str = "tasks.csv") -> Path:
    path = directory / name
    path.write_bytes(content)
    return path


@one_directory
@given(
    rows=st.integers(1, 4).flatmap(
        lambda width: st.lists(st.lists(text, min_size=width, max_size=width), max_size=5)
    ),
    dialect=st.sampled_from(["excel", "excel-tab", "unix"]),
    mark=st.sampled_from([b"", b"\xef\xbb\xbf"]),
)
def test_what_csv_writes_is_read_back(
    tmp_path: Path, rows: Sequence[Sequence[str]], dialect: str, mark: bytes
) -> None:
    columns = [f"column {number}" for number in range(len(rows[0]) if rows else 1)]
    # A lone line end in a cell is quoted by csv.writer only if the dialect's own line end has that character.
    written = io.StringIO(newline="")
    csv.writer(written, dialect, quoting=csv.QUOTE_ALL).writerows([columns, *rows])
    path = file_of(tmp_path, mark + written.getvalue().encode())
    kind = FileKind.TSV if dialect == "excel-tab" else FileKind.CSV
    expected = [dict(zip(columns, row, strict=True)) for row in rows if any(row)]
    assert [values for _, values in read(path, kind)] == expected


@one_directory
@given(rows=st.lists(st.dictionaries(st.text(), st.text() | st.integers() | st.booleans() | st.none())))
def test_what_json_writes_is_read_back(tmp_path: Path, rows: Sequence[Mapping[str, object]]) -> None:
    content = b"".join(msgspec.json.encode(row) + b"\n" for row in rows)
    found = read(file_of(tmp_path, content, "tasks.jsonl"))
    assert found == list(enumerate(rows, 1))


@one_directory
@given(content=st.binary(max_size=200), kind=st.sampled_from(FileKind))
def test_any_bytes_are_rows_or_refused_with_a_line(tmp_path: Path, content: bytes, kind: FileKind) -> None:
    path = file_of(tmp_path, content)
    try:
        found = read(path, kind)
    except UsageError as refused:
        line = str(refused).removeprefix(f"{path}:").split(":")[0]
        assert 1 <= int(line) <= content.count(b"\n") + 1
    else:
        assert all(1 <= line <= content.count(b"\n") + 1 for line, _ in found)


def test_a_row_has_the_line_where_it_begins(tmp_path: Path) -> None:
    csv_file = file_of(tmp_path, b'\r\na,b\r\n1,2\r\n\r\n"3\r\n\r\n","4"\r\n,\r\n5,6')
    assert [line for line, _ in read(csv_file)] == [3, 5, 9]
    json_file = file_of(tmp_path, b'{"a": 1}\r\n\n  \n{"a": 2}', "tasks.ndjson")
    assert [line for line, _ in read(json_file)] == [1, 4]


@pytest.mark.parametrize("name", ["a.csv", "a.CSV", "a.tsv", "a.jsonl", "a.ndjson", "a.json-lines"])
def test_an_empty_file_holds_no_rows(tmp_path: Path, name: str) -> None:
    assert read(file_of(tmp_path, b"\n\n", name)) == []


def test_excel_separates_by_semicolons_where_numbers_have_a_comma(tmp_path: Path) -> None:
    assert read(file_of(tmp_path, b"a;b\r\n1,5;2\r\n")) == [(2, {"a": "1,5", "b": "2"})]
    assert read(file_of(tmp_path, b"a,b\n1;5,2\n")) == [(2, {"a": "1;5", "b": "2"})]


@pytest.mark.parametrize(
    ("content", "complaint"),
    [
        (b"a,b\n1\n", ":2: 1 values, but the first line names 2 columns"),
        (b"a,b\n1,2\n\n1,2,3\n", ":4: 3 values"),
        (b"a,a\n", ":1: two columns are named 'a'"),
        (b"a,,b\n", ":1: column 2 has no name"),
        (b'a\n"1\n2\n3', ":2: the row that begins here is not valid CSV: unexpected end of data"),
        (b'a\nx\n"1"2\n', ":3: the row that begins here is not valid CSV"),
        (b"a\rb\r", ":1: the row that begins here is not valid CSV"),
        (b"a\nx\ncaf\xe9\n", ":3: byte 4 of the line, 0xe9, is not UTF-8"),
        (b"a\nx\0y\n", ":2: there is a NUL character"),
        (b"\xff\xfea\0", ":1: this is UTF-16"),
        (
            b",".join(b"c%d" % number for number in range(20_000)),
            ":1: there are 20,000 columns; at most 1,000",
        ),
        (
            b",".join(b"c%d" % number for number in range(200_000)),
            ":1: the line that names the columns has more",
        ),
        (b"a" * 1001 + b",b", ":1: the name of a column has 1,001 characters; at most 1,000 are read"),
        (b"a\n" + b"," * 1_000_000, ":2: 1000001 values, but the first line names 1 columns"),
        (
            b'a\n"' + b"x" * (33 * 2**20) + b'"',
            ":2: the row that begins here is not valid CSV: field larger than",
        ),
    ],
)
def test_csv_that_cannot_be_right_is_refused_with_its_line(
    tmp_path: Path, content: bytes, complaint: str
) -> None:
    with pytest.raises(UsageError) as refused:
        read(file_of(tmp_path, content))
    assert complaint in str(refused.value)


@pytest.mark.parametrize(
    ("content", "complaint"),
    [
        (b'{"a": 1}\n{"a": 1\n', ":2: this is not a JSON object: Input data was truncated"),
        (b'[{"a": 1}]', ":1: this is not a JSON object"),
        (b'{"a": "caf\xe9"}', ":1: byte 11 of the line, 0xe9, is not UTF-8"),
        (b'{"a": "\\ud800"}', ":1: this is not a JSON object"),
        (b"{}\n" + b" " * (64 * 2**20 + 1), ":2: the line is longer than 64 MiB"),
        (b'{"a":' + b"[" * 5000 + b"]" * 5000 + b"}", ":1: there are more than 100 levels of lists and obj"),
        (b'{"a":' + b"[" * 100 + b"]" * 100 + b"}", ":1: there are more than 100 levels of lists and obj"),
        (
            b"{" + b",".join(b'"k%d":1' % number for number in range(200_000)) + b"}",
            ":1: there are 200,000 col",
        ),
        (b'{"a":' + b"9" * 5000 + b"}", ":1: this is not a JSON object: Integer value out of range"),
        (b'{"a":1.' + b"9" * 5000 + b"}", ":1: this is not a JSON object: a number of 5,002 characters"),
    ],
    ids=["truncated", "array", "not utf-8", "surrogate", "long", "nested", "101", "keys", "digits", "places"],
)
def test_json_that_cannot_be_right_is_refused_with_its_line(
    tmp_path: Path, content: bytes, complaint: str
) -> None:
    with pytest.raises(UsageError) as refused:
        read(file_of(tmp_path, content, "tasks.jsonl"))
    assert complaint in str(refused.value)


def test_a_hundred_levels_are_read(tmp_path: Path) -> None:
    [(_, values)] = read(file_of(tmp_path, b'{"a":' + b"[" * 99 + b"]" * 99 + b"}", "tasks.jsonl"))
    assert list(values) == ["a"]


json_like = st.lists(
    st.sampled_from(
        [b"{", b"}", b"[", b"]", b",", b":", b'"a"', b'"', b"1", b"e9999", b"\\u", b"d800", b"0" * 50, b"\n"]
    )
).map(b"".join)


@one_directory
@given(content=json_like)
def test_anything_like_json_is_rows_or_refused(tmp_path: Path, content: bytes) -> None:
    with contextlib.suppress(UsageError):
        read(file_of(tmp_path, content), FileKind.JSONL)


def test_a_quotation_mark_without_its_partner_does_not_read_a_large_file_into_memory(tmp_path: Path) -> None:
    path = file_of(tmp_path, b'a\n"' + b"0123456789abcde\n" * 2**22)
    with TaskFile(str(path)) as file, pytest.raises(UsageError, match=r":2: .*field larger than"):
        list(file.rows())
    assert file.read_bytes < path.stat().st_size * 0.6


def test_a_name_that_does_not_say_what_is_in_it_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="does not say") as refused:
        read(file_of(tmp_path, b"{}", "tasks.json"))
    assert "--from-format" in str(refused.value.hint)
