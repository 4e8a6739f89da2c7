"""A service that is overloaded: its accounts back off and try one task at a time, and the tasks lose nothing."""

from uuid import UUID

import pytest

from tests.sql.client import Client, Run
from tests.sql.clock import Clock

HOUR = 3600


def claim_one(db: Client, me: UUID) -> Run:
    [run] = db.claim(me, 1).runs
    return run


def overload(db: Client, me: UUID, run: Run, **report: object) -> None:
    db.finish(me, run, "overloaded", error_message="529", ran_s=1, **report)


def group(db: Client) -> tuple[object, ...]:
    return db.one("select state, reason, cooldown_s from list_groups()")


def cooldown(db: Client) -> float:
    seconds = db.value("select cooldown_s from list_groups()")
    assert isinstance(seconds, float)
    return seconds


def submit(db: Client, count: int = 20, **keys: object) -> None:
    db.submit_some(count, backoff_s=1, **keys)


def test_an_overloaded_run_stops_the_account_and_one_task_tries_it_later(
    db: Client, me: UUID, time: Clock
) -> None:
    db.group("main", slots=3)
    submit(db)
    run = claim_one(db, me)
    overload(db, me, run)

    assert group(db)[:2] == ("overloaded", "529")
    assert 12 <= cooldown(db) <= 18
    assert db.one("select status, wait_reason, attempt from tasks where number = %s", run.number) == (
        "queued", "retry", 0,
    )  # fmt: skip
    claim = db.claim(me)
    assert claim.runs == []
    waiting = db.value("select max(number)::text from tasks")
    said = str(db.value("select why_waiting(%s)", waiting))
    assert said.startswith("main is held back: the service of claude is overloaded, next try in 1")
    time.passes(18)
    assert len(db.claim(me).runs) == 1
    assert group(db)[:2] == ("probing", "one task first, to see if its service is back")
    assert (
        db.value("select why_waiting(%s)", waiting)
        == "main tries one task first, to see if its service is back"
    )


def test_each_probe_in_vain_doubles_the_pause_up_to_five_minutes(db: Client, me: UUID, time: Clock) -> None:
    db.group("main", slots=3)
    submit(db)
    for pause in (15, 30, 60, 120, 240, 300, 300):
        overload(db, me, claim_one(db, me))
        assert 0.8 * pause <= cooldown(db) <= 1.2 * pause
        time.passes(1.2 * pause)


def test_the_runs_that_the_outage_met_at_once_count_as_one(db: Client, me: UUID, time: Clock) -> None:
    db.group("main", slots=5)
    submit(db)
    for run in db.claim(me, 5).runs:
        overload(db, me, run)
        time.passes(1)
    assert cooldown(db) < 15
    time.passes(15)
    overload(db, me, claim_one(db, me))
    assert 24 <= cooldown(db) <= 36


@pytest.mark.parametrize(("asked", "least", "most"), [(100, 100, 100), (1, 12, 18), (9e9, HOUR, HOUR)])
def test_a_service_that_asks_for_more_time_gets_it_up_to_an_hour(
    db: Client, me: UUID, asked: float, least: float, most: float
) -> None:
    db.group("main")
    submit(db)
    overload(db, me, claim_one(db, me), retry_after_s=asked)
    assert least <= cooldown(db) <= most


@pytest.mark.parametrize("error", [None, "limit", "throttled", "invalid_request", "check_failed"])
def test_any_run_that_reaches_the_service_ends_the_outage_at_once(
    db: Client, me: UUID, error: str | None
) -> None:
    """Also one from before it."""
    db.group("main", slots=3)
    submit(db)
    first, second, third = db.claim(me, 3).runs
    overload(db, me, first)
    overload(db, me, second)
    db.finish(me, third, error, ran_s=60, retry_after_s=60)

    assert group(db)[0] == ("cooling" if error == "limit" else "open")
    assert db.value("select outage_since from worker_groups") is None
    if error != "limit":
        assert len(db.claim(me, 3).runs) == 3


@pytest.mark.parametrize("error", ["agent_error", "stalled", "timeout", "lost", "interrupted", "canceled"])
def test_a_run_of_which_nobody_knows_whether_it_reached_the_service_ends_no_outage(
    db: Client, me: UUID, time: Clock, error: str
) -> None:
    db.group("main", slots=3)
    submit(db)
    overload(db, me, claim_one(db, me))
    time.passes(18)
    db.finish(me, claim_one(db, me), error, ran_s=1)

    assert group(db)[0] == "probing"
    assert len(db.claim(me, 3).runs) == 1


def test_one_overloaded_run_among_many_that_succeed_stops_nothing(db: Client, me: UUID, time: Clock) -> None:
    db.group("main", slots=3)
    submit(db)
    first, second, third = db.claim(me, 3).runs
    time.passes(60)
    db.finish(me, first)
    overload(db, me, second)

    assert group(db)[0] == "open"
    assert db.value("select attempt from tasks where number = %s", second.number) == 0
    time.passes(1)
    overload(db, me, third)  # nothing got through since the other one
    assert group(db)[0] == "overloaded"


