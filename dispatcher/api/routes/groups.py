"""`/groups`: the worker groups, without what protects their accounts, and `/dispatchers`."""

from http import HTTPStatus
from typing import Annotated

from litestar import get, patch, post
from litestar.params import Parameter
from msgspec import Struct

from dispatcher.api.caller import Caller
from dispatcher.api.problems import documented
from dispatcher.api.routes.bodies import CoolDown, GroupChanges, Pause
from dispatcher.errors import NotFoundError
from sql import api_calls, calls
from sql.rows.api import Group
from sql.rows.people import DispatcherRow

Name = Annotated[str, Parameter(description="The name of a worker group.")]

_READ = documented(HTTPStatus.NOT_FOUND)
_WRITTEN = documented(
    HTTPStatus.NOT_FOUND, HTTPStatus.REQUEST_ENTITY_TOO_LARGE, HTTPStatus.UNSUPPORTED_MEDIA_TYPE
)


class Groups(Struct, frozen=True):
    items: list[Group]


class Dispatchers(Struct, frozen=True):
    items: list[DispatcherRow]


@get("/groups", summary="List the worker groups", tags=["groups"], responses=documented())
async def list_groups(caller: Caller) -> Groups:
    """List the groups with their slots, and what keeps them from taking work, if anything does."""
    return Groups(await caller.call(api_calls.list_groups_in_public()))


@get("/groups/{name:str}", summary="Show a worker group", tags=["groups"], responses=_READ)
async def read_group(caller: Caller, name: Name) -> Group:
    return await _group(caller, name)


@patch("/groups/{name:str}", summary="Change a worker group", tags=["groups"], responses=_WRITTEN)
async def change_group(caller: Caller, name: Name, data: GroupChanges) -> Group:
    """Change what is given, and return the group. It needs a token of an admin."""
    await caller.call(
        calls.change_group(
            name,
            max_concurrent=data.max_concurrent,
            failover=data.failover,
            daily_budget_usd=data.daily_budget_usd,
            task_budget_usd=data.task_budget_usd,
        )
    )
    return await _group(caller, name)


@post(
    "/groups/{name:str}/pause",
    summary="Start nothing more in a group until it is resumed",
    tags=["groups"],
    status_code=HTTPStatus.OK,
    responses=_WRITTEN,
)
async def pause_group(caller: Caller, name: Name, data: Pause | None = None) -> Group:
    await caller.call(calls.pause_group(name, data.reason if data else None))
    return await _group(caller, name)


@post(
    "/groups/{name:str}/resume",
    summary="Let a paused group start tasks again",
    tags=["groups"],
    status_code=HTTPStatus.OK,
    responses=_READ,
)
async def resume_group(caller: Caller, name: Name) -> Group:
    await caller.call(calls.resume_group(name))
    return await _group(caller, name)


@post(
    "/groups/{name:str}/cool",
    summary="Start nothing more in a group for some time",
    tags=["groups"],
    status_code=HTTPStatus.OK,
    responses=_WRITTEN,
)
async def cool_down_group(caller: Caller, name: Name, data: CoolDown) -> Group:
    await caller.call(calls.cool_down_group(name, data.until, data.reason, data.for_s))
    return await _group(caller, name)


@post(
    "/groups/{name:str}/uncool",
    summary="End the cool-down of a group",
    tags=["groups"],
    status_code=HTTPStatus.OK,
    responses=_READ,
)
async def clear_cooldown(caller: Caller, name: Name) -> Group:
    await caller.call(calls.clear_cooldown(name))
    return await _group(caller, name)


@get("/dispatchers", summary="List the dispatchers", tags=["groups"], responses=documented())
async def list_dispatchers(caller: Caller) -> Dispatchers:
    return Dispatchers(await caller.call(calls.list_dispatchers()))


async def _group(caller: Caller, name: str) -> Group:
    for group in await caller.call(api_calls.list_groups_in_public()):
        if group.group_name == name:
            return group
    raise NotFoundError(f"there is no worker group {name!r}", hint="GET /groups lists them")


ROUTES = (
    list_groups,
    read_group,
    change_group,
    pause_group,
    resume_group,
    cool_down_group,
    clear_cooldown,
    list_dispatchers,
)
