"""Tallies are what count(*) says, in each transaction and after whatever happens, and nobody waits for them."""

import re
from collections.abc import Mapping, Sequence

import pytest
from psycopg.types.json import Jsonb

import sql
from tests.sql.client import Client
from tests.sql.clock import Clock
from tests.sql.refused import refused


def counts(client: Client) -> dict[object, object]:
    return dict(client.rows("select state, tasks from count_tasks()"))  # type: ignore[arg-type]


def facets(client: Client, **select: object) -> Mapping[str, Mapping[object, object]]:
    found: dict[str, dict[object, object]] = {}
    for facet, value, tasks in client.rows("select * from facets(%s)", Jsonb(select)):
        found.setdefault(str(facet), {})[value] = tasks
    return found


def submitted(client: Client) -> dict[str, int]:
    metrics = client.value("select metrics()")
    assert isinstance(metrics, dict)
    return {each["queue"]: each["tasks"] for each in metrics["submitted"]}


def test_a_transaction_counts_its_own_tasks_and_nobody_elses_before_their_commit(db: Client) -> None:
    other = db.another()
    db.submit()
    with other.connection.transaction(force_rollback=True):
        other.submit_some(3)
        assert counts(other) == {"queued": 4}
        assert counts(db) == {"queued": 1}
    assert counts(db) == {"queued": 1}
    assert db.drift() == []


def test_folding_changes_no_sum_and_leaves_nothing_of_kinds_that_are_gone(db: Client) -> None:
    numbers = db.submit_some(3, queue="short")
    before = counts(db)
    db.run("select metrics()")
    assert counts(db) == before
    for number in numbers:
        db.run("select cancel_task(%s)", str(number))
    db.run("delete from tasks")
    db.run("select metrics()")
    assert db.rows("select * from task_tallies") == []
    assert db.rows("select * from task_tally_inbox") == []


def test_producers_with_open_transactions_hold_up_neither_each_other_nor_a_fold(db: Client) -> None:
    holders = [db.another(), db.another()]
    for holder in holders:
        holder.run("begin")
        holder.submit_some(2)
    db.run("set lock_timeout = '1s'")
    db.submit()
    db.run("select metrics()")
    db.run("select heartbeat(%s)", db.dispatcher())
    assert counts(db) == {"queued": 1}
    for holder in holders:
        holder.run("commit")
    assert counts(db) == {"queued": 5}
    assert db.drift() == []


def test_a_fold_in_an_open_transaction_holds_up_nobody(db: Client) -> None:
    db.group("main")
    db.submit_some(2)
    folding = db.another()
    folding.run("begin")
    folding.run("select metrics()")
    db.run("set lock_timeout = '1s'")
    dispatcher = db.dispatcher()
    db.submit()
    assert db.claim(dispatcher, 1).numbers == [1]
    db.run("select heartbeat(%s)", dispatcher)
    db.run("select metrics()")
    assert counts(db) == {"leased": 1, "queued": 2}
    folding.run("rollback")
    assert counts(db) == {"leased": 1, "queued": 2}
    db.run("select metrics()")
    assert db.drift() == []


@pytest.mark.parametrize("mode", ["read only", "isolation level repeatable read"])
def test_who_may_not_fold_reads_the_same(db: Client, mode: str) -> None:
    db.submit_some(1200)
    for _ in range(1100):
        db.submit()
    with db.connection.transaction():
        db.connection.execute(f"set transaction {mode}".encode())
        assert counts(db) == {"queued": 2300}
        metrics = db.value("select metrics()")
    assert isinstance(metrics, dict)
    assert metrics["tasks"] == [{"tool": "claude", "queue": "default", "state": "queued", "tasks": 2300}]
    assert counts(db) == {"queued": 2300}
    assert db.value("select count(*) < 1000 from task_tally_inbox")


def test_pruning_counts_down_what_is_there_and_never_what_came_or_ended(wide: Client, time: Clock) -> None:
    db = wide
    db.submit_some(5)
    dispatcher = db.dispatcher()
    for run in db.claim(dispatcher).runs:
        db.finish(dispatcher, run, ran_s=2, input_tokens=10)
    time.passes(100)
    db.run("select * from prune_tasks(50)")
    assert counts(db) == {}
    assert submitted(db) == {"default": 5}
    assert db.rows("select runs, input_tokens::int from run_tallies") == [(5, 50)]
    assert db.drift() == []