def test_a_success_of_another_account_does_not_count(db: Client, me: UUID, time: Clock) -> None:
    db.group("main")
    db.group("other")
    submit(db)
    first, second = db.claim(me, 2).runs
    db.finish(me, first)
    overload(db, me, second)

    assert db.value("select state from list_groups() where group_name = %s", second.group) == "overloaded"
    assert db.value("select state from list_groups() where group_name = %s", first.group) == "open"


def test_an_hour_of_an_outage_uses_up_no_attempt_and_the_rest_does(db: Client, me: UUID, time: Clock) -> None:
    db.group("main")
    db.submit(max_attempts=3, backoff_s=1)
    began = time.now()
    attempts = []
    while db.value("select status from tasks") == "queued":
        overload(db, me, claim_one(db, me))
        attempts.append(((time.now() - began).total_seconds(), db.value("select attempt from tasks")))
        db.run("select heartbeat(%s)", me)
        time.passes(400)

    assert [attempt for _, attempt in attempts[-4:]] == [0, 1, 2, 3]
    assert all((attempt > 0) == (at >= HOUR) for at, attempt in attempts)  # type: ignore[operator]
    assert db.value("select status from tasks") == "failed"


def test_a_task_that_alone_meets_errors_of_the_service_uses_up_attempts_after_an_hour(
    db: Client, me: UUID, time: Clock
) -> None:
    db.group("main", slots=2)
    poison = db.submit(max_attempts=2, backoff_s=1, priority=9)
    for _ in range(50):
        for run in db.claim(me, 2).runs:
            if run.number == poison.number:
                overload(db, me, run)
            else:
                db.finish(me, run)
        if db.status(poison.number)[0] == "failed":
            break
        db.submit()
        db.run("select heartbeat(%s)", me)
        time.passes(200)
    else:
        raise AssertionError("it is retried for ever")
    first, last = db.one(
        "select min(finished_at), max(finished_at) from task_runs where error_class is not null"
    )
    assert HOUR <= (last - first).total_seconds() < HOUR + 1500  # type: ignore[operator]


def test_a_task_may_say_that_it_is_not_tried_again_after_the_hour(db: Client, me: UUID, time: Clock) -> None:
    db.group("main")
    db.submit(retry_on=["timeout"], backoff_s=1)
    db.submit(retry_on=["overloaded"], backoff_s=1, account="main", priority=1)
    overload(db, me, claim_one(db, me))
    assert db.value("select status from tasks where number = 1") == "queued"
    time.passes(20)
    db.run("update worker_groups set outage_since = clock() - interval '2 h'")
    overload(db, me, claim_one(db, me))
    assert db.value("select status from tasks where number = 1") == "failed"


def test_an_outage_that_nobody_saw_for_an_hour_is_over(db: Client, me: UUID, time: Clock) -> None:
    db.group("main")
    submit(db, 1)
    overload(db, me, claim_one(db, me))
    time.passes(3 * HOUR)
    me = db.dispatcher()
    overload(db, me, claim_one(db, me))

    assert cooldown(db) <= 18
    assert db.value("select extract(epoch from clock() - outage_since) from worker_groups") == 0


def test_a_task_goes_on_with_its_session_after_an_outage(db: Client, me: UUID, time: Clock) -> None:
    db.group("main")
    db.submit(backoff_s=1)
    overload(db, me, claim_one(db, me), session_id="s-1")
    time.passes(20)
    assert claim_one(db, me).answer["session_id"] == "s-1"


def test_an_outage_leaves_a_longer_cool_down_by_hand(db: Client, me: UUID, time: Clock) -> None:
    db.group("main", slots=2)
    submit(db)
    first, second = db.claim(me, 2).runs
    db.run("select cool_down_group('main', null, 'mine', 7200)")
    overload(db, me, first)
    db.finish(me, second)

    assert group(db)[:2] == ("cooling", "mine")


def test_a_reset_time_ends_an_outage_of_the_service_too(db: Client, me: UUID, time: Clock) -> None:
    db.group("main")
    submit(db)
    overload(db, me, claim_one(db, me))
    db.run("select clear_cooldown('main')")
    assert group(db)[0] == "open"
    overload(db, me, claim_one(db, me))
    assert 12 <= cooldown(db) <= 18


def test_the_look_for_other_successes_is_short(db: Client, me: UUID, time: Clock) -> None:
    """However many tasks have ended while a long run was at work."""
    db.group("main", slots=2)
    submit(db)
    run = claim_one(db, me)
    time.passes(60)
    db.run(
        "insert into tasks (tool, prompt, status, finished_at, group_name)"
        " select 'claude', 'p', 'succeeded', clock(), 'gone' from generate_series(1, 200)"
    )
    overload(db, me, run)
    assert group(db)[0] == "overloaded"
