"""Lanes and heads are hints: whatever others do to tasks behind the claim's back, it takes the right one."""

import pytest

from tests.sql.client import Client
from tests.sql.clock import Clock

LOOK_AGAIN_S = 0.05
"""How soon a dispatcher looks again while somebody else's open transaction holds tasks."""


# Heads that are wrong


@pytest.mark.parametrize(
    "gone",
    [
        "update tasks set status = 'canceled' where number = %s",
        "update tasks set wait_reason = 'held' where number = %s",
        "update tasks set priority = 1 where number = %s",
        "delete from tasks where number = %s",
    ],
)
def test_a_lane_whose_first_task_is_gone_does_not_overtake_older_work(wide: Client, gone: str) -> None:
    [first] = wide.submit_some(queue="a")
    [older] = wide.submit_some(queue="b")
    [younger] = wide.submit_some(queue="a")
    wide.connection.execute(gone.encode(), [first])
    assert wide.claim(wide.dispatcher(), 2).numbers == [older, younger]


def test_a_lane_that_lost_all_its_tasks_is_left_alone_until_it_gets_new_ones(wide: Client) -> None:
    dispatcher = wide.dispatcher()
    wide.submit_some(3, queue="a")
    wide.run("update tasks set status = 'canceled'")
    assert wide.claim(dispatcher).numbers == []
    assert wide.rows("select head from lanes") == [(None,)]
    assert wide.rows("select waiting from tenant_turns") == [(False,)]
    numbers = wide.submit_some(2, queue="a")
    assert wide.claim(dispatcher).numbers == numbers


def test_a_task_whose_priority_changes_moves_to_its_new_place(wide: Client) -> None:
    first, second, third = wide.submit_some(3)
    dispatcher = wide.dispatcher()
    wide.claim(dispatcher, 0)
    wide.run("update tasks set priority = 9 where number = %s", third)
    wide.run("update tasks set priority = 1 where number = %s", first)
    assert wide.claim(dispatcher).numbers == [third, second, first]


def test_a_task_whose_priority_changes_while_it_runs_comes_back_to_its_new_place(wide: Client) -> None:
    wide.run("select change_group('main', 1)")
    first, second = wide.submit_some(2)
    dispatcher = wide.dispatcher()
    [run] = wide.claim(dispatcher).runs
    wide.run("update tasks set priority = 1 where number = %s", first)
    wide.finish(dispatcher, run, "interrupted")
    [run] = wide.claim(dispatcher).runs
    assert run.number == second
    wide.finish(dispatcher, run)
    assert wide.claim(dispatcher).numbers == [first]


@pytest.mark.parametrize("each", ["queue", "tenant_id"])
def test_thousands_of_emptied_lanes_are_cleaned_up_in_bounded_steps(wide: Client, each: str) -> None:
    wide.submit_all([{"tool": "claude", "prompt": "p", each: f"x{i}", "priority": 9} for i in range(8000)])
    wide.run("update tasks set status = 'canceled'")
    [last] = wide.submit_some(priority=1)
    dispatcher = wide.dispatcher()
    calls = 1
    while (claim := wide.claim(dispatcher)).numbers == []:
        assert claim.deadline_s == 0.001
        calls += 1
    assert claim.numbers == [last]
    assert 2 <= calls <= 4
    assert wide.value("select count(*) from lanes where head is not null") == 0
    assert wide.value("select count(*) from tenant_turns where waiting") == 0


def test_among_many_emptied_lanes_those_with_tasks_are_found_in_their_order(wide: Client) -> None:
    numbers = [
        task.number
        for task in wide.submit_all(
            [
                {"tool": "claude", "prompt": "p", "queue": f"q{i}", "priority": 9, "tenant_id": f"t{i % 3}"}
                for i in range(600)
            ]
        )
    ]
    kept, held = numbers[300:600:100], numbers[40]
    producer = wide.another()
    producer.run("begin")
    producer.run("select cancel_task(%s)", str(held))
    wide.run("update tasks set status = 'canceled' where number <> all(%s)", [*kept, held])
    assert wide.claim(wide.dispatcher()).numbers == kept
    producer.run("rollback")
    assert wide.claim(wide.dispatcher()).numbers == [held]


# Tasks that somebody holds