def test_what_came_is_counted_by_the_first_hundred_queues_and_the_others_never_fall(db: Client) -> None:
    for queue in range(130):
        db.submit(queue=f"q{queue}", tenant_id="a" if queue % 2 else "b")
    first = submitted(db)
    assert len(first) == 101
    assert first["other"] == 30
    db.submit_some(5, queue="q1")
    db.submit_some(5, queue="a queue of today")
    second = submitted(db)
    assert second.keys() == first.keys()
    assert {queue: second[queue] - first[queue] for queue in first if second[queue] != first[queue]} in (
        {"q1": 5, "other": 5},
        {"other": 10},
    )


def test_a_facet_shows_what_another_choice_would_give(db: Client) -> None:
    db.submit_some(3, queue="day", tenant_id="acme")
    db.submit_some(2, queue="night", tenant_id="acme")
    db.submit_all([{"tool": "codex", "prompt": "p", "queue": "night", "tenant_id": "other", "delay_s": 60}])
    assert facets(db) == {
        "state": {"queued": 5, "scheduled": 1},
        "tool": {"claude": 5, "codex": 1},
        "queue": {"day": 3, "night": 3},
        "tenant": {"acme": 5, "other": 1},
    }
    assert facets(db, queue="night", states=["queued"]) == {
        "state": {"queued": 2, "scheduled": 1},
        "tool": {"claude": 2},
        "queue": {"day": 3, "night": 2},
        "tenant": {"acme": 2},
    }
    assert facets(db, queue=None) == facets(db)


def test_a_facet_calls_what_waits_for_a_budget_so_as_counts_do(db: Client) -> None:
    db.group("main")
    db.run("select change_group('main', p_daily_budget_usd => 1)")
    db.run("update worker_groups set spent_usd = 2, spent_on = (clock() at time zone 'UTC')::date")
    db.submit_some(2)
    assert facets(db)["state"] == counts(db) == {"budget": 2}
    assert "tool" not in facets(db, states=["queued"])
    assert facets(db, states=["budget"])["tool"] == {"claude": 2}


@pytest.mark.parametrize(
    "select",
    [
        {"numbers": [1]},
        {"tasks": ["1"]},
        {"name": "a"},
        {"labels": {"a": "b"}},
        {"group": "main"},
        {"model": "opus"},
        {"waiting": "slot"},
        {"since": "2026-01-01"},
    ],
)
def test_a_selection_that_tallies_do_not_know_has_no_counts(db: Client, select: Mapping[str, object]) -> None:
    db.submit()
    assert facets(db, **select) == {}


@pytest.mark.parametrize("select", [[], {"colour": "red"}, {"states": "queued"}, {"tool": 1}, None])
def test_what_is_no_selection_is_refused(
    db: Client, select: Sequence[object] | Mapping[str, object] | None
) -> None:
    with refused("LD400"):
        db.run("select * from facets(%s)", Jsonb(select))


def test_a_confined_session_counts_its_own_tenants(acme: Client) -> None:
    acme.submit_some(2, tenant_id="acme")
    assert counts(acme) == {"queued": 2}
    assert facets(acme)["tenant"] == {"acme": 2}
    metrics = acme.value("select metrics()")
    assert isinstance(metrics, dict)
    assert metrics == {
        "tasks": [{"tool": "claude", "queue": "default", "state": "queued", "tasks": 2}],
        "waiting": [{"reason": "dispatcher", "tasks": 2}],
        "submitted": [{"tool": "claude", "queue": "default", "tasks": 2}],
    }


def test_a_run_is_counted_once_however_it_ends_and_however_often_that_is_reported(
    wide: Client, time: Clock
) -> None:
    wide.submit_some(5)
    dispatcher, gone = wide.dispatcher(), wide.dispatcher("away")
    first, second, third = wide.claim(dispatcher, 3).runs
    wide.claim(gone, 2)
    wide.start(dispatcher, first)
    for _ in range(2):
        wide.finish(dispatcher, first, ran_s=7, cost_usd=0.25, auth_mode="login", output_tokens=3)
    wide.finish(dispatcher, second, "invalid_request", ran_s=40, cost_usd=1, auth_mode="key")
    wide.run("select cancel_task(%s)", str(third.number))
    wide.finish(dispatcher, third, "canceled")
    time.passes(100_000)
    wide.run("select * from recover_lost('away')")
    wide.run("select metrics()")
    assert wide.rows(
        "select group_name, status, error_class, runs::int, output_tokens::int, paid_usd::float, notional_usd::float"
        " from run_tallies order by status"
    ) == [
        ("main", "canceled", "canceled", 1, 0, 0.0, 0.0),
        ("main", "failed", "invalid_request", 1, 0, 1.0, 0.0),
        ("main", "lost", "lost", 2, 0, 0.0, 0.0),
        ("main", "succeeded", "", 1, 3, 0.0, 0.25),
    ]
    assert wide.rows(
        "select at_most, runs::int, seconds from run_time_tallies where measure = 'duration' order by at_most"
    ) == [(10.0, 1, 7.0), (60.0, 1, 40.0)]


