"""What a tree of tasks may spend: no task of it starts once that is used up, until somebody raises it."""

from uuid import UUID

import pytest
from psycopg.types.json import Jsonb

from tests.sql.client import Client
from tests.sql.refused import refused
from tests.sql.spawn.conftest import Finish


def tree(db: Client, end: Finish, *rows: dict[str, object], **limits: object) -> tuple[int, list[int]]:
    """A task that has spent 1 USD and 100 tokens and spawned these; return both."""
    plan = db.submit("plan", spawns="tasks.jsonl", name="planner", spawn_limits=limits).number
    end(plan, *rows, cost_usd=1, input_tokens=60, output_tokens=40)
    numbers = db.rows("select number from tasks where parent is not null order by 1")
    return plan, [int(str(number)) for (number,) in numbers]


@pytest.mark.parametrize(
    ("limits", "spent", "raised"),
    [
        ({"cost_usd": 2}, "2.00 of 2.00 USD", "p_budget_usd => 3"),
        ({"tokens": 150}, "200 of 150 tokens", "p_token_budget => 250"),
    ],
)
def test_no_task_of_a_tree_starts_once_its_budget_is_used_up_until_somebody_raises_it(
    db: Client, dispatcher: UUID, end: Finish, limits: dict[str, object], spent: str, raised: str
) -> None:
    plan, [first, second, after, later] = tree(
        db, end, {"step": "a"}, {}, {"after": ["a"]}, {"delay_s": 1000}, **limits
    )
    runs = db.claim(dispatcher, 1).runs
    assert [run.number for run in runs] == [first]
    db.finish(dispatcher, runs[0], cost_usd=1, input_tokens=100, output_tokens=0)
    assert db.status(second) == ("queued", "budget")
    assert db.status(later) == ("queued", "scheduled")
    other = db.submit("not of the tree").number
    while numbers := db.claim(dispatcher).numbers:
        assert numbers == [other]
    assert db.status(after) == ("queued", "budget"), "it became ready in the report, or after it"
    why = str(db.value("select why_waiting(%s)", str(second)))
    assert why.startswith(
        f"the budget of the tree of task {plan} is used up ({spent}): `llmctl limit set tree:{plan} "
    )
    assert db.rows("select kind, number, name, what from inbox()") == [
        ("over_budget", plan, "planner", f"2 tasks wait for the budget of its tree: spent {spent}")
    ]
    assert db.value("select count_inbox()") == 1
    db.connection.execute(f"select set_limit('tree:{plan}', {raised})".encode())
    assert db.claim(dispatcher).numbers == [second, after]
    assert db.rows("select from inbox()") == []
    assert db.drift() == []


def test_what_is_submitted_retried_or_released_into_a_spent_tree_waits_for_its_budget(
    db: Client, dispatcher: UUID, end: Finish
) -> None:
    _, [child, held] = tree(db, end, {}, {}, cost_usd=2)
    db.run("select act_on_tasks('hold', %s)", Jsonb({"numbers": [held]}))
    db.run("update task_trees set cost_usd = 2")
    assert db.claim(dispatcher).numbers == []
    assert db.status(child) == ("queued", "budget")
    db.run("select act_on_tasks('release', %s)", Jsonb({"numbers": [held]}))
    db.run("select cancel_task(%s)", str(child))
    db.run("select retry_task(%s)", str(child))
    while db.claim(dispatcher).deadline_s == 0.001:
        pass
    assert (db.status(held), db.status(child)) == (("queued", "budget"), ("queued", "budget"))
    assert db.drift() == []


def test_what_people_may_do_with_a_task_that_waits_for_the_budget_of_its_tree(
    db: Client, end: Finish
) -> None:
    _, [child] = tree(db, end, {}, cost_usd=2)
    db.run("update task_trees set cost_usd = 2")
    [allowed] = db.one("select actions from allowed_actions(%s)", [child])
    assert allowed == ["cancel", "top", "edit"]
    said = [
        db.value("select message from tasks, refusals(%s, array[id]) where tasks.number = %s", verb, child)
        for verb in ("hold", "release", "retry")
    ]
    assert said == [
        f"task {child} waits for the budget of its tree, and cannot be held",
        f"task {child} is not held",
        f"task {child} waits for the budget of its tree; only a task that failed, was canceled or waits for a time"
        " can be tried again",
    ]


def test_a_task_that_somebody_holds_when_the_budget_is_used_up_does_not_start_later(
    db: Client, dispatcher: UUID, end: Finish
) -> None:
    _, [first, second] = tree(db, end, {}, {}, cost_usd=2)
    [run] = db.claim(dispatcher, 1).runs
    holder = db.another()
    holder.run("begin")
    holder.run("select from tasks where number = %s for update", second)
    db.finish(dispatcher, run, cost_usd=1)
    assert db.status(second) == ("queued", None)
    holder.run("rollback")
    while db.claim(dispatcher).deadline_s is not None:
        pass
    assert db.status(second) == ("queued", "budget")
    assert first == run.number


def test_a_budget_of_a_tree_that_is_none_is_refused(db: Client) -> None:
    number = db.submit().number
    with refused("LD404", f"task {number} is not the root of a tree"):
        db.run("select set_limit(%s, p_budget_usd => 1)", f"tree:{number}")
    with refused("LD404", "there is no task 99"):
        db.run("select set_limit('tree:99', p_budget_usd => 1)")
    with refused("LD400", "is not a valid scope"):
        db.run("select set_limit(%s, 3)", f"tree:{number}")
