"""What people do with tasks that come after others: cancel, retry, hold, release, edit."""

from uuid import UUID

import psycopg
import pytest
from psycopg.types.json import Jsonb

from tests.sql.client import Client
from tests.sql.needs.test_needs import claim_one, end, step


def act(db: Client, action: str, *numbers: int, **keys: object) -> list[int]:
    changes = keys.get("changes")
    row = db.one(
        "select numbers from act_on_tasks(%s, %s, p_changes => %s)",
        action,
        Jsonb({"tasks": [str(number) for number in numbers], **dict(keys.get("select") or {})}),  # type: ignore[call-overload]
        None if changes is None else Jsonb(changes),
    )
    assert isinstance(row[0], list)
    return row[0]


def needs_of(db: Client, number: int) -> list[tuple[object, ...]]:
    return db.rows(
        "select d.state from task_dependencies as d join tasks as t on t.id = d.task_id"
        " join tasks as n on n.id = d.needs where t.number = %s order by n.number, kind",
        number,
    )


def test_a_retry_takes_back_what_was_given_up_because_of_the_failure(db: Client, me: UUID) -> None:
    first, fails, skipped, both, held = [
        task.number
        for task in db.submit_all(
            [
                step("a"),
                step("b", after=["a"], on_unmet="fail"),
                step("c", after=["b"], on_unmet="skip"),
                step("d", after_any=["c"], after=["a"], on_unmet="fail"),
                step("e", after=["a"]),
            ]
        )
    ]
    end(db, me, claim_one(db, me), "failed")
    assert [db.status(number)[0] for number in (fails, skipped, both, held)] == [
        "failed",
        "canceled",
        "failed",
        "queued",
    ]
    db.run("select retry_task(%s)", str(first))
    assert {db.status(number) for number in (fails, skipped, both, held)} == {("queued", "dependency")}
    assert (
        db.value("select count(*) from tasks where error_class is not null or finished_at is not null") == 0
    )
    end(db, me, claim_one(db, me), "succeeded")
    assert sorted(db.claim(me).numbers) == [fails, both, held]


def test_a_task_that_was_given_up_waits_for_its_needs_again_when_it_is_retried(db: Client, me: UUID) -> None:
    first, then = [
        task.number for task in db.submit_all([step("a"), step("b", after=["a"], on_unmet="fail")])
    ]
    end(db, me, claim_one(db, me), "failed")
    db.run("select retry_task(%s)", str(then))
    assert db.status(then) == ("queued", "dependency")
    assert act(db, "release", then) == [then]
    assert db.status(then) == ("queued", None)
    assert needs_of(db, then) == [("waived",)]
    db.run("select retry_task(%s)", str(first))
    assert sorted(db.claim(me).numbers) == [first, then]


def test_what_was_met_stays_met_when_the_other_task_is_retried(db: Client, me: UUID) -> None:
    first, then = [task.number for task in db.submit_all([step("a"), step("b", after_failed=["a"])])]
    end(db, me, claim_one(db, me), "failed")
    db.run("select retry_task(%s)", str(first))
    assert sorted(db.claim(me).numbers) == [first, then]


def test_hold_and_release_leave_the_needs_as_they_are_and_a_second_release_waives_them(db: Client) -> None:
    _, then = [task.number for task in db.submit_all([step("a"), step("b", after=["a"])])]
    assert act(db, "hold", then) == [then]
    assert db.status(then) == ("queued", "held")
    assert act(db, "release", then) == [then]
    assert db.status(then) == ("queued", "dependency")
    assert act(db, "release", then) == [then]
    assert db.status(then) == ("queued", None)


def test_a_release_of_many_waives_no_needs_unless_it_says_so(db: Client) -> None:
    db.submit_all([step("a", hold=True), step("b", after=["a"]), step("c", hold=True, after=["b"])])
    assert act(db, "release", select={"tool": "claude"}) == []


def test_needs_are_met_while_a_task_is_held(db: Client, me: UUID) -> None:
    _, then = [task.number for task in db.submit_all([step("a"), step("b", after=["a"], hold=True)])]
    assert db.status(then) == ("queued", "held")
    end(db, me, claim_one(db, me), "succeeded")
    assert db.status(then) == ("queued", "held")
    act(db, "release", then)
    assert db.claim(me).numbers == [then]