def test_nothing_ends_a_run_but_the_statement_that_counts_it() -> None:
    """No trigger counts runs: one that any other function ends would be missing from the tallies."""
    updates = re.compile(r"UPDATE task_runs(?: AS \w+)? SET(.*?)\b(?:FROM|WHERE)\b", re.DOTALL)
    ending = {
        file.name
        for file in sql.definitions()
        for columns in updates.findall(file.read_text())
        if re.search(r"\bstatus =", columns)
    }
    assert ending == {"write_outcomes.sql"}


def test_the_wait_in_the_queue_begins_when_the_task_was_ready(wide: Client, time: Clock) -> None:
    dispatcher = wide.dispatcher()
    wide.submit(delay_s=1000)
    time.passes(1040)
    [run] = wide.claim(dispatcher).runs
    time.passes(500)
    wide.finish(dispatcher, run, "interrupted")
    time.passes(3)
    [run] = wide.claim(dispatcher).runs
    wide.finish(dispatcher, run, "invalid_request")
    time.passes(5000)
    wide.run("select retry_task('1')")
    time.passes(20)
    [run] = wide.claim(dispatcher).runs
    wide.finish(dispatcher, run)
    waits = wide.rows(
        "select extract(epoch from claimed_at - ready_at)::float from task_runs order by run_no"
    )
    assert waits == [(pytest.approx(40, abs=1),), (pytest.approx(3),), (pytest.approx(20),)]


def test_the_oldest_ready_task_of_each_queue_is_found_without_a_dispatcher(db: Client, time: Clock) -> None:
    db.submit(queue="old")
    db.submit(queue="due", delay_s=100)
    db.submit(queue="later", delay_s=5000)
    time.passes(300)
    db.submit(queue="new")
    db.run("update tasks set updated_at = clock() where queue = 'new'")  # it came by the server's own clock
    metrics = db.value("select metrics()")
    assert isinstance(metrics, dict)
    ages = {each["queue"]: each["age_s"] for each in metrics["oldest_ready"]}
    assert ages == {
        "old": pytest.approx(300, abs=5),
        "due": pytest.approx(200, abs=5),
        "new": pytest.approx(0, abs=5),
    }


def waiting(client: Client) -> dict[str, int]:
    metrics = client.value("select metrics()")
    assert isinstance(metrics, dict)
    return {each["reason"]: each["tasks"] for each in metrics["waiting"]}


def test_each_reason_to_wait_is_told_from_the_others(db: Client) -> None:
    db.submit_all([
        {"tool": "claude", "prompt": "p"},
        {"tool": "claude", "prompt": "p", "account": "nobody's"},
        {"tool": "claude", "prompt": "p", "delay_s": 60},
    ])  # fmt: skip
    assert waiting(db) == {"dispatcher": 2, "scheduled": 1}
    db.dispatcher(groups=None)
    assert waiting(db) == {"no_group": 2, "scheduled": 1}
    db.group("main")
    assert waiting(db) == {"slot": 1, "no_group": 1, "scheduled": 1}
    db.run("select pause_group('main')")
    assert waiting(db) == {"paused": 1, "no_group": 1, "scheduled": 1}
    db.run("select resume_group('main'), cool_down_group('main', clock() + '1 h')")
    assert waiting(db) == {"limit": 1, "no_group": 1, "scheduled": 1}
    db.run("select clear_cooldown('main'), change_group('main', p_daily_budget_usd => 1)")
    db.run("update worker_groups set spent_usd = 2, spent_on = (clock() at time zone 'UTC')::date")
    assert waiting(db) == {"budget": 1, "no_group": 1, "scheduled": 1}


def test_a_claim_and_its_report_leave_tallies_in_their_transaction_alone(wide: Client) -> None:
    dispatcher = wide.dispatcher()
    wide.submit_some(2)
    with wide.connection.transaction(force_rollback=True):
        [run, _] = wide.claim(dispatcher).runs
        wide.finish(dispatcher, run)
        assert counts(wide) == {"leased": 1, "succeeded": 1}
    assert counts(wide) == {"queued": 2}
    assert wide.rows("select * from run_tally_inbox") == []
