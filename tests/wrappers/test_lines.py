"""Cutting and cleaning what agents print."""

from hypothesis import given
from hypothesis import strategies as st

from wrappers.lines import LineCutter
from wrappers.text import last_words, one_line, storable


@given(st.lists(st.binary(max_size=30)))
def test_lines_do_not_depend_on_chunks(chunks: list[bytes]) -> None:
    cutter = LineCutter()
    lines = [line for chunk in chunks for line in cutter.feed(chunk)]
    rest = cutter.rest()

    assert [*lines, rest] == [
        *filter(None, b"".join(chunks).split(b"\n")[:-1]),
        b"".join(chunks).split(b"\n")[-1],
    ]


def test_a_line_that_is_too_long_is_passed_over_and_the_next_is_read() -> None:
    cutter = LineCutter(longest=10)
    chunks = [b"short\n", b"much too l", b"ong for this\nnext\n", b"x" * 11]

    assert [line for chunk in chunks for line in cutter.feed(chunk)] == [b"short", b"next"]
    assert cutter.rest() == b""


def test_an_endless_line_holds_no_memory() -> None:
    cutter = LineCutter(longest=1_000)
    for _ in range(10_000):
        assert list(cutter.feed(b"x" * 1_000)) == []

    assert cutter.rest() == b""


@given(st.text(), st.integers(1, 50))
def test_one_line_is_one_short_line_without_control_characters(text: str, limit: int) -> None:
    line = one_line(text, limit)

    assert len(line) <= limit
    assert line.isprintable() or not any(ord(character) < 32 for character in line)


def test_terminal_sequences_are_taken_out() -> None:
    assert one_line("\x1b[1;31mred\x1b[0m \x1b]0;title\x07and\r\nplain", 100) == "red and plain"


@given(st.text(alphabet=st.characters(exclude_categories=())))
def test_storable_text_is_utf8_without_nul(text: str) -> None:
    clean = storable(text)

    clean.encode()
    assert "\0" not in clean


def test_the_last_words_are_a_message_and_no_stack_trace() -> None:
    stderr = "starting\nError: no such model\n    at run (cli.js:1)\n    at main (cli.js:2)\n}\n"

    assert last_words(stderr) == "Error: no such model"
    assert last_words("  indented only  ") == "indented only"
    assert last_words("") == ""
