"""A run's reports: the fence, reports that repeat, and what each error does to the task.

What errors do to accounts is proven in test_accounts.py.
"""

from collections.abc import Sequence
from uuid import UUID, uuid4

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.sql.client import Client, Run
from tests.sql.clock import Clock
from tests.sql.concurrently import in_background, until_blocked
from tests.sql.refused import refused


@pytest.fixture
def dispatcher(db: Client) -> UUID:
    db.group("main", slots=3)
    return db.dispatcher()


def claimed(db: Client, dispatcher: UUID, **keys: object) -> Run:
    db.submit(**keys)
    [run] = db.claim(dispatcher).runs
    return run


def row_of(db: Client, run: Run) -> tuple[object, ...]:
    return db.one("select status, error_class, exit_code from task_runs where id = %s", run.id)


# The fence


def test_a_report_is_taken_once_and_then_answered_already(db: Client, dispatcher: UUID) -> None:
    run = claimed(db, dispatcher)
    db.start(dispatcher, run)
    assert db.finish(dispatcher, run, final_text="42", exit_code=0) == "finished"
    before = db.rows(
        "select to_jsonb(tasks), to_jsonb(task_runs) from tasks join task_runs on task_id = tasks.id"
    )
    assert db.finish(dispatcher, run, "agent_error") == "already"
    assert (
        db.rows("select to_jsonb(tasks), to_jsonb(task_runs) from tasks join task_runs on task_id = tasks.id")
        == before
    )
    assert db.drift() == []


def test_an_end_with_its_last_output_writes_each_row_once(db: Client, dispatcher: UUID) -> None:
    """Each further version of a row would cost as much as all that an end decides."""
    run = claimed(db, dispatcher)
    chunk = {"stream": "stdout", "starts_at": 0, "ends_at": 3, "content": "NDI="}
    output = {"run_id": str(run.id), "ago_s": 0, "stdout_bytes": 3, "stderr_bytes": 0, "chunks": [chunk]}
    fresh = db.another()  # whose counts begin with this end
    fresh.run("begin")
    assert fresh.finish(dispatcher, run, final_text="42", ran_s=1, output=output) == "finished"
    written = fresh.rows(
        "select relname::text, n_tup_ins, n_tup_upd from pg_stat_xact_user_tables where n_tup_ins + n_tup_upd > 0"
    )
    fresh.run("commit")
    assert sorted(written) == [
        ("concurrency_limits", 0, 1),
        ("run_output", 1, 0),
        ("run_tally_inbox", 1, 0),
        ("task_runs", 0, 1),
        ("task_tally_inbox", 2, 0),
        ("tasks", 0, 1),
        ("worker_groups", 0, 1),
    ]


def test_a_report_of_an_unknown_run_is_stale(db: Client, dispatcher: UUID) -> None:
    assert db.finish_all(dispatcher, [{"run_id": uuid4()}]) == ["stale"]


def test_one_run_twice_in_one_batch_is_ended_by_its_first_report(db: Client, dispatcher: UUID) -> None:
    run = claimed(db, dispatcher)
    reports = [
        {"run_id": run.id, "final_text": "first", "exit_code": 0},
        {"run_id": run.id, "error_class": "agent_error", "exit_code": 1},
    ]
    assert db.finish_all(dispatcher, reports) == ["finished", "already"]
    assert row_of(db, run) == ("succeeded", None, 0)
    assert db.value("select result->>'text' from tasks") == "first"


def test_a_batch_returns_a_verdict_for_each_report_in_order(db: Client, dispatcher: UUID) -> None:
    first, second = claimed(db, dispatcher), claimed(db, dispatcher)
    db.finish(dispatcher, second)
    reports = [{"run_id": second.id}, {"run_id": uuid4()}, {"run_id": first.id}]
    assert db.finish_all(dispatcher, reports) == ["already", "stale", "finished"]


def test_another_dispatcher_can_neither_start_nor_finish_a_run(db: Client, dispatcher: UUID) -> None:
    run, stranger = claimed(db, dispatcher), db.dispatcher()
    assert db.start(stranger, run) == []
    assert db.finish(stranger, run) == "stale"
    with refused("LD412", "is not this dispatcher's any more"):
        store(db, stranger, run)
    assert db.status(run.number) == ("leased", None)
    assert row_of(db, run) == ("running", None, None)


