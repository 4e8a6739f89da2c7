"""`/events`: what changes, as it changes."""

import math
from collections.abc import Iterable, Mapping, Sequence
from http import HTTPStatus
from typing import Annotated

from litestar import get
from litestar.openapi import ResponseSpec
from litestar.params import Parameter
from litestar.types import ASGIApp
from msgspec import Struct

from dispatcher.api.caller import ApiRequest, Caller
from dispatcher.api.live.changes import Changes, News
from dispatcher.api.live.streams import EVENT_STREAM, Reading, SentEvent, TokenLife, event, streams_of
from dispatcher.api.problems import documented
from dispatcher.api.routes.tasks import Number
from sql import api_calls, calls
from sql.rows.api import Group
from sql.rows.people import DispatcherRow, Task, TaskRow
from sql.selection import Selection

MOST_PROMPT = 2_000
"""Characters of the prompt in each event about a task."""

Limit = Annotated[
    int, Parameter(ge=1, le=500, description="The most tasks in an event: the newest that fit.")
]
Brief = Annotated[
    bool, Parameter(description="Only say that something changed: the events have no data, and cost less.")
]
ANSWERS = {
    **documented(HTTPStatus.NOT_FOUND),
    HTTPStatus.OK: ResponseSpec(
        SentEvent, generate_examples=False, description="Server-sent events.", media_type=EVENT_STREAM
    ),
}


class Site(Struct, frozen=True):
    """The data of an event `state`. ``next`` is the `before` of the next page of tasks; ``counts`` are of the tool."""

    tasks: Sequence[TaskRow]
    next: int | None
    counts: Mapping[str, int]
    groups: Sequence[Group]
    dispatchers: Sequence[DispatcherRow]

    def moments(self) -> Iterable[float | None]:
        """Return in how many seconds time alone will change something."""
        yield from (row.waits_s for row in self.tasks)
        yield from (row.cooldown_s for row in self.groups)
        yield from (model.cooldown_s for row in self.groups for model in row.cooling_models)


@get(
    "/events",
    summary="Follow tasks and accounts live",
    tags=["live"],
    status_code=HTTPStatus.OK,
    media_type=EVENT_STREAM,
    responses=ANSWERS,
)
async def follow_site(
    request: ApiRequest, caller: Caller, selection: Selection, limit: Limit = 100, brief: Brief = False
) -> ASGIApp:
    """Send an event `state` with the present state now and after each change, four a second at most.

    A comment each 15 s keeps the stream alive. `away` says that the database is away, and the stream goes on. The last
    event is `bye` when the server ends: come back. Or it is `error`, with a problem, as when the token has expired.
    """
    changes: Changes = request.app.state.changes
    life = TokenLife(caller)

    async def read(_: News) -> Reading:
        if brief:
            await life.check()  # no other call does it
            return Reading(event("state", {}), life.left())
        await life.begin()
        page = await caller.call(calls.list_page(selection, limit=limit))
        site = Site(
            page.items,
            page.next,
            {
                row.state: row.tasks
                for row in await caller.call(calls.count_tasks(Selection(tool=selection.tool)))
            },
            await caller.call(api_calls.list_groups_in_public()),
            await caller.call(calls.list_dispatchers()),
        )
        for row in site.dispatchers:
            changes.note_lease(str(row.id), row.lease_left_s)
        return Reading(event("state", site), min(_next_of(site.moments()), life.left()))

    return streams_of(request).respond(read)


@get(
    "/tasks/{number:int}/events",
    summary="Follow a task live",
    tags=["live"],
    status_code=HTTPStatus.OK,
    media_type=EVENT_STREAM,
    responses=ANSWERS,
)
async def follow_task(request: ApiRequest, caller: Caller, number: Number, brief: Brief = False) -> ASGIApp:
    """Send an event `state` with the task now and after each change of it, as `/events` does.

    The data is what `GET /tasks/{number}` returns, with the first 2,000 characters of the prompt.
    """
    life = TokenLife(caller)

    async def read(_: News) -> Reading:
        await life.begin()
        task: Task = await caller.call(
            calls.show_task(str(number), 0 if brief else MOST_PROMPT, with_output=False)
        )
        return Reading(event("state", {} if brief else task), life.left())

    return streams_of(request).respond(read, number)


def _next_of(moments: Iterable[float | None]) -> float:
    """Return the next of these moments that is still to come; infinite if none is."""
    return min((moment for moment in moments if moment is not None and moment > 0), default=math.inf)


ROUTES = (follow_site, follow_task)
