"""What the claim knows of lanes is removed when they are empty, and nothing is lost or unfair because of it."""

from collections.abc import Callable
from functools import partial
from uuid import UUID

import pytest

from tests.sql.client import Client
from tests.sql.clock import Clock
from tests.sql.concurrently import in_background, until_blocked

DAY = 86_400.0


@pytest.fixture
def me(wide: Client, time: Clock) -> UUID:
    """A dispatcher with room for everything, in a database whose clock stands still."""
    return wide.dispatcher()


def prune(db: Client, most: int = 200) -> int:
    """Remove all that can be removed; returns how much that was."""
    removed = 0
    while count := db.value("select prune_lanes(%s)", most):
        assert isinstance(count, int)
        removed += count
    return removed


def known(db: Client) -> tuple[object, ...]:
    """How many lanes, tenantless lanes and turns there are."""
    return db.one(
        "select (select count(*) from lanes), (select count(*) from tenantless_lanes),"
        " (select count(*) from tenant_turns)"
    )


def work_through(db: Client, me: UUID) -> list[object]:
    """Take one task after the other until nothing is ready; returns their tenants."""
    tenants = []
    while runs := db.claim(me, 1).runs:
        db.finish(me, runs[0])
        tenants.append(db.value("select tenant_id from tasks where number = %s", runs[0].number))
    return tenants


def submit_for(db: Client, tenants: str) -> None:
    db.submit_all([{"tool": "claude", "prompt": "p", "tenant_id": tenant} for tenant in tenants])


# What goes, and what stays


def test_lanes_tenantless_lanes_and_turns_of_what_is_gone_are_removed(
    wide: Client, me: UUID, time: Clock
) -> None:
    wide.submit_all(
        [
            {
                "tool": "claude",
                "prompt": "p",
                "queue": f"q{n}",
                "tenant_id": f"t{n % 7}",
                "priority": n % 2 + 1,
            }
            for n in range(40)
        ]
    )
    work_through(wide, me)
    assert known(wide) == (40, 40, 14)
    assert prune(wide) == 40
    assert known(wide) == (0, 0, 14)
    time.passes(DAY + 1)
    assert prune(wide) == 14
    assert known(wide) == (0, 0, 0)


def test_a_call_removes_no_more_than_it_was_told(wide: Client, me: UUID, time: Clock) -> None:
    wide.submit_all([{"tool": "claude", "prompt": "p", "tenant_id": f"t{n}"} for n in range(10)])
    work_through(wide, me)
    assert [wide.value("select prune_lanes(4)") for _ in range(4)] == [4, 4, 2, 0]
    time.passes(DAY + 1)
    assert [wide.value("select prune_lanes(4)") for _ in range(4)] == [4, 4, 2, 0]


def test_lanes_with_tasks_stay_with_their_tenantless_lane_and_turn(
    wide: Client, me: UUID, time: Clock
) -> None:
    wide.limit("tenant:full", 0)
    wide.submit_some(2)
    wide.submit_some(priority=9)
    wide.submit_some(tenant_id="full")
    assert len(wide.claim(me, 1).runs) == 1
    time.passes(2 * DAY)
    assert prune(wide) == 1
    assert known(wide) == (2, 1, 3)
    assert len(wide.claim(me).runs) == 2
    wide.limit("tenant:full", 1)
    assert len(wide.claim(me).runs) == 1


def test_a_lane_whose_tasks_somebody_holds_is_not_empty(wide: Client, me: UUID, time: Clock) -> None:
    [number] = wide.submit_some()
    producer = wide.another()
    producer.run("begin")
    producer.run("select cancel_task(%s)", str(number))
    assert wide.claim(me).runs == []
    assert wide.rows("select contended_at is not null from lanes") == [(True,)]
    time.passes(2 * DAY)
    assert prune(wide) == 0
    producer.run("rollback")
    assert wide.claim(me).numbers == [number]


def test_a_tenantless_lane_that_comes_back_is_closed_if_its_model_is_full(
    wide: Client, me: UUID, time: Clock
) -> None:
    wide.submit_some(model="m")
    work_through(wide, me)
    prune(wide)
    wide.limit("model:m", 0)
    assert wide.claim(me).runs == []  # which hears that the limit is full
    [number] = wide.submit_some(model="m")
    assert wide.claim(me).runs == []
    assert wide.rows("select closed_by from tenantless_lanes") == [("model:m",)]
    wide.limit("model:m", 1)
    assert wide.claim(me).numbers == [number]


# Nothing is lost

WaysBack = dict[str, tuple[Callable[[Client, UUID], int], Callable[[Client, int, Clock], None]]]


def later(db: Client, me: UUID) -> int:
    return db.submit(delay_s=60).number


def leased(db: Client, me: UUID) -> int:
    [number] = db.submit_some()
    assert db.claim(me).numbers == [number]
    return number