def test_a_closed_dispatcher_can_do_nothing_any_more(db: Client, dispatcher: UUID) -> None:
    run = claimed(db, dispatcher)
    db.run("select close_dispatcher(%s)", dispatcher)
    for call in (
        lambda: db.claim(dispatcher),
        lambda: db.start(dispatcher, run),
        lambda: db.finish(dispatcher, run),
        lambda: store(db, dispatcher, run),
        lambda: db.run("select heartbeat(%s)", dispatcher),
    ):
        with refused("LD410", "is closed: register again"):
            call()
    assert db.status(run.number) == ("leased", None)
    assert db.counters()["group:main"] == 1


def test_a_dispatcher_is_not_closed_in_the_middle_of_its_report(db: Client, dispatcher: UUID) -> None:
    run = claimed(db, dispatcher)
    other = db.another()
    db.run("begin")
    db.finish(dispatcher, run)
    with in_background(lambda: other.run("select close_dispatcher(%s)", dispatcher)):
        until_blocked(db.another(), other)
        db.run("commit")
    assert db.status(run.number) == ("succeeded", None)


def test_a_run_that_never_started_can_be_ended(db: Client, dispatcher: UUID) -> None:
    run = claimed(db, dispatcher)
    assert db.finish(dispatcher, run, "spawn_failed", error_message="no such program") == "finished"
    assert db.one("select started_at, latency_ms from task_runs") == (None, None)
    assert db.drift() == []


def test_a_run_cannot_start_after_its_end(db: Client, dispatcher: UUID) -> None:
    run = claimed(db, dispatcher)
    db.finish(dispatcher, run)
    assert db.start(dispatcher, run) == []
    assert db.status(run.number) == ("succeeded", None)


def test_a_start_told_twice_is_answered_twice_and_noted_once(
    db: Client, dispatcher: UUID, time: Clock
) -> None:
    """The result of the first call may be lost: the run must not look like somebody else's then."""
    run = claimed(db, dispatcher)
    assert db.start(dispatcher, run) == [run.id]
    noted = db.one("select started_at, pid from task_runs")
    time.passes(5)
    assert db.start(dispatcher, run) == [run.id]
    assert db.one("select started_at, pid from task_runs") == noted


def test_an_old_run_of_a_task_cannot_end_its_new_one(db: Client, dispatcher: UUID) -> None:
    old = claimed(db, dispatcher)
    db.finish(dispatcher, old, "interrupted")
    [new] = db.claim(dispatcher).runs
    assert db.finish(dispatcher, old) == "already"
    assert db.start(dispatcher, old) == []
    assert db.status(new.number) == ("leased", None)
    assert db.finish(dispatcher, new) == "finished"


def test_a_late_report_does_not_wait_for_somebody_who_edits_the_task_meanwhile(
    db: Client, dispatcher: UUID
) -> None:
    run = claimed(db, dispatcher)
    db.finish(dispatcher, run, "interrupted")
    producer = db.another()
    producer.run("begin")
    producer.run("update tasks set priority = 9")
    db.run("set statement_timeout = '10s'")
    assert db.finish(dispatcher, run) == "already"


def test_a_whole_batch_is_refused_for_an_error_class_that_nobody_knows(db: Client, dispatcher: UUID) -> None:
    first, second = claimed(db, dispatcher), claimed(db, dispatcher)
    with refused("LD400", "unknown error class 'bad luck'"):
        db.finish_all(dispatcher, [{"run_id": first.id}, {"run_id": second.id, "error_class": "bad luck"}])
    assert db.status(first.number) == ("leased", None)


# What a report leaves


