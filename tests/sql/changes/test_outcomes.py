"""What becomes of a task whose setup or check failed, whose agent asks something, or whose result needs an approval."""

from uuid import UUID

import pytest

from tests.sql.changes.reports import again, change, claimed, command, task, unrecorded
from tests.sql.client import Client
from tests.sql.clock import Clock

BROKEN = {"follow_up": "make check failed:\n1 test", "session_id": "s", "ran_s": 5}


@pytest.fixture
def me(db: Client) -> UUID:
    db.group("main", slots=3)
    return db.dispatcher()


# Checks


def test_after_a_check_that_failed_the_session_goes_on_at_once_and_is_told(db: Client, me: UUID) -> None:
    run = claimed(db, me)
    assert db.finish(me, run, "check_failed", commands=[command(verdict="failed")], **BROKEN) == "finished"
    assert db.status(run.number) == ("queued", None)

    second = again(db, me)
    told = {key: second.answer[key] for key in ("session_id", "goes_on", "directory", "attempt", "follow_up")}
    assert told == {
        "session_id": "s", "goes_on": True, "directory": "1-1", "attempt": 2, "follow_up": BROKEN["follow_up"]
    }  # fmt: skip
    db.finish(me, second, session_id="s", commands=[command()])
    assert db.status(run.number) == ("succeeded", None)
    assert (task(db)["follow_up"], task(db)["attempt"]) == (None, 1)
    assert db.drift() == []


def test_checks_that_fail_use_up_the_attempts(db: Client, me: UUID) -> None:
    run = claimed(db, me, max_attempts=2)
    db.finish(me, run, "check_failed", **BROKEN)
    db.finish(me, again(db, me), "check_failed", error_message="the check failed", **BROKEN)
    assert db.status(run.number) == ("failed", None)
    assert (task(db)["attempt"], task(db)["error_message"], task(db)["follow_up"]) == (
        2,
        "the check failed",
        None,
    )


def test_without_a_session_a_task_whose_check_failed_starts_over_and_is_told(db: Client, me: UUID) -> None:
    run = claimed(db, me)
    db.finish(me, run, "check_failed", follow_up="1 test failed", ran_s=5)
    second = again(db, me)
    assert (second.answer["goes_on"], second.answer["directory"]) == (False, "1-2")
    assert (second.answer["prompt"], second.answer["follow_up"]) == ("do it", "1 test failed")


def test_where_the_session_is_not_a_task_starts_over_and_is_told(db: Client, me: UUID) -> None:
    run = claimed(db, me)
    db.finish(me, run, "check_failed", **BROKEN)
    db.run("select close_dispatcher(%s)", me)
    second = again(db, db.dispatcher("elsewhere"))
    assert (second.answer["goes_on"], second.answer["follow_up"]) == (False, BROKEN["follow_up"])


def test_a_task_may_say_that_a_check_is_not_tried_again(db: Client, me: UUID) -> None:
    run = claimed(db, me, retry_on=["agent_error"])
    db.finish(me, run, "check_failed", **BROKEN)
    assert db.status(run.number) == ("failed", None)


def test_a_session_that_was_told_is_not_told_again_when_it_was_cut_short(db: Client, me: UUID) -> None:
    db.finish(me, claimed(db, me), "check_failed", **BROKEN)
    db.finish(me, again(db, me), "interrupted", session_id="s", ran_s=5)
    third = again(db, me)
    assert (third.answer["goes_on"], third.answer["follow_up"]) == (True, None)
    assert db.value("select open_runs(%s) #>> '{0,run,follow_up}'", me) is None
    db.finish(me, third, "interrupted", session_id="s", ran_s=5)
    db.run("select close_dispatcher(%s)", me)
    elsewhere = again(db, db.dispatcher("elsewhere"))
    assert (elsewhere.answer["goes_on"], elsewhere.answer["follow_up"]) == (False, BROKEN["follow_up"])


def test_a_session_is_told_once_more_if_its_agent_never_started(db: Client, me: UUID) -> None:
    db.finish(me, claimed(db, me), "check_failed", **BROKEN)
    db.finish(me, again(db, me), "interrupted")
    third = again(db, me)
    assert (third.answer["goes_on"], third.answer["follow_up"]) == (True, BROKEN["follow_up"])


