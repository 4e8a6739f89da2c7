"""Notifications: sent at commit, for every cause, small enough, none for a heartbeat, linear in the rows."""

import json
from collections.abc import Callable, Iterator
from typing import NamedTuple
from uuid import UUID

import psycopg
import pytest

from tests.sql.client import Client
from tests.sql.clock import Clock

CHANNELS = ("task_ready", "task_event", "task_cancel", "dispatcher_heartbeat")


class Event(NamedTuple):
    channel: str
    payload: str


class Listener:
    """Hears everything that is committed before it is asked."""

    def __init__(self, database: str) -> None:
        self.connection = psycopg.connect(database, autocommit=True)
        for channel in CHANNELS:
            self.connection.execute(f"listen {channel}".encode())

    def heard(self) -> list[Event]:
        self.connection.execute(
            "select 1"
        )  # what was committed before is delivered with or before the result
        return [Event(each.channel, each.payload) for each in self.connection.notifies(timeout=0)]

    def woken(self) -> bool:
        return any(event.channel == "task_ready" for event in self.heard())

    def told(self) -> dict[str, object]:
        """Of each status, the numbers that task_event named, or their count."""
        told: dict[str, object] = {}
        for event in self.heard():
            if event.channel == "task_event":
                assert len(event.payload.encode()) < 7900
                content = json.loads(event.payload)
                numbers = content.get("numbers", content.get("count"))
                before = told.get(content["status"])
                told[content["status"]] = [*before, *numbers] if isinstance(before, list) else numbers
        return told


@pytest.fixture
def listener(db: Client) -> Iterator[Listener]:
    listener = Listener(db.database)
    yield listener
    listener.connection.close()


@pytest.fixture
def dispatcher(db: Client) -> UUID:
    db.group("main", slots=1000)
    db.limit("tool:claude", 1000)
    return db.dispatcher()


# When


def test_a_submit_is_told_at_its_commit_and_not_before(db: Client, listener: Listener) -> None:
    db.run("begin")
    number = db.submit().number
    assert listener.heard() == []
    db.run("commit")
    event, ready = sorted(listener.heard())
    assert (event.channel, json.loads(event.payload)) == (
        "task_event",
        {"status": "queued", "numbers": [number]},
    )
    assert ready == ("task_ready", "claude")


def test_what_is_rolled_back_is_not_told(db: Client, listener: Listener) -> None:
    db.run("begin")
    kept = db.submit().number
    db.run("savepoint s")
    db.submit(tool="codex")
    db.run("rollback to s")
    db.run("commit")
    db.run("begin")
    db.submit()
    db.run("rollback")
    heard = listener.heard()
    assert [event.payload for event in heard if event.channel == "task_ready"] == ["claude"]
    assert [json.loads(e.payload)["numbers"] for e in heard if e.channel == "task_event"] == [[kept]]


def test_many_submits_in_one_transaction_wake_once_for_each_tool(db: Client, listener: Listener) -> None:
    db.run("begin")
    for tool in ("claude", "codex", "claude", "claude", "codex"):
        db.submit(tool=tool)
    db.run("commit")
    assert sorted(event.payload for event in listener.heard() if event.channel == "task_ready") == [
        "claude",
        "codex",
    ]


# What wakes dispatchers

CAUSES: dict[str, Callable[[Client], None]] = {
    "a task": lambda db: db.run("insert into tasks (tool, prompt) values ('claude', 'p')"),
    "a task of the future": lambda db: db.run(
        "insert into tasks (tool, prompt, scheduled_at) values ('claude', 'p', now() + '1 h')"
    ),
    "a raised limit": lambda db: db.run("select set_limit('tool:claude', 7)"),
    "a removed limit": lambda db: db.run("select remove_limit('tool:codex')"),
    "more slots": lambda db: db.run("select change_group('main', 7)"),
    "a new group": lambda db: db.run("select put_group('new', 'codex', 'a')"),
    "other hosts": lambda db: db.run("select put_group('main', 'claude', 'main', 3, p_hosts => '{here}')"),
    "a limit renamed by hand": lambda db: db.run(
        "update concurrency_limits set scope = 'tool:gone' where scope = 'tool:claude'"
    ),
    "another account by hand": lambda db: db.run("update worker_groups set account_name = 'b'"),
    "another tool by hand": lambda db: db.run("update worker_groups set tool = 'codex'"),
    "a group renamed by hand": lambda db: db.run("update worker_groups set group_name = 'renamed'"),
    "a resumed group": lambda db: db.run("select resume_group('main')"),
    "a shortened cool-down": lambda db: db.run("select cool_down_group('main', now() + '1 s')"),
    "a release": lambda db: db.run("update tasks set wait_reason = null where wait_reason = 'held'"),
    "a retry": lambda db: db.run("select retry_task(number::text) from tasks where status = 'failed'"),
    "another priority": lambda db: db.run("update tasks set priority = 9 where status = 'queued'"),
    "an earlier time": lambda db: db.run(
        "update tasks set scheduled_at = now() + '1 s' where wait_reason = 'scheduled'"
    ),
}


@pytest.mark.parametrize("cause", CAUSES)
def test_dispatchers_wake_for_everything_that_can_make_a_claim_succeed(
    db: Client, dispatcher: UUID, listener: Listener, cause: str
) -> None:
    db.submit(delay_s=1000)
    db.submit(queue="held")
    db.run("update tasks set wait_reason = 'held' where queue = 'held'")
    db.submit()
    [run] = db.claim(dispatcher).runs
    db.finish(dispatcher, run, "invalid_request")
    db.submit(queue="ready")
    listener.heard()
    CAUSES[cause](db)
    assert listener.woken()


