"""What tasks changed in repositories, for people: pure functions of what the database returned."""

from collections import Counter
from collections.abc import Sequence

from cli.show.tables import Column
from cli.show.words import state_word
from dispatcher.quantities import plural
from dispatcher.terminal import one_line
from sql.rows.changes import ChangeRow, FileStat
from sql.rows.people import TaskRow

VERDICTS = {"passed": "green", "failed": "red", "timeout": "red (timeout)", "stopped": "stopped"}
_STYLES = {"passed": "green", "failed": "red", "timeout": "red", "stopped": "yellow"}
_MARKS = {"passed": "✓", "failed": "✗ check", "timeout": "✗ check", "stopped": "check stopped"}
_BAR = 40
"""Cells of the longest bar of plus and minus."""


def counted(insertions: int | None, deletions: int | None) -> str:
    """Return ``+12 -4``."""
    return f"+{insertions or 0:,} -{deletions or 0:,}"


def change_of(task: TaskRow) -> str | None:
    """Return what the last run of a task changed, and whether its check passed: ``+12 -4 ✓``, ``✗ check``."""
    mark = _MARKS.get(task.check_verdict or "")
    if task.changed_files:
        size = counted(task.insertions, task.deletions)
        return f"{size} {mark}" if mark else size
    return mark


def change_style(task: TaskRow) -> str:
    return _STYLES.get(task.check_verdict or "", "")


def state_of(change: ChangeRow) -> str:
    """Return the state of the task, and that it waits for an approval."""
    return "approval" if change.approval == "waiting" else state_word(change.status)


def _files(change: ChangeRow) -> str | None:
    return None if change.ref is None else str(change.files or 0)


CHANGES: Sequence[Column[ChangeRow]] = (
    Column("TASK", lambda change: str(change.number), right=True),
    Column(
        "NAME", lambda change: change.title, elastic=True, shown=lambda rows: any(row.title for row in rows)
    ),
    Column("STATE", state_of, style=lambda change: "red" if change.status == "failed" else ""),
    Column(
        "CHECK",
        lambda change: VERDICTS.get(change.check_verdict or ""),
        style=lambda change: _STYLES.get(change.check_verdict or "", ""),
        shown=lambda rows: any(row.check_verdict for row in rows),
    ),
    Column("FILES", _files, right=True),
    Column("+", lambda change: f"{change.insertions:,}" if change.files else None, right=True),
    Column("-", lambda change: f"{change.deletions:,}" if change.files else None, right=True),
    Column(
        "PROBLEM",
        lambda change: change.problem,
        elastic=True,
        style=lambda _: "red",
        shown=lambda rows: any(row.problem for row in rows),
    ),
)


def totals(changes: Sequence[ChangeRow]) -> str:
    """Return ``40 tasks: 31 green, 5 red, 4 without changes; 52 files, +1,204 -88``."""
    kinds = Counter(map(_kind, changes))
    known = ("green", "red", "not checked", "without changes", "not recorded")
    parts = ", ".join(f"{kinds[kind]:,} {kind}" for kind in known if kinds[kind])
    files = sum(change.files or 0 for change in changes)
    lines = counted(
        sum(change.insertions or 0 for change in changes), sum(change.deletions or 0 for change in changes)
    )
    return f"{plural(len(changes), 'task')}: {parts}; {plural(files, 'file')}, {lines}"


def _kind(change: ChangeRow) -> str:
    if change.problem and change.ref is None:
        return "not recorded"
    if not change.files:
        return "without changes"
    match change.check_verdict:
        case "passed":
            return "green"
        case None:
            return "not checked"
        case _:
            return "red"


def stat_of(change: ChangeRow, width: int = 80) -> str:
    """Return the files of a change as `git diff --stat` shows them, and a line that sums them up."""
    stat = change.stat or ()
    names = [one_line(file.path) for file in stat]
    numbers = [_lines_of(file) for file in stat]
    broad = min(max(map(len, names), default=0), max(20, width - 30))
    digits = max(map(len, numbers), default=0)
    most = max((_size(file) for file in stat), default=0)
    room = max(10, min(_BAR, width - broad - digits - 7))
    lines = [
        f" {_cut(name, broad):<{broad}} | {number:>{digits}} {_bar(file, most, room)}".rstrip()
        for name, number, file in zip(names, numbers, stat, strict=True)
    ]
    if more := (change.files or 0) - len(stat):
        lines.append(f" … and {plural(more, 'more file')}")
    return "\n".join([*lines, f" {summary_of(change)}"])


def summary_of(change: ChangeRow) -> str:
    """Return the last line of `git diff --stat`."""
    parts = [f"{plural(change.files or 0, 'file')} changed"]
    if change.insertions:
        parts.append(f"{plural(change.insertions, 'insertion')}(+)")
    if change.deletions:
        parts.append(f"{plural(change.deletions, 'deletion')}(-)")
    return ", ".join(parts)


def _size(file: FileStat) -> int:
    return (file.insertions or 0) + (file.deletions or 0)


def _lines_of(file: FileStat) -> str:
    return "Bin" if file.insertions is None else str(_size(file))


def _bar(file: FileStat, most: int, room: int) -> str:
    """Return plus and minus signs; at least one of each that there is."""
    scale = 1.0 if most <= room else room / most
    return "".join(
        sign * max(1, round(lines * scale))
        for sign, lines in (("+", file.insertions or 0), ("-", file.deletions or 0))
        if lines
    )


def _cut(name: str, broad: int) -> str:
    """Return the end of a path, which tells most."""
    return name if len(name) <= broad else f"…{name[1 - broad :]}"