def test_a_session_that_cannot_go_on_after_a_check_starts_over_and_uses_no_attempt(
    db: Client, me: UUID, time: Clock
) -> None:
    db.finish(me, claimed(db, me), "check_failed", **BROKEN)
    db.finish(me, again(db, me), "invalid_request", error_message="no such session", ran_s=1)
    time.passes(400)
    third = again(db, me)
    assert (third.answer["goes_on"], third.answer["attempt"]) == (False, 2)
    assert third.answer["follow_up"] == BROKEN["follow_up"]


def test_a_new_prompt_takes_the_place_of_what_would_be_told(db: Client, me: UUID) -> None:
    run = claimed(db, me)
    db.finish(me, run, "check_failed", **BROKEN)
    db.run(
        'select * from act_on_tasks(\'edit\', \'{"tasks": ["1"]}\', p_changes => \'{"prompt": "do that"}\')'
    )
    second = again(db, me)
    assert (second.answer["goes_on"], second.answer["prompt"], second.answer["follow_up"]) == (
        False,
        "do that",
        None,
    )


# Setups


def test_a_setup_that_fails_is_tried_again_later_and_uses_no_attempt_until_it_failed_often(
    db: Client, me: UUID, time: Clock
) -> None:
    run = claimed(db, me, max_attempts=3)
    for _ in range(2):
        db.finish(me, run, "setup_failed", commands=[command("setup", "failed")])
        assert (*db.status(run.number), task(db)["attempt"]) == ("queued", "retry", 0)
        assert db.claim(me).runs == []
        time.passes(375)
        run = again(db, me)
        assert run.answer["attempt"] == 1
    db.finish(me, run, "setup_failed", error_message="npm ci failed")
    assert (*db.status(run.number), task(db)["attempt"], task(db)["error_class"]) == (
        "failed",
        None,
        0,
        "setup_failed",
    )


@pytest.mark.parametrize("between", ["interrupted", "agent_error"])
def test_only_setups_that_fail_one_after_the_other_fail_a_task(
    db: Client, me: UUID, time: Clock, between: str
) -> None:
    run = claimed(db, me, max_attempts=2)
    for error in ("setup_failed", between, "setup_failed"):
        db.finish(me, run, error)
        time.passes(375)
        run = again(db, me)
    db.finish(me, run, "setup_failed")
    assert db.status(run.number) == ("failed", None)


def test_a_retry_by_hand_gives_a_setup_all_its_tries_again_and_keeps_the_base(
    db: Client, me: UUID, time: Clock
) -> None:
    run = claimed(db, me, max_attempts=2)
    db.run("select note_base(%s, %s, '/shop', %s)", me, run.id, "a" * 40)
    db.finish(me, run, "setup_failed")
    time.passes(375)
    db.finish(me, again(db, me), "setup_failed")
    assert db.status(run.number) == ("failed", None)

    db.run("select retry_task('1')")
    run = again(db, me)
    assert run.answer["base_commit"] == "a" * 40
    db.finish(me, run, "setup_failed")
    assert db.status(run.number) == ("queued", "retry")


# What is not recorded, and nothing


def test_work_that_cannot_be_recorded_fails_the_task_without_using_up_an_attempt(
    db: Client, me: UUID
) -> None:
    run = claimed(db, me)
    db.finish(me, run, "not_recorded", change=unrecorded(), final_text="done", session_id="s")
    row = task(db)
    assert (row["status"], row["attempt"], row["error_class"]) == ("failed", 0, "not_recorded")


def test_a_task_may_say_that_no_changes_are_tried_again(db: Client, me: UUID) -> None:
    run = claimed(db, me, no_changes="fail", retry_on=["no_changes"])
    db.finish(me, run, "no_changes", session_id="s")
    assert db.status(run.number) == ("queued", "retry")


# Questions


def test_a_question_frees_the_slot_and_waits_for_its_answer_without_using_an_attempt(
    db: Client, me: UUID, time: Clock
) -> None:
    run = claimed(db, me)
    db.finish(me, run, "question", question="Which one?", session_id="s", ran_s=5, change=change())
    row = task(db)
    assert (row["status"], row["wait_reason"], row["attempt"]) == ("queued", "question", 0)
    assert (row["question"], row["resumes"], row["next_attempt_at"]) == ("Which one?", run.id, None)
    assert db.counters()["group:main"] == 0
    time.passes(86400)
    assert db.claim(me).runs == []
    assert db.drift() == []