def test_a_success_is_on_record_whole(db: Client, dispatcher: UUID, time: Clock) -> None:
    run = claimed(db, dispatcher)
    db.start(dispatcher, run)
    time.passes(60)
    db.finish(
        dispatcher, run, exit_code=0, final_text="done", session_id="s", stdout="o" * 20_000, stderr="e",
        output_files=["a"], input_tokens=10, cached_input_tokens=4, output_tokens=5, cost_usd=0.25, ran_s=60.1,
    )  # fmt: skip
    assert db.one("select status, result, session_id, error_class, attempt, leased_by from tasks") == (
        "succeeded",
        {
            "text": "done", "session_id": "s", "output_files": ["a"], "input_tokens": 10, "output_tokens": 5,
            "cost_usd": 0.25,
        },
        "s", None, 0, None,
    )  # fmt: skip
    assert db.one(
        "select status, latency_ms, length(stdout_trunc), stderr, tokens_used, cached_input_tokens, pid,"
        " finished_at - started_at from task_runs"
    ) == ("succeeded", 60100, 10_000, "e", 15, 4, 4242, db.value("select interval '60.1 s'"))


@pytest.mark.parametrize(
    "report",
    [{"ran_s": 1e9}, {"retry_after_s": 1e12}, {"retry_after_s": -5}, {"cost_usd": 1e12}, {"stdout": ""}],
)
@pytest.mark.parametrize("error", [None, "throttled", "limit"])
def test_no_odd_figure_of_an_agent_keeps_its_run_from_being_reported(
    db: Client, dispatcher: UUID, error: str | None, report: dict[str, object]
) -> None:
    run = claimed(db, dispatcher)
    assert db.finish(dispatcher, run, error, **report) == "finished"
    assert db.value("select coalesce(next_attempt_at < clock() + '15 d', true) from tasks")
    assert db.value("select coalesce(cooldown_until < clock() + '15 d', true) from worker_groups")


# What errors do

FATAL = [
    "budget",
    "context_too_long",
    "invalid_request",
    "permission_denied",
    "spawn_failed",
    "output_too_large",
    "no_changes",
    "input_missing",
]
RETRIED = ["empty_result", "agent_error", "timeout", "stalled", "lost", "output_missing"]
FREE = ["throttled", "no_resources"]
AT_ONCE = ["spawn_refused"]


@pytest.mark.parametrize("error", FATAL)
def test_an_error_that_would_only_repeat_fails_the_task_at_once(
    db: Client, dispatcher: UUID, error: str
) -> None:
    run = claimed(db, dispatcher)
    db.finish(dispatcher, run, error, error_message="why")
    assert db.one("select status, attempt, error_class, error_message from tasks") == (
        "failed",
        1,
        error,
        "why",
    )


@pytest.mark.parametrize("error", RETRIED)
def test_an_error_that_may_pass_is_retried_until_the_attempts_are_used_up(
    db: Client, dispatcher: UUID, time: Clock, error: str
) -> None:
    run = claimed(db, dispatcher, max_attempts=3)
    for attempt in (1, 2):
        db.finish(dispatcher, run, error)
        assert db.one("select status, wait_reason, attempt from tasks") == ("queued", "retry", attempt)
        time.passes(375)
        [run] = db.claim(dispatcher).runs
        assert run.answer["attempt"] == attempt + 1
    db.finish(dispatcher, run, error)
    assert db.one("select status, wait_reason, attempt from tasks") == ("failed", None, 3)
    assert db.value("select count(*) from task_runs") == 3


@pytest.mark.parametrize("error", FREE)
def test_what_is_not_the_tasks_fault_uses_up_no_attempt(
    db: Client, dispatcher: UUID, time: Clock, error: str
) -> None:
    run = claimed(db, dispatcher, max_attempts=1)
    for _ in range(5):
        db.finish(dispatcher, run, error)
        assert db.one("select status, wait_reason, attempt from tasks") == ("queued", "retry", 0)
        time.passes(375)
        [run] = db.claim(dispatcher).runs
    assert db.finish(dispatcher, run) == "finished"


