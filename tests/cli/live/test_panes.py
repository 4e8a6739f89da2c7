"""A text over the list: it is wrapped, can be scrolled, and follows its end if it is a log."""

from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len

from cli.live.panes import LONGEST, Pane


def test_a_log_follows_its_end_until_somebody_scrolls_up() -> None:
    log = Pane("log", 1, is_log=True, top=None, room=3).grown("1\n2\n3\n4")
    assert list(log.seen()) == ["2", "3", "4"]
    assert list(log.grown("\n5").seen()) == ["3", "4", "5"]
    up = log.scrolled(0)
    assert list(up.grown("\n5").seen()) == ["1", "2", "3"]
    assert list(up.scrolled(99).grown("\n5").seen()) == ["3", "4", "5"]


def test_output_may_come_in_the_middle_of_a_line() -> None:
    assert Pane("log").grown("hel").grown("lo\nwor").grown("ld").lines == ["hello", "world"]


def test_a_text_that_is_read_again_stays_where_it_was() -> None:
    text = Pane("task", 1, room=2).filled("a\nb\nc\nd").scrolled(1)
    assert list(text.filled("a\nB\nC\nd").seen()) == ["B", "C"]


def test_lines_go_on_in_the_next_row_at_a_word() -> None:
    assert Pane("task").filled("one two three").fitted(8, 9).rows == ["one two", "three"]


def test_what_a_terminal_obeys_is_taken_out() -> None:
    assert Pane("log").grown("a\x1b[2Jb\x07\x9b5A").rows == ["ab"]


def test_a_long_log_keeps_its_end() -> None:
    assert len(Pane("log").grown("x\n" * (LONGEST * 2)).lines) == LONGEST


def test_a_line_of_a_megabyte_is_wrapped_as_any_other() -> None:
    line = "x" * 2**20
    shown = Pane("log").grown(line)
    assert "".join(shown.rows) == line
    assert {len(row) for row in shown.rows} == {80, 2**20 % 80}
    assert shown.fitted(80, shown.room) is shown, "what has its size is not wrapped again with each frame"


@given(st.text(max_size=200), st.integers(2, 30))
def test_no_row_is_wider_than_the_window(text: str, width: int) -> None:
    shown = Pane("task").filled(text).fitted(width, 10)
    assert all(cell_len(row) <= width for row in shown.rows)