def test_a_cancel_that_cascades_takes_along_what_needs_the_task_and_nothing_else(
    db: Client, me: UUID
) -> None:
    first, then, last, cleanup, alarm, other = [
        task.number
        for task in db.submit_all(
            [
                step("a"),
                step("b", after=["a"]),
                step("c", after=["b"], after_any=["a"]),
                step("cleanup", after_any=["c"]),
                step("alarm", after_failed=["b"]),
                step("other"),
            ]
        )
    ]
    runs = db.claim(me).runs
    dry = db.one(
        "select numbers from act_on_tasks('cancel', %s, p_dry_run => true, p_changes => '{\"cascade\": true}')",
        Jsonb({"tasks": [str(first)]}),
    )
    assert dry == ([first, then, last],)
    assert act(db, "cancel", first, changes={"cascade": True}) == [first, then, last]
    assert db.status(first) == ("leased", None)
    assert db.rows("select error_class from tasks where status = 'canceled' order by number") == [
        ("canceled",),
        ("canceled",),
        ("skipped",),
    ]
    assert (db.status(cleanup), db.status(alarm)) == (("queued", None), ("canceled", None))
    db.finish(me, runs[0], "canceled")
    assert db.status(other) == ("leased", None)


def test_a_cascade_goes_down_what_a_task_spawned_even_when_it_has_ended(db: Client, me: UUID) -> None:
    root, child, grandchild = [task.number for task in db.submit_all([step("a"), step("b"), step("c")])]
    for below, above in ((child, root), (grandchild, child)):
        db.run(
            "update tasks set parent = (select id from tasks where number = %s),"
            " tree = (select id from tasks where number = %s) where number = %s", above, root, below,
        )  # fmt: skip
    runs = db.claim(me, 1).runs
    db.finish(me, runs[0])
    assert db.value("select cancel_task(%s, true)", str(root)) == "succeeded"
    assert {db.status(number) for number in (child, grandchild)} == {("canceled", None)}


@pytest.mark.parametrize(
    ("call", "says"),
    [
        ("select act_on_tasks('edit', '{\"tasks\": [\"1\"]}', p_changes => '{\"after\": [2]}')", "after cannot"),
        ("select act_on_tasks('cancel', '{\"tasks\": [\"1\"]}', p_changes => '{\"cascade\": 1}')", "cancel takes no"),
    ],
)  # fmt: skip
def test_other_changes_are_refused(db: Client, call: str, says: str) -> None:
    db.submit()
    with pytest.raises(psycopg.DatabaseError, match=says):
        db.connection.execute(call.encode())


def test_tries_wait_each_and_are_given_up_with_their_judge(db: Client, me: UUID) -> None:
    first = db.submit(max_attempts=1).number
    rows = db.rows(
        "select number from submit_tries(%s, '[{}, {}]', 'judge')",
        Jsonb({"tool": "claude", "prompt": "p", "after": [first], "on_unmet": "skip"}),
    )
    tries, judge = [row[0] for row in rows[:2]], int(str(rows[2][0]))
    assert db.rows("select number from tasks where wait_reason = 'dependency' order by number") == rows
    assert f"tries when these have ended: {tries[0]}, {tries[1]}" in str(
        db.value("select why_waiting(%s)", str(judge))
    )
    assert act(db, "release", judge) == act(db, "hold", judge) == []
    end(db, me, claim_one(db, me), "failed")
    assert db.claim(me).runs == []
    assert db.value("select array_agg(error_class order by number) from tasks where number > %s", first) == [
        "skipped",
        "skipped",
        "canceled",
    ]
    db.run("select retry_task(%s)", str(first))
    end(db, me, claim_one(db, me), "succeeded")
    assert db.claim(me).numbers == tries
    assert db.status(judge) == ("queued", "dependency")


def test_a_reply_needs_nothing(db: Client, me: UUID) -> None:
    _, then = [task.number for task in db.submit_all([step("a"), step("b", after=["a"], workflow="w")])]
    end(db, me, claim_one(db, me), "succeeded")
    db.finish(me, claim_one(db, me), session_id="s", ran_s=1)
    reply = db.value("select number from reply_task(%s, 'more')", str(then))
    assert isinstance(reply, int)
    assert (db.status(reply)[0], needs_of(db, reply)) == ("queued", [])
    assert db.value("select workflow from tasks where number = %s", reply) == "w"


@pytest.mark.parametrize("broken", [0, 2, 3, 4])
def test_the_task_that_is_refused_is_found_among_steps(db: Client, broken: int) -> None:
    tasks = [step("a", after=["e"]), step("b", after=["a"]), step("c"), step("d", after=["c"]), step("e")]
    tasks[broken] |= {"input_from": [{"task": 12345, "path": "x"}]}
    with pytest.raises(psycopg.DatabaseError, match="there is no task 12345") as error:
        db.run("select explain_refusal(%s)", Jsonb(tasks))
    assert error.value.diag.message_detail == str(broken + 1)
