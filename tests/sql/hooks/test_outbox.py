"""What is written down for hooks, in the transaction in which it happens."""

import threading
from collections.abc import Mapping
from typing import Any

import pytest

from tests.sql.client import Client
from tests.sql.clock import Clock
from tests.sql.hooks.conftest import PutHook, Receiver
from tests.sql.refused import refused


def outbox(db: Client) -> list[tuple[Any, ...]]:
    return db.rows("select type, subject from hook_deliveries order by number")


@pytest.mark.parametrize(
    ("keys", "report", "expected"),
    [
        ({}, {"final_text": "done"}, "task.finished"),
        ({"max_attempts": 1}, {"error_class": "agent_error"}, "task.failed"),
        ({}, {"error_class": "agent_error"}, None),
        ({}, {"error_class": "limit", "retry_after_s": 60}, "task.waiting"),
        ({}, {"error_class": "question", "question": "which?", "session_id": "s"}, "task.question"),
        ({"approve": True}, {"final_text": "done"}, "task.approval"),
    ],
)
def test_the_end_of_a_run_is_told_as_what_becomes_of_the_task(
    wide: Client,
    receiver: Receiver,
    keys: Mapping[str, object],
    report: Mapping[str, Any],
    expected: str | None,
) -> None:
    wide.submit(**keys)
    [run] = wide.claim(receiver.id).runs
    wide.start(receiver.id, run)
    wide.finish(receiver.id, run, **report)
    told = [kind for kind, subject in outbox(wide) if subject == "task:1"]
    assert told == ["task.started", *([expected] if expected else [])]


def test_a_task_that_is_canceled_before_it_starts_is_told(wide: Client, receiver: Receiver) -> None:
    wide.submit()
    wide.run("select cancel_task('1')")
    assert outbox(wide) == [("task.canceled", "task:1")]


def test_what_is_rolled_back_is_not_told(wide: Client, receiver: Receiver) -> None:
    wide.submit()
    with wide.connection.transaction(force_rollback=True):
        wide.run("select cancel_task('1')")
        assert len(outbox(wide)) == 1
    assert outbox(wide) == []


def test_nothing_is_written_that_no_hook_wants_to_hear(wide: Client, put: PutHook) -> None:
    put(events=["task.failed"])
    wide.submit(workflow="nightly")
    wide.run("select cancel_task('1')")
    assert outbox(wide) == []
    assert wide.rows("select * from workflow_inbox") == []


TOLD: Mapping[str, Mapping[str, object]] = {
    "of all": {},
    "of its tenant": {"selection": {"tenant": "acme"}},
    "of its labels": {"selection": {"labels": {"team": "x", "night": "1"}}},
    "of all keys": {"selection": {"queue": "q", "workflow": "w", "tool": "claude", "tenant": "acme"}},
    "named": {"named": True},
}
NOT_TOLD: Mapping[str, Mapping[str, object]] = {
    "of another tenant": {"selection": {"tenant": "zz"}},
    "of another label": {"selection": {"labels": {"team": "y"}}},
    "of another workflow": {"selection": {"queue": "q", "workflow": "other"}},
    "named, but for another tenant": {"named": True, "selection": {"tenant": "zz"}},
}


@pytest.mark.parametrize(("hook", "heard"), [(h, True) for h in TOLD] + [(h, False) for h in NOT_TOLD])
def test_a_hook_hears_of_what_it_selects(wide: Client, put: PutHook, hook: str, heard: bool) -> None:
    put("tell", named=True)
    keys = {"tenant_id": "acme", "queue": "q", "workflow": "w", "labels": {"team": "x", "night": 1}}
    wide.submit(**keys, hooks=["tell"])
    put("tell", **{**TOLD, **NOT_TOLD}[hook])
    wide.run("select cancel_task('1')")
    assert [kind for kind, _ in outbox(wide)] == ["task.canceled"] * heard


def test_a_task_that_does_not_name_a_hook_is_not_told_to_it(wide: Client, put: PutHook) -> None:
    put(named=True)
    wide.submit()
    wide.run("select cancel_task('1')")
    assert outbox(wide) == []


def test_a_task_may_name_only_hooks_that_hear_of_named_tasks_of_its_tenant(
    wide: Client, put: PutHook
) -> None:
    put("all", host="a")
    put("of-zz", host="b", named=True, selection={"tenant": "zz"})
    for name in ("all", "of-zz", "unknown"):
        with refused("LD400", f"'{name}' is not a hook that a task may name"):
            wide.submit(hooks=[name])
    with refused("LD400", "must be a list"):
        wide.submit(hooks="all")
    wide.submit(tenant_id="zz", hooks=["of-zz"])


