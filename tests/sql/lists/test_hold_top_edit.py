"""Holding, releasing, moving to the top and editing: what happens to a task, its lane, its labels and the counts."""

import pytest
from psycopg.types.json import Jsonb

from tests.sql.client import Client
from tests.sql.clock import Clock
from tests.sql.concurrently import PATIENCE_S, in_background, until_blocked
from tests.sql.refused import refused


def act(db: Client, action: str, *tasks: int, **changes: object) -> tuple[object, object]:
    """The numbers that an action was done with, and what it refused."""
    select = Jsonb({"tasks": [str(task) for task in tasks]})
    more = Jsonb(changes) if changes else None
    numbers, told = db.one(
        "select numbers, refused from act_on_tasks(%s, %s, p_changes => %s)", action, select, more
    )
    assert db.drift() == []
    return numbers, told


def claimed(db: Client, most: int = 10) -> list[int]:
    return db.claim(db.dispatcher(), most).numbers


def test_a_held_task_is_not_claimed_until_it_is_released(wide: Client) -> None:
    wide.submit_some(2)
    assert act(wide, "hold", 1) == ([1], [])
    assert wide.value("select why_waiting('1')") == "held until somebody releases it"
    assert claimed(wide) == [2]
    assert act(wide, "release", 1) == ([1], [])
    assert claimed(wide) == [1]


def test_a_task_that_is_submitted_held_waits_for_its_release_and_then_for_its_time(
    wide: Client, time: Clock
) -> None:
    wide.submit(hold=True)
    wide.submit(hold=True, delay_s=60)
    wide.submit(hold=True, delay_s=60)
    wide.run("select * from submit_task('claude', 'p', p_more => '{\"hold\": true}')")
    wide.submit(hold=False)
    assert [wide.status(number)[1] for number in range(1, 6)] == ["held"] * 4 + [None]
    assert act(wide, "release", 1, 2) == ([1, 2], [])
    assert [wide.status(number)[1] for number in (1, 2, 3)] == [None, "scheduled", "held"]
    time.passes(60)
    assert act(wide, "release", 3) == ([3], [])
    assert claimed(wide) == [1, 2, 3, 5]
    with refused("LD400", 'hold must be true or false, not "yes"'):
        wide.submit(hold="yes")
    with refused("LD400", "is not a valid scheduled_at"):
        wide.submit(hold=True, scheduled_at="20000-01-01T00:00:00Z")


@pytest.mark.parametrize(("error", "waits"), [("agent_error", "retry"), ("limit", "limit")])
def test_a_task_that_was_held_while_it_waited_goes_on_to_wait_for_the_same(
    wide: Client, time: Clock, error: str, waits: str
) -> None:
    dispatcher = wide.dispatcher()
    wide.submit()
    [run] = wide.claim(dispatcher).runs
    wide.finish(dispatcher, run, error, retry_after_s=600)
    assert wide.status(1) == ("queued", waits)
    act(wide, "hold", 1)
    time.passes(300)
    act(wide, "release", 1)
    assert wide.status(1) == ("queued", waits)
    act(wide, "hold", 1)
    time.passes(600)
    assert wide.claim(dispatcher).numbers == []
    act(wide, "release", 1)
    assert wide.claim(dispatcher).numbers == [1]


def test_a_held_task_stays_held_when_its_account_opens_again(wide: Client) -> None:
    dispatcher = wide.dispatcher()
    wide.submit()
    [run] = wide.claim(dispatcher).runs
    wide.finish(dispatcher, run, "limit", retry_after_s=600)
    act(wide, "hold", 1)
    wide.run("select clear_cooldown('main')")
    assert wide.status(1) == ("queued", "held")
    assert wide.claim(dispatcher).numbers == []


def test_a_release_and_a_move_to_the_top_wake_dispatchers_and_watchers(wide: Client) -> None:
    wide.submit(hold=True)
    wide.submit()
    listener = wide.another()
    listener.run("listen task_ready")
    listener.run("listen task_event")

    def heard() -> set[str]:
        listener.run("select 1")
        return {note.channel for note in listener.connection.notifies(timeout=0)}

    act(wide, "release", 1)
    assert heard() == {"task_ready", "task_event"}
    act(wide, "top", 2)
    assert heard() == {"task_ready", "task_event"}
    act(wide, "edit", 2, name="x")
    assert heard() == {"task_event"}
    act(wide, "hold", 2)
    assert heard() == {"task_event"}


def test_what_is_at_the_top_comes_before_everything_that_can_be_submitted(wide: Client) -> None:
    wide.submit(priority=9, tenant_id="other")
    wide.submit(priority=1)
    wide.submit(priority=9)
    assert act(wide, "top", 2) == ([2], [])
    assert wide.value("select number from list_tasks()") == 2
    assert claimed(wide, 1) == [2]
    with refused("LD400", "priority must be a number from 1 to 9 (9 is first), not 10"):
        wide.submit(priority=10)


