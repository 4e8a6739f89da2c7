"""What can be done with tasks: cancel, retry, reply, hold, release, move to the top, edit."""

from collections.abc import Mapping
from http import HTTPStatus
from typing import Annotated

from litestar import patch, post
from litestar.params import Parameter

from dispatcher.api.answers import Answer
from dispatcher.api.caller import Caller
from dispatcher.api.door import TAKES_TASKS
from dispatcher.api.problems import documented
from dispatcher.api.routes.bodies import BulkAction, Reply, TaskChanges
from dispatcher.api.routes.submission import KNOWN, LOCATION, IdempotencyKey, outcome_of, require_one_key
from dispatcher.api.routes.tasks import Number
from dispatcher.errors import WrongStateError
from sql import calls
from sql.rows.people import BulkResult, Submitted, Task
from sql.selection import Selection

Cascade = Annotated[
    bool | None, Parameter(description="Also cancel what comes after it, and what it spawned.")
]
_ONE = documented(HTTPStatus.NOT_FOUND, HTTPStatus.CONFLICT)


@post(
    "/tasks/{number:int}/cancel",
    summary="Cancel a task, or ask its agent to stop",
    tags=["tasks"],
    status_code=HTTPStatus.OK,
    responses=_ONE,
)
async def cancel_task(caller: Caller, number: Number, cascade: Cascade = None) -> Task:
    """Cancel a queued task at once. A running one is canceled when its agent is gone, and asking again is no error."""
    await caller.call(calls.cancel_task(str(number), cascade=cascade))
    return await caller.call(calls.show_task(str(number)))


@post(
    "/tasks/{number:int}/retry",
    summary="Queue a task again, or start one now that waits",
    tags=["tasks"],
    opt={TAKES_TASKS: True},
    status_code=HTTPStatus.OK,
    responses={
        **_ONE,
        **documented(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, HTTPStatus.UNSUPPORTED_MEDIA_TYPE),
    },
)
async def retry_task(caller: Caller, number: Number, data: TaskChanges | None = None) -> Task:
    """Queue it again, with the settings of the body in place of those that it had."""
    if data is not None and (changes := data.given()):
        return await act_on_one(caller, "retry", number, changes)
    await caller.call(calls.retry_task(str(number)))
    return await caller.call(calls.show_task(str(number)))


@post(
    "/tasks/{number:int}/hold",
    summary="Keep a queued task from starting until it is released",
    tags=["tasks"],
    status_code=HTTPStatus.OK,
    responses=_ONE,
)
async def hold_task(caller: Caller, number: Number) -> Task:
    return await act_on_one(caller, "hold", number)


@post(
    "/tasks/{number:int}/release",
    summary="Let a held task start",
    tags=["tasks"],
    status_code=HTTPStatus.OK,
    responses=_ONE,
)
async def release_task(caller: Caller, number: Number) -> Task:
    """Release a held task. One whose time has not come waits for that time again."""
    return await act_on_one(caller, "release", number)


@post(
    "/tasks/{number:int}/top",
    summary="Start a queued task before all others",
    tags=["tasks"],
    status_code=HTTPStatus.OK,
    responses=_ONE,
)
async def move_to_top(caller: Caller, number: Number) -> Task:
    """Give a queued task priority 10, above all that can be submitted."""
    return await act_on_one(caller, "top", number)


@patch(
    "/tasks/{number:int}",
    summary="Change the settings of a queued task",
    tags=["tasks"],
    opt={TAKES_TASKS: True},
    responses={
        **_ONE,
        **documented(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, HTTPStatus.UNSUPPORTED_MEDIA_TYPE),
    },
)
async def edit_task(caller: Caller, number: Number, data: TaskChanges) -> Task:
    return await act_on_one(caller, "edit", number, data.given())


@post(
    "/tasks/{number:int}/reply",
    summary="Queue a task that goes on with the session of one that has ended",
    tags=["tasks"],
    opt={TAKES_TASKS: True},
    responses={
        **documented(
            HTTPStatus.NOT_FOUND,
            HTTPStatus.CONFLICT,
            HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
            HTTPStatus.UNSUPPORTED_MEDIA_TYPE,
            HTTPStatus.UNPROCESSABLE_ENTITY,
        ),
        HTTPStatus.OK: KNOWN,
    },
    response_headers=[LOCATION],
)
async def reply_task(
    caller: Caller, number: Number, data: Reply, key: IdempotencyKey = None
) -> Answer[Submitted]:
    """Return the new task; `Location` is its path. It is 200 instead of 201 if the idempotency key was known."""
    require_one_key(key, data.idempotency_key)
    submitted = await caller.call(
        calls.reply_task(
            str(number),
            data.prompt,
            name=data.name,
            priority=data.priority,
            timeout_s=data.timeout_s,
            permission=data.permission,
            output_files=data.output_files,
            idempotency_key=data.idempotency_key if key is None else key,
        )
    )
    status, headers = outcome_of(submitted)
    return Answer(submitted, status_code=status, headers=headers)


@post(
    "/tasks/actions",
    summary="Cancel, retry, hold, release, move or edit all tasks of a selection",
    tags=["tasks"],
    opt={TAKES_TASKS: True},
    status_code=HTTPStatus.OK,
    responses={
        **_ONE,
        **documented(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, HTTPStatus.UNSUPPORTED_MEDIA_TYPE),
    },
)
async def act_on_tasks(caller: Caller, data: BulkAction) -> BulkResult:
    """Act on the selected tasks whose state allows it. With `dry_run` they are only counted.

    With `expect`, nothing is done if another number of tasks is found. `refused` says why of those that `tasks` names
    one by one.
    """
    changes = None if data.changes is None else data.changes.given()
    call = calls.act_on_tasks(data.action, data.select, data.expect, dry_run=data.dry_run, changes=changes)
    return await caller.call(call)


async def act_on_one(
    caller: Caller, action: str, number: int, changes: Mapping[str, object] | None = None
) -> Task:
    """Hold, release, move, edit or retry a task, and return it.

    Raises :class:`WrongStateError` if its state does not allow the action.
    """
    done = await caller.call(calls.act_on_tasks(action, Selection(tasks=[str(number)]), changes=changes))
    for refused in done.refused:
        raise WrongStateError(refused.message, hint=refused.hint)
    return await caller.call(calls.show_task(str(number)))


ROUTES = (
    act_on_tasks,
    cancel_task,
    retry_task,
    reply_task,
    hold_task,
    release_task,
    move_to_top,
    edit_task,
)