@pytest.mark.parametrize("error", [None, "agent_error", "invalid_request", "canceled", "limit", "auth"])
def test_a_freed_slot_wakes_dispatchers_whatever_freed_it(
    db: Client, dispatcher: UUID, listener: Listener, error: str | None
) -> None:
    db.submit()
    [run] = db.claim(dispatcher).runs
    listener.heard()
    db.finish(dispatcher, run, error)
    assert listener.woken()


def test_a_task_that_comes_due_is_told_to_the_other_dispatchers(
    db: Client, dispatcher: UUID, listener: Listener, time: Clock
) -> None:
    db.submit(delay_s=10)
    time.passes(10)
    listener.heard()
    db.claim(dispatcher, 0)
    assert listener.woken()


def test_what_makes_no_claim_succeed_wakes_nobody(db: Client, dispatcher: UUID, listener: Listener) -> None:
    number = str(db.submit().number)
    db.submit(delay_s=100)
    [run] = db.claim(dispatcher).runs
    listener.heard()
    db.claim(dispatcher)
    db.start(dispatcher, run)
    db.run("select cancel_task(%s)", number)
    db.run("update tasks set labels = '{\"a\": 1}'")
    db.run("update tasks set updated_at = now() where false")
    db.run("select heartbeat(%s)", dispatcher)
    assert not listener.woken()


def test_a_heartbeat_tells_only_the_dispatcher_itself(
    db: Client, dispatcher: UUID, listener: Listener
) -> None:
    db.submit_all([{"tool": "claude", "prompt": "p"}] * 3)
    db.claim(dispatcher)
    listener.heard()
    db.run("select heartbeat(%s)", dispatcher)
    assert listener.heard() == [Event("dispatcher_heartbeat", str(dispatcher))]


# What watchers hear


def test_each_change_of_state_is_told_once(db: Client, dispatcher: UUID, listener: Listener) -> None:
    numbers = [db.submit().number for _ in range(2)]
    assert listener.told() == {"queued": numbers}
    runs = db.claim(dispatcher).runs
    assert listener.told() == {"leased": numbers}
    db.start(dispatcher, *runs)
    assert listener.told() == {"running": numbers}
    db.start(dispatcher, *runs)
    assert listener.told() == {}
    db.finish_all(dispatcher, [{"run_id": runs[0].id}, {"run_id": runs[1].id, "error_class": "agent_error"}])
    assert listener.told() == {"succeeded": numbers[:1], "queued": numbers[1:]}
    db.run("select cancel_task(%s)", str(numbers[1]))
    assert listener.told() == {"canceled": numbers[1:]}
    db.run("select retry_task(%s)", str(numbers[1]))
    assert listener.told() == {"queued": numbers[1:]}
    db.run("update tasks set wait_reason = 'held' where status = 'queued'")
    assert listener.told() == {"queued": numbers[1:]}
    db.run("update tasks set labels = '{}'")
    assert listener.told() == {}


def test_a_cancel_of_a_running_task_is_told_to_its_dispatcher(
    db: Client, dispatcher: UUID, listener: Listener
) -> None:
    number = db.submit().number
    db.run("select cancel_task(%s)", str(number))
    assert not [event for event in listener.heard() if event.channel == "task_cancel"]
    number = db.submit().number
    db.claim(dispatcher)
    db.run("select cancel_task(%s)", str(number))
    assert [event for event in listener.heard() if event.channel == "task_cancel"] == [
        Event("task_cancel", str(number))
    ]


@pytest.mark.parametrize("count", [1, 350, 351, 500])
def test_up_to_500_tasks_are_named_in_payloads_that_postgres_takes(
    db: Client, listener: Listener, count: int
) -> None:
    db.run("alter table tasks alter number restart with 9000000000000000000")
    numbers = [task.number for task in db.submit_all([{"tool": "claude", "prompt": "p"}] * count)]
    assert listener.told() == {"queued": numbers}


def test_above_500_tasks_only_their_count_is_told(db: Client, listener: Listener) -> None:
    db.submit_all([{"tool": "claude", "prompt": "p"}] * 501)
    assert listener.told() == {"queued": 501}
    db.run("update tasks set status = 'canceled'")
    assert listener.told() == {"canceled": 501}


# Cost


def test_an_update_of_many_rows_is_linear_after_one_of_a_single_row(db: Client) -> None:
    """plpgsql keeps the plan made for one row; a join of old and new rows was quadratic by it (4,000: 9.5 s)."""
    db.run("insert into tasks (tool, prompt) select 'claude', 'p' from generate_series(1, 20000)")
    for _ in range(6):  # beyond the fifth call the plan is kept
        db.run("update tasks set priority = 6 where number = (select min(number) from tasks)")
        db.run("update tasks set priority = 5 where number = (select min(number) from tasks)")

    def cost_ms(rows: int) -> float:
        plan = db.value(
            "explain (analyze, format json)"
            " update tasks set priority = 11 - priority where number < (select min(number) from tasks) + %s",
            rows,
        )
        assert isinstance(plan, list)
        return float(sum(t["Time"] for t in plan[0]["Triggers"] if t["Trigger Name"] == "tasks_updated"))

    few, many = min(cost_ms(2000) for _ in range(3)), min(cost_ms(20_000) for _ in range(3))
    assert many < 30 * few, f"{many:.0f} ms for ten times the rows of {few:.0f} ms"
