"""What people are told of tasks that come after others, and what retention keeps for them."""

from uuid import UUID

from tests.sql.client import Client
from tests.sql.clock import Clock
from tests.sql.needs.test_actions_on_needs import act
from tests.sql.needs.test_needs import claim_one, end, step


def why(db: Client, number: int) -> object:
    return db.value("select why_waiting(%s)", str(number))


def test_a_waiting_task_names_what_it_waits_for(db: Client, me: UUID) -> None:
    *_, then = [
        task.number for task in db.submit_all([step("a"), step("b"), step("c", after=["a"], after_any=["b"])])
    ]
    assert why(db, then) == "waits for task 1 to succeed (queued), and 1 more"
    first, second = db.claim(me).runs
    end(db, me, first, "succeeded")
    assert why(db, then) == "waits for task 2 to end (starting)"
    end(db, me, second, "failed")
    assert why(db, then) == "about to start"


def test_what_cannot_be_met_waits_in_the_inbox_with_what_resolves_it(db: Client, me: UUID) -> None:
    _, then, failed_only = [
        task.number
        for task in db.submit_all(
            [step("a"), step("b", after=["a"]), step("c", after_failed=[1], on_unmet="hold")]
        )
    ]
    assert (db.value("select count(*) from inbox()"), db.value("select count_inbox()")) == (0, 0)
    end(db, me, claim_one(db, me), "failed")
    assert why(db, then) == (
        "task 1 failed, and its success is needed: `llmctl retry 1`, or `llmctl release 2` to run it all the same"
    )
    assert db.rows("select kind, number, what, verbs from inbox() where kind = 'unmet'") == [
        ("unmet", then, "task 1 failed, and its success is needed",
         ["llmctl show 2", "llmctl release 2", "llmctl cancel 2"])
    ]  # fmt: skip
    assert db.value("select count_inbox()") == 1
    act(db, "release", then)
    assert db.value("select count_inbox()") == 0
    assert db.status(failed_only) == ("queued", None)


def test_a_join_counts_what_has_not_ended_of_the_tree(db: Client, me: UUID) -> None:
    plan, part, join = [
        task.number for task in db.submit_all([step("a"), step("b"), step("c", after_tree=["a"])])
    ]
    db.run("update tasks set parent = (select id from tasks where number = %s) where number = %s", plan, part)
    runs = db.claim(me).runs
    assert why(db, join) == "waits for 2 of the 2 tasks of the tree of task 1"
    end(db, me, runs[0], "succeeded")
    assert why(db, join) == "waits for 1 of the 2 tasks of the tree of task 1"
    end(db, me, runs[1], "failed")
    assert why(db, join) == (
        "a task of the tree of task 1 did not succeed, and all are needed: `llmctl retry 2`, or `llmctl release 3`"
        " to run it all the same"
    )
    db.run("select retry_task(%s)", str(part))
    end(db, me, claim_one(db, me), "succeeded")
    assert db.status(join) == ("queued", None)


def test_what_another_task_needs_is_not_pruned_before_it(db: Client, me: UUID, time: Clock) -> None:
    first, fails, given_up, kept = [
        task.number
        for task in db.submit_all(
            [step("a"), step("b"), step("c", after=["b"], on_unmet="fail"), step("d", after=["a"], hold=True)]
        )
    ]
    for run, how in zip(db.claim(me).runs, ["succeeded", "failed"], strict=True):
        end(db, me, run, how)
    time.passes(3600)
    assert db.value("select tasks from count_prunable(60)") == 2
    assert [db.value("select tasks from prune_tasks(60)") for _ in range(3)] == [1, 1, 0]
    assert db.value("select array_agg(number order by number) from tasks") == [first, kept]
    assert given_up not in (fails, first)
    act(db, "release", kept)
    assert db.claim(me).numbers == [kept]


def test_what_was_needed_and_is_deleted_by_hand_leaves_a_task_that_can_be_released(
    db: Client, me: UUID
) -> None:
    first, then = [task.number for task in db.submit_all([step("a"), step("b", after=["a"])])]
    db.run("delete from tasks where number = %s", first)
    assert "not there any more" in str(why(db, then))
    act(db, "release", then)
    assert db.claim(me).numbers == [then]


def test_work_that_is_still_to_be_released_is_work(db: Client, me: UUID) -> None:
    first, then = [task.number for task in db.submit_all([step("a"), step("b", after=["a"])])]
    run = claim_one(db, me)
    other = db.another()
    with other.connection.transaction():
        other.run("select from tasks where number = %s for update", then)
        end(db, me, run, "failed")
        assert db.value("select has_work(%s)", me)
        assert db.claim(me).deadline_s == 0.05
    assert db.claim(me).deadline_s is None
    assert not db.value("select has_work(%s)", me)
    assert first in db.value("select array_agg(number) from tasks")  # type: ignore[operator]
