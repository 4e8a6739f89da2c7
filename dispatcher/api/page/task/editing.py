"""`/ui/tasks/N/edit`: change the prompt, the model and the priority of a task that has not started."""

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

KEYS = ("prompt", "model", "priority")


@get("/tasks/{number:int}/edit")
async def form(caller: Caller, number: Number) -> Template:
    return _form(number, _values_of(await caller.call(calls.show_task(str(number), with_output=False))))


@post("/tasks/{number:int}/edit", opt={TAKES_TASKS: True})
async def edit(request: ApiRequest, caller: Caller, number: Number) -> Template | Redirect:
    """Change what was typed anew, and lead to the task; or say what is wrong, and keep what was typed."""
    sent = await form_of(request)
    typed = {key: sent.text(key) for key in KEYS}
    now = _values_of(await caller.call(calls.show_task(str(number), with_output=False)))
    changed = {key: value for key, value in typed.items() if value != now[key]}
    try:
        if changed:
            await act_on_one(caller, "edit", number, _changes_of(changed))
    except (UsageError, WrongStateError) as error:
        return _form(number, typed, error)
    return go_to(f"/ui/tasks/{number}")


def _values_of(task: Task) -> dict[str, str]:
    """Return what to type for the task as it is. A form has line ends of its own."""
    return {
        "prompt": task.prompt.replace("\r\n", "\n"),
        "model": task.model or "",
        "priority": str(task.priority),
    }


def _changes_of(typed: Mapping[str, str]) -> dict[str, object]:
    """Return the changes for SQL, which says what is wrong about them."""
    changes: dict[str, object] = dict(typed)
    if "model" in changes:
        changes["model"] = typed["model"].strip() or None
    if (priority := typed.get("priority", "")).isdecimal() and len(priority) < 9:
        changes["priority"] = int(priority)
    return changes


def _form(
    number: int, values: Mapping[str, str], error: UsageError | WrongStateError | None = None
) -> Template:
    problem = None if error is None else problem_of(error)
    context = {"number": number, "values": values, "problem": problem}
    status = HTTPStatus.OK if problem is None else problem.status
    return Template("task/edit.html", context=context, status_code=status)


ROUTES = (form, edit)
