"""`/ui/tasks/N/edit`: change prompt, model, check and priority of a task that waits, or that is tried again."""

from collections.abc import Mapping
from http import HTTPStatus

from litestar import get, post
from litestar.response import Redirect, Template

from dispatcher.api.caller import ApiRequest, Caller
from dispatcher.api.door import TAKES_TASKS
from dispatcher.api.page.frame.addresses import go_to
from dispatcher.api.page.frame.forms import form_of
from dispatcher.api.problems import problem_of
from dispatcher.api.routes.task_actions import act_on_one
from dispatcher.api.routes.tasks import Number
from dispatcher.errors import UsageError, WrongStateError
from sql import calls
from sql.rows.people import Task

KEYS = ("prompt", "model", "check_command", "priority")


@get("/tasks/{number:int}/edit")
async def form(caller: Caller, number: Number) -> Template:
    task = await caller.call(calls.show_task(str(number), with_output=False))
    return _form(task, _values_of(task), "retry" if _is_retry(task) else "edit")


@post("/tasks/{number:int}/edit", opt={TAKES_TASKS: True})
async def edit(request: ApiRequest, caller: Caller, number: Number) -> Template | Redirect:
    """Change what was typed anew, and lead to the task; or say what is wrong, and keep what was typed.

    The form says whether the task is tried again: one that has ended since it was opened must not be.
    """
    sent = await form_of(request)
    typed = {key: sent.text(key) for key in KEYS if key in sent.fields}
    action = "retry" if sent.text("action") == "retry" else "edit"
    task = await caller.call(calls.show_task(str(number), with_output=False))
    now = _values_of(task)
    changed = {key: value for key, value in typed.items() if value != now[key]}
    try:
        if changed or action == "retry":
            await act_on_one(caller, action, number, _changes_of(changed) or None)
    except (UsageError, WrongStateError) as error:
        return _form(task, {**now, **typed}, action, error)
    return go_to(f"/ui/tasks/{number}")


def _is_retry(task: Task) -> bool:
    """Return whether the task has ended, so that changes are for another run of it."""
    return "edit" not in task.actions and "retry" in task.actions


def _values_of(task: Task) -> dict[str, str]:
    """Return what to type for the task as it is. A form has line ends of its own."""
    return {
        "prompt": task.prompt.replace("\r\n", "\n"),
        "model": task.model or "",
        "check_command": (task.check_command or "").replace("\r\n", "\n"),
        "priority": str(task.priority),
    }


def _changes_of(typed: Mapping[str, str]) -> dict[str, object]:
    """Return the changes for SQL, which says what is wrong about them."""
    changes: dict[str, object] = dict(typed)
    for key in ("model", "check_command"):
        if key in changes:
            changes[key] = typed[key].strip() or None
    if (priority := typed.get("priority", "")).isdecimal() and len(priority) < 9:
        changes["priority"] = int(priority)
    return changes


def _form(
    task: Task,
    values: Mapping[str, str],
    action: str,
    error: UsageError | WrongStateError | None = None,
) -> Template:
    problem = None if error is None else problem_of(error)
    context = {"number": task.number, "values": values, "problem": problem, "retries": action == "retry"}
    status = HTTPStatus.OK if problem is None else problem.status
    return Template("task/edit.html", context=context, status_code=status)


ROUTES = (form, edit)
