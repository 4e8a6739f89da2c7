"""Many lanes, some of them blocked: what the claim skips to be quick does not change what it takes."""

import pytest

from tests.sql.client import Client
from tests.sql.concurrently import in_background, until_blocked

MANY = 40
"""More lanes than the claim looks at one by one."""


def fill_front(db: Client) -> None:
    """The tenant a has many lanes in front, each of a model that is full."""
    for model in range(MANY):
        db.limit(f"model:m{model}", 0)
        db.submit_some(tenant_id="a", model=f"m{model}")


def test_tenants_take_turns_when_the_first_lanes_of_one_are_all_blocked(wide: Client) -> None:
    fill_front(wide)
    ours = wide.submit_some(3, tenant_id="a")
    theirs = wide.submit_some(3, tenant_id="b")
    expected = [number for pair in zip(ours, theirs, strict=True) for number in pair]
    dispatcher = wide.dispatcher()
    assert wide.claim(dispatcher, 2).numbers == expected[:2]
    assert wide.claim(dispatcher).numbers == expected[2:]


def test_a_tenant_whose_lanes_are_all_blocked_does_not_hold_up_others(wide: Client) -> None:
    fill_front(wide)
    behind = wide.submit_some(2, tenant_id="b", priority=1)
    assert wide.claim(wide.dispatcher()).numbers == behind


@pytest.mark.parametrize(
    "change",
    [
        "select set_limit('model:m7', 1)",
        "select remove_limit('model:m7')",
        "update concurrency_limits set scope = 'model:renamed' where scope = 'model:m7'",
        "delete from concurrency_limits where scope = 'model:m7'",
    ],
)
def test_what_a_full_model_blocked_is_taken_when_it_has_room(wide: Client, change: str) -> None:
    fill_front(wide)
    dispatcher = wide.dispatcher()
    assert wide.claim(dispatcher).numbers == []
    wide.connection.execute(change.encode())
    assert wide.rows("select model from tasks where number = any(%s)", wide.claim(dispatcher).numbers) == [
        ("m7",)
    ]
    assert wide.claim(dispatcher).numbers == []


def test_a_model_and_a_queue_that_are_full_both_block(wide: Client) -> None:
    wide.limit("model:m", 1)
    wide.limit("queue:q", 1)
    first, second = wide.submit_some(2, model="m", queue="q")
    dispatcher = wide.dispatcher()
    [run] = wide.claim(dispatcher).runs
    assert wide.claim(dispatcher).numbers == []
    wide.limit("model:m", 5)
    assert wide.claim(dispatcher).numbers == []
    wide.limit("model:m", 1)
    assert wide.claim(dispatcher).numbers == []
    wide.limit("queue:q", 5)
    assert wide.claim(dispatcher).numbers == []
    wide.finish(dispatcher, run)
    assert (run.number, wide.claim(dispatcher).numbers) == (first, [second])


def test_tasks_of_several_lanes_are_taken_by_age_however_many_at_once(wide: Client) -> None:
    numbers = [wide.submit_some(queue=queue)[0] for queue in "aabbbacabbcc"]
    dispatcher = wide.dispatcher()
    assert wide.claim(dispatcher, 5).numbers == numbers[:5]
    assert wide.claim(dispatcher, 50).numbers == numbers[5:]


def test_behind_more_blocked_tenants_than_the_claim_looks_at_order_is_priority_and_age(wide: Client) -> None:
    wide.limit("model:full", 0)
    for tenant in range(60):
        wide.submit_some(tenant_id=f"blocked-{tenant}", model="full", priority=9)
    last = wide.submit_some(2, tenant_id="a", priority=3)
    numbers = [wide.submit_some(tenant_id=tenant)[0] for tenant in "aaabacbbcaab"]
    dispatcher = wide.dispatcher()
    assert wide.claim(dispatcher, 1).numbers == numbers[:1]
    assert wide.claim(dispatcher, 4).numbers == numbers[1:5]
    assert wide.claim(dispatcher, 50).numbers == numbers[5:] + last


def test_several_at_once_stop_where_a_held_task_is_and_come_back_to_it(wide: Client) -> None:
    first, held, third, fourth = wide.submit_some(4)
    producer = wide.another()
    producer.run("begin")
    producer.run("select from tasks where number = %s for update", held)
    dispatcher = wide.dispatcher()
    assert wide.claim(dispatcher, 2).numbers == [first, third]
    producer.run("rollback")
    assert wide.claim(dispatcher).numbers == [held, fourth]


def test_several_at_once_are_spread_over_groups_as_one_by_one(db: Client) -> None:
    db.limit("tool:claude", 100)
    for name, slots in (("a", 1), ("b", 3), ("c", 2)):
        db.group(name, slots=slots)
    db.submit_some(10)
    claimed = db.claim(db.dispatcher(), 10)
    assert [run.group for run in claimed.runs] == ["b", "b", "c", "a", "b", "c"]


def test_a_pinned_account_is_found_among_many_with_more_room(db: Client) -> None:
    db.limit("tool:claude", 1000)
    for number in range(30):
        db.group(f"g{number:02}", slots=5)
    db.group("small", slots=1)
    db.submit_some(2, account="small", priority=9)
    free = db.submit_some(3)
    claimed = db.claim(db.dispatcher(), 4)
    assert [run.group for run in claimed.runs] == ["small", "g00", "g01", "g02"]
    assert claimed.numbers[1:] == free


def test_a_claim_does_not_fail_when_a_pinned_account_is_stopped_at_that_moment(wide: Client) -> None:
    """The reports of other dispatchers do not wait for the claim."""
    wide.group("pinned", slots=2)
    me, other = wide.dispatcher(), wide.dispatcher()
    first, second = wide.submit(account="pinned"), wide.submit(account="pinned")
    [run] = wide.claim(other, 1).runs
    assert run.number == first.number

    holder, claimer = wide.another(), wide.another()
    holder.run("begin")
    holder.run("select from lanes for update")  # the claim waits for it after it has seen the free slot
    with in_background(lambda: claimer.claim(me, 1)) as claim:
        until_blocked(wide, claimer)
        wide.finish(other, run, "limit")
        holder.run("commit")
    assert claim.result().numbers == [second.number]
    assert wide.drift() == []
