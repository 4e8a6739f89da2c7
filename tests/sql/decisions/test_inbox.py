"""The inbox: what waits for a person, with the commands that resolve it, and nothing else."""

from psycopg.types.json import Jsonb

from tests.sql.client import Client
from tests.sql.clock import Clock
from tests.sql.conftest import LogIn
from tests.sql.decisions.test_decisions import Desk
from tests.sql.roles.conftest import MakeToken


def inbox(session: Client, select: object = None) -> list[tuple[object, ...]]:
    return session.rows(
        "select kind, coalesce(number::text, group_name), what, verbs from inbox(%s)", Jsonb(select or {})
    )


def test_what_needs_nobody_is_not_in_it(db: Client, wide: Client) -> None:
    wide.limit("tool:claude", 1000)
    desk = Desk(db)
    done = desk.run()
    db.finish(desk.dispatcher, done)
    db.submit(delay_s=1000)
    db.submit(hold=True)
    canceled = desk.run()
    db.run("select cancel_task(%s)", str(canceled.number))
    db.finish(desk.dispatcher, canceled, "canceled")
    desk.run()
    assert inbox(db) == []


def test_each_kind_of_task_has_the_commands_that_resolve_it(db: Client, wide: Client) -> None:
    wide.limit("tool:claude", 1000)
    desk = Desk(db)
    desk.asks("which?")
    desk.proposes(repository="shop")
    desk.proposes(None)
    for error in ("invalid_request", "budget"):
        db.finish(desk.dispatcher, desk.run(), error, error_message=f"sorry: {error}")
    assert inbox(db) == [
        ("approval", "2", "3 files (+12 −4)", ["llmctl diff 2", "llmctl approve 2", "llmctl deny 2"]),
        ("approval", "3", "its answer", ["llmctl result 3", "llmctl approve 3", "llmctl deny 3"]),
        ("failed", "4", "sorry: invalid_request", ["llmctl show 4", "llmctl retry 4"]),
        ("over_budget", "5", "sorry: budget", ["llmctl show 5", "llmctl retry 5"]),
        ("question", "1", "which?", ["llmctl answer 1 TEXT"]),
    ]


def test_a_failure_that_somebody_took_care_of_or_that_is_old_is_not_in_it(
    db: Client, wide: Client, time: Clock
) -> None:
    wide.limit("tool:claude", 1000)
    desk = Desk(db)
    numbers = []
    for n in range(4):
        run = desk.run()
        numbers.append(str(run.number))
        db.finish(desk.dispatcher, run, "invalid_request", session_id=f"s{n}")
    denied = desk.proposes()
    assert len(inbox(db)) == 5
    db.run("select deny_task(%s)", str(denied))
    db.run("select retry_task(%s)", numbers[0])
    db.run("select * from reply_task(%s, 'go on')", numbers[1])
    assert [row[1] for row in inbox(db)] == numbers[2:]
    time.passes(7 * 86400 + 1)
    assert inbox(db) == []


def test_groups_that_only_a_person_opens_again_are_in_it(db: Client, wide: Client) -> None:
    wide.limit("tool:claude", 1000)
    desk = Desk(db)
    for name, error in (("login", "auth"), ("empty", "no_credit"), ("budget", None)):
        db.group(name, slots=1)
        run = desk.run(account=name)
        db.run("select change_group(%s, p_daily_budget_usd => 1)", name)
        db.finish(desk.dispatcher, run, error, error_message=f"sorry: {name}", cost_usd=2)
    db.run("select pause_group('main', 'holidays')")
    assert inbox(db, {})[:1] + [row for row in inbox(db)[1:] if row[0] != "over_budget"] == [
        ("login", "login", "sorry: login", ["llmctl group check login", "llmctl group resume login"]),
        ("no_credit", "empty", "sorry: empty", ["llmctl group resume empty"]),
        ("paused", "main", "holidays", ["llmctl group resume main"]),
    ]
    [(_, group, what, verbs)] = [row for row in inbox(db) if row[0] == "over_budget"]
    assert (group, verbs) == ("budget", ["llmctl group set budget --daily-budget USD"])
    assert str(what).startswith("has spent $2.00 of $1.00 today, goes on in ")
    db.run("select resume_group('login')")
    assert "login" not in {row[0] for row in inbox(db)}


def test_a_person_who_pauses_a_group_again_with_a_reason_takes_it_over(db: Client, wide: Client) -> None:
    desk = Desk(wide)
    db.finish(desk.dispatcher, desk.run(), "auth", error_message="refused")
    db.run("select pause_group('main')")
    assert [row[0] for row in inbox(db)] == ["login"]
    db.run("select pause_group('main', 'for good')")
    assert [row[:3] for row in inbox(db)] == [("paused", "main", "for good")]


def test_its_count_is_of_what_waits_and_stops_where_it_is_told(
    db: Client, wide: Client, log_in: LogIn, token: MakeToken
) -> None:
    wide.limit("tool:claude", 1000)
    desk = Desk(db)
    db.finish(desk.dispatcher, desk.run(), "invalid_request")
    assert db.value("select count_inbox()") == 0
    desk.asks(tenant_id="acme")
    desk.asks()
    desk.proposes()
    db.run("select pause_group('main')")
    assert [db.value("select count_inbox(%s)", most) for most in (100, 4, 3, 2)] == [4, 4, 3, 2]
    assert log_in("producer", tenants=["acme"]).value("select count_inbox()") == 1
    assert token("reader", ["acme"]).rows("select count_inbox()") == [(1,)]
    assert token("operator").rows("select count_inbox()") == [(4,)]


def test_a_session_of_some_tenants_sees_their_tasks_and_no_groups(
    db: Client, wide: Client, log_in: LogIn, token: MakeToken
) -> None:
    wide.limit("tool:claude", 1000)
    desk = Desk(db)
    desk.asks(tenant_id="acme")
    desk.asks(tenant_id="other")
    db.run("select pause_group('main')")
    assert [row[1] for row in inbox(log_in("producer", tenants=["acme"]))] == ["1"]
    assert len(token("reader", ["acme"]).rows("select * from inbox()")) == 1
    assert len(token("operator").rows("select * from inbox()")) == 3


def test_a_selection_asks_for_its_tasks_only(db: Client, wide: Client) -> None:
    wide.limit("tool:claude", 1000)
    desk = Desk(db)
    desk.asks(labels={"batch": "x"})
    desk.asks()
    db.run("select pause_group('main')")
    assert [row[1] for row in inbox(db, {"labels": {"batch": "x"}})] == ["1"]
