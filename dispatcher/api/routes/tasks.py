"""`/tasks`: tasks as people see them, their runs and their results."""

from http import HTTPStatus
from typing import Annotated
from urllib.parse import urlencode
from uuid import UUID

import trio
from litestar import get
from litestar.datastructures import ResponseHeader
from litestar.enums import MediaType
from litestar.openapi import ResponseSpec
from litestar.openapi.spec import OpenAPIMediaType, OpenAPIResponse, Operation, Schema
from litestar.openapi.spec.enums import OpenAPIType
from litestar.params import Parameter
from msgspec import Struct

from dispatcher.api.answers import Answer
from dispatcher.api.caller import ApiRequest, Caller
from dispatcher.api.live.changes import Changes
from dispatcher.api.problems import documented
from dispatcher.errors import WrongStateError
from sql import api_calls, calls
from sql.rows.api import FacetCount
from sql.rows.people import RunRow, Task, TaskPage
from sql.selection import Selection

Number = Annotated[int, Parameter(ge=1, le=2**63 - 1, description="The number of a task, up to 2^63 - 1.")]
Wait = Annotated[
    float,
    Parameter(
        ge=0,
        le=60,
        description="Answer after the next change of the task's state, or after so many seconds. "
        "A task that has ended is returned at once.",
    ),
]
ENDED = ("succeeded", "failed", "canceled")


Before = Annotated[
    int | None, Parameter(ge=1, le=2**63 - 1, description="Only tasks below this number: `next` of a page.")
]
Limit = Annotated[int, Parameter(ge=1, le=500, description="At most so many tasks.")]


class Runs(Struct, frozen=True):
    items: list[RunRow]


class Facets(Struct, frozen=True):
    items: list[FacetCount]


class TaskResult(Struct, frozen=True):
    """What came of a task: ``result`` is there once it succeeded, ``error_class`` and its message if it failed."""

    number: int
    id: UUID
    status: str
    result: dict[str, object] | None
    error_class: str | None
    error_message: str | None


@get(
    "/tasks",
    summary="List tasks, the newest first",
    tags=["tasks"],
    responses=documented(HTTPStatus.NOT_FOUND),
    response_headers=[
        ResponseHeader(
            name="Link", description='The next page, `rel="next"`.', documentation_only=True, required=False
        )
    ],
)
async def list_tasks(
    request: ApiRequest, caller: Caller, selection: Selection, before: Before = None, limit: Limit = 100
) -> Answer[TaskPage]:
    """List the tasks that fit everything that is given.

    A page may hold fewer tasks than `limit` and still have a `next`, which is null at the end.
    """
    page = await caller.call(calls.list_page(selection, before, limit))
    if page.next is None:
        return Answer(page)
    rest = [(name, value) for name, value in request.query_params.multi_items() if name != "before"]
    query = urlencode([*rest, ("before", str(page.next))])
    return Answer(page, headers={"Link": f'</tasks?{query}>; rel="next"'})


@get(
    "/tasks/facets",
    summary="Count the tasks of a selection",
    tags=["tasks"],
    responses=documented(HTTPStatus.NOT_FOUND),
)
async def count_facets(caller: Caller, selection: Selection) -> Facets:
    """Count by state, tool, queue and tenant, each as if nothing were selected by it alone.

    Counts know states, tool, queue and tenant: a selection by anything else has no counts.
    """
    return Facets(await caller.call(api_calls.facets(selection)))


@get(
    "/tasks/{number:int}",
    summary="Show a task, or wait for its next change",
    tags=["tasks"],
    responses=documented(HTTPStatus.NOT_FOUND),
)
async def read_task(request: ApiRequest, caller: Caller, number: Number, wait: Wait = 0) -> Task:
    changes: Changes = request.app.state.changes
    with changes.subscribe(number) as news:
        first = task = await caller.call(calls.show_task(str(number)))
        until = trio.current_time() + wait
        ends = task.status in ENDED
        while _state(task) == _state(first) and not ends and trio.current_time() < until:
            changed = await news.next(until)
            ends = changed.ended
            if number in changed.tasks:
                task = await caller.call(calls.show_task(str(number)))
    return task


@get(
    "/tasks/{number:int}/runs",
    summary="List the runs of a task",
    tags=["tasks"],
    responses=documented(HTTPStatus.NOT_FOUND),
)
async def list_runs(caller: Caller, number: Number) -> Runs:
    return Runs(await caller.call(calls.list_runs(str(number))))


def _state(task: Task) -> tuple[object, ...]:
    """Return what a change of state changes: news may also be of what :func:`read_task` has seen already."""
    return task.status, task.wait_reason, task.run_count, task.cancel_requested_at


class ResultOperation(Operation):
    """Describes that :func:`read_result` also answers with plain text."""

    def __post_init__(self) -> None:
        response = (self.responses or {})[str(HTTPStatus.OK.value)]
        assert isinstance(response, OpenAPIResponse)
        response.content = {
            **(response.content or {}),
            MediaType.TEXT.value: OpenAPIMediaType(
                schema=Schema(type=OpenAPIType.STRING, description="The answer alone.")
            ),
        }


@get(
    "/tasks/{number:int}/result",
    summary="Read the answer of a task",
    tags=["tasks"],
    operation_class=ResultOperation,
    responses={
        **documented(HTTPStatus.NOT_FOUND, HTTPStatus.CONFLICT),
        HTTPStatus.OK: ResponseSpec(
            TaskResult, generate_examples=False, description="What came of the task, or its answer alone."
        ),
    },
)
async def read_result(
    request: ApiRequest, caller: Caller, number: Number
) -> Answer[TaskResult] | Answer[str]:
    """Return what came of a task as JSON, or with `Accept: text/plain` its answer alone.

    There is no answer alone, and the problem says why, until the task has succeeded.
    """
    task = await caller.call(calls.show_task(str(number), 0))
    accepted = request.accept.best_match([MediaType.JSON, MediaType.TEXT], default=MediaType.JSON)
    if accepted == MediaType.JSON:
        return Answer(
            TaskResult(
                task.number,
                task.id,
                task.status,
                None if task.result is None else dict(task.result),
                task.error_class,
                task.error_message,
            )
        )
    if task.status != "succeeded":
        because = task.error_message or task.error_class or task.why
        raise WrongStateError(f"task {number} is {task.status}{f': {because}' if because else ''}")
    return Answer(str((task.result or {}).get("text", "")), media_type=MediaType.TEXT)


ROUTES = (list_tasks, count_facets, read_task, list_runs, read_result)