def test_prompt_and_answer_are_told_only_where_that_is_wanted(wide: Client, put: PutHook) -> None:
    put("short", ["task.finished"], host="a")
    put("whole", ["task.finished"], host="b", content=True)
    me = wide.dispatcher()
    wide.submit("the prompt", name="n", workflow="w")
    [run] = wide.claim(me).runs
    wide.finish(me, run, final_text="the answer", cost_usd=0.5, input_tokens=3, output_tokens=4, ran_s=1)
    told: dict[str, Any] = dict(wide.rows("select hook, payload -> 'task' from hook_deliveries"))  # type: ignore[arg-type]
    assert "the prompt" not in str(told["short"])
    assert "the answer" not in str(told["short"])
    assert (told["whole"]["prompt"], told["whole"]["answer"]) == ("the prompt", "the answer")
    expected = {
        "number": 1,
        "state": "succeeded",
        "cost_usd": 0.5,
        "tokens": 7,
        "workflow": "w",
        "error_class": None,
    }
    assert expected.items() <= told["short"].items()
    assert len(wide.rows("select distinct event from hook_deliveries")) == 1


def test_groups_tell_that_they_are_paused_cool_down_and_have_used_most_of_their_budget(
    db: Client, put: PutHook, time: Clock
) -> None:
    put()
    db.group("main", slots=9)
    db.limit("tool:claude", 9)
    db.run("select change_group('main', p_daily_budget_usd => 10)")
    me = db.dispatcher()
    db.submit_some(4)
    runs = db.claim(me).runs
    for run, cost in zip(runs[:3], (7.9, 0.1, 0.5), strict=True):
        db.finish(me, run, cost_usd=cost, ran_s=1)
    assert [row for row in outbox(db) if row[1] == "group:main"] == [("budget.80", "group:main")]
    time.passes(86400)
    db.finish(me, runs[3], cost_usd=8.5, ran_s=1)
    db.run("select pause_group('main', 'holiday')")
    db.run("select pause_group('main', 'still')")
    db.run("select cool_down_group('main', null, 'hot', 60)")
    told = [kind for kind, subject in outbox(db) if subject == "group:main"]
    assert told == ["budget.80", "budget.80", "group.paused", "group.cooled"]
    [(reason,)] = db.rows(
        "select payload #>> '{group,reason}' from hook_deliveries where type = 'group.paused'"
    )
    assert reason == "holiday"


def test_two_last_tasks_that_end_at_once_make_one_event_that_the_workflow_is_done(
    wide: Client, receiver: Receiver
) -> None:
    """Each ends in a transaction that does not see the other, and two dispatchers look at the same time."""
    for _ in range(5):
        wide.submit_some(2, workflow="nightly")
        numbers = [row[0] for row in wide.rows("select number from tasks order by number desc limit 2")]
        first, second = wide.another(), wide.another()
        with first.connection.transaction(), second.connection.transaction():
            for session, number in zip((first, second), numbers, strict=True):
                session.run("select cancel_task(%s)", str(number))
        looks = [Receiver(wide.another()) for _ in range(2)]
        threads = [threading.Thread(target=look.take) for look in looks]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    done: list[tuple[Any, ...]] = wide.rows(
        "select payload from hook_deliveries where type = 'workflow.done' order by number"
    )
    assert [payload["workflow"]["tasks"] for (payload,) in done] == [{"canceled": 2 * n} for n in range(1, 6)]


def test_a_workflow_is_not_done_while_a_task_of_it_runs_or_waits(wide: Client, receiver: Receiver) -> None:
    wide.submit_all(
        [{"tool": "claude", "prompt": "p", "workflow": "w", "hold": hold} for hold in (False, True, False)]
    )
    wide.submit(workflow="w", tenant_id="another", hold=True)
    runs = wide.claim(receiver.id).runs
    wide.finish(receiver.id, runs[0], final_text="a", ran_s=1)
    wide.run("select cancel_task('2')")
    assert "workflow.done" not in receiver.hear()
    wide.finish(receiver.id, runs[1], final_text="b", ran_s=1)
    assert receiver.hear() == ["task.finished", "workflow.done"]
    assert receiver.hear() == []


def test_a_workflow_tells_once_that_it_has_used_most_of_its_budget(wide: Client, receiver: Receiver) -> None:
    wide.run("select set_limit('workflow:w', p_budget_usd => 10)")
    wide.submit_some(3, workflow="w")
    for run, cost in zip(wide.claim(receiver.id).runs, (7.9, 0.2, 1), strict=True):
        wide.finish(receiver.id, run, cost_usd=cost, ran_s=1)
    told = wide.rows("select subject, payload from hook_deliveries where type = 'budget.80'")
    assert told == [("workflow:w", {"budget": {"scope": "workflow:w", "used": 0.81}})]


def test_a_task_whose_need_cannot_be_met_is_told_once_for_each_such_need(
    wide: Client, receiver: Receiver
) -> None:
    first, second = wide.submit().number, wide.submit().number
    wide.submit(after=[first, second])
    wide.submit(after=[first], on_unmet="fail")
    for number in (first, second):
        wide.run("select cancel_task(%s)", str(number))
    waiting = [
        payload["task"]  # type: ignore[index]
        for (payload,) in wide.rows("select payload from hook_deliveries where type = 'task.waiting' order by number")
    ]  # fmt: skip
    assert [(task["number"], task["wait_reason"]) for task in waiting] == [
        (3, "dependency"),
        (3, "dependency"),
    ]
    assert receiver.hear().count("task.failed") == 1
