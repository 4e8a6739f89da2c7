"""What stands in the list of the live table: tasks, and lines that stand for many tasks of the same kind."""

from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from cli.live.words import kind, state_of, why_alike
from sql.rows.people import TaskRow

FEW = 3
"""So many tasks of a kind are worth a line that stands for them."""


@dataclass(frozen=True)
class Fold:
    """A line that stands for tasks of one :func:`cli.live.words.kind`; ``opened`` if they follow one by one."""

    key: str
    tasks: Sequence[TaskRow]
    opened: bool

    @property
    def state(self) -> str:
        return state_of(self.tasks[0])

    def why(self, now: datetime) -> str | None:
        return why_alike(list(self.tasks), now)


Item = TaskRow | Fold
Key = int | str
"""Tells an item from all others: the number of a task, or the kind of a fold."""


def key_of(item: Item) -> Key:
    return item.key if isinstance(item, Fold) else item.number


def tasks_of(item: Item) -> Sequence[TaskRow]:
    return item.tasks if isinstance(item, Fold) else [item]


def _name(task: TaskRow) -> tuple[bool, str]:
    return task.name is None, task.title


SORTS: dict[str, Callable[[TaskRow], object] | None] = {
    "usual": None,
    "task": lambda task: -task.number,
    "age": lambda task: -task.age_s,
    "elapsed": lambda task: -(task.elapsed_s or 0.0),
    "name": _name,
    "group": lambda task: (task.group_name is None, task.group_name or task.tool),
    "state": state_of,
    "cost": lambda task: -(task.cost_usd or 0),
}
"""The orders in which tasks can stand, in the order in which `s` offers them."""


def ordered(tasks: Iterable[TaskRow], sort: str, *, failed_first: bool) -> list[TaskRow]:
    """Return the tasks in an order of :data:`SORTS`. Tasks that are equal there keep theirs."""
    by = SORTS[sort]
    found = list(tasks) if by is None else sorted(tasks, key=by)  # type: ignore[arg-type]  # each has one kind of key
    return sorted(found, key=lambda task: task.status != "failed") if failed_first else found


def fits(task: TaskRow, words: Sequence[str], stopping: Collection[int]) -> bool:
    """Whether each word is a part of the number, title, state, group, tool or a label of the task, in any case."""
    if not words:
        return True
    told = [
        str(task.number),
        task.title,
        state_of(task, stops=task.number in stopping),
        task.group_name or "",
        task.tool,
        *(f"{key}={value}" for key, value in task.labels.items()),
    ]
    text = "\n".join(told).lower()
    return all(word in text for word in words)


def folded(tasks: Sequence[TaskRow], room: int, opened: Collection[str]) -> list[Item]:
    """Return a line for each task if there is room; otherwise tasks of one kind that wait or failed share a line.

    The largest kinds do so first, until the rest has room. A fold that is opened has its tasks behind it.
    """
    kinds: dict[str, list[TaskRow]] = {}
    if len(tasks) > room:
        for task in tasks:
            if task.status in ("queued", "failed"):
                kinds.setdefault(kind(task), []).append(task)
    shared, lines = dict[int, tuple[str, list[TaskRow]]](), len(tasks)
    for key, alike in sorted(kinds.items(), key=lambda found: -len(found[1])):
        if len(alike) >= FEW and (lines > room or key in opened):
            shared.update({task.number: (key, alike) for task in alike})
            lines += 1 if key in opened else 1 - len(alike)
    items: list[Item] = []
    for task in tasks:
        key, alike = shared.get(task.number, ("", []))
        if not alike:
            items.append(task)
        elif alike[0] is task:
            items.append(Fold(key, alike, key in opened))
            if key in opened:
                items.extend(alike)
    return items