def test_a_reply_to_a_task_that_was_at_the_top_has_the_highest_usual_priority(wide: Client) -> None:
    wide.submit()
    act(wide, "top", 1)
    dispatcher = wide.dispatcher()
    [run] = wide.claim(dispatcher).runs
    wide.finish(dispatcher, run, session_id="s")
    wide.run("select * from reply_task('1', 'go on')")
    assert wide.value("select priority from tasks where number = 2") == 9


def test_an_edit_changes_what_is_given_and_nothing_else(wide: Client) -> None:
    wide.submit(
        "old", model="opus", name="n", timeout_s=5, queue="a", labels={"batch": "x", "n": 1}, priority=3
    )
    before = wide.value("select to_jsonb(t) from tasks as t")
    assert isinstance(before, dict)
    assert act(wide, "edit", 1, prompt="new", priority=8, model="haiku", labels={"batch": "y", "n": None, "z": "1"},
               timeout_s=None, permission="read", max_attempts=7, backoff_s=1.5, queue="b", fallback_model="opus",
               stall_timeout_s=9) == ([1], [])  # fmt: skip
    after = wide.value("select to_jsonb(t) from tasks as t")
    assert isinstance(after, dict)
    assert {key: after[key] for key in after if after[key] != before[key] and key != "lane"} == {
        "prompt": "new", "priority": 8, "model": "haiku", "labels": {"batch": "y", "z": "1"}, "timeout_s": None,
        "permission": "read", "max_attempts": 7, "backoff_s": 1.5, "queue": "b", "fallback_model": "opus",
        "stall_timeout_s": 9,
    }  # fmt: skip
    assert wide.rows("select label, number from task_labels order by 1") == wide.rows(
        "select label_hash(key, value), number from tasks, jsonb_each_text(labels) order by 1"
    )
    act(
        wide, "edit", 1, labels=None, name=None, priority=None, queue=None, permission=None, max_attempts=None
    )
    assert wide.one("select labels, name, priority, queue, permission, max_attempts from tasks") == (
        {}, None, 5, "default", "edit", 3,
    )  # fmt: skip
    assert wide.value("select count(*) from task_labels") == 0
    assert claimed(wide) == [1]


def test_a_limit_counts_an_edited_task_where_it_is_now(wide: Client) -> None:
    wide.limit("queue:narrow", 0)
    wide.submit()
    act(wide, "edit", 1, queue="narrow")
    assert claimed(wide) == []
    act(wide, "edit", 1, queue="other")
    assert claimed(wide) == [1]


def test_a_task_that_was_cut_short_starts_over_with_a_new_prompt(wide: Client) -> None:
    dispatcher = wide.dispatcher()
    wide.submit("old")
    [run] = wide.claim(dispatcher).runs
    wide.finish(dispatcher, run, "interrupted", session_id="s")
    assert wide.value("select resumes is not null from tasks") is True
    act(wide, "edit", 1, name="x")
    assert wide.value("select resumes is not null from tasks") is True
    act(wide, "edit", 1, prompt="new")
    assert wide.value("select resumes is not null from tasks") is False


@pytest.mark.parametrize(
    ("changes", "complaint"),
    [
        (None, "edit needs changes: a JSON object with one of prompt, name"),
        ({}, "edit needs changes"),
        ([1], "edit needs changes"),
        ({"tool": "codex"}, '"tool" is not a valid key of a change: expected one of prompt, name'),
        ({"priority": 10}, "priority must be a number from 1 to 9 (9 is first), not 10"),
        ({"prompt": ""}, "a task needs a prompt that is not empty"),
        ({"prompt": None}, "a task needs a prompt that is not empty"),
        ({"model": "--help"}, 'model must not begin with "-"'),
        ({"labels": ["a"]}, "labels must be a JSON object"),
        ({"permission": "all"}, 'permission must be read, edit or full, not "all"'),
        ({"timeout_s": 0}, "timeout_s must be a whole number above 0, not 0"),
    ],
)
def test_a_change_that_submit_would_refuse_is_refused(wide: Client, changes: object, complaint: str) -> None:
    wide.submit()
    with refused("LD400", complaint):
        wide.run(
            "select * from act_on_tasks('edit', '{}', p_changes => %s)",
            None if changes is None else Jsonb(changes),
        )
    with refused("LD400", "cancel takes no changes: edit does"):
        wide.run("select * from act_on_tasks('cancel', '{}', p_changes => '{\"name\": \"x\"}')")


