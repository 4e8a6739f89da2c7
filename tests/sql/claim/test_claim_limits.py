"""No limit is passed by one, no slot stays empty that could be used, and changes take effect at once."""

from typing import LiteralString

import psycopg
import pytest

from tests.sql.client import Client
from tests.sql.clock import Clock
from tests.sql.concurrently import in_background, until_blocked
from tests.sql.refused import refused

SCOPES = ["tool:claude", "model:opus", "tenant:acme", "queue:night", "workflow:release"]


def submit(db: Client, count: int = 1, **keys: object) -> list[int]:
    return db.submit_some(
        count, **{"model": "opus", "tenant_id": "acme", "queue": "night", "workflow": "release"} | keys
    )


@pytest.mark.parametrize("scope", SCOPES)
def test_each_kind_of_limit_is_exact(wide: Client, scope: str) -> None:
    wide.limit(scope, 3)
    numbers = submit(wide, 5)
    dispatcher = wide.dispatcher()
    first = wide.claim(dispatcher, 2)
    rest = wide.claim(dispatcher, 10)
    assert first.numbers + rest.numbers == numbers[:3]
    assert wide.claim(dispatcher).numbers == []
    wide.finish(dispatcher, first.runs[0])
    assert wide.claim(dispatcher).numbers == numbers[3:4]
    assert wide.drift() == []


@pytest.mark.parametrize("scope", SCOPES)
def test_a_full_scope_does_not_stand_in_the_way_of_others(wide: Client, scope: str) -> None:
    wide.group("codex", tool="codex", slots=1)
    wide.limit(scope, 0)
    submit(wide, 100, priority=9)
    other = wide.submit(tool="codex", model="gpt", tenant_id="b", queue="day", priority=1)
    assert wide.claim(wide.dispatcher()).numbers == [other.number]


def test_several_limits_at_once_are_all_kept(wide: Client) -> None:
    wide.limit("tool:claude", 6)
    wide.limit("model:opus", 3)
    wide.limit("tenant:acme", 4)
    wide.limit("queue:night", 2)
    submit(wide, 5)
    submit(wide, 5, queue="day")
    submit(wide, 5, queue="day", model="haiku")
    submit(wide, 2, tenant_id="b", model="haiku", queue="day")
    wide.claim(wide.dispatcher(), 20)
    assert wide.counters() == {
        "tool:claude": 6, "tool:codex": 0, "tool:gemini": 0, "group:main": 6,
        "model:opus": 3, "tenant:acme": 4, "queue:night": 2,
    }  # fmt: skip
    assert wide.drift() == []


def test_a_group_is_never_given_more_than_its_slots(db: Client) -> None:
    db.limit("tool:claude", 100)
    db.group("a", slots=2)
    db.group("b", slots=1)
    submit(db, 9)
    assert [run.group for run in db.claim(db.dispatcher()).runs] == ["a", "a", "b"]


def test_a_paused_group_gets_nothing_until_it_is_resumed(db: Client) -> None:
    db.group("main")
    [number] = submit(db)
    dispatcher = db.dispatcher()
    db.run("select pause_group('main', 'holiday')")
    assert db.claim(dispatcher).numbers == []
    assert db.claim(dispatcher).deadline_s is None
    assert db.value("select why_waiting(%s)", str(number)) == "main is paused (holiday)"
    db.run("select resume_group('main')")
    assert db.claim(dispatcher).numbers == [number]


def test_a_cooling_group_gets_nothing_until_its_time_has_come(db: Client, time: Clock) -> None:
    db.group("main")
    [number] = submit(db)
    dispatcher = db.dispatcher()
    db.run("select cool_down_group('main', clock() + '120 s', 'resets at noon')")
    claim = db.claim(dispatcher)
    assert (claim.numbers, claim.deadline_s) == ([], 120)
    assert db.value("select why_waiting(%s)", str(number)) == "main cools down for 2 min (resets at noon)"
    time.passes(120)
    assert db.claim(dispatcher).numbers == [number]


