"""A schedule, and a dispatcher that fires it with the product's own calculation."""

from datetime import UTC, datetime
from typing import LiteralString
from uuid import UUID

import msgspec
from psycopg.types.json import Jsonb

from dispatcher.schedules.due import due
from sql.rows.schedules import DueSchedule
from tests.sql.client import Client
from tests.sql.clock import Clock

TASK = {"tool": "claude", "prompt": "report of {{scheduled_at}}, last {{last_success_at}}"}


def set_time(db: Client, text: str) -> None:
    db.run("update test_clock set now = %s", datetime.fromisoformat(text).astimezone(UTC))


def put(db: Client, cron: str, zone: str = "UTC", name: str = "nightly", **more: object) -> None:
    keys = {"task": Jsonb(TASK), **more}
    db.connection.execute(
        "select put_schedule(%(name)s, %(cron)s, %(task)s, %(zone)s, "
        + ", ".join(f"p_{key} => %({key})s" for key in more if key != "task")
        + ")"
        if set(more) - {"task"}
        else "select put_schedule(%(name)s, %(cron)s, %(task)s, %(zone)s)",
        {"name": name, "cron": cron, "zone": zone, **keys},
    )


def listed(db: Client, dispatcher: UUID) -> list[DueSchedule]:
    cursor = db.connection.execute("select * from due_schedules(%s)", [dispatcher])
    names = [column.name for column in cursor.description or ()]
    return [msgspec.convert(dict(zip(names, row, strict=True)), DueSchedule) for row in cursor.fetchall()]


def fire(db: Client, dispatcher: UUID, schedule: DueSchedule) -> object:
    result = due(schedule)
    return db.value(
        "select fire_schedule(%s, %s, %s, %s, %s, %s, %s, 'v', %s)",
        dispatcher,
        schedule.tenant_id,
        schedule.name,
        schedule.revision,
        max(schedule.now, schedule.done_until),
        [instant.isoformat() for instant in result.instants],
        result.next_at,
        result.remark,
    )


def work(db: Client, dispatcher: UUID) -> None:
    """Fire all that is due."""
    while found := listed(db, dispatcher):
        for schedule in found:
            fire(db, dispatcher, schedule)


def state(db: Client, column: LiteralString, name: str = "nightly") -> object:
    return db.value("select to_jsonb(s) ->> %s from schedules as s where name = %s", column, name)


def prompts(db: Client) -> list[object]:
    return [row[0] for row in db.rows("select prompt from tasks where schedule is not null order by number")]


def instants(db: Client, time: Clock) -> list[str]:
    """The instants of the tasks that were submitted, in UTC."""
    keys = db.rows("select idempotency_key from tasks where schedule is not null order by number")
    return [str(key[0]).partition(":")[2].partition(":")[2] for key in keys]
