"""A task that comes after others is ready in the transaction of the end that it waits for."""

from collections.abc import Sequence
from uuid import UUID

import psycopg
import pytest

from tests.sql.client import Client, Run
from tests.sql.clock import Clock

KINDS = {"after": "succeeded", "after_any": "ended", "after_failed": "failed", "after_tree": "tree"}


def step(name: str, **keys: object) -> dict[str, object]:
    return {"tool": "claude", "prompt": "p", "step": name, "max_attempts": 1, **keys}


def claim_one(db: Client, me: UUID) -> Run:
    [run] = db.claim(me).runs
    return run


def end(db: Client, me: UUID, run: Run, how: str) -> None:
    if how == "canceled":
        db.run("select cancel_task(%s)", str(run.number))
    errors = {"succeeded": None, "canceled": "canceled"}
    assert db.finish(me, run, errors.get(how, "agent_error"), ran_s=1) == "finished"
    assert db.status(run.number) == (how, None)


@pytest.mark.parametrize("key", KINDS)
@pytest.mark.parametrize("how", ["succeeded", "failed", "canceled"])
def test_a_task_is_ready_as_soon_as_what_it_comes_after_has_ended_as_it_needs(
    db: Client, me: UUID, key: str, how: str
) -> None:
    first, then = db.submit_all([step("a"), step("b", **{key: ["a"]}, on_unmet="hold")])
    assert db.status(then.number) == ("queued", "dependency")
    run = claim_one(db, me)
    assert run.number == first.number
    end(db, me, run, how)
    is_met = KINDS[key] in (how, "ended") or (KINDS[key] == "tree" and how == "succeeded")
    assert db.status(then.number) == ("queued", None if is_met else "dependency")
    assert db.claim(me).numbers == ([then.number] if is_met else [])


@pytest.mark.parametrize(
    ("keys", "becomes"),
    [
        ({"after": ["a"]}, ("queued", "dependency", None)),
        ({"after": ["a"], "on_unmet": "fail"}, ("failed", None, "unmet")),
        ({"after": ["a"], "on_unmet": "skip"}, ("canceled", None, "skipped")),
        ({"after_failed": ["b"]}, ("canceled", None, "skipped")),
        ({"after_failed": ["b"], "after_any": ["a"]}, ("queued", "dependency", None)),
        ({"after_failed": ["b"], "on_unmet": "fail"}, ("failed", None, "unmet")),
    ],
)
def test_a_task_that_cannot_get_what_it_needs_is_held_failed_or_skipped_as_it_says(
    db: Client, me: UUID, keys: dict[str, object], becomes: tuple[object, ...]
) -> None:
    *_, then = db.submit_all([step("a"), step("b"), step("c", **keys)])
    fails, succeeds = db.claim(me).runs
    end(db, me, fails, "failed")
    end(db, me, succeeds, "succeeded")
    row = db.one("select status, wait_reason, error_class from tasks where number = %s", then.number)
    assert row == becomes


def test_what_is_given_up_is_given_up_down_the_chain(db: Client, me: UUID) -> None:
    tasks = db.submit_all(
        [
            step("a"),
            step("b", after=["a"], on_unmet="fail"),
            step("c", after=["b"], on_unmet="skip"),
            step("d", after_any=["c"]),
            step("e", after_failed=["b"]),
        ]
    )
    end(db, me, claim_one(db, me), "failed")
    assert [db.status(task.number) for task in tasks[1:]] == [
        ("failed", None),
        ("canceled", None),
        ("queued", None),
        ("queued", None),
    ]
    assert db.rows("select error_message from tasks where error_class is not null order by number") == [
        (None,),
        (f"task {tasks[0].number} failed, and its success is needed",),
        (f"task {tasks[1].number} failed, and its success is needed",),
    ]


def test_an_attempt_that_failed_is_no_end(db: Client, me: UUID, time: Clock) -> None:
    _, then = db.submit_all([step("a", max_attempts=2), step("b", after_failed=["a"])])
    db.finish(me, claim_one(db, me), "agent_error")
    assert db.status(then.number) == ("queued", "dependency")
    time.passes(3600)
    db.finish(me, claim_one(db, me), "agent_error")
    assert db.status(then.number) == ("queued", None)


def test_of_tasks_that_ended_before_only_the_result_counts(db: Client, me: UUID) -> None:
    good, bad = db.submit_all([step("a"), step("b")])
    for run, how in zip(db.claim(me).runs, ["succeeded", "failed"], strict=True):
        end(db, me, run, how)
    ready = db.submit(after=[good.number], after_failed=[str(bad.number)], after_any=[str(good.id)])
    assert (ready.status, db.status(ready.number)) == ("queued", ("queued", None))
    given_up = db.submit(after=[good.number, bad.number], on_unmet="fail")
    assert db.status(given_up.number) == ("failed", None)


def circle(*steps: Sequence[str]) -> list[dict[str, object]]:
    return [step(name, after=[after]) for name, after in steps]


@pytest.mark.parametrize(
    ("tasks", "says"),
    [
        (circle(("build", "test"), ("test", "build")), "these tasks wait for each other: build after test after build"),
        (circle(("a", "a")), "these tasks wait for each other: a after a"),
        (circle(("a", "b"), ("b", "c"), ("c", "b")), "these tasks wait for each other: b after c after b"),
        (circle(("a", "x")), "'x' is neither a step of these tasks nor the number of a task"),
        ([step("a"), step("a"), step("b", after=["a"])], "two tasks have the step 'a'"),
        ([step("a", tenant_id="x"), step("b", tenant_id="y", after=["a"])], "is of another tenant than 'y'"),
        ([step("b", after=[12345])], "there is no task 12345"),
    ],
)  # fmt: skip
def test_what_cannot_be_is_refused_in_words(db: Client, tasks: list[dict[str, object]], says: str) -> None:
    with pytest.raises(psycopg.DatabaseError, match=says):
        db.submit_all(tasks)
    assert db.value("select count(*) from tasks") == 0