def ended_with(error_class: str | None, **report: object) -> Callable[[Client, UUID], int]:
    def end(db: Client, me: UUID) -> int:
        [number] = db.submit_some(max_attempts=1 if error_class == "timeout" else 3)
        [run] = db.claim(me).runs
        db.finish(me, run, error_class, **report)
        return number

    return end


def changed(change: str) -> Callable[[Client, UUID], int]:
    def change_it(db: Client, me: UUID) -> int:
        [number] = db.submit_some()
        db.connection.execute(f"update tasks set {change} where number = {number}".encode())
        return number

    return change_it


def then(statement: str) -> Callable[[Client, int, Clock], None]:
    return lambda db, number, _: db.run(statement.replace("NUMBER", str(number)).encode())  # type: ignore[arg-type]


def time_passes(db: Client, number: int, time: Clock) -> None:
    time.passes(3600)


def given_back(db: Client, number: int, time: Clock) -> None:
    db.run(
        "select count(*) from tasks cross join lateral finish_runs(leased_by,"
        " jsonb_build_array(jsonb_build_object('run_id', run_id, 'error_class', 'interrupted')))"
        " where number = %s",
        number,
    )


def its_host_is_given_up(db: Client, number: int, time: Clock) -> None:
    db.run("select close_dispatcher(id) from dispatchers where not closed")
    time.passes(1)
    assert db.rows("select number from recover_lost('far away')") == [(number,)]
    time.passes(3600)


def another_account_comes(db: Client, number: int, time: Clock) -> None:
    db.group("other")


WAYS_BACK: WaysBack = {
    "its time comes": (later, time_passes),
    "it is tried again by itself": (ended_with("agent_error"), time_passes),
    "the service has room again": (ended_with("throttled"), time_passes),
    "the host has room again": (ended_with("no_resources", retry_after_s=10), time_passes),
    "its usage limit is over": (ended_with("limit", retry_after_s=60), time_passes),
    "another account takes what a limit parked": (
        ended_with("limit", retry_after_s=60),
        another_account_comes,
    ),
    "its account is resumed": (ended_with("auth"), then("select resume_group('main')")),
    "its dispatcher gives it back": (leased, given_back),
    "its host is given up": (leased, its_host_is_given_up),
    "somebody tries it again": (ended_with("timeout"), then("select retry_task('NUMBER')")),
    "somebody replies": (ended_with(None, session_id="s"), then("select reply_task('NUMBER', 'go on')")),
    "it is let go": (
        changed("wait_reason = 'held'"),
        then("update tasks set wait_reason = null where number = NUMBER"),
    ),
    "what it depends on is there": (
        changed("wait_reason = 'dependency'"),
        then("update tasks set wait_reason = null where number = NUMBER"),
    ),
    "somebody puts it back by hand": (
        changed("status = 'canceled', finished_at = clock()"),
        then("update tasks set status = 'queued', finished_at = null where number = NUMBER"),
    ),
    "somebody inserts an older one by hand": (
        ended_with(None),
        then("insert into tasks (tool, prompt, created_at) values ('claude', 'p', '2001-01-01')"),
    ),
}


@pytest.mark.parametrize("way", WAYS_BACK)
def test_a_task_that_becomes_ready_after_its_lane_was_removed_is_claimed(
    wide: Client, time: Clock, way: str
) -> None:
    before, becomes_ready = WAYS_BACK[way]
    me = wide.dispatcher("far away")
    before(wide, me)
    assert wide.claim(me).runs == []
    prune(wide)
    # A task that waits for its account alone is ready, so its lane is not empty.
    ready = wide.value("select count(*) from tasks where status = 'queued' and wait_reason is null")
    assert known(wide)[:2] == (ready, ready)

    becomes_ready(wide, wide.value("select max(number) from tasks"), time)  # type: ignore[arg-type]

    # A reply is for the dispatcher that holds the session.
    claimant = me if way == "somebody replies" else wide.dispatcher()
    assert len(wide.claim(claimant).runs) == 1


@pytest.mark.parametrize("moment", ["between two claims", "while it is removed", "after the removal"])
def test_a_task_that_is_submitted_at_that_moment_is_claimed(
    wide: Client, me: UUID, time: Clock, moment: str
) -> None:
    """Its producer commits late, so the removal does not see the task."""
    wide.submit_some()
    work_through(wide, me)
    producer, pruner = wide.another(), wide.another()
    producer.run("begin")
    [number] = producer.submit_some()
    if moment == "between two claims":
        producer.run("commit")
        prune(pruner)
    else:
        pruner.run("begin")
        assert prune(pruner) == 1
        with in_background(partial(wide.claim, me)) as claiming:
            until_blocked(pruner, wide)
            if moment == "while it is removed":
                producer.run("commit")
            pruner.run("commit")
        if moment == "after the removal":
            assert claiming.result().runs == []
            producer.run("commit")
        else:
            assert claiming.result().numbers == [number]
            return
    assert wide.claim(me).numbers == [number]


# Nobody waits