def test_a_lowered_limit_lets_what_runs_end_and_starts_nothing_above_it(wide: Client) -> None:
    numbers = submit(wide, 8)
    dispatcher = wide.dispatcher()
    runs = list(wide.claim(dispatcher, 5).runs)
    wide.limit("tenant:acme", 2)
    assert wide.counters()["tenant:acme"] == 5
    for left in (4, 3, 2):
        wide.finish(dispatcher, runs.pop())
        assert wide.claim(dispatcher).numbers == []
        assert wide.counters()["tenant:acme"] == left
    wide.finish(dispatcher, runs.pop())
    assert wide.claim(dispatcher).numbers == numbers[5:6]


def test_a_raised_limit_is_used_at_once(wide: Client) -> None:
    for scope in SCOPES:
        wide.limit(scope, 1)
    numbers = submit(wide, 4)
    dispatcher = wide.dispatcher()
    assert wide.claim(dispatcher).numbers == numbers[:1]
    for scope in SCOPES:
        wide.limit(scope, 3)
    assert wide.claim(dispatcher).numbers == numbers[1:3]


@pytest.mark.parametrize("scope", SCOPES)
def test_a_removed_limit_limits_nothing(wide: Client, scope: str) -> None:
    wide.limit(scope, 1)
    numbers = submit(wide, 3)
    dispatcher = wide.dispatcher()
    assert wide.claim(dispatcher).numbers == numbers[:1]
    wide.run("select remove_limit(%s)", scope)
    assert wide.claim(dispatcher).numbers == numbers[1:]


@pytest.mark.parametrize("scope", SCOPES)
def test_a_new_limit_starts_from_what_is_active(wide: Client, scope: str) -> None:
    submit(wide, 3)
    dispatcher = wide.dispatcher()
    wide.claim(dispatcher, 2)
    wide.run("delete from concurrency_limits where scope = %s", scope)
    wide.limit(scope, 2)
    assert wide.counters()[scope] == 2
    assert wide.claim(dispatcher).numbers == []
    assert wide.drift() == []


def test_a_tenant_closes_when_full_and_reopens_when_a_run_ends(wide: Client) -> None:
    wide.limit("tenant:acme", 1)
    numbers = submit(wide, 3)
    dispatcher = wide.dispatcher()
    for number in numbers:
        [run] = wide.claim(dispatcher).runs
        assert run.number == number
        assert wide.claim(dispatcher).numbers == []
        assert wide.rows("select closed from tenant_turns") == [(True,)]
        wide.finish(dispatcher, run)


def test_a_full_tenant_that_submits_something_of_a_new_kind_stays_closed(wide: Client) -> None:
    wide.limit("tenant:acme", 1)
    submit(wide)
    dispatcher = wide.dispatcher()
    [run] = wide.claim(dispatcher).runs
    assert wide.claim(dispatcher).numbers == []  # which hears that the limit is full
    [new] = submit(wide, priority=9)
    assert wide.claim(dispatcher).numbers == []
    wide.finish(dispatcher, run)
    assert wide.claim(dispatcher).numbers == [new]


def test_work_behind_hundreds_of_blocked_turns_is_found(wide: Client) -> None:
    """More tenants than the claim walks through have only work for a full model."""
    wide.limit("model:opus", 0)
    blocked = {"tool": "claude", "prompt": "p", "model": "opus", "priority": 9}
    wide.submit_all([blocked | {"tenant_id": f"t{i}"} for i in range(300)])
    behind = [wide.submit(tenant_id="z", priority=priority).number for priority in (2, 4, 3, 4)]
    assert wide.claim(wide.dispatcher()).numbers == [behind[i] for i in (1, 3, 2, 0)]


