"""What waits for a person, and what people decide: answers to agents, approvals and denials."""

from http import HTTPStatus

from litestar import get, post
from msgspec import Struct

from dispatcher.api.caller import Caller
from dispatcher.api.problems import documented
from dispatcher.api.routes.bodies import DecisionMessage, TaskAnswer
from dispatcher.api.routes.tasks import Number
from sql import calls, change_calls
from sql.rows.changes import InboxRow
from sql.rows.people import Task

_ONE = documented(
    HTTPStatus.NOT_FOUND,
    HTTPStatus.CONFLICT,
    HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
    HTTPStatus.UNSUPPORTED_MEDIA_TYPE,
)


class Inbox(Struct, frozen=True):
    """What waits for a person, the most urgent first."""

    items: list[InboxRow]


@get("/inbox", summary="List what waits for a person", tags=["tasks"], responses=documented())
async def read_inbox(caller: Caller) -> Inbox:
    """List questions, results to approve of, closed accounts and failed tasks, each with what resolves it."""
    return Inbox(await caller.call(change_calls.inbox()))


@post(
    "/tasks/{number:int}/answer",
    summary="Answer the question of a task's agent",
    tags=["tasks"],
    status_code=HTTPStatus.OK,
    responses=_ONE,
)
async def answer_task(caller: Caller, number: Number, data: TaskAnswer) -> Task:
    """Answer a task in the state `question`: it is ready again, and its session goes on with the answer."""
    await caller.call(change_calls.answer_task(str(number), data.answer))
    return await caller.call(calls.show_task(str(number)))


@post(
    "/tasks/{number:int}/approve",
    summary="Approve of the result of a task",
    tags=["tasks"],
    status_code=HTTPStatus.OK,
    responses=_ONE,
)
async def approve_task(caller: Caller, number: Number, data: DecisionMessage | None = None) -> Task:
    """Let a task in the state `approval` succeed. The body with a message may be left out."""
    await caller.call(change_calls.approve_task(str(number), data.message if data else None))
    return await caller.call(calls.show_task(str(number)))


@post(
    "/tasks/{number:int}/deny",
    summary="Deny the result of a task",
    tags=["tasks"],
    status_code=HTTPStatus.OK,
    responses=_ONE,
)
async def deny_task(caller: Caller, number: Number, data: DecisionMessage | None = None) -> Task:
    """Let a task in the state `approval` fail as `denied`. What it changed is kept. The body may be left out."""
    await caller.call(change_calls.deny_task(str(number), data.message if data else None))
    return await caller.call(calls.show_task(str(number)))


ROUTES = (read_inbox, answer_task, approve_task, deny_task)
