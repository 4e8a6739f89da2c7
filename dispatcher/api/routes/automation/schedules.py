"""`/schedules`: tasks that are submitted again and again."""

from http import HTTPStatus
from typing import Annotated, Any

from litestar import delete, get, post, put
from litestar.params import Parameter
from msgspec import Meta, Struct

from dispatcher.api.caller import Caller
from dispatcher.api.door import TAKES_TASKS
from dispatcher.api.problems import documented
from dispatcher.api.routes.bodies import Integer
from dispatcher.errors import NotFoundError
from dispatcher.schedules import zones
from dispatcher.schedules.cron import Cron
from sql import schedule_calls
from sql.rows.people import Submitted
from sql.rows.schedules import CatchUp, Overlap, ScheduleRow

Name = Annotated[str, Parameter(description="The name of a schedule.")]
Tenant = Annotated[
    str | None,
    Parameter(
        query="tenant", required=False, description="Its tenant, where several have a schedule of that name."
    ),
]

_READ = documented(HTTPStatus.NOT_FOUND)
_WRITTEN = documented(
    HTTPStatus.REQUEST_ENTITY_TOO_LARGE, HTTPStatus.UNSUPPORTED_MEDIA_TYPE, HTTPStatus.CONFLICT
)
_PAUSED = documented(
    HTTPStatus.NOT_FOUND, HTTPStatus.REQUEST_ENTITY_TOO_LARGE, HTTPStatus.UNSUPPORTED_MEDIA_TYPE
)


class Schedules(Struct, frozen=True):
    items: list[ScheduleRow]


class NewSchedule(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A schedule: what to submit, and when."""

    cron: Annotated[str, Meta(description="Such as 30 2 * * 1-5, or @daily.")]
    task: Annotated[dict[str, Any], Meta(description="What to submit, with the keys of NewTask.")]
    zone: Annotated[str, Meta(description="The time zone on whose clocks.")] = "UTC"
    tenant: str | None = None
    overlap: Overlap | None = None
    catch_up: CatchUp | None = None
    within_s: Annotated[float | None, Meta(description="How far catch_up all goes back.")] = None
    max_failures: Annotated[
        Integer | None, Meta(description="It pauses itself after so many; 5 unless given.")
    ] = None


class SchedulePause(Struct, frozen=True, forbid_unknown_fields=True):
    reason: str | None = None


@get("/schedules", summary="List the schedules", tags=["schedules"], responses=documented())
async def list_schedules(caller: Caller) -> Schedules:
    return Schedules(await caller.call(schedule_calls.list_schedules()))


@get("/schedules/{name:str}", summary="Show a schedule", tags=["schedules"], responses=_READ)
async def read_schedule(caller: Caller, name: Name, tenant: Tenant = None) -> ScheduleRow:
    return await _schedule(caller, name, tenant)


@put(
    "/schedules/{name:str}",
    summary="Create or change a schedule",
    tags=["schedules"],
    opt={TAKES_TASKS: True},
    responses=_WRITTEN,
)
async def put_schedule(caller: Caller, name: Name, data: NewSchedule) -> ScheduleRow:
    """It begins with the first time from now on. In the prompt, `{{scheduled_at}}` is the time of the task."""
    Cron(data.cron)
    zones.zone(data.zone)
    await caller.call(
        schedule_calls.put_schedule(
            name,
            data.cron,
            data.task,
            zone=data.zone,
            tenant=data.tenant,
            overlap=data.overlap,
            catch_up=data.catch_up,
            within_s=data.within_s,
            max_failures=data.max_failures,
        )
    )
    return await _schedule(caller, name, data.tenant)


@delete("/schedules/{name:str}", summary="Remove a schedule", tags=["schedules"], responses=_READ)
async def remove_schedule(caller: Caller, name: Name, tenant: Tenant = None) -> None:
    """Its tasks stay."""
    await caller.call(schedule_calls.remove_schedule(name, tenant))


@post(
    "/schedules/{name:str}/run",
    summary="Submit the task of a schedule now",
    tags=["schedules"],
    status_code=HTTPStatus.CREATED,
    responses=_READ,
)
async def run_schedule(caller: Caller, name: Name, tenant: Tenant = None) -> Submitted:
    """In addition to its times, also while it is paused."""
    return await caller.call(schedule_calls.run_schedule(name, tenant))


@post(
    "/schedules/{name:str}/pause",
    summary="Let a schedule submit nothing until it is resumed",
    tags=["schedules"],
    status_code=HTTPStatus.OK,
    responses=_PAUSED,
)
async def pause_schedule(
    caller: Caller, name: Name, tenant: Tenant = None, data: SchedulePause | None = None
) -> ScheduleRow:
    await caller.call(schedule_calls.pause_schedule(name, data.reason if data else None, tenant))
    return await _schedule(caller, name, tenant)


@post(
    "/schedules/{name:str}/resume",
    summary="Let a paused schedule go on with its next time",
    tags=["schedules"],
    status_code=HTTPStatus.OK,
    responses=_READ,
)
async def resume_schedule(caller: Caller, name: Name, tenant: Tenant = None) -> ScheduleRow:
    await caller.call(schedule_calls.resume_schedule(name, tenant))
    return await _schedule(caller, name, tenant)


async def _schedule(caller: Caller, name: str, tenant: str | None) -> ScheduleRow:
    for schedule in await caller.call(schedule_calls.list_schedules(name, tenant)):
        return schedule
    raise NotFoundError(f"there is no schedule {name!r}", hint="GET /schedules lists them")


ROUTES = (
    list_schedules,
    read_schedule,
    put_schedule,
    remove_schedule,
    run_schedule,
    pause_schedule,
    resume_schedule,
)
