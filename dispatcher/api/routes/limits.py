"""`/limits`: how many tasks of a tool, model, tenant, queue or workflow may run at a time."""

from http import HTTPStatus
from typing import Annotated

from litestar import delete, get, put
from litestar.params import Parameter
from msgspec import Struct

from dispatcher.api.caller import Caller
from dispatcher.api.problems import documented
from dispatcher.api.routes.bodies import NewLimit
from sql import calls
from sql.rows.people import LimitRow

Scope = Annotated[
    str, Parameter(description="tool:NAME, model:NAME, tenant:NAME, queue:NAME or workflow:NAME.")
]


class Limits(Struct, frozen=True):
    items: list[LimitRow]


@get("/limits", summary="List the limits", tags=["limits"], responses=documented())
async def list_limits(caller: Caller) -> Limits:
    return Limits(await caller.call(calls.list_limits()))


@put(
    "/limits/{limit:path}",
    summary="Create or change a limit",
    tags=["limits"],
    status_code=HTTPStatus.NO_CONTENT,
    responses=documented(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, HTTPStatus.UNSUPPORTED_MEDIA_TYPE),
)
async def set_limit(caller: Caller, limit: Scope, data: NewLimit) -> None:
    """It takes effect at once. What runs above a lowered limit goes on."""
    await caller.call(
        calls.set_limit(
            limit.removeprefix("/"),
            data.max_concurrent,
            budget_usd=data.budget_usd,
            token_budget=data.token_budget,
        )
    )


@delete(
    "/limits/{limit:path}",
    summary="Remove a limit",
    tags=["limits"],
    responses=documented(HTTPStatus.NOT_FOUND),
)
async def remove_limit(caller: Caller, limit: Scope) -> None:
    await caller.call(calls.remove_limit(limit.removeprefix("/")))


ROUTES = (list_limits, set_limit, remove_limit)
