"""A patch on a terminal: nothing in it is obeyed, and nothing is hidden."""

import re

from hypothesis import given
from hypothesis import strategies as st

from cli.show.changes.lists import stat_of
from cli.show.changes.patches import lines_of, shown
from dispatcher.terminal import harmless, visible
from sql.rows.changes import ChangeRow, FileStat

PATCH = (
    b"diff --git a/code b/code\nindex 1..2 100644\n--- a/code\n+++ b/code\n@@ -1,2 +1,2 @@ def f():\n"
    b"--- a comment\n+++ another\n same\n--- not in a hunk\n"
)


def test_lines_of_a_hunk_are_coloured_by_what_they_do_also_if_they_look_like_a_heading() -> None:
    lines = list(shown(lines_of([PATCH]), colours=True))
    assert lines[5] == "\x1b[31m--- a comment\x1b[0m"
    assert lines[6] == "\x1b[32m+++ another\x1b[0m"
    assert lines[8] == "\x1b[1m--- not in a hunk\x1b[0m"
    assert list(shown(lines_of([PATCH]), colours=False)) == PATCH.decode().splitlines()


def test_what_a_terminal_obeys_or_hides_is_written_out() -> None:
    hostile = b"+if admin\xe2\x80\xae:\x1b[2Jx\x7f\r\n"
    assert list(shown(lines_of([hostile]), colours=False)) == ["+if admin<U+202E>:^[[2Jx^?^M"]
    assert list(shown(lines_of([b"+\xff\tz"]), colours=False)) == ["+�\tz"]


def test_a_line_without_end_does_not_bury_the_rest() -> None:
    [line] = shown(lines_of([b"+" + b"x" * 1_000_000]), colours=False)
    assert line.endswith("… 980,001 more bytes")
    assert len(line) < 21_000


@given(st.text())
def test_nothing_that_is_made_visible_is_obeyed(text: str) -> None:
    made = visible(text.replace("\n", ""))
    assert harmless(made) == made
    assert re.search(r"[\x00-\x08\x0b-\x1f\x7f]", made) is None


@given(st.binary(max_size=200), st.integers(1, 7))
def test_lines_are_the_same_however_a_patch_is_cut(patch: bytes, size: int) -> None:
    chunks = [patch[at : at + size] for at in range(0, len(patch), size)]
    lines = patch.split(b"\n")
    assert list(lines_of(chunks)) == (lines if lines[-1] else lines[:-1])


def test_a_stat_names_how_many_files_it_leaves_out_and_shows_at_least_a_sign() -> None:
    stat = [
        FileStat(path="big", insertions=10_000, deletions=1),
        FileStat(path="a/very/long/path/" + "x" * 60, insertions=1, deletions=0),
        FileStat(path="line\nend", insertions=None, deletions=None),
    ]
    change = ChangeRow(
        number=1, name=None, status="succeeded", repository="x", run_no=1, source="/x", base_commit="1", ref="r",
        head_commit="2", files=700, insertions=10_001, deletions=1, stat=stat, problem=None, kept_in=None,
        check_command=None, check_timeout_s=None, check_verdict=None, approval=None,
    )  # fmt: skip
    lines = stat_of(change).splitlines()
    assert all(len(line) <= 80 for line in lines)
    assert lines[0].rstrip().endswith("+-")
    assert "…" in lines[1]
    assert lines[2].split() == ["line", "end", "|", "Bin"]
    assert lines[3:] == [" … and 697 more files", " 700 files changed, 10,001 insertions(+), 1 deletion(-)"]