@pytest.mark.parametrize("error", AT_ONCE)
def test_what_the_agent_can_put_right_is_tried_again_at_once_in_its_session(
    db: Client, dispatcher: UUID, error: str
) -> None:
    run = claimed(db, dispatcher, max_attempts=2)
    db.finish(dispatcher, run, error, error_message="why", session_id="s1", ran_s=1, follow_up="put it right")
    assert db.one("select status, wait_reason, attempt, follow_up from tasks") == (
        "queued",
        None,
        1,
        "put it right",
    )
    [again] = db.claim(dispatcher).runs
    assert (again.answer["session_id"], again.answer["goes_on"]) == ("s1", True)
    db.finish(dispatcher, again, error)
    assert db.one("select status, error_class, attempt from tasks") == ("failed", error, 2)


def test_every_error_class_has_its_test_here(db: Client) -> None:
    elsewhere = {"overloaded", "limit", "auth", "no_credit", "unusable_here", "interrupted", "canceled"}
    elsewhere |= {
        "setup_failed",
        "check_failed",
        "not_recorded",
        "question",
        "denied",
        "no_pick",
        "unmet",
        "skipped",
    }  # have tests of their own
    tested = {*FATAL, *RETRIED, *FREE, *AT_ONCE, *elsewhere}
    assert {row[0] for row in db.rows("select name from error_classes")} == tested


@settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    said=st.integers(0, 10**6) | st.floats(0, 10**9 - 1).map(lambda seconds: round(seconds, 1)),
    failures=st.integers(0, 99),
)
def test_a_retry_never_waits_less_than_was_said_and_twice_as_long_after_each_failure_up_to_five_minutes(
    db: Client, said: float, failures: int
) -> None:
    wait = db.value("select back_off(%s, %s)", said, failures)
    assert isinstance(wait, float)
    least = min(max(300, said), said * 2**failures)
    assert least <= wait <= least * 1.25


@pytest.mark.parametrize(("said", "expected"), [(10, [10, 20, 40, 80, 160, 300, 300]), (600, [600, 600])])
def test_what_was_said_holds_for_each_attempt(
    db: Client, dispatcher: UUID, time: Clock, said: int, expected: Sequence[int]
) -> None:
    run = claimed(db, dispatcher, max_attempts=9, backoff_s=said)
    for least in expected:
        db.finish(dispatcher, run, "agent_error")
        time.passes(least - 0.001)
        assert db.claim(dispatcher).runs == []
        time.passes(least * 0.25 + 0.001)
        [run] = db.claim(dispatcher).runs


def test_after_a_failure_both_the_service_and_the_task_are_obeyed(
    db: Client, dispatcher: UUID, time: Clock
) -> None:
    for asked, least in ((77, 77), (1, 30)):
        run = claimed(db, dispatcher)
        db.finish(dispatcher, run, "overloaded", retry_after_s=asked)
        db.run("select resume_group('main')")
        wait = db.value("select extract(epoch from next_attempt_at - clock())::float from tasks")
        assert isinstance(wait, float)
        assert least <= wait <= least * 1.25
        db.run("delete from tasks")


def test_a_service_that_says_how_long_to_wait_is_obeyed(db: Client, dispatcher: UUID, time: Clock) -> None:
    run = claimed(db, dispatcher)
    db.finish(dispatcher, run, "throttled", retry_after_s=77)
    assert db.claim(dispatcher).deadline_s == 77


def test_an_interrupted_task_is_ready_again_at_once(db: Client, dispatcher: UUID) -> None:
    run = claimed(db, dispatcher, max_attempts=1)
    db.finish(dispatcher, run, "interrupted")
    assert db.one("select status, wait_reason, attempt, started_at from tasks") == ("queued", None, 0, None)
    assert db.claim(dispatcher).numbers == [run.number]


@pytest.mark.parametrize("why", ["pinned", "paused", "cooling", "other tool"])
def test_a_task_at_a_usage_limit_is_parked_when_no_other_account_can_take_it(
    db: Client, dispatcher: UUID, why: str
) -> None:
    run = claimed(db, dispatcher, account="main" if why == "pinned" else None)
    db.group("spare", tool="codex" if why == "other tool" else "claude", account="b")
    if why == "paused":
        db.run("select pause_group('spare')")
    if why == "cooling":
        db.run("select cool_down_group('spare', clock() + '1 h')")
    db.finish(dispatcher, run, "limit")
    assert db.status(run.number) == ("queued", "limit")


