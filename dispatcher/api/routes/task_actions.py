"""What can be done with tasks: cancel, retry, reply."""

from http import HTTPStatus

from litestar import post

from dispatcher.api.answers import Answer
from dispatcher.api.caller import Caller
from dispatcher.api.problems import documented
from dispatcher.api.routes.bodies import BulkAction, Reply
from dispatcher.api.routes.submission import KNOWN, LOCATION, IdempotencyKey, outcome_of, require_one_key
from dispatcher.api.routes.tasks import Number
from sql import calls
from sql.rows import BulkResult, Submitted, Task

_ONE = documented(HTTPStatus.NOT_FOUND, HTTPStatus.CONFLICT)


@post(
    "/tasks/{number:int}/cancel",
    summary="Cancel a task, or ask its agent to stop",
    tags=["tasks"],
    status_code=HTTPStatus.OK,
    responses=_ONE,
)
async def cancel_task(caller: Caller, number: Number) -> Task:
    """Cancel a queued task at once. A running one is canceled when its agent is gone, and asking again is no error."""
    await caller.call(calls.cancel_task(str(number)))
    return await caller.call(calls.show_task(str(number)))


@post(
    "/tasks/{number:int}/retry",
    summary="Queue a task again, or start one now that waits",
    tags=["tasks"],
    status_code=HTTPStatus.OK,
    responses=_ONE,
)
async def retry_task(caller: Caller, number: Number) -> Task:
    await caller.call(calls.retry_task(str(number)))
    return await caller.call(calls.show_task(str(number)))


@post(
    "/tasks/{number:int}/reply",
    summary="Queue a task that goes on with the session of one that has ended",
    tags=["tasks"],
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
    summary="Cancel or retry all tasks of a selection",
    tags=["tasks"],
    status_code=HTTPStatus.OK,
    responses=documented(
        HTTPStatus.NOT_FOUND,
        HTTPStatus.CONFLICT,
        HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
        HTTPStatus.UNSUPPORTED_MEDIA_TYPE,
    ),
)
async def act_on_tasks(caller: Caller, data: BulkAction) -> BulkResult:
    """Act on the selected tasks whose state allows it. With `dry_run` they are only counted.

    With `expect`, nothing is done if another number of tasks is found.
    """
    return await caller.call(calls.act_on_tasks(data.action, data.select, data.expect, dry_run=data.dry_run))


ROUTES = (act_on_tasks, cancel_task, retry_task, reply_task)
