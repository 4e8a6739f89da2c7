"""`/health`: whether the process lives, and whether work can go on. Both are open to everybody and say nothing else."""

from litestar import Response, get
from litestar.openapi import ResponseSpec
from msgspec import Struct

from dispatcher.api.caller import ApiRequest
from dispatcher.errors import DispatchError
from sql import calls


class Health(Struct, frozen=True):
    status: str


class Readiness(Struct, frozen=True):
    """``problem`` says in one sentence what is missing; it is null when everything is there."""

    ready: bool
    problem: str | None = None


@get("/health", summary="Say that the process lives", tags=["health"], opt={"open": True}, security=[{}])
async def health() -> Health:
    return Health("ok")


@get(
    "/health/ready",
    summary="Say whether tasks can be taken and run",
    tags=["health"],
    opt={"open": True},
    security=[{}],
    responses={503: ResponseSpec(Readiness, generate_examples=False, description="They cannot.")},
)
async def ready(request: ApiRequest) -> Response[Readiness]:
    """Return 200 when the database is there and a dispatcher is alive, otherwise 503."""
    problem: str | None = None
    try:
        dispatchers = await request.app.state.gateway.own_call(calls.list_dispatchers())
        if not any(dispatcher.alive for dispatcher in dispatchers):
            problem = "no dispatcher is running"
    except DispatchError:
        problem = "the database is not available"
    return Response(Readiness(problem is None, problem), status_code=200 if problem is None else 503)


ROUTES = (health, ready)