def test_hundreds_of_full_tenants_cost_the_claim_no_step(wide: Client) -> None:
    wide.submit_all(
        [{"tool": "claude", "prompt": "p", "tenant_id": f"t{i}", "priority": 9} for i in range(400)]
    )
    for i in range(400):
        wide.limit(f"tenant:t{i}", 0)
    free = wide.submit(tenant_id="z", priority=1)
    claim = wide.claim(wide.dispatcher())
    assert (claim.numbers, claim.deadline_s) == ([free.number], None)


def test_the_guard_refuses_a_slot_above_the_limit_whoever_asks(wide: Client) -> None:
    wide.limit("model:opus", 1)
    numbers = submit(wide, 2)
    dispatcher = wide.dispatcher()
    wide.claim(dispatcher)
    with refused("LD429", "the limit of model:opus is 1: one more task would pass it"):
        wide.run(
            "update tasks set status = 'leased', leased_by = %s, group_name = 'main' where number = %s",
            dispatcher,
            numbers[1],
        )
    with refused("LD429", "the limit of main is 1000"):
        wide.run("update worker_groups set current_concurrent = 1001")
    assert wide.drift() == []


def test_a_counter_cannot_fall_below_nothing(wide: Client) -> None:
    with pytest.raises(psycopg.errors.CheckViolation):
        wide.run("update concurrency_limits set current_concurrent = current_concurrent - 1")


def test_counters_follow_a_change_of_an_active_task_by_hand(wide: Client) -> None:
    wide.limit("model:opus", 5)
    wide.limit("model:haiku", 5)
    wide.group("other", slots=5)
    [number] = submit(wide)
    wide.claim(wide.dispatcher())
    wide.run("update tasks set model = 'haiku', group_name = 'other' where number = %s", number)
    counters = wide.counters()
    assert (counters["model:opus"], counters["model:haiku"]) == (0, 1)
    assert (counters["group:main"], counters["group:other"]) == (0, 1)
    assert wide.drift() == []


def test_an_active_task_cannot_be_deleted_and_an_ended_one_can(wide: Client) -> None:
    [number] = submit(wide)
    dispatcher = wide.dispatcher()
    [run] = wide.claim(dispatcher).runs
    with refused("LD409", f"task {number} is starting; it can be deleted when it has ended"):
        wide.run("delete from tasks")
    wide.finish(dispatcher, run)
    wide.run("delete from tasks")
    assert wide.finish(dispatcher, run) == "stale"
    assert wide.drift() == []


def test_a_limit_made_by_hand_is_as_true_as_one_made_by_the_function(wide: Client) -> None:
    submit(wide, 3)
    dispatcher = wide.dispatcher()
    runs = wide.claim(dispatcher, 2).runs
    wide.run(
        "insert into concurrency_limits (scope, max_concurrent) values ('model:opus', 2), ('model:x', 2)"
    )
    assert wide.drift() == []
    assert wide.claim(dispatcher).numbers == []
    wide.run("update concurrency_limits set scope = 'queue:night' where scope = 'model:x'")
    assert wide.drift() == []
    wide.finish(dispatcher, runs[0])
    assert len(wide.claim(dispatcher).runs) == 1
    assert wide.drift() == []


def test_a_limit_resized_by_hand_waits_for_the_claim_that_goes_on(wide: Client) -> None:
    submit(wide, 3)
    dispatcher = wide.dispatcher()
    admin = wide.another()
    wide.run("begin")
    wide.claim(dispatcher, 2)
    with in_background(lambda: admin.run("update worker_groups set max_concurrent = 1")):
        until_blocked(wide.another(), admin)
        wide.run("commit")
    assert wide.claim(dispatcher).numbers == []
    assert wide.drift() == []


