"""The columns of the list: those of `llmctl ls`, and in which order they make way for the reason."""

from collections.abc import Sequence
from datetime import datetime

from rich.cells import cell_len

from cli.live.items import Fold, Item, tasks_of
from cli.live.words import STYLES, state_of, why
from cli.show.tables import Column
from cli.show.task_tables import TASKS
from dispatcher.terminal import one_line
from sql.rows.people import TaskRow

MAKE_WAY = (
    *(
        "LABELS",
        "TENANT",
        "QUEUE",
        "PRI",
        "MODEL",
        "TOKENS",
        "COST",
        "TRY",
        "AGE",
        "CHANGE",
        "ELAPSED",
        "GROUP",
    ),
    "NAME",
)
"""Columns that are left out where the reason needs their room, the first of these first."""

ALWAYS = ("MODEL", "TENANT", "QUEUE", "PRI")
"""Columns that only `w` shows if all tasks have the usual value there."""

_REASON, _QUOTE, _OTHERS = 60, 32, 32
"""Cells that a reason to wait has before other columns have theirs, and one that quotes what an agent says or did.

Only number, state and the beginning of the name, which take ``_OTHERS``, come before them.
"""


def columns(
    items: Sequence[Item],
    now: datetime,
    stopping: frozenset[int] = frozenset(),
    *,
    width: int = 80,
    wide: bool = False,
) -> Sequence[Column[Item]]:
    """Return the columns for the items in the window. ``now`` is the time by the clock of this host."""
    told = {column.title: column for column in TASKS}
    tasks = [task for item in items for task in tasks_of(item)]
    return [
        Column("TASK", _number, right=True),
        Column("STATE", lambda item: _state(item, stopping), style=lambda item: _style(item, stopping)),
        _of_tasks(told["NAME"], tasks, elastic=True, needs=max(8, min(width // 8, 20))),
        Column("GROUP", _group, spare=_spare("GROUP"), style=lambda item: "red" if _may_all(item) else ""),
        *(_of_tasks(told[title], tasks, always=wide) for title in ALWAYS),
        *([Column("LABELS", _labels, spare=_spare("LABELS"))] if wide else []),
        *(_of_tasks(told[title], tasks) for title in ("CHANGE", "AGE", "ELAPSED", "TRY", "TOKENS", "COST")),
        Column(
            "WHY",
            lambda item: reason(item, now),
            elastic=True,
            needs=_needs(items, now, width),
            style=_reason_style,
        ),
    ]


def reason(item: Item, now: datetime) -> str | None:
    return item.why(now) if isinstance(item, Fold) else why(item, now)


def _needs(items: Sequence[Item], now: datetime, width: int) -> int:
    """Return how many cells the reasons have to have."""
    needs = 8
    for item in items:
        task = tasks_of(item)[0]
        most = _REASON if task.status == "queued" and task.wait_reason != "retry" else _QUOTE
        needs = max(needs, min(most, width - _OTHERS, cell_len(one_line(reason(item, now) or ""))))
    return needs


def _of_tasks(
    column: Column[TaskRow],
    tasks: Sequence[TaskRow],
    *,
    always: bool = False,
    elastic: bool = False,
    needs: int = 0,
) -> Column[Item]:
    """Return a column about tasks for items: a line that stands for many tasks has nothing in it."""
    cell, style, shown = column.cell, column.style, column.shown
    return Column(
        column.title,
        lambda item: None if isinstance(item, Fold) else cell(item),
        right=column.right,
        elastic=elastic,
        needs=needs,
        spare=_spare(column.title),
        style=None if style is None else lambda item: "" if isinstance(item, Fold) else style(item),
        shown=None if always or shown is None else lambda _: shown(tasks),
    )


def _spare(title: str) -> int:
    return len(MAKE_WAY) - MAKE_WAY.index(title)


def _number(item: Item) -> str:
    return f"{len(item.tasks)}x" if isinstance(item, Fold) else str(item.number)


def _group(item: Item) -> str | None:
    """Return where a task runs or, before it does, its tool. What an agent may do to this host stands beside it."""
    if isinstance(item, Fold):
        return None
    return (item.group_name or item.tool) + (" (full)" if _may_all(item) else "")


def _may_all(item: Item) -> bool:
    return isinstance(item, TaskRow) and item.permission == "full"


def _state(item: Item, stopping: frozenset[int]) -> str:
    return item.state if isinstance(item, Fold) else state_of(item, stops=item.number in stopping)


def _style(item: Item, stopping: frozenset[int]) -> str:
    return STYLES.get(_state(item, stopping), "")


def _reason_style(item: Item) -> str:
    return "red" if tasks_of(item)[0].status == "failed" else ""


def _labels(item: Item) -> str | None:
    if isinstance(item, Fold):
        return None
    return " ".join(f"{key}={value}" for key, value in item.labels.items())
