"""`/hooks`: whom the hooks of config.yaml tell what. For requests of others, `POST /hooks/NAME`, see `inbound.py`."""

from http import HTTPStatus
from typing import Annotated
from uuid import UUID

from litestar import get, post
from litestar.params import Parameter
from msgspec import Struct

from dispatcher.api.caller import Caller
from dispatcher.api.problems import documented
from sql import hook_calls
from sql.rows.hooks import DeliveryRow, HookRow

Name = Annotated[str, Parameter(description="One of hooks in config.yaml.")]
Most = Annotated[int, Parameter(ge=1, le=1000, description="At most so many deliveries.")]
Event = Annotated[
    UUID | None, Parameter(description="Repeat this event; unless given, all that was given up.")
]

_ONE = documented(HTTPStatus.NOT_FOUND)
_TEST = documented(HTTPStatus.NOT_FOUND, HTTPStatus.CONFLICT)


class Hooks(Struct, frozen=True):
    items: list[HookRow]


class Deliveries(Struct, frozen=True):
    items: list[DeliveryRow]


class Repeated(Struct, frozen=True):
    """How many deliveries are made again."""

    repeated: int


class Tested(Struct, frozen=True):
    """The id of the event that the hook is told."""

    event: str


@get("/hooks", summary="List the hooks", tags=["hooks"], responses=documented())
async def list_hooks(caller: Caller) -> Hooks:
    """A token that is confined to tenants sees none, since hooks hear of all of them."""
    return Hooks(await caller.call(hook_calls.list_hooks()))


@get("/hooks/{name:str}/deliveries", summary="List what a hook was told", tags=["hooks"], responses=_ONE)
async def list_deliveries(caller: Caller, name: Name, most: Most = 20) -> Deliveries:
    """List the newest deliveries, the newest first."""
    return Deliveries(await caller.call(hook_calls.list_deliveries(name, most)))


@post(
    "/hooks/{name:str}/retry",
    summary="Tell a hook again what was given up",
    tags=["hooks"],
    status_code=HTTPStatus.OK,
    responses=_ONE,
)
async def retry_hook(caller: Caller, name: Name, event: Event = None) -> Repeated:
    """A hook that was disabled is on again."""
    return Repeated(await caller.call(hook_calls.retry_hook(name, None if event is None else str(event))))


@post(
    "/hooks/{name:str}/test",
    summary="Tell a hook an event of the type test",
    tags=["hooks"],
    status_code=HTTPStatus.OK,
    responses=_TEST,
)
async def test_hook(caller: Caller, name: Name) -> Tested:
    """A running dispatcher delivers it."""
    return Tested(await caller.call(hook_calls.test_hook(name)))


ROUTES = (list_hooks, list_deliveries, retry_hook, test_hook)