@pytest.mark.parametrize(
    "change", ["delete from worker_groups", "update worker_groups set group_name = 'renamed'"]
)
def test_a_group_with_active_tasks_cannot_be_deleted_or_renamed(wide: Client, change: str) -> None:
    """Its runs name it. Without it a dispatcher that adopts them could not go on, and they would not be counted."""
    submit(wide)
    dispatcher = wide.dispatcher()
    [run] = wide.claim(dispatcher).runs
    with refused("LD409", "worker group 'main' has 1 active tasks"):
        wide.connection.execute(change.encode())
    wide.finish(dispatcher, run)
    wide.connection.execute(change.encode())


@pytest.mark.parametrize("env", ['{"KEY": ["env:K"]}', '{"KEY": null}', '{"KEY": 5}', "[]"])
def test_variables_of_a_group_are_text(wide: Client, env: str) -> None:
    with refused("LD400", "'a' is not a valid worker group"):
        wide.run("select put_group('a', 'claude', 'a', 1, %s)", env)


def test_limits_and_groups_may_change_in_one_transaction_in_any_order(wide: Client) -> None:
    """They do not deadlock with a report, which moves the same counters one by one in the order of their names."""
    wide.limit("model:opus", 5)
    wide.limit("tenant:acme", 5)
    submit(wide)
    dispatcher = wide.dispatcher()
    [run] = wide.claim(dispatcher).runs
    admin, reporter = wide.another(), wide.another()
    admin.run("begin")
    admin.run("select change_group('main', 9)")
    admin.limit("tenant:acme", 4)
    with in_background(lambda: reporter.finish(dispatcher, run)) as report:
        until_blocked(wide, reporter)
        admin.limit("model:opus", 4)
        admin.limit("tool:claude", 4)
        admin.run("commit")
    assert report.result() == "finished"
    assert wide.drift() == []


@pytest.mark.parametrize(
    ("table", "name", "taken"),
    [
        ("concurrency_limits", "queue:night", ["model:opus"]),
        ("concurrency_limits", "tool:claude", ["model:opus", "queue:night", "tenant:acme"]),
        ("worker_groups", "b", ["a", "model:opus", "queue:night", "tenant:acme", "tool:claude"]),
    ],
)
def test_counters_are_locked_in_the_order_of_their_names_and_groups_last(
    db: Client, table: LiteralString, name: str, taken: list[str]
) -> None:
    """Whoever moves them in another order could deadlock. They were made in another one than that of their names."""
    for scope in ("tool:claude", "tenant:acme", "queue:night", "model:opus"):
        db.run("delete from concurrency_limits where scope = %s", scope)
        db.limit(scope, 100)
    for group in ("c", "b", "a"):
        db.group(group)
    submit(db, 3)
    assert len(db.claim(db.dispatcher()).runs) == 3
    ender, holder = db.another(), db.another()
    key = "scope" if table == "concurrency_limits" else "group_name"
    holder.run("begin")
    holder.run(f"select from {table} where {key} = %s for update", name)
    end = "update tasks set status = 'succeeded', leased_by = null"
    with in_background(lambda: ender.run(end)):  # by hand, where no function has pinned the planner's choices
        until_blocked(db, ender)
        free = db.rows("select scope::text from concurrency_limits for update skip locked") + db.rows(
            "select group_name::text from worker_groups for update skip locked"
        )
        holder.run("rollback")
    all_of_them = {"a", "b", "c", "model:opus", "queue:night", "tenant:acme", "tool:claude"}
    assert sorted(all_of_them - {str(row[0]) for row in free} - {name}) == taken
    assert db.drift() == []


def test_a_new_limit_counts_a_run_that_ends_at_that_moment_once(wide: Client) -> None:
    submit(wide, 2)
    dispatcher = wide.dispatcher()
    runs = wide.claim(dispatcher).runs
    reporter, admin = wide.another(), wide.another()
    reporter.run("begin")
    reporter.finish(dispatcher, runs[0])
    with in_background(lambda: admin.limit("model:opus", 5)):
        until_blocked(wide, admin)
        reporter.run("commit")
    assert wide.counters()["model:opus"] == 1
    assert wide.drift() == []


