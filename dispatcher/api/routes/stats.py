"""`/stats`: what was done, and what it took."""

from http import HTTPStatus
from typing import Annotated

from litestar import get
from litestar.params import Parameter
from msgspec import Struct

from dispatcher.api.caller import Caller
from dispatcher.api.problems import documented
from dispatcher.api.selections import DATE_TIME, moment
from sql import calls
from sql.rows.sums import StatsRow
from sql.selection import Selection

By = Annotated[
    str,
    Parameter(
        pattern="^(group|tool|model|tenant|queue|workflow|day|label:.+)$",
        description="What to add up by: group, tool, model, tenant, queue, workflow, day (of UTC), or label:KEY.",
    ),
]
Since = Annotated[
    str | None,
    Parameter(
        description="Only runs that ended then or later: 2031-01-31T22:00:00Z.", schema_extra=DATE_TIME
    ),
]


class Stats(Struct, frozen=True):
    items: list[StatsRow]


@get(
    "/stats",
    summary="Add up runs, tokens and costs",
    tags=["stats"],
    responses=documented(HTTPStatus.NOT_FOUND),
)
async def stats(caller: Caller, timeless: Selection, by: By = "group", since: Since = None) -> Stats:
    """Add up the runs of the selected tasks that have ended."""
    return Stats(await caller.call(calls.stats(by, moment("since", since), timeless)))


ROUTES = (stats,)
