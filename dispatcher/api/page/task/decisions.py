"""Answering an agent, and approving or denying a result, on the page of its task."""

from litestar import post
from litestar.response import Redirect

from dispatcher.api.caller import ApiRequest, Caller
from dispatcher.api.page.frame.addresses import go_to
from dispatcher.api.page.frame.forms import Form, form_of
from dispatcher.api.routes.tasks import Number
from dispatcher.errors import WrongStateError
from sql import calls, change_calls


@post("/tasks/{number:int}/answer")
async def answer(request: ApiRequest, caller: Caller, number: Number) -> Redirect:
    form = await form_of(request)
    await _require_seen(caller, number, form)
    await caller.call(change_calls.answer_task(str(number), form.text("answer")))
    return go_to(f"/ui/tasks/{number}")


@post("/tasks/{number:int}/approve")
async def approve(request: ApiRequest, caller: Caller, number: Number) -> Redirect:
    form = await form_of(request)
    await _require_seen(caller, number, form)
    await caller.call(change_calls.approve_task(str(number), form.text("message").strip() or None))
    return go_to(f"/ui/tasks/{number}")


@post("/tasks/{number:int}/deny")
async def deny(request: ApiRequest, caller: Caller, number: Number) -> Redirect:
    form = await form_of(request)
    await _require_seen(caller, number, form)
    await caller.call(change_calls.deny_task(str(number), form.text("message").strip() or None))
    return go_to(f"/ui/tasks/{number}")


async def _require_seen(caller: Caller, number: int, form: Form) -> None:
    """Raise :class:`WrongStateError` if the task has run again since the person looked: that was another result."""
    task = await caller.call(calls.show_task(str(number), 0, with_output=False))
    if form.text("run") != str(task.run_count):
        raise WrongStateError(
            f"task {number} has run again since this page was loaded", hint="look at what it did, then decide"
        )


ROUTES = (answer, approve, deny)