@pytest.mark.parametrize("level", ["repeatable read", "serializable"])
def test_runs_and_limits_are_not_changed_with_an_old_snapshot(wide: Client, level: str) -> None:
    submit(wide, 2)
    dispatcher = wide.dispatcher()
    run, _ = wide.claim(dispatcher, 2).runs
    wide.connection.execute(f"begin isolation level {level}".encode())
    for change in (
        lambda: wide.claim(dispatcher),
        lambda: wide.finish(dispatcher, run),
        lambda: wide.limit("model:opus", 1),
    ):
        wide.run("savepoint s")
        with refused("LD400", "expected READ COMMITTED"):
            change()
        wide.run("rollback to s")


@pytest.mark.parametrize(
    ("call", "state", "message"),
    [
        (
            "set_limit('foo', 1)",
            "LD400",
            "'foo' is not a valid scope: expected tool:NAME, model:NAME, tenant:NAME, queue:NAME or workflow:NAME",
        ),
        ("set_limit(null, 1)", "LD400", "NULL is not a valid scope"),
        ("set_limit('tool:', 1)", "LD400", "is not a valid scope"),
        ("set_limit('tool:x', -1)", "LD400", "-1 is not a valid limit: expected 0 or more"),
        ("set_limit('tool:x', null)", "LD400", "a limit needs a number of tasks, or the budget"),
        ("set_limit('tenant:' || repeat('x', 300), 1)", "LD400", "is not a valid scope"),
        ("remove_limit('tool:x')", "LD404", "there is no limit 'tool:x'"),
        ("change_group('x', 1)", "LD404", "there is no worker group 'x'; there are main"),
        ("change_group('main', -1)", "LD400", "-1 is not a valid limit: expected 0 or more"),
        ("pause_group('x')", "LD404", "there is no worker group 'x'"),
        ("resume_group('x')", "LD404", "there is no worker group 'x'"),
        ("cool_down_group('x', now())", "LD404", "there is no worker group 'x'"),
        ("cool_down_group('main', null)", "LD400", "a cool-down must end at some time"),
        ("cool_down_group('main', 'infinity')", "LD400", "a cool-down must end at some time"),
        ("put_group('a', 'nope', 'b')", "LD400", "unknown tool 'nope'"),
        ("put_group('a/b', 'claude', 'b')", "LD400", "'a/b' is not a valid worker group"),
        ("put_group('a', 'claude', 'b', -1)", "LD400", "'a' is not a valid worker group"),
        ("put_group('a', 'claude', null)", "LD400", "'a' is not a valid worker group"),
        ("put_group('a', 'claude', 'main')", "LD409", "has a worker group already: 'main'"),
        (
            "put_group('main', 'claude', 'x', p_only_new => true)",
            "LD409",
            "there is a worker group 'main' already",
        ),
        (
            "put_group('a', 'claude', 'b', p_task_budget_usd => 'nan')",
            "LD400",
            "is not a valid budget: expected an amount",
        ),
        (
            "put_group('a', 'claude', 'b', p_daily_budget_usd => 'infinity')",
            "LD400",
            "Infinity is not a valid budget",
        ),
        ("change_group('main', p_task_budget_usd => 'infinity')", "LD400", "Infinity is not a valid budget"),
        (
            "change_group('main', p_daily_budget_usd => 'nan')",
            "LD400",
            "is not a valid budget: expected an amount",
        ),
        ("put_tool('Bad Name')", "LD400", "is not a valid tool: expected a name of"),
        ("put_tool(null)", "LD400", "is not a valid tool: expected a name of"),
    ],
)
def test_a_change_that_makes_no_sense_is_refused_with_a_reason(
    wide: Client, call: str, state: str, message: str
) -> None:
    with refused(state, message):
        wide.connection.execute(f"select {call}".encode())
