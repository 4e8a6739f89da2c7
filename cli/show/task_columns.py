"""The columns of `llmctl ls` that people choose, sort by, and see in its wide table: pure functions."""

import heapq
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

from cli.show.tables import Column
from cli.show.task_tables import TASKS, when
from cli.show.text import words_of
from dispatcher.errors import UsageError
from sql.rows.people import TaskRow

_FIELD_OF_TITLE: Mapping[str, str] = {
    "TASK": "number", "STATE": "status", "GROUP": "group_name", "TENANT": "tenant_id", "PRI": "priority",
    "CHANGE": "changed_files", "AGE": "age_s", "ELAPSED": "elapsed_s", "TRY": "attempt", "COST": "cost_usd",
}  # fmt: skip
"""Where a title is not the name of the field."""

_NUMBER = re.compile(r"-?\d{1,30}(\.\d{1,30})?", re.ASCII)
_WIDE_ONLY = ("account", "permission", "labels", "created_at", "id")


@dataclass(frozen=True)
class Choice:
    """One column: its ``key`` in JSON and CSV, its value there, and how people see it."""

    key: str
    value: Callable[[TaskRow], Any]
    column: Column[TaskRow]


def choose(word: str) -> Choice:
    """Return the column that ``word`` names: a title, a field of a task, or ``label:KEY``. Raises UsageError."""
    prefix, separator, label = word.partition(":")
    if prefix.casefold() == "label" and separator and label:
        return Choice(
            f"label:{label}",
            lambda task: task.labels.get(label),
            Column(f"label:{label}", lambda task: _words(task.labels.get(label))),
        )
    titled = next((column for column in TASKS if column.title == word.strip().upper()), None)
    name = word.strip().casefold().replace("-", "_")
    field = _FIELD_OF_TITLE.get(titled.title, titled.title.lower()) if titled is not None else name
    if field not in TaskRow.__struct_fields__:
        known = ", ".join(
            dict.fromkeys([*(column.title.lower() for column in TASKS), *TaskRow.__struct_fields__])
        )
        raise UsageError(f"{word!r} is not a column: expected label:KEY or one of {known}")
    column = titled or Column(_title(field), lambda task: _words(getattr(task, field)))
    return Choice(field, lambda task: getattr(task, field), replace(column, shown=None, spare=0))


def _title(field: str) -> str:
    for suffix in ("_id", "_at", "_s"):
        field = field.removesuffix(suffix)
    return field.upper()


def wide() -> Sequence[Column[TaskRow]]:
    """Return all columns of the list, and those that only the wide table has before the last one."""
    columns = [replace(column, shown=None) for column in TASKS]
    return [*columns[:-1], *(choose(field).column for field in _WIDE_ONLY), columns[-1]]


def chosen(words: str) -> Sequence[Choice]:
    """Return the columns that ``words`` lists with commas between them. Raises UsageError."""
    return [choose(word) for word in words.split(",")]


def first_by(
    choice: Choice, tasks: Iterable[TaskRow], most: int | None, *, descending: bool
) -> Sequence[TaskRow]:
    """Return the first ``most`` tasks in the order of a column, unknown values last. It keeps no more than that."""

    def order(task: TaskRow) -> tuple[object, int]:
        return _order(choice.value(task)), task.number

    unknown: list[TaskRow] = []

    def known() -> Iterable[TaskRow]:
        for task in tasks:
            if choice.value(task) is not None:
                yield task
            elif most is None or len(unknown) < most:
                unknown.append(task)

    if most is None:
        first = sorted(known(), key=order, reverse=descending)
    else:
        first = (heapq.nlargest if descending else heapq.nsmallest)(most, known(), key=order)
    return [*first, *unknown][:most]


def _order(value: object) -> tuple[int, Any]:
    """Return a key that can be compared, whatever a label holds: numbers first, also those that are text."""
    match value:
        case datetime():
            return 0, value.timestamp()
        case int() | float() | Decimal() if not isinstance(value, bool):
            return 0, value
        case str() if _NUMBER.fullmatch(value):
            return 0, Decimal(value)
        case UUID():
            return 1, str(value)
        case _:
            return 1, words_of(value).casefold()


def _words(value: object) -> str | None:
    match value:
        case None:
            return None
        case datetime():
            return when(value)
        case UUID():
            return str(value)
        case _:
            return words_of(value)
