"""A patch of git as HTML: files with their lines, as much of it as a person looks at.

An agent made it, so it may be of any size and hold anything: it is cut, escaped, and characters that nobody would see
are written as their number, since a person approves of what this shows.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import groupby, pairwise
from typing import NamedTuple

from markupsafe import Markup, escape

from dispatcher.terminal import is_hidden

LONGEST_LINE = 2_000
"""Characters of a line that are shown."""
_HUNK = re.compile(r"@@ -\d+(?:,(\d{1,18}))? \+\d+(?:,(\d{1,18}))? @@")
_ESCAPED = re.compile(r"\\([0-7]{3}|.)")
_LETTERS = {"a": 7, "b": 8, "t": 9, "n": 10, "v": 11, "f": 12, "r": 13}
_KINDS = {"+": "add", "-": "del", "\\": "note"}
_REMARKS = (
    ("new file mode 120000", "new symlink"),
    ("new file mode 160000", "new submodule"),
    ("new file mode 100755", "new, executable"),
    ("new file mode", "new"),
    ("deleted file mode", "deleted"),
    ("rename from ", "renamed from {}"),
    ("copy from ", "copied from {}"),
    ("old mode ", "mode {}"),
    ("new mode ", "to {}"),
    ("GIT binary patch", "bytes"),
    ("Binary files ", "bytes"),
)
"""How lines of a file's header begin, and what people are told of them; {} is the rest of the line."""


class Bounds(NamedTuple):
    """How much of a patch is shown: files, lines of one file, and characters of all."""

    files: int
    lines: int
    characters: int


class Line(NamedTuple):
    kind: str
    """The class of its colour: add, del, at (where the lines are), note, or same."""
    text: str


@dataclass
class ShownFile:
    """A file of a patch. ``lines`` is how many of its lines are shown, and ``cut`` whether it has more."""

    path: str
    remarks: list[str] = field(default_factory=list)
    insertions: int = 0
    deletions: int = 0
    lines: int = 0
    cut: bool = False
    html: Markup = field(default_factory=Markup)


@dataclass(frozen=True)
class ShownPatch:
    """``cut``: there are more files than these, or the last of them has more lines than were read."""

    files: Sequence[ShownFile]
    cut: bool


def shown(patch: bytes, bounds: Bounds, *, cut: bool = False) -> ShownPatch:
    """Return what is shown of a patch, or of its beginning if it is ``cut``. Takes any bytes."""
    files: list[ShownFile] = []
    left = bounds.characters
    for lines in _files_of(patch.decode(errors="replace").split("\n")):
        if len(files) == bounds.files:
            cut = True
            break
        file, body = _read(lines)
        left -= _show(file, body, bounds.lines, left)
        files.append(file)
    if cut and files and len(files) < bounds.files:
        files[-1].cut = True
    return ShownPatch(files, cut)


def _files_of(lines: Sequence[str]) -> Iterator[Sequence[str]]:
    """Split the lines at the header of each file. A line within a file begins with a sign, and is none."""
    begins = [at for at, line in enumerate(lines) if line.startswith("diff --git ")]
    for begin, end in pairwise([*begins, len(lines)]):
        yield lines[begin:end]


def _read(lines: Sequence[str]) -> tuple[ShownFile, list[Line]]:
    """Return a file with its numbers, and its lines."""
    names = {"": _name_in(lines[0])}
    file, body = ShownFile(""), list[Line]()
    old = new = 0  # lines that are left of the hunk
    for line in lines[1:]:
        if (old > 0 or new > 0) and line[:1] in ("+", "-", " ", ""):
            if not line:
                continue  # behind the last one, or behind a cut
            old -= line[0] != "+"
            new -= line[0] != "-"
            file.insertions += line[0] == "+"
            file.deletions += line[0] == "-"
            body.append(Line(_KINDS.get(line[0], "same"), line))
        elif hunk := _HUNK.match(line):
            old, new = (int(count or 1) for count in hunk.groups())
            body.append(Line("at", line))
        elif line.startswith("\\"):
            body.append(Line("note", line))
        elif not body:
            if line.startswith(("--- ", "+++ ")) and not line.endswith("/dev/null"):
                names[line[:3]] = _unquoted(line[4:].removesuffix("\t"))[2:]
            file.remarks += [
                words.format(_unquoted(line.removeprefix(begin)))
                for begin, words in _REMARKS
                if line.startswith(begin)
            ][:1]
            if line.startswith(("rename to ", "copy to ")):
                names["+++"] = _unquoted(line.partition(" to ")[2])
    file.path = names.get("+++") or names.get("---") or names[""]
    return file, body


def _show(file: ShownFile, body: Sequence[Line], most_lines: int, most_characters: int) -> int:
    """Write as many lines of a file as there is room for; return how many characters they take."""
    taken: list[Line] = []
    used = 0
    for kind, text in body[:most_lines]:
        line = text if len(text) <= LONGEST_LINE else f"{text[:LONGEST_LINE]}…"
        if used + len(line) > most_characters:
            break
        used += len(line)
        taken.append(Line(kind, line))
    file.lines, file.cut = len(taken), len(taken) < len(body)
    file.html = Markup().join(
        _markup(kind, [line.text for line in lines]) for kind, lines in groupby(taken, key=_kind)
    )
    return used


def _kind(line: Line) -> str:
    return line.kind


def _markup(kind: str, lines: Sequence[str]) -> Markup:
    if kind == "same":
        lines = [line.removesuffix("\r") for line in lines]
    text = "".join(f"{line}\n" for line in lines)
    marks = {ord(one): f'<b class="hidden-one">U+{ord(one):04X}</b>' for one in set(text) if is_hidden(one)}
    html = Markup(str(escape(text)).translate(marks))  # noqa: S704 - escaped; the marks are ours
    return Markup('<span class="{}">{}</span>').format(kind, html)


def _name_in(header: str) -> str:
    """Return the name in `diff --git a/NAME b/NAME`, for a file of which nothing else tells it."""
    rest = header.removeprefix("diff --git ")
    return _unquoted(rest[: (len(rest) - 1) // 2])[2:]


def _unquoted(name: str) -> str:
    """Return a name that git may have quoted as it is, and one with what nobody sees as git writes it."""
    if len(name) < 2 or not (name.startswith('"') and name.endswith('"')):
        return name
    content = (
        _ESCAPED.sub(_character, name[1:-1]).encode("latin-1", errors="replace").decode(errors="replace")
    )
    return content if not any(is_hidden(one) or one in "\n\t" for one in content) else name[1:-1]


def _character(found: re.Match[str]) -> str:
    escape_ = found[1]
    return chr(int(escape_, 8) & 255 if len(escape_) == 3 else _LETTERS.get(escape_, ord(escape_)))
