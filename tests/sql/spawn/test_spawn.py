"""What a task spawns when it succeeds, and what is refused."""

import json
from collections.abc import Callable, Mapping
from uuid import UUID

import pytest

from tests.sql.client import Client, Run
from tests.sql.spawn.conftest import Finish


def spawning(db: Client, **keys: object) -> int:
    return db.submit("plan", spawns="tasks.jsonl", **keys).number


def children(db: Client, number: int) -> list[int]:
    return [
        row[0]  # type: ignore[misc]
        for row in db.rows(
            "select c.number from tasks c join tasks p on p.id = c.parent where p.number = %s order by 1",
            number,
        )
    ]


def first_key(case: tuple[dict[str, object], str]) -> str:
    return next(iter(case[0]))


def error(db: Client, number: int) -> tuple[object, ...]:
    return db.one("select status, error_class, error_message, follow_up from tasks where number = %s", number)


def test_a_task_that_comes_after_the_tree_is_ready_when_the_last_child_has_ended(
    db: Client, end: Finish
) -> None:
    plan = spawning(db)
    join = db.submit("join", after_tree=[plan]).number
    assert end(plan, {"step": "a"}, {"step": "b", "after": ["a"]}) == "finished"
    first, second = children(db, plan)
    assert db.status(join) == ("queued", "dependency")
    assert db.status(second) == ("queued", "dependency")
    end(first)
    assert db.status(second) == ("queued", None)
    assert db.status(join) == ("queued", "dependency")
    end(second)
    assert db.status(join) == ("queued", None)
    assert db.drift() == []


def test_an_empty_file_spawns_nothing_and_is_a_success(db: Client, end: Finish) -> None:
    plan = spawning(db)
    join = db.submit("join", after_tree=[plan]).number
    end(plan)
    assert db.status(plan) == ("succeeded", None)
    assert children(db, plan) == []
    assert db.status(join) == ("queued", None)


def test_a_report_that_is_sent_twice_spawns_once(db: Client, end: Finish) -> None:
    plan = spawning(db)
    assert [end(plan, {}), end(plan, {}, {})] == ["finished", "already"]
    assert len(children(db, plan)) == 1


def test_children_have_the_place_and_the_rights_of_their_parent_and_judge_their_own_work(
    db: Client, end: Finish
) -> None:
    plan = spawning(
        db, model="opus", permission="read", priority=7, labels={"team": "web"}, workflow="w", tenant_id="acme",
        queue="slow", name="plan", output_files=["plan.md"], timeout_s=60, max_attempts=1, approve=False,
        repository="shop", check_command="make", no_changes="fail",
    )  # fmt: skip
    end(plan, {"labels": {"part": "1"}})
    [child] = children(db, plan)
    columns = (
        "model, permission, priority, labels, workflow, tenant_id, queue, repository, check_command,"
        " name, output_files, timeout_s, max_attempts, no_changes"
    )
    assert db.rows(f"select {columns} from tasks where number = {child}") == [
        (
            "opus",
            "read",
            7,
            {"team": "web", "part": "1"},
            "w",
            "acme",
            "slow",
            "shop",
            "make",
            None,
            [],
            None,
            3,
            None,
        )
    ]


def test_a_child_of_another_tool_has_no_model_that_was_meant_for_the_first(db: Client, end: Finish) -> None:
    db.group("codex", tool="codex")
    plan = spawning(db, model="opus", spawn_limits={"tools": ["claude", "codex"]})
    end(plan, {"tool": "codex"})
    assert db.rows("select model from tasks where number = %s", children(db, plan)[0]) == [(None,)]


REFUSED: list[tuple[dict[str, object], str]] = [
    ({"tool": "codex"}, "tasks.jsonl:2: the tool codex is not allowed: expected claude"),
    ({"priority": 8}, "tasks.jsonl:2: the priority 8 is above 5, that of the task itself"),
    ({"permission": "full"}, "tasks.jsonl:2: the permission full is more than edit, that of the task itself"),
    ({"tenant_id": "other"}, "tasks.jsonl:2: a task that an agent writes down must not have tenant_id"),
    ({"check_command": "make"}, "tasks.jsonl:2: a task that an agent writes down must not have check_command"),
    ({"after": ["x"]}, "tasks.jsonl:2: 'x' is neither a step of this file nor the number of a task of its tree"),
    ({"after": [1]}, "tasks.jsonl:2: '1' is neither a step of this file nor the number of a task of its tree"),
    ({"after_tree": [2]}, "tasks.jsonl:2: it would wait for itself: task 2 needs all tasks that task 2 spawns"),
    ({"spawns": "../x"}, "tasks.jsonl:2: spawns must be the name of a file below the work directory"),
    ({"model": "-x"}, "tasks.jsonl: task 2: model must not begin with \"-\""),
    ({"step": "a", "after": ["a"]}, "tasks.jsonl: these tasks wait for each other: a after a"),
]  # fmt: skip