def test_a_failed_task_is_tried_again_with_other_settings_and_what_came_after_it_goes_on(
    wide: Client,
) -> None:
    dispatcher = wide.dispatcher()
    wide.submit("the prompt", model="opus", check_command="false", max_attempts=1)
    wide.submit("next", after=["1"])
    [run] = wide.claim(dispatcher).runs
    wide.finish(dispatcher, run, "agent_error")
    _, told = act(wide, "edit", 1, prompt="better")
    assert isinstance(told, list)
    assert told[0]["hint"] == "to change it and run it again: `llmctl retry 1 --edit`"
    changes = {"prompt": "better", "model": None, "check_command": "true", "priority": 8, "max_attempts": 2}
    assert act(wide, "retry", 1, **changes) == ([1], [])
    task = wide.value("select show_task('1')")
    assert isinstance(task, dict)
    assert {key: task[key] for key in changes} == changes
    [run] = wide.claim(dispatcher).runs
    wide.finish(dispatcher, run)
    assert wide.claim(dispatcher).numbers == [2]


def test_a_retry_refuses_what_submit_would_refuse_and_leaves_the_task_as_it_is(wide: Client) -> None:
    wide.submit()
    wide.run("select cancel_task('1')")
    for changes, complaint in (
        ({}, "retry needs changes"),
        ({"tool": "codex"}, "tool"),
        ({"after": ["1"]}, "after cannot"),
    ):
        with refused("LD400", complaint):
            wide.run("select * from act_on_tasks('retry', '{}', p_changes => %s)", Jsonb(changes))
    assert wide.status(1)[0] == "canceled"


def test_a_task_that_is_named_and_does_not_allow_the_action_is_refused_with_a_reason(wide: Client) -> None:
    dispatcher = wide.dispatcher()
    wide.submit_some(3)
    first, second, _ = wide.claim(dispatcher).runs
    wide.start(dispatcher, second)
    wide.finish(dispatcher, first)
    wide.submit_some(2)

    def told(action: str, **changes: object) -> dict[int, object]:
        _, refusals = act(wide, action, 1, 2, 4, **changes)
        assert isinstance(refusals, list)
        return {one["number"]: (one["message"], one["hint"]) for one in refusals}

    assert told("edit", name="x") == {
        1: ("task 1 has succeeded: only a queued task can be edited", "submit it again with other settings"),
        2: ("task 2 is running: only a queued task can be edited", "to stop it: `llmctl cancel 2`"),
    }
    assert told("release")[4] == ("task 4 is not held", wide.value("select why_waiting('4')"))
    assert told("hold").keys() == told("hold").keys() == {1, 2}
    assert told("retry") == {
        1: (
            "task 1 has succeeded; only a task that failed, was canceled or waits for a time can be tried again",
            "submit it again to run it once more",
        ),
        2: (
            "task 2 is running; only a task that failed, was canceled or waits for a time can be tried again",
            "cancel it first: `llmctl cancel 2`",
        ),
        4: (
            "task 4 is held; only a task that failed, was canceled or waits for a time can be tried again",
            "release it: `llmctl release 4`",
        ),
    }
    assert told("cancel") == {1: ("task 1 has already succeeded; it cannot be canceled", None)}
    assert told("cancel") == {1: ("task 1 has already succeeded; it cannot be canceled", None)}
    # Nobody meant each task of a range, or of another key.
    for select in (
        {"tasks": ["1-5"]},
        {"tool": "claude"},
        {"numbers": [1]},
        {"tasks": ["1"], "states": ["failed"]},
    ):
        assert wide.value("select refused from act_on_tasks('top', %s)", Jsonb(select)) == []


def test_an_action_waits_for_a_claim_and_judges_the_task_as_it_is_then(wide: Client) -> None:
    wide.submit_some(2)
    claims, edits = wide.another(), wide.another()
    dispatcher = wide.dispatcher()
    claims.run("begin")
    claims.claim(dispatcher, 1)
    with in_background(lambda: act(edits, "hold", 1, 2)) as answer:
        until_blocked(wide, edits)
        claims.run("commit")
    numbers, told = answer.result(PATIENCE_S)
    assert numbers == [2]
    assert isinstance(told, list)
    assert told[0]["message"] == "task 1 is starting: only a queued task can be held"


def test_a_claim_goes_past_what_an_open_transaction_holds_or_edits(wide: Client) -> None:
    wide.submit_some(3)
    other = wide.another()
    other.run("begin")
    other.run('select * from act_on_tasks(\'edit\', \'{"tasks": ["1"]}\', p_changes => \'{"name": "x"}\')')
    other.run("select * from act_on_tasks('hold', '{\"tasks\": [\"2\"]}')")
    assert claimed(wide) == [3]
    other.run("commit")
    assert claimed(wide) == [1]


def test_a_task_that_is_canceled_waits_for_no_time_any_more(wide: Client) -> None:
    wide.submit(delay_s=600)
    assert wide.value("select (show_task('1') ->> 'waits_s')::float") == pytest.approx(600, abs=5)
    wide.run("select cancel_task('1')")
    assert wide.value("select show_task('1') ->> 'waits_s'") is None
