"""`/stats`: what was done, and what it took."""

from datetime import datetime
from typing import Annotated, Literal

from litestar import get
from litestar.params import Parameter
from msgspec import Struct

from dispatcher.api.caller import Caller
from dispatcher.api.problems import documented
from sql import calls
from sql.rows import StatsRow

By = Annotated[
    Literal["group", "tool", "model", "tenant", "day"],
    Parameter(description="What to add up by. Days are those of UTC."),
]
Since = Annotated[
    datetime | None, Parameter(description="Only runs that ended then or later: 2031-01-31T22:00:00Z.")
]


class Stats(Struct, frozen=True):
    items: list[StatsRow]


@get("/stats", summary="Add up runs, tokens and costs", tags=["stats"], responses=documented())
async def stats(caller: Caller, by: By = "group", since: Since = None) -> Stats:
    return Stats(await caller.call(calls.stats(by, since)))


ROUTES = (stats,)
