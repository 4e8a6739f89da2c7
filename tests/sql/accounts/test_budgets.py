"""What a budget of the day does to its group and to the tasks that wait for it."""

from uuid import UUID

import pytest

from tests.sql.client import Client
from tests.sql.clock import Clock

HOUR = 3600


@pytest.fixture
def me(db: Client) -> UUID:
    return db.dispatcher()


def group_state(db: Client, name: str) -> tuple[object, ...]:
    return db.one("select state, reason from list_groups() where group_name = %s", name)


def why(db: Client, number: int) -> str:
    return str(db.value("select why_waiting(%s)", str(number)))


def test_the_budget_of_the_day_closes_a_group_until_midnight_utc(db: Client, time: Clock) -> None:
    db.run("update test_clock set now = '2031-03-05 20:00:00+00'")
    me = db.dispatcher()
    db.group("main", slots=2)
    db.run("select change_group('main', p_daily_budget_usd => 5)")
    for _ in range(3):
        db.submit()
    first, second = db.claim(me).runs
    db.finish(me, first, cost_usd=3)
    db.finish(me, second, "agent_error", cost_usd=2.5)

    closed = db.claim(me)
    assert closed.runs == []
    assert closed.deadline_s == pytest.approx(30, abs=30)  # the failed task's next attempt
    assert group_state(db, "main") == ("budget", "$5.50 of $5.00 spent today")
    assert why(db, 3) == "main has spent its budget of the day ($5.50 of $5.00), goes on in 4 h 0 min"
    time.passes(60)
    assert db.claim(me).deadline_s == 4 * HOUR - 60
    time.passes(4 * HOUR - 60)
    assert len(db.claim(me).runs) == 2


def test_what_waits_for_a_budget_is_called_so_wherever_it_is_shown(db: Client, time: Clock) -> None:
    db.run("update test_clock set now = '2031-03-05 20:00:00+00'")
    me = db.dispatcher()
    db.group("main", account="main")
    db.run("select change_group('main', p_daily_budget_usd => 1)")
    db.submit()
    db.finish(me, db.claim(me, 1).runs[0], cost_usd=1)
    waiting = db.submit().number

    def reasons() -> tuple[object, object, object]:
        listed = db.one('select wait_reason, waits_s from list_tasks(\'{"states": ["waiting"]}\')')
        shown = db.value("select show_task(%s)", str(waiting))
        assert isinstance(shown, dict)
        counted = db.rows("select state, tasks from count_tasks() where state <> 'succeeded'")
        assert counted == [(listed[0] or "queued", 1)]
        return listed[0], listed[1], shown["wait_reason"]

    assert reasons() == ("budget", 4 * HOUR, "budget")
    db.group("other", account="other")
    assert reasons() == (None, None, None)
    db.run("select cool_down_group('other', clock() + interval '1 hour')")
    assert reasons() == ("budget", 4 * HOUR, "budget")
    db.run("select pause_group('main')")
    assert reasons() == (None, None, None)
    db.run("select resume_group('main')")
    time.passes(4 * HOUR)
    assert reasons() == (None, None, None)


def test_raising_the_budget_opens_the_group(db: Client, me: UUID, time: Clock) -> None:
    db.group("main")
    db.run("select change_group('main', p_daily_budget_usd => 1)")
    db.submit()
    db.finish(me, db.claim(me, 1).runs[0], cost_usd=1)
    db.submit()
    assert db.claim(me).runs == []

    db.run("select change_group('main', p_daily_budget_usd => 0)")
    assert len(db.claim(me).runs) == 1
