"""A patch is shown with every line where it belongs, however odd the names; and whatever it holds stays text."""

import os
import re
import subprocess
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dispatcher.api.page.task.patches import LONGEST_LINE, Bounds, ShownFile, ShownPatch, shown

ROOM = Bounds(files=100, lines=1_000, characters=100_000)
ENVIRONMENT = {
    "PATH": os.environ["PATH"],
    "GIT_CONFIG_GLOBAL": "/dev/null",
    "GIT_CONFIG_NOSYSTEM": "1",
    **{f"GIT_{who}_{what}": "a@b" for who in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL")},
}


class Tree:
    """A repository whose changes since its first commit make the patch."""

    def __init__(self, path: Path, **files: bytes) -> None:
        self.path = path
        self._git("init", "--quiet")
        for name, content in files.items():
            (path / name).write_bytes(content)
        self._git("add", "--all")
        self._git("commit", "--quiet", "--allow-empty", "--message", "base")

    def patch(self, *options: str) -> bytes:
        self._git("add", "--all")
        return self._git("diff", "--cached", "--binary", "--full-index", *options, "HEAD")

    def _git(self, *arguments: str) -> bytes:
        return subprocess.run(
            ["git", *arguments], cwd=self.path, env=ENVIRONMENT, check=True, capture_output=True
        ).stdout


def only(patch: ShownPatch) -> ShownFile:
    [file] = patch.files
    return file


def text_of(file: ShownFile) -> str:
    """Return the lines without the markup, whose text has no tags of its own."""
    return re.sub("<[^>]*>", "", file.html)


def test_lines_are_shown_with_what_became_of_them(tmp_path: Path) -> None:
    tree = Tree(tmp_path, poem=b"one\ntwo\nthree\n")
    (tmp_path / "poem").write_bytes(b"one\n2 < 3\nthree")
    file = only(shown(tree.patch(), ROOM))
    assert (file.path, file.insertions, file.deletions, file.cut) == ("poem", 2, 2, False)
    assert file.html == (
        '<span class="at">@@ -1,3 +1,3 @@\n</span><span class="same"> one\n</span>'
        '<span class="del">-two\n-three\n</span>'
        '<span class="add">+2 &lt; 3\n+three\n</span><span class="note">\\ No newline at end of file\n</span>'
    )


def test_lines_that_look_like_headers_are_lines(tmp_path: Path) -> None:
    looks = b"-- a comment\n++ b\n@@ -1 +1 @@\ndiff --git a/x b/x\n"
    tree = Tree(tmp_path, gone=looks, other=b"")
    (tmp_path / "gone").unlink()
    (tmp_path / "other").write_bytes(looks)
    gone, other = shown(tree.patch(), ROOM).files
    assert (gone.path, gone.remarks, gone.deletions) == ("gone", ["deleted"], 4)
    assert (other.path, other.insertions, other.deletions) == ("other", 4, 0)


def test_what_became_of_files_is_told(tmp_path: Path) -> None:
    tree = Tree(tmp_path, old=b"a\nb\nc\nd\n" * 9, mode=b"x", data=bytes(range(256)), empty=b"x")
    (tmp_path / "old").rename(tmp_path / "the new é")
    (tmp_path / "mode").chmod(0o755)
    (tmp_path / "data").write_bytes(bytes(range(255, -1, -1)))
    (tmp_path / "empty").write_bytes(b"")
    (tmp_path / "made").write_bytes(b"")
    (tmp_path / "link").symlink_to("/etc/passwd")
    told = {file.path: file.remarks for file in shown(tree.patch(), ROOM).files}
    assert told == {
        "the new é": ["renamed from old"],
        "mode": ["mode 100644", "to 100755"],
        "data": ["bytes"],
        "empty": [],
        "made": ["new"],
        "link": ["new symlink"],
    }


@pytest.mark.parametrize(
    ("name", "path"),
    [
        ("with blank", "with blank"),
        ("a b/c", "a b/c"),
        ('quo"te\\', 'quo"te\\'),
        ("größe", "größe"),
        ("two\nlines", "two\\nlines"),
        ("tab\tbed", "tab\\tbed"),
        ("txt\u202egpj.exe", "txt\\342\\200\\256gpj.exe"),
        ("<b>", "<b>"),
    ],
)
@pytest.mark.parametrize("content", [b"", b"x\n", b"\0"])
def test_a_name_is_shown_as_it_is_or_as_git_writes_what_nobody_sees(
    tmp_path: Path, name: str, path: str, content: bytes
) -> None:
    tree = Tree(tmp_path)
    file = tmp_path / name
    file.parent.mkdir(exist_ok=True)
    file.write_bytes(content)
    assert only(shown(tree.patch(), ROOM)).path == path


def test_what_nobody_would_see_is_written_as_its_number(tmp_path: Path) -> None:
    tree = Tree(tmp_path, code=b"context\r\nold\n")
    (tmp_path / "code").write_bytes("context\r\nif admin\u202e\u2066 \x1b[8mhidden\0\u200b:\n".encode())
    file = only(shown(tree.patch("--text"), ROOM))
    assert "> context\n" in file.html  # that a line ends as before tells nobody anything
    assert "+if adminU+202EU+2066 U+001B[8mhiddenU+0000U+200B:" in text_of(file)
    assert file.html.count('<b class="hidden-one">') == 5


def test_a_line_that_only_ends_otherwise_is_no_riddle(tmp_path: Path) -> None:
    tree = Tree(tmp_path, code=b"line\n")
    (tmp_path / "code").write_bytes(b"line\r\n")
    assert "-line\n+lineU+000D\n" in text_of(only(shown(tree.patch(), ROOM)))


def test_no_more_is_shown_than_there_is_room_for(tmp_path: Path) -> None:
    tree = Tree(tmp_path)
    for name in "abc":
        (tmp_path / name).write_text("x" * 9 + "\n")
    (tmp_path / "b").write_text("x\n" * 50)
    (tmp_path / "c").write_text("y" * 9_999 + "\n")
    patch = tree.patch()
    a, b, c = shown(patch, ROOM._replace(lines=10)).files
    assert (a.cut, b.cut, b.lines, b.insertions) == (False, True, 10, 50)
    assert (c.cut, len(c.html) < LONGEST_LINE + 100, "…" in c.html) == (False, True, True)
    assert [one.cut for one in shown(patch, ROOM._replace(characters=40)).files] == [False, True, True]
    some = shown(patch, ROOM._replace(files=2))
    assert ([one.path for one in some.files], some.cut) == (["a", "b"], True)
    beginning = shown(patch[:200], ROOM, cut=True)
    assert (beginning.cut, beginning.files[-1].cut) == (True, True)


@given(
    st.binary(max_size=500) | st.text(alphabet='@ -+\\"\r\n\0<>&ab/dif-git,19', max_size=200).map(str.encode)
)
def test_any_bytes_are_only_text(content: bytes) -> None:
    for head in (b"", b"diff --git a/x b/x\n", b"diff --git a/x b/x\n--- a/x\n+++ b/x\n@@ -1,9 +1,9 @@\n"):
        for file in shown(head + content, ROOM).files:
            assert (
                re.sub(
                    r'<span class="(?:add|del|same|at|note)">|</span>|</?b(?: class="hidden-one")?>',
                    "",
                    file.html,
                ).find("<")
                < 0
            )
            assert not any(one in file.html for one in "\0\x1b\u202e")
