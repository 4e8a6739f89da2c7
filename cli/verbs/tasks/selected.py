"""The tasks that a verb reads one by one."""

import re
from collections.abc import Sequence

from cli.input.selectors import Selector
from cli.show.output import say

_NUMBER = re.compile(r"[1-9]\d{0,17}", re.ASCII)


def is_single(selector: Selector) -> bool:
    """Whether one task was named and nothing else: then its output looks as if there were no others."""
    return selector.names_only and len(selector.tasks) == 1


def selected(selector: Selector) -> Sequence[str]:
    """Return the numbers of all tasks that are selected now; of a single number nobody asks whether it exists.

    Raises :class:`dispatcher.errors.UsageError` where nothing was typed, and
    :class:`dispatcher.errors.NotFoundError` where a task that was named does not exist.
    """
    if is_single(selector) and _NUMBER.fullmatch(selector.tasks[0]):
        return selector.tasks
    selection = selector.required()
    from cli.database.connection import opened
    from sql import calls

    with opened() as db:
        numbers = db.call(calls.task_numbers(selection))
    if not numbers:
        say("no task is selected")
    return [str(number) for number in numbers]