def test_an_answer_is_told_although_the_session_was_told_how_its_check_failed(db: Client, me: UUID) -> None:
    db.finish(me, claimed(db, me), "check_failed", **BROKEN)
    db.finish(me, again(db, me), "question", question="Which one?", session_id="s", ran_s=5)
    db.run("update tasks set wait_reason = null, question = null, follow_up = 'The second.'")
    third = again(db, me)
    assert (third.answer["goes_on"], third.answer["follow_up"]) == (True, "The second.")


def test_a_task_whose_question_nobody_answers_can_be_canceled_and_begins_anew(db: Client, me: UUID) -> None:
    run = claimed(db, me)
    db.finish(me, run, "question", question="Which one?", session_id="s")
    db.run("select cancel_task('1')")
    assert (*db.status(run.number), task(db)["question"]) == ("canceled", None, None)
    db.run("select retry_task('1')")
    second = again(db, me)
    assert (second.answer["goes_on"], second.answer["follow_up"]) == (False, None)


# Approvals


def test_a_success_that_needs_an_approval_keeps_its_result_and_waits(
    db: Client, me: UUID, time: Clock
) -> None:
    run = claimed(db, me, approve=True)
    db.finish(me, run, final_text="done", session_id="s", change=change(), commands=[command()], ran_s=5)
    row = task(db)
    assert (row["status"], row["wait_reason"], row["finished_at"]) == ("queued", "approval", None)
    assert (row["result"], row["error_class"]) == ({"text": "done", "session_id": "s"}, None)
    assert db.one("select status, final_text from task_runs") == ("succeeded", "done")
    assert db.counters()["group:main"] == 0
    time.passes(86400)
    assert db.claim(me).runs == []
    assert db.drift() == []


def test_only_a_success_needs_an_approval(db: Client, me: UUID) -> None:
    run = claimed(db, me, approve=True)
    db.finish(me, run, "invalid_request")
    assert db.status(run.number) == ("failed", None)


def test_each_report_of_a_batch_is_held_by_its_own_task(db: Client, me: UUID) -> None:
    for approve in (True, False, True):
        db.submit(approve=approve)
    runs = db.claim(me).runs
    db.finish_all(me, [{"run_id": run.id, "final_text": "done"} for run in runs])
    assert [db.status(number) for number in (1, 2, 3)] == [
        ("queued", "approval"), ("succeeded", None), ("queued", "approval")
    ]  # fmt: skip


def test_a_cancel_wins_over_everything_that_would_wait(db: Client, me: UUID) -> None:
    for error in ("check_failed", "setup_failed", "question", "not_recorded", None):
        run = claimed(db, me, approve=True)
        db.run("select cancel_task(%s)", str(run.number))
        db.finish(me, run, error, change=change(), final_text="done", question="?", **BROKEN)
        row = task(db)
        assert (row["status"], row["wait_reason"], row["error_class"]) == ("canceled", None, "canceled"), (
            error
        )
        assert (row["result"], row["question"], row["follow_up"]) == (None, None, None), error
    assert db.value("select count(*) from run_changes") == 5
    assert db.drift() == []


def test_a_result_that_waits_for_an_approval_can_be_canceled_and_begins_anew(db: Client, me: UUID) -> None:
    run = claimed(db, me, approve=True)
    db.finish(me, run, final_text="done")
    db.run("select cancel_task('1')")
    assert (*db.status(run.number), task(db)["result"]) == ("canceled", None, None)
    db.run("select retry_task('1')")
    assert again(db, me).number == run.number


# Runs that are lost


def test_a_lost_run_is_tried_again_with_the_commit_that_it_began_with(
    db: Client, me: UUID, time: Clock
) -> None:
    run = claimed(db, me)
    db.run("select note_base(%s, %s, '/shop', %s)", me, run.id, "a" * 40)
    db.run("select close_dispatcher(%s)", me)
    time.passes(90_000)
    assert db.value("select number from recover_lost()") == run.number
    time.passes(375)
    second = again(db, db.dispatcher())
    assert (second.answer["source"], second.answer["base_commit"]) == ("/shop", "a" * 40)
    assert db.drift() == []
