"""The live table as lines of text: pure functions of a snapshot and of the size of the window."""

from collections.abc import Sequence

from rich.text import Text

from cli.live.snapshot import Snapshot
from cli.show.group_tables import WATCHED_GROUPS
from cli.show.tables import Column, table
from cli.show.task_tables import STYLES, TASKS
from dispatcher.durations import duration
from dispatcher.remarks import remark
from dispatcher.terminal import one_line
from sql.rows import DispatcherRow, TaskRow

NARROW = 100
"""Below this many cells, tokens and cost are left out to show why a task waits."""

_STATES = (
    *("running", "leased", "queued", "retry", "limit", "budget", "scheduled", "dependency", "held"),
    *("failed", "canceled", "succeeded"),
)


def frame(snapshot: Snapshot, width: int, height: int, notice: str = "") -> list[Text]:
    """Return at most ``height`` lines of at most ``width`` cells; ``notice`` says in red at the end what went wrong."""
    head = [dispatchers(snapshot.dispatchers), counts(snapshot), Text()]
    if snapshot.groups:
        # The tasks matter most: the groups get no more than a third.
        groups = table(snapshot.groups, WATCHED_GROUPS, width)
        head += [*cut(groups, max(2, height // 3), len(snapshot.groups), "groups"), Text()]
    tail = [Text(one_line(notice), "red")] if notice else []
    tasks = table(snapshot.tasks, columns(width), width) if snapshot.tasks else [Text("no tasks", "dim")]
    total = sum(snapshot.counts.values())
    lines = [*head, *cut(tasks, height - len(head) - len(tail), total, "tasks"), *tail]
    for line in lines:
        line.truncate(width, overflow="ellipsis")
    return lines[:height]


def everything(snapshot: Snapshot) -> list[Text]:
    """Return the table for output without a window: nothing is cut."""
    lines = [dispatchers(snapshot.dispatchers), counts(snapshot), Text()]
    if snapshot.groups:
        lines += [*table(snapshot.groups, WATCHED_GROUPS), Text()]
    return lines + (table(snapshot.tasks, columns(NARROW)) if snapshot.tasks else [Text("no tasks")])


def cut(lines: Sequence[Text], room: int, total: int, of_what: str) -> list[Text]:
    """Return the heading and the rows of a table in ``room`` lines; the last line counts the rows that are left out."""
    kept = list(lines[: max(room, 0)])
    if total <= len(kept) - 1 or not kept:
        return kept
    if len(kept) == room:
        kept.pop()
    left_out = total - max(0, len(kept) - 1)
    return [*kept, Text(f"… {left_out:,} more {of_what}", "dim")]


def dispatchers(rows: Sequence[DispatcherRow]) -> Text:
    """Return a line with the dispatchers and whether they are alive: the first thing to look at when nothing moves."""
    if not rows:
        return Text("no dispatcher is running: start one with `dispatcher run`", "red")
    return Text("   ").join(
        Text(f"dispatcher {one_line(row.host)} is stopping and starts nothing more", "yellow")
        if row.alive and row.draining
        else Text(f"dispatcher {one_line(row.host)} ♥ {duration(row.heartbeat_age_s)} ago", "green")
        if row.alive
        else Text(f"dispatcher {one_line(row.host)} silent for {duration(row.heartbeat_age_s)}", "red")
        for row in rows
    )


def counts(snapshot: Snapshot) -> Text:
    """``running 3   queued 12   retry 1``: each state that has tasks."""
    found = snapshot.counts
    words = [
        Text(f"{state} {found[state]:,}", STYLES.get(state, "")) for state in _STATES if found.get(state)
    ]
    return Text("   ").join(words)


def columns(width: int) -> Sequence[Column[TaskRow]]:
    """Return the columns of `llmctl ls` that have room; the last one says why a task waits now."""
    left_out = {"TOOL", "MODEL", "TENANT", "QUEUE"} | ({"TOKENS", "COST"} if width < NARROW else set())
    kept = [column for column in TASKS if column.title not in left_out]
    place = next(place for place, column in enumerate(kept) if column.title == "GROUP")
    kept[place] = Column("TOOL", lambda task: task.group_name or task.tool)
    return [*kept[:-1], Column("WHY", remark_now, elastic=True, style=kept[-1].style)]


def remark_now(task: TaskRow) -> str | None:
    """Return the same as :func:`remark`, but count down without asking the database."""
    if task.waits_s is None:
        return remark(task)
    when = f"in {duration(task.waits_s)}" if task.waits_s > 0 else "now"
    match task.wait_reason:
        case "retry":
            return f"again {when}, after: {task.error_message or task.error_class}"
        case "limit":
            return f"usage limit, again {when}"
        case "budget":
            return f"the budget of the day is spent, again {when}"
        case _:
            return f"starts {when}"
