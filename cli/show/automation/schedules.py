"""Schedules for people: pure functions of what the database returned."""

from collections.abc import Iterator, Sequence
from datetime import datetime
from itertools import islice

from cli.show.tables import Column
from cli.show.words import state_word
from dispatcher.errors import UsageError
from dispatcher.schedules.wording import local, words
from sql.rows.schedules import ScheduleRow

RUNS = 5
"""How many instants to come are shown of one schedule."""


def next_runs(schedule: ScheduleRow, now: datetime) -> list[str]:
    """Return the next instants; none while it is paused or cannot be read."""
    from dispatcher.schedules import zones
    from dispatcher.schedules.cron import Cron

    if schedule.pause_class is not None:
        return []
    try:
        found = Cron(schedule.cron).after(now, zones.zone(schedule.zone))
        return [instant.isoformat(sep=" ", timespec="minutes") for instant in islice(found, RUNS)]
    except UsageError:
        return []


def state_of(schedule: ScheduleRow) -> str:
    """Return ``on``, or why it submits nothing."""
    if schedule.pause_class is not None:
        return f"paused: {schedule.pause_reason}"
    return "on" if not schedule.failures else f"on, {schedule.failures} of {schedule.max_failures} failures"


def last_of(schedule: ScheduleRow) -> str:
    if schedule.last_task is None:
        return schedule.last_error or "never"
    return f"task {schedule.last_task}: {state_word(schedule.last_status or 'deleted')}"


def _is_paused_by_itself(schedule: ScheduleRow) -> bool:
    return schedule.pause_class in ("failures", "unreadable")


SCHEDULES: Sequence[Column[ScheduleRow]] = (
    Column("NAME", lambda schedule: schedule.name),
    Column(
        "TENANT",
        lambda schedule: schedule.tenant_id,
        spare=2,
        shown=lambda rows: any(row.tenant_id != "default" for row in rows),
    ),
    Column("WHEN", words, elastic=True),
    Column("ZONE", lambda schedule: schedule.zone, spare=3),
    Column("NEXT", lambda schedule: local(schedule.next_at, schedule) if schedule.next_at else "-"),
    Column("LAST", last_of, elastic=True, spare=1),
    Column(
        "STATE",
        state_of,
        elastic=True,
        style=lambda schedule: (
            "red" if _is_paused_by_itself(schedule) else "blue" if schedule.pause_class else ""
        ),
    ),
)


def facts(schedule: ScheduleRow, now: datetime) -> Iterator[tuple[str, str]]:
    """Yield title and value for each line of `llmctl schedule show`."""
    yield "schedule", schedule.name
    yield "tenant", schedule.tenant_id
    yield "when", f"{words(schedule)} ({schedule.cron}), {schedule.zone}"
    yield "state", state_of(schedule)
    for place, run in enumerate(next_runs(schedule, now)):
        yield "next" if not place else "", run
    yield (
        "last",
        last_of(schedule) + (f", for {local(schedule.last_at, schedule)}" if schedule.last_at else ""),
    )
    if schedule.last_error:
        yield "remark", schedule.last_error
    yield "overlap", schedule.overlap + (f", {schedule.skipped} skipped so far" if schedule.skipped else "")
    within = f" within {schedule.within_s:.0f} s" if schedule.within_s else ""
    yield "catch-up", schedule.catch_up + within
    if schedule.configured_on:
        yield "from", f"config.yaml on {schedule.configured_on}"
    for key, value in schedule.task.items():
        yield (
            ("task" if key == "tool" else ""),
            f"{key}: {value if isinstance(value, str) else _short(value)}",
        )


def _short(value: object) -> str:
    from cli.show.output import to_json

    text = to_json(value, indent=False)
    return text if len(text) <= 200 else text[:199] + "…"