def test_resuming_a_group_lets_the_tasks_go_that_its_limit_had_parked(db: Client, dispatcher: UUID) -> None:
    run = claimed(db, dispatcher)
    db.finish(dispatcher, run, "limit", retry_after_s=5000)
    db.run("select resume_group('main')")
    assert db.claim(dispatcher).numbers == [run.number]


def test_a_longer_cool_down_is_not_cut_short_by_a_limit(db: Client, dispatcher: UUID, time: Clock) -> None:
    run = claimed(db, dispatcher)
    db.run("select cool_down_group('main', clock() + '1 d', 'weekly limit')")
    db.finish(dispatcher, run, "limit", retry_after_s=60)
    assert db.value(
        "select cooldown_until = clock() + '1 d' and cooldown_reason = 'weekly limit' from worker_groups"
    )


def test_an_error_of_no_concern_to_the_group_leaves_it_alone(db: Client, dispatcher: UUID) -> None:
    run = claimed(db, dispatcher)
    db.finish(dispatcher, run, "throttled")
    assert db.one("select paused, cooldown_until from worker_groups") == (False, None)


# Cancel against finish


def test_a_running_task_asked_to_stop_ends_canceled_whatever_its_error(db: Client, dispatcher: UUID) -> None:
    for error in ("canceled", "agent_error", "limit", "interrupted"):
        run = claimed(db, dispatcher)
        db.start(dispatcher, run)
        assert db.value("select cancel_task(%s)", str(run.number)) == "running"
        assert db.value("select cancel_requested from heartbeat(%s)", dispatcher) == [run.id]
        db.finish(dispatcher, run, error)
        assert db.one("select status, error_class from tasks where number = %s", run.number) == (
            "canceled", "canceled",
        )  # fmt: skip
        db.run("select resume_group('main')")
        assert db.value("select cancel_requested from heartbeat(%s)", dispatcher) == []


def test_an_agent_that_was_quicker_than_the_cancel_has_succeeded(db: Client, dispatcher: UUID) -> None:
    run = claimed(db, dispatcher)
    db.run("select cancel_task(%s)", str(run.number))
    db.finish(dispatcher, run, final_text="done")
    assert db.status(run.number) == ("succeeded", None)
    with refused("LD409", "has already succeeded"):
        db.run("select cancel_task(%s)", str(run.number))


def test_a_cancel_that_waits_for_a_report_decides_on_what_the_report_made_of_the_task(
    db: Client, dispatcher: UUID
) -> None:
    run = claimed(db, dispatcher)
    other = db.another()
    db.run("begin")
    db.finish(dispatcher, run, "agent_error")
    with in_background(lambda: other.value("select cancel_task(%s)", str(run.number))) as answer:
        until_blocked(db.another(), other)
        db.run("commit")
    assert answer.result() == "canceled"
    assert db.status(run.number) == ("canceled", None)
    assert db.drift() == []


# Files of a run


def store(db: Client, dispatcher: UUID, run: Run, path: str = "out", content: bytes = b"x") -> None:
    db.run(
        "select store_output(%s, %s, %s, %s, null, %s, 'hash', 420)",
        dispatcher,
        run.id,
        path,
        content,
        len(content),
    )


def test_an_output_stored_again_replaces_itself(db: Client, dispatcher: UUID) -> None:
    run = claimed(db, dispatcher)
    store(db, dispatcher, run, content=b"one")
    store(db, dispatcher, run, content=b"three")
    assert db.rows("select content, size_bytes from read_file(%s, 'out')", str(run.number)) == [(b"three", 5)]


def test_an_output_cannot_be_stored_after_the_end(db: Client, dispatcher: UUID) -> None:
    run = claimed(db, dispatcher)
    db.finish(dispatcher, run)
    with refused("LD412"):
        store(db, dispatcher, run)


def test_an_output_has_a_name_below_the_work_directory(db: Client, dispatcher: UUID) -> None:
    run = claimed(db, dispatcher)
    with refused("LD400", "output file '../x' is not allowed"):
        store(db, dispatcher, run, "../x")
