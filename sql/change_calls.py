"""The SQL functions about what tasks changed and what people decide of it; see :mod:`sql.calls`."""

from collections.abc import Mapping, Sequence

from sql.call import NOTHING, Call, as_array, as_json, given, many, value
from sql.calls import LARGEST_TEXT
from sql.rows.changes import ChangeRow, InboxRow
from sql.rows.people import Submitted
from sql.selection import Selection


def list_changes(tasks: Sequence[str], *, with_stat: bool | None = None) -> Call[list[ChangeRow]]:
    """Return the newest change of each task, lowest number first; unless told otherwise with its first files."""
    arguments = {"tasks": as_array(tasks), **given(with_stat=with_stat)}
    return Call("list_changes", arguments, many(ChangeRow), result_size=LARGEST_TEXT)


def continued_tasks(task: str) -> Call[list[int]]:
    """Return the tasks whose session a task goes on with, the nearest first: its change holds what they changed."""
    return Call("continued_tasks", {"task": task}, value(list[int]))


def inbox(select: Selection | None = None) -> Call[list[InboxRow]]:
    """List what waits for a person: of all tasks and worker groups, or only the tasks of a selection."""
    return Call("inbox", given(select=None if select is None else as_json(select)), many(InboxRow))


def answer_task(task: str, answer: str) -> Call[None]:
    """Answer the question of a task's agent, which then goes on."""
    return Call("answer_task", {"task": task, "answer": answer}, NOTHING)


def approve_task(task: str, message: str | None = None) -> Call[None]:
    """Approve of the result of a task, which then has succeeded."""
    return Call("approve_task", {"task": task, **given(message=message)}, NOTHING)


def deny_task(task: str, message: str | None = None) -> Call[None]:
    """Deny the result of a task, which then has failed."""
    return Call("deny_task", {"task": task, **given(message=message)}, NOTHING)


def choose_try(judge: str, task: str, message: str | None = None) -> Call[None]:
    """Pick a try by hand where its judge has picked none."""
    return Call("choose_try", {"judge": judge, "task": task, **given(message=message)}, NOTHING)


def submit_tries(
    task: Mapping[str, object],
    variants: Sequence[Mapping[str, object]],
    pick: str | None = None,
    judge: Mapping[str, object] | None = None,
) -> Call[list[Submitted]]:
    """Queue several tries at a task, each with the tool, model and account of its variant; the judge comes last.

    ``pick`` is first-green or judge; ``judge`` describes the task that chooses, where it is not the usual one.
    """
    arguments = {"task": as_json(task), "variants": as_json(variants)}
    more = given(pick=pick, judge=None if judge is None else as_json(judge))
    return Call("submit_tries", arguments | more, many(Submitted))
