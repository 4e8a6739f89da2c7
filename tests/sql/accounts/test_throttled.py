"""An account whose runs are all throttled: after some time somebody hears of it."""

from uuid import UUID

import pytest

from tests.sql.client import Client, Run
from tests.sql.clock import Clock


def claim_one(db: Client, me: UUID) -> Run:
    [run] = db.claim(me, 1).runs
    return run


def throttle(db: Client, me: UUID, time: Clock, times: int, seconds: float) -> None:
    """Let so many runs be throttled, one after the other, each so long after the one before it."""
    for _ in range(times):
        time.passes(seconds)
        db.run("select heartbeat(%s)", me)
        db.finish(me, claim_one(db, me), "throttled", ran_s=1, retry_after_s=1)


def seen(db: Client) -> tuple[object, ...]:
    return db.one("select throttled_runs, throttled_s, reason from list_groups()")


@pytest.fixture
def task(db: Client, me: UUID) -> int:
    db.group("main")
    return db.submit().number


def test_ten_throttled_runs_in_half_an_hour_are_said_and_their_task_backs_off(
    db: Client, me: UUID, time: Clock, task: int
) -> None:
    throttle(db, me, time, 9, 200)
    assert seen(db) == (None, None, None)
    throttle(db, me, time, 2, 200)

    words = (
        "throttled for 33 min, in all of its last 11 runs: give it fewer slots (`llmctl group set main --max N`), "
        "or add another account"
    )
    assert seen(db) == (11, 2000, words)
    wait = db.claim(me).deadline_s
    assert wait is not None
    assert 300 <= wait <= 375
    said = str(db.value("select why_waiting(%s)", str(task)))
    assert "; main is throttled for 33 min, in all of its last 11 runs: give it fewer slots" in said


def test_many_in_a_short_time_and_few_in_a_long_one_are_not(
    db: Client, me: UUID, time: Clock, task: int
) -> None:
    throttle(db, me, time, 20, 10)
    assert seen(db) == (None, None, None)
    time.passes(10)
    db.finish(me, claim_one(db, me), "agent_error")
    db.run("select resume_group('main')")
    db.run("update tasks set wait_reason = null, next_attempt_at = null")
    throttle(db, me, time, 9, 1000)
    assert seen(db) == (None, None, None)


@pytest.mark.parametrize("error", [None, "invalid_request", "limit", "auth"])
def test_one_run_that_gets_through_ends_it(
    db: Client, me: UUID, time: Clock, task: int, error: str | None
) -> None:
    throttle(db, me, time, 11, 200)
    assert seen(db)[0] == 11
    time.passes(400)
    db.finish(me, claim_one(db, me), error, ran_s=1)
    assert seen(db)[:2] == (None, None)


@pytest.mark.parametrize("error", ["interrupted", "agent_error", "overloaded", "lost"])
def test_a_run_that_tells_nothing_changes_nothing(
    db: Client, me: UUID, time: Clock, task: int, error: str
) -> None:
    throttle(db, me, time, 11, 200)
    time.passes(400)
    db.finish(me, claim_one(db, me), error, ran_s=1)
    assert seen(db)[0] == 11
