"""The SQL functions about schedules; see :mod:`sql.calls`."""

from collections.abc import Mapping, Sequence
from datetime import datetime

from sql.call import NOTHING, Call, as_array, as_json, given, many, one, value
from sql.rows.people import Submitted
from sql.rows.schedules import DueSchedule, ScheduleRow


def list_schedules(name: str | None = None, tenant: str | None = None) -> Call[list[ScheduleRow]]:
    """List the schedules that the session may see, or those with a name or of a tenant."""
    return Call("list_schedules", given(name=name, tenant=tenant), many(ScheduleRow))


def put_schedule(
    name: str,
    cron: str,
    task: Mapping[str, object],
    *,
    zone: str | None = None,
    tenant: str | None = None,
    overlap: str | None = None,
    catch_up: str | None = None,
    within_s: float | None = None,
    max_failures: int | None = None,
    only_new: bool | None = None,
) -> Call[None]:
    """Create a schedule or change it to what is given; with ``only_new``, one that exists is an error."""
    return Call(
        "put_schedule",
        {
            "name": name,
            "cron": cron,
            "task": as_json(task),
            **given(
                zone=zone,
                tenant=tenant,
                overlap=overlap,
                catch_up=catch_up,
                within_s=within_s,
                max_failures=max_failures,
                only_new=only_new,
            ),
        },
        NOTHING,
    )


def put_configured_schedules(host: str, schedules: Mapping[str, object]) -> Call[None]:
    """Bring the schedules that config.yaml of a host names, and remove those that it names no more."""
    return Call("put_configured_schedules", {"host": host, "schedules": as_json(schedules)}, NOTHING)


def remove_schedule(name: str, tenant: str | None = None) -> Call[None]:
    return Call("remove_schedule", {"name": name, **given(tenant=tenant)}, NOTHING)


def pause_schedule(name: str, reason: str | None = None, tenant: str | None = None) -> Call[None]:
    """Let a schedule submit nothing until somebody resumes it."""
    return Call("pause_schedule", {"name": name, **given(reason=reason, tenant=tenant)}, NOTHING)


def resume_schedule(name: str, tenant: str | None = None) -> Call[None]:
    """Let a paused schedule go on with the first instant from now on."""
    return Call("resume_schedule", {"name": name, **given(tenant=tenant)}, NOTHING)


def run_schedule(name: str, tenant: str | None = None) -> Call[Submitted]:
    """Submit the task of a schedule now, in addition to its instants."""
    return Call("run_schedule", {"name": name, **given(tenant=tenant)}, one(Submitted))


def due_schedules(
    dispatcher: str, zone_data: str | None = None, limit: int | None = None
) -> Call[list[DueSchedule]]:
    """Return schedules with an instant that has come, or is to be computed; with ``zone_data`` anew."""
    return Call(
        "due_schedules",
        {"dispatcher": dispatcher, **given(zone_data=zone_data, limit=limit)},
        many(DueSchedule),
    )


def fire_schedule(
    dispatcher: str,
    tenant: str,
    name: str,
    revision: int,
    until: datetime,
    instants: Sequence[str],
    next_at: datetime | None = None,
    zone_data: str | None = None,
    remark: str | None = None,
    problem: str | None = None,
) -> Call[bool]:
    """Submit for each instant and move to the next one; false if the revision is not the present one."""
    return Call(
        "fire_schedule",
        {
            "dispatcher": dispatcher,
            "tenant": tenant,
            "name": name,
            "revision": revision,
            "until": until,
            "instants": as_array(instants),
            **given(next_at=next_at, zone_data=zone_data, remark=remark, problem=problem),
        },
        value(bool),
    )