@pytest.mark.parametrize(("row", "sentence"), REFUSED, ids=map(first_key, REFUSED))
def test_a_row_that_asks_for_too_much_is_told_to_the_agent_and_nothing_is_spawned(
    db: Client, end: Finish, row: Mapping[str, object], sentence: str
) -> None:
    db.submit("of others")
    db.group("codex", tool="codex")
    plan = spawning(db)
    end(plan, {}, row)
    status, error_class, message, follow_up = error(db, plan)
    assert (status, error_class) == ("queued", "spawn_refused")
    assert message == sentence
    assert sentence in str(follow_up)
    assert children(db, plan) == []
    assert db.value("select tasks from task_trees") == 0
    assert db.drift() == []


CAPS: list[tuple[dict[str, object], str]] = [
    ({"children": 2}, "tasks.jsonl has 3 tasks, and a task may spawn 2: 2 are left"),
    ({"tasks": 2}, "tasks.jsonl has 3 tasks, and the tree of task 1 may have 2: 2 are left"),
    ({"cost_usd": 1.5}, "the tree of task 1 may cost 1.5 USD, and has cost 2.00: nothing is left"),
    ({"tokens": 10}, "the tree of task 1 may take 10 tokens, and has taken 12: nothing is left"),
]


@pytest.mark.parametrize(("limits", "sentence"), CAPS, ids=map(first_key, CAPS))
def test_a_cap_of_the_tree_is_named_with_what_is_left(
    db: Client, end: Finish, limits: Mapping[str, object], sentence: str
) -> None:
    plan = spawning(db, spawn_limits=limits)
    end(plan, {}, {}, {}, cost_usd=2, input_tokens=5, output_tokens=7)
    assert error(db, plan)[:3] == ("queued", "spawn_refused", sentence)
    assert children(db, plan) == []


def test_a_refusal_uses_up_an_attempt_and_goes_on_with_the_session(db: Client, end: Finish) -> None:
    plan = spawning(db, max_attempts=2)
    end(plan, {"tool": "codex"}, session_id="s1")
    assert db.one("select attempt, resumes is not null from tasks") == (1, True)
    end(plan, {}, session_id="s1")
    assert db.status(plan) == ("succeeded", None)
    assert len(children(db, plan)) == 1


def test_children_spawn_as_deep_as_the_tree_may_be(db: Client, end: Finish) -> None:
    plan = spawning(db, spawn_limits={"depth": 2})
    join = db.submit("join", after_tree=[plan]).number
    end(plan, {"spawns": "more.jsonl"})
    [child] = children(db, plan)
    end(child, {"spawns": "even-more.jsonl"})
    assert error(db, child)[2] == (
        "more.jsonl:1: it must not spawn tasks: it is at depth 2, and tasks of the tree of task"
        f" {plan} are at depth 2 at most"
    )
    end(child, {})
    [grandchild] = children(db, child)
    assert db.value("select tasks from task_trees") == 2
    assert db.status(join) == ("queued", "dependency")
    end(grandchild)
    assert db.status(join) == ("queued", None)


def test_a_row_may_come_after_a_task_of_its_tree_unless_that_waits_for_it(db: Client, end: Finish) -> None:
    plan = spawning(db)
    end(plan, {"step": "split", "spawns": "more.jsonl"}, {"step": "beside"}, {"after_tree": ["split"]})
    split, beside, last = children(db, plan)
    end(split, {"after": [last]})
    assert error(db, split)[2] == (
        f"more.jsonl:1: it would wait for itself: task {last} needs all tasks that task {split} spawns"
    )
    end(split, {"after": [beside]})
    assert db.status(split) == ("succeeded", None)
    [child] = children(db, split)
    assert db.status(child) == ("queued", "dependency")
    end(beside)
    end(child)
    assert db.status(last) == ("queued", None)


def test_what_a_task_spawns_waits_with_its_result_for_approval(db: Client, end: Finish) -> None:
    plan = spawning(db, approve=True)
    join = db.submit("join", after_tree=[plan]).number
    end(plan, {"tool": "codex"})
    assert error(db, plan)[1] == "spawn_refused"
    end(plan, {}, {})
    assert db.status(plan) == ("queued", "approval")
    assert children(db, plan) == []
    assert db.value("select show_task(%s) ->> 'spawn_draft'", str(plan)) == "2"
    db.run("select approve_task(%s)", str(plan))
    assert len(children(db, plan)) == 2
    assert db.status(join) == ("queued", "dependency")
    assert db.drift() == []