@pytest.mark.parametrize(
    "hold",
    [
        "select from tasks where number = %s for update",
        "select cancel_task(%s::bigint::text)",
        "update tasks set priority = 9 where number = %s",
        "delete from tasks where number = %s",
    ],
)
def test_a_task_that_a_producer_holds_does_not_stop_the_others_of_its_lane(wide: Client, hold: str) -> None:
    held, *others = wide.submit_some(4)
    dispatcher = wide.dispatcher()
    producer = wide.another()
    producer.run("begin")
    producer.connection.execute(hold.encode(), [held])
    claim = wide.claim(dispatcher)
    assert claim.numbers == others
    assert claim.deadline_s is not None
    assert claim.deadline_s <= LOOK_AGAIN_S
    why = wide.value("select why_waiting(%s)", str(held))
    assert str(why).startswith("somebody's open transaction holds it")
    producer.run("rollback")
    claim = wide.claim(dispatcher)
    assert (claim.numbers, claim.deadline_s) == ([held], None)


def test_a_task_canceled_in_a_transaction_that_commits_leaves_no_trace_in_the_lane(wide: Client) -> None:
    [number] = wide.submit_some()
    dispatcher = wide.dispatcher()
    producer = wide.another()
    producer.run("begin")
    producer.run("select cancel_task(%s)", str(number))
    assert wide.claim(dispatcher).numbers == []
    producer.run("commit")
    claim = wide.claim(dispatcher)
    assert (claim.numbers, claim.deadline_s) == ([], None)
    assert wide.rows("select head, contended_at from lanes") == [(None, None)]


def test_a_row_that_only_a_foreign_key_points_at_is_claimed(wide: Client) -> None:
    """Adding a file to a task locks its row against deletion, but not against a claim."""
    [number] = wide.submit_some()
    producer = wide.another()
    producer.run("begin")
    producer.run(
        "insert into task_files (task_id, path, is_input, content, size_bytes, sha256)"
        " select id, 'f', true, 'x', 1, '' from tasks where number = %s",
        number,
    )
    assert wide.claim(wide.dispatcher()).numbers == [number]


def test_work_behind_hundreds_of_held_lanes_is_reached_before_they_are_let_go(wide: Client) -> None:
    wide.submit_all([{"tool": "claude", "prompt": "p", "queue": f"q{i}", "priority": 9} for i in range(700)])
    [behind] = wide.submit_some(priority=1)
    producer = wide.another()
    producer.run("begin")
    producer.run("update tasks set labels = '{}' where priority = 9")
    dispatcher = wide.dispatcher()
    numbers: list[int] = []
    for _ in range(4):
        claim = wide.claim(dispatcher)
        numbers += claim.numbers
        assert claim.deadline_s is not None
        assert claim.deadline_s <= LOOK_AGAIN_S
    assert numbers == [behind]
    producer.run("rollback")
    while (claim := wide.claim(dispatcher, 100)).deadline_s is not None or claim.numbers:
        numbers += claim.numbers
    assert len(set(numbers)) == 701


def test_only_the_first_fifty_of_a_lane_are_tried_when_somebody_holds_it(wide: Client) -> None:
    """A bulk change of 200,000 tasks in an open transaction must not make each claim try all of them."""
    numbers = wide.submit_some(60)
    producer = wide.another()
    producer.run("begin")
    producer.run("select from tasks where number < %s for update", numbers[50])
    dispatcher = wide.dispatcher()
    claim = wide.claim(dispatcher)
    assert claim.numbers == []
    assert claim.deadline_s is not None
    assert claim.deadline_s <= LOOK_AGAIN_S
    producer.run("rollback")
    assert wide.claim(dispatcher, 100).numbers == numbers


# Tasks that wait for a time


def test_due_tasks_take_their_place_by_age_not_by_due_time(wide: Client, time: Clock) -> None:
    [early] = wide.submit_some(delay_s=20)
    [late] = wide.submit_some(delay_s=10)
    [now] = wide.submit_some()
    dispatcher = wide.dispatcher()
    claim = wide.claim(dispatcher, 0)
    assert (claim.numbers, claim.deadline_s) == ([], 10)
    time.passes(10)
    assert wide.claim(dispatcher, 0).deadline_s == 10
    time.passes(10)
    assert wide.claim(dispatcher).numbers == [early, late, now]


def test_a_due_task_that_somebody_holds_is_looked_at_again_soon(wide: Client, time: Clock) -> None:
    [number] = wide.submit_some(delay_s=10)
    dispatcher = wide.dispatcher()
    time.passes(10)
    producer = wide.another()
    producer.run("begin")
    producer.run("select from tasks where number = %s for update", number)
    claim = wide.claim(dispatcher)
    assert (claim.numbers, claim.deadline_s) == ([], LOOK_AGAIN_S)
    producer.run("rollback")
    assert wide.claim(dispatcher).numbers == [number]


