"""Cancelling, retrying, holding and the like: one task at once, many after a page that says how many they are."""

from http import HTTPStatus
from typing import Annotated
from urllib.parse import parse_qsl

import msgspec
from litestar import post
from litestar.datastructures import FormMultiDict
from litestar.response import Redirect, Template
from msgspec import Meta
from multidict import MultiDict

from dispatcher.api.caller import ApiRequest, Caller
from dispatcher.api.page.frame.addresses import go_to, own_address
from dispatcher.api.page.frame.forms import form_of
from dispatcher.api.problems import problem_of
from dispatcher.api.routes.task_actions import act_on_one
from dispatcher.api.routes.tasks import Number
from dispatcher.api.selections import selection_of
from dispatcher.errors import UsageError, WrongStateError
from sql import calls
from sql.selection import Selection

Whole = Annotated[int, Meta(ge=0, le=2**63 - 1)]
MOST_SELECTED = 1_000
"""Tasks that one form can name; more are selected by what they have in common."""


@post("/tasks/{number:int}/cancel")
async def cancel(request: ApiRequest, caller: Caller, number: Number) -> Redirect:
    """Cancel the task; with a field ``cascade`` also all that is there because of it."""
    form = await form_of(request)
    cascade = form.text("cascade") == "true"
    await caller.call(calls.cancel_task(str(number), cascade=cascade or None))
    return go_to(own_address(form.text("back")))


@post("/tasks/{number:int}/retry")
async def retry(request: ApiRequest, caller: Caller, number: Number) -> Redirect:
    back = await _way_back(request)
    await caller.call(calls.retry_task(str(number)))
    return back


@post([f"/tasks/{{number:int}}/{verb}" for verb in ("hold", "release", "top")])
async def act_in_queue(request: ApiRequest, caller: Caller, number: Number) -> Redirect:
    """Do what the path ends with."""
    back = await _way_back(request)
    await act_on_one(caller, request.url.path.rpartition("/")[2], number)
    return back


@post("/tasks/preview")
async def preview(request: ApiRequest, caller: Caller) -> Template:
    """Say how many tasks an action is about, and ask whether it is meant."""
    return await _preview(caller, (await form_of(request)).fields)


@post("/tasks/actions")
async def act(request: ApiRequest, caller: Caller) -> Template | Redirect:
    """Act on exactly as many tasks as the person was told; if they are more or fewer now, ask again."""
    form = (await form_of(request)).fields
    action, select = _meant(form)
    try:
        done = await caller.call(calls.act_on_tasks(action, select, _number(form.get("expect"))))
    except WrongStateError as error:
        return await _preview(caller, form, problem=error)
    context = {"action": action, "done": done.matched, "back": own_address(form.get("back"))}
    return Template("acted.html", context=context)


async def _preview(caller: Caller, form: FormMultiDict, problem: WrongStateError | None = None) -> Template:
    action, select = _meant(form)
    found = await caller.call(calls.act_on_tasks(action, select, dry_run=True))
    context = {
        "action": action,
        "found": found,
        "numbers": form.getall("number", []),
        "everything": "everything" in form,
        "query": form.get("query", ""),
        "back": own_address(form.get("back")),
        "problem": None if problem is None else problem_of(problem),
    }
    status = HTTPStatus.OK if problem is None else HTTPStatus.CONFLICT
    return Template("act.html", context=context, status_code=status)


def _meant(form: FormMultiDict) -> tuple[str, Selection]:
    """Return the action and the tasks: the `selected` ones, or `everything` that fits the filter of the list."""
    if "everything" in form:
        pairs = parse_qsl(str(form.get("query", "")), keep_blank_values=True)
        return str(form["everything"]), selection_of(MultiDict(pairs))
    numbers = form.getall("number", [])
    if not numbers:
        raise UsageError("no task is selected: tick some tasks first, then choose what to do")
    if len(numbers) > MOST_SELECTED:
        raise UsageError(f"{len(numbers):,} tasks are too many to select: expected at most {MOST_SELECTED:,}")
    return str(form.get("selected", "")), Selection(numbers=[_number(number) for number in numbers])


def _number(text: object) -> int:
    try:
        return msgspec.convert(text, Whole, strict=False)
    except msgspec.ValidationError:
        raise UsageError(f"{text!r} is not a valid number: expected one from 0 to 2^63 - 1") from None


async def _way_back(request: ApiRequest) -> Redirect:
    form = await form_of(request)
    return go_to(own_address(form.text("back")))


ROUTES = (cancel, retry, act_in_queue, preview, act)