def test_what_a_denied_task_would_have_spawned_is_dropped(db: Client, end: Finish) -> None:
    plan = spawning(db, approve=True)
    end(plan, {})
    db.run("select deny_task(%s, 'no')", str(plan))
    db.run("select retry_task(%s)", str(plan))
    assert children(db, plan) == []
    end(plan)
    db.run("select approve_task(%s)", str(plan))
    assert children(db, plan) == []


def test_a_task_that_was_asked_to_stop_spawns_nothing(db: Client, end: Finish, run_of: Finish) -> None:
    plan = spawning(db)
    run_of(plan)
    db.run("select cancel_task(%s)", str(plan))
    end(plan, {})
    assert db.status(plan) == ("canceled", None)
    assert children(db, plan) == []


def test_a_dispatcher_that_knows_of_no_children_cannot_end_such_a_task_as_a_success(
    db: Client, end: Finish
) -> None:
    plan = spawning(db, max_attempts=1)
    end(plan, spawn=None)
    assert error(db, plan)[:2] == ("failed", "output_missing")


def test_a_report_waits_for_nobody_who_holds_the_tree(db: Client, end: Finish) -> None:
    plan = spawning(db)
    other = db.another()
    with other.connection.transaction():
        other.run("select from task_trees for update")
        assert end(plan, {}) == "held"
    assert end(plan, {}) == "finished"


def test_a_report_waits_for_nobody_who_holds_what_a_child_comes_after(db: Client, end: Finish) -> None:
    plan = spawning(db)
    end(plan, {"spawns": "more.jsonl"}, {})
    split, beside = children(db, plan)
    other = db.another()
    with other.connection.transaction():
        other.run("select from tasks where number = %s for update", beside)
        assert end(split, {"after": [beside]}) == "held"
    assert end(split, {"after": [beside]}) == "finished"


def test_a_report_waits_for_nobody_who_holds_a_task_of_a_tree_that_a_child_comes_after(
    db: Client, dispatcher: UUID, end: Finish, run_of: Callable[[int], Run]
) -> None:
    """It would wait under the claim lock and the counters lock, and every dispatcher with it."""
    plan = spawning(db, spawn_limits={"depth": 3})
    end(plan, {"spawns": "more.jsonl"}, {"spawns": "more.jsonl"}, {})
    split, beside, own = children(db, plan)
    end(beside, {"spawns": "even-more.jsonl"})
    [below] = children(db, beside)
    end(below, {})
    [deep] = children(db, below)
    report = {
        "run_id": run_of(split).id,
        "spawn": [{"line": 1, "task": {"prompt": "p", "after_tree": [beside]}}],
    }

    def verdicts() -> object:
        """Those of a report with a claim."""
        answer = db.value("select report_and_claim(%s, %s)", dispatcher, json.dumps([report], default=str))
        return answer["verdicts"]  # type: ignore[index]

    canceling, producer = db.another(), db.another()
    db.run("set lock_timeout = '2s'")
    with canceling.connection.transaction():
        canceling.run("select cancel_task(%s)", str(deep))
        assert db.finish_all(dispatcher, [report, {"run_id": run_of(own).id}]) == ["held", "finished"]
        assert verdicts() == {str(report["run_id"]): "held"}
    with producer.connection.transaction():
        producer.submit(after_tree=[beside])
        assert verdicts() == {str(report["run_id"]): "finished"}
    [child] = children(db, split)
    assert db.status(child) == ("queued", "dependency")


def test_a_report_waits_for_nobody_who_submits_with_a_key_of_his_own(
    db: Client, end: Finish, run_of: Callable[[int], Run]
) -> None:
    plan = spawning(db)
    run = run_of(plan)
    other = db.another()
    db.run("set lock_timeout = '2s'")
    with other.connection.transaction():
        other.submit(idempotency_key=f"spawn:{run.id}:1")
        assert end(plan, {}) == "finished"
    assert len(children(db, plan)) == 1


def test_what_a_tree_costs_is_the_sum_of_all_its_runs(db: Client, end: Finish) -> None:
    plan = spawning(db)
    end(plan, error_class="agent_error", cost_usd=0.5, input_tokens=10)
    db.run("select retry_task(%s)", str(plan))
    end(plan, {}, cost_usd=0.25, output_tokens=5)
    end(children(db, plan)[0], cost_usd=1)
    assert db.one("select cost_usd, tokens, tasks from task_trees") == (1.75, 15, 1)


def test_several_tries_spawn_nothing(db: Client) -> None:
    with pytest.raises(Exception, match="several tries cannot spawn tasks"):
        db.run(
            'select submit_tries(\'{"tool": "claude", "prompt": "p", "spawns": "t.jsonl"}\', \'[{}, {}]\')'
        )