def test_more_tasks_due_at_once_than_one_claim_moves_on_are_moved_by_the_next(
    wide: Client, time: Clock
) -> None:
    wide.submit_some(2500, delay_s=10)
    time.passes(10)
    dispatcher = wide.dispatcher()
    claim = wide.claim(dispatcher, 1)
    assert (len(claim.runs), claim.deadline_s) == (1, LOOK_AGAIN_S)
    assert wide.value("select count(*) from tasks where wait_reason is null and status = 'queued'") == 1999
    assert wide.claim(dispatcher, 0).deadline_s is None


# The deadline


def test_nothing_to_wait_for_is_no_deadline(wide: Client) -> None:
    dispatcher = wide.dispatcher()
    assert wide.claim(dispatcher).deadline_s is None
    wide.limit("tool:claude", 0)
    wide.submit_some()
    assert wide.claim(dispatcher).deadline_s is None


def test_a_cool_down_is_a_deadline_only_of_groups_that_have_work_and_are_not_paused(
    wide: Client, time: Clock
) -> None:
    wide.group("other", account="b")
    wide.run("select cool_down_group('main', clock() + '40 s'), cool_down_group('other', clock() + '30 s')")
    for_main, dispatcher = wide.dispatcher(groups=["main"]), wide.dispatcher()
    assert wide.claim(dispatcher).deadline_s is None
    wide.submit_some()
    assert wide.claim(dispatcher).deadline_s == 30
    assert wide.claim(for_main).deadline_s == 40
    wide.run("select pause_group('other')")
    assert wide.claim(dispatcher).deadline_s == 40


def test_a_deadline_that_passes_while_the_claim_answers_is_still_told(wide: Client, time: Clock) -> None:
    """What becomes due after the claim has looked must not wait until something else happens."""
    dispatcher = wide.dispatcher()
    wide.submit_some(delay_s=10)
    seen = wide.value("select clock()")
    time.passes(10.5)
    assert wide.value("select extract(epoch from next_deadline(%s, %s))::float", dispatcher, seen) == 0.001


def test_the_earliest_of_several_deadlines_counts(wide: Client, time: Clock) -> None:
    dispatcher = wide.dispatcher()
    wide.run("select cool_down_group('main', clock() + '50 s')")
    wide.submit_some()
    wide.submit_some(delay_s=70)
    assert wide.claim(dispatcher).deadline_s == 50
    wide.submit_some(delay_s=20)
    assert wide.claim(dispatcher).deadline_s == 20


# What --until-empty asks


def test_there_is_work_as_long_as_something_is_queued_that_the_dispatcher_serves(
    wide: Client, time: Clock
) -> None:
    dispatcher = wide.dispatcher()
    wide.group("codex", tool="codex")
    for_codex = wide.dispatcher(groups=["codex"])

    def has_work() -> list[object]:
        return [wide.value("select has_work(%s)", each) for each in (dispatcher, for_codex)]

    assert has_work() == [False, False]
    [number] = wide.submit_some()
    assert has_work() == [True, False]
    wide.run("update tasks set wait_reason = 'held'")
    assert has_work() == [False, False]
    wide.run("update tasks set wait_reason = null")
    [run] = wide.claim(dispatcher).runs
    assert has_work() == [True, False]
    wide.finish(dispatcher, run, "agent_error", retry_after_s=100)
    assert wide.status(number) == ("queued", "retry")
    assert has_work() == [True, False]
    time.passes(100)
    wide.finish(dispatcher, wide.claim(dispatcher).runs[0])
    assert has_work() == [False, False]
    wide.submit(tool="codex")
    assert has_work() == [True, True]
    wide.run("select pause_group('codex', 'its key is refused')")
    assert has_work() == [False, False]
    wide.run("select resume_group('codex')")
    wide.run("select cool_down_group('codex', clock() + interval '1 hour')")
    assert has_work() == [True, True]


def test_a_task_that_was_committed_late_has_the_place_of_its_age(wide: Client) -> None:
    slow = wide.another()
    slow.run("begin")
    slow.run("select now()")
    first, second, third = (wide.submit().number for _ in range(3))
    dispatcher = wide.dispatcher()
    assert wide.claim(dispatcher, 1).numbers == [first]
    late = slow.submit().number
    assert wide.claim(dispatcher, 1).numbers == [second]
    slow.run("commit")
    assert wide.claim(dispatcher).numbers == [late, third]