def test_as_long_as_there_is_nothing_to_remove_no_claim_waits(wide: Client, me: UUID) -> None:
    wide.submit_some(3, queue="a")
    wide.claim(me, 1)
    worker = wide.another()
    worker.run("begin")
    worker.run("select lock_claims()")
    wide.run("set lock_timeout = '1ms'")
    assert wide.value("select prune_lanes()") == 0


def test_what_the_removal_costs_depends_on_what_goes(wide: Client, me: UUID, time: Clock) -> None:
    """Blocks read for 20 lanes, with 500 others that have tasks beside them, and with 5,000."""

    def others(count: int) -> None:
        wide.run(
            "insert into tasks (tool, prompt, queue, tenant_id)"
            " select 'claude', 'p', 'other ' || n, 'other ' || n from generate_series(1, %s) as n",
            count,
        )
        wide.claim(me, 0)

    def cost() -> int:
        wide.submit_all(
            [
                {"tool": "claude", "prompt": "p", "queue": f"q{n}", "tenant_id": f"t{n}", "priority": 9}
                for n in range(20)
            ]
        )
        for run in wide.claim(me, 20).runs:
            wide.finish(me, run)
        wide.run(
            "vacuum lanes, tenantless_lanes, tenant_turns"
        )  # else it also depends on how lately that was done
        plan = wide.value("explain (analyze, buffers, format json) select prune_lanes()")
        assert isinstance(plan, list)
        return int(plan[0]["Plan"]["Shared Hit Blocks"] + plan[0]["Plan"]["Shared Read Blocks"])

    others(500)
    few = [cost() for _ in range(7)][-1]
    others(5000)
    assert cost() < 2 * few


# Turns


def test_a_tenant_keeps_its_turn_for_a_day_after_its_last_lane(wide: Client, me: UUID, time: Clock) -> None:
    submit_for(wide, "ab")
    assert work_through(wide, me) == ["a", "b"]
    prune(wide)
    time.passes(DAY - 1)
    prune(wide)
    submit_for(wide, "bbcaa")
    assert work_through(wide, me) == ["c", "a", "b", "a", "b"]


def test_a_tenant_that_was_away_for_a_day_is_served_next_once_and_then_waits_like_all(
    wide: Client, me: UUID, time: Clock
) -> None:
    wide.run("select change_group('main', 1)")
    submit_for(wide, "baaa")
    assert work_through(wide, me) == ["a", "b", "a", "a"]
    prune(wide)
    time.passes(DAY + 1)
    prune(wide)
    submit_for(wide, "bbbb")
    [run] = wide.claim(me, 1).runs
    submit_for(wide, "aaa")
    wide.finish(me, run)
    assert work_through(wide, me) == ["a", "b", "a", "b", "a", "b"]


def test_a_tenant_gains_nothing_by_a_lane_that_is_removed_while_it_works_elsewhere(
    wide: Client, me: UUID, time: Clock
) -> None:
    wide.group("codex", tool="codex", slots=9)
    wide.submit_some(tenant_id="a", tool="codex")
    work_through(wide, me)
    prune(wide)
    time.passes(DAY + 1)
    submit_for(wide, "ab")
    assert work_through(wide, me) == ["b", "a"]
    prune(wide)
    assert wide.rows("select tool from tenant_turns where tenant_id = 'a'") == [("claude",)]
    wide.submit_all([{"tool": "codex", "prompt": "p", "tenant_id": tenant} for tenant in "ab"])
    assert work_through(wide, me) == ["b", "a"]


def test_a_tenant_that_was_served_at_one_priority_waits_at_all_others(wide: Client, me: UUID) -> None:
    """Its other rows are put right only when they come to be first. Nothing may show that."""
    for priority in (9, 7, 5, 3):
        wide.submit_all(
            [{"tool": "claude", "prompt": "p", "tenant_id": t, "priority": priority} for t in "aabbcc"]
        )
    assert work_through(wide, me) == list("abcabc") * 4
    submit_for(wide, "abc")
    wide.submit_all([{"tool": "claude", "prompt": "p", "tenant_id": t, "priority": 9} for t in "aba"])
    assert work_through(wide, me) == ["a", "b", "a", "c", "b", "a"]


def test_serving_a_tenant_at_one_priority_writes_no_index_entry_at_the_others(wide: Client, me: UUID) -> None:
    """20 tenants at 9 priorities had put 180 rows on 365 pages in 20,000 tasks."""
    wide.submit_all([{"tool": "claude", "prompt": "p", "priority": priority} for priority in range(1, 9)])
    wide.submit_some(20, priority=9)
    for _ in range(20):
        wide.claim(me, 1)
    wide.run("select pg_stat_force_next_flush()")
    updates, within_page = wide.one(
        "select n_tup_upd, n_tup_hot_upd from pg_stat_user_tables where relname = 'tenant_turns'"
    )
    assert isinstance(updates, int)
    assert isinstance(within_page, int)
    assert updates >= 20 * 9
    assert updates - within_page <= 25, "one for each service, and a few when a page is full"
