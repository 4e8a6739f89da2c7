"""Firing schedules: one task for each instant, what happens after time off, overlap, failures, and who may do what."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from uuid import UUID

import psycopg
import pytest
from psycopg.types.json import Jsonb

from tests.sql.client import Client
from tests.sql.clock import Clock
from tests.sql.concurrently import all_at_once
from tests.sql.conftest import LogIn
from tests.sql.schedules.firing import TASK, fire, instants, listed, prompts, put, set_time, state, work


@pytest.fixture
def here(wide: Client, time: Clock) -> UUID:
    set_time(wide, "2026-10-24T12:00:00+02:00")
    return wide.dispatcher()


def claim_of(db: Client, dispatcher: UUID) -> tuple[object, object]:
    answer = db.value("select report_and_claim(%s, '[]', 0)", dispatcher)
    assert isinstance(answer, dict)
    return answer["schedules_due"], answer["next_deadline_s"]


def test_the_claim_says_when_an_instant_comes_and_then_that_it_is_due(wide: Client, here: UUID) -> None:
    assert claim_of(wide, here) == (False, None)
    put(wide, "30 2 * * *", "Europe/Berlin")
    assert claim_of(wide, here)[0] is True
    work(wide, here)
    assert claim_of(wide, here) == (False, 14.5 * 3600)
    assert wide.one("select next_deadline_s from heartbeat(%s)", here) == (14.5 * 3600,)
    set_time(wide, "2026-10-25T02:30:00+02:00")
    assert claim_of(wide, here)[0] is True
    work(wide, here)
    assert claim_of(wide, here) == (False, 25 * 3600)
    assert prompts(wide) == ["report of 2026-10-25T02:30:00+02:00, last never"]


def test_the_night_in_which_an_hour_comes_twice_has_one_task_and_the_spring_gap_has_one_too(
    wide: Client, here: UUID, time: Clock
) -> None:
    put(wide, "30 2 * * *", "Europe/Berlin", overlap="queue")
    for _ in range(60):
        work(wide, here)
        time.passes(1800)
    set_time(wide, "2027-03-27T12:00:00+01:00")
    work(wide, here)
    before = len(prompts(wide))
    for _ in range(48):
        time.passes(1800)
        work(wide, here)
    assert instants(wide, time)[:2] == ["2026-10-25T00:30:00Z", "2027-03-27T01:30:00Z"]
    assert prompts(wide)[before:] == ["report of 2027-03-28T03:00:00+02:00, last never"]


@pytest.mark.parametrize(
    ("catch_up", "more", "expected", "remark"),
    [
        ("one", {}, ["12:00"], None),
        ("none", {}, [], "no dispatcher was there"),
        ("all", {"within_s": 3 * 3600 + 1}, ["10:00", "11:00", "12:00"], "too long ago"),
        ("all", {"within_s": 5 * 3600}, ["08:00", "09:00", "10:00", "11:00", "12:00"], None),
    ],
)
def test_after_time_off_what_was_missed_is_made_up_for_as_asked(
    wide: Client, here: UUID, time: Clock, catch_up: str, more: dict[str, float], expected: list[str],
    remark: str | None,
) -> None:  # fmt: skip
    set_time(wide, "2026-06-01T07:30:00+00:00")
    put(wide, "0 * * * *", catch_up=catch_up, **more)  # type: ignore[arg-type]
    work(wide, here)
    set_time(wide, "2026-06-01T12:30:00+00:00")
    work(wide, here)
    assert [instant[11:16] for instant in instants(wide, time)] == expected
    said = state(wide, "last_error")
    assert said is None if remark is None else str(said).endswith(remark)
    assert state(wide, "next_at") == "2026-06-01T13:00:00+00:00"


def test_no_more_than_a_hundred_are_made_up_for(wide: Client, here: UUID, time: Clock) -> None:
    put(wide, "* * * * *", catch_up="all", within_s=7 * 86400)
    work(wide, here)
    time.passes(86400)
    work(wide, here)
    assert len(prompts(wide)) == 100
    assert "at most 100" in str(state(wide, "last_error"))


def test_while_a_task_has_not_ended_the_next_one_is_left_out_queued_or_takes_its_place(
    wide: Client, here: UUID, time: Clock
) -> None:
    for overlap in ("skip", "queue", "replace"):
        put(wide, "0 * * * *", name=overlap, overlap=overlap)
    work(wide, here)
    for _ in range(2):
        time.passes(3600)
        work(wide, here)
    rows = wide.rows("select schedule, status from tasks order by schedule, number")
    assert rows == [("queue", "queued")] * 2 + [
        ("replace", "canceled"),
        ("replace", "queued"),
        ("skip", "queued"),
    ]
    assert state(wide, "skipped", "skip") == "1"
    assert "has not ended" in str(state(wide, "last_error", "skip"))
    assert state(wide, "next_at", "skip") == state(wide, "next_at", "queue")


def test_a_running_task_is_asked_to_stop_when_it_is_replaced(wide: Client, here: UUID, time: Clock) -> None:
    put(wide, "0 * * * *", overlap="replace")
    work(wide, here)
    time.passes(3600)
    work(wide, here)
    [run] = wide.claim(here).runs
    time.passes(3600)
    work(wide, here)
    assert (
        wide.value("select cancel_requested_at is not null from tasks where number = %s", run.number) is True
    )
    assert len(prompts(wide)) == 2


def test_of_three_dispatchers_that_see_it_due_one_fires(wide: Client, here: UUID, time: Clock) -> None:
    put(wide, "0 * * * *")
    work(wide, here)
    time.passes(3600)
    sessions = [wide.another() for _ in range(3)]
    [seen] = listed(wide, here)

    def firing(session: Client) -> Callable[[], object]:
        return lambda: fire(session, here, seen)

    assert sorted(map(str, all_at_once([firing(session) for session in sessions]))) == [
        "False",
        "False",
        "True",
    ]
    assert len(prompts(wide)) == 1
    assert fire(wide, here, seen) is False  # such as one whose result was lost


def test_who_computed_for_what_somebody_has_changed_since_writes_nothing(wide: Client, here: UUID) -> None:
    put(wide, "0 * * * *")
    [seen] = listed(wide, here)
    put(wide, "30 * * * *")
    assert fire(wide, here, seen) is False
    work(wide, here)
    assert str(state(wide, "next_at")).endswith(":30:00+00:00")
    known = state(wide, "revision")
    put(wide, "30 * * * *")
    assert state(wide, "revision") == known  # the same again changes nothing


def test_a_clock_that_is_set_back_brings_no_instant_twice(wide: Client, here: UUID, time: Clock) -> None:
    put(wide, "0 * * * *", overlap="queue")
    work(wide, here)
    time.passes(3 * 3600)
    work(wide, here)
    time.passes(-3 * 3600)
    put(wide, "0 * * * *", overlap="queue", max_failures=7)
    work(wide, here)
    for _ in range(4):
        time.passes(3600)
        work(wide, here)
    assert len(set(instants(wide, time))) == len(instants(wide, time))


def end(db: Client, dispatcher: UUID, error: str | None) -> None:
    [run] = db.claim(dispatcher).runs
    db.finish(dispatcher, run, error)


def test_a_schedule_that_keeps_failing_pauses_itself_and_goes_on_when_it_is_resumed(
    wide: Client, here: UUID, time: Clock
) -> None:
    put(wide, "0 * * * *", max_failures=2, task=Jsonb({**TASK, "max_attempts": 1}))
    work(wide, here)
    for error in ("agent_error", None, "agent_error", "agent_error"):
        time.passes(3600)
        work(wide, here)
        end(wide, here, error)
    assert wide.one("select failures, pause_class from list_schedules()") == (2, None)
    time.passes(3600)
    work(wide, here)
    assert state(wide, "pause_class") == "failures"
    newest = wide.value("select max(number) from tasks")
    assert state(wide, "pause_reason") == f"its last 2 tasks failed, the last one: task {newest}, agent_error"
    assert len(prompts(wide)) == 4
    assert claim_of(wide, here) == (False, None)
    assert wide.rows("select kind, name, verbs [2] from inbox() where kind = 'paused'") == [
        ("paused", "nightly", "llmctl schedule resume nightly")
    ]
    assert wide.value("select count_inbox()") == 1
    wide.run("select resume_schedule('nightly')")
    time.passes(1800)
    work(wide, here)
    time.passes(3600)
    work(wide, here)
    assert len(prompts(wide)) == 5
    assert str(prompts(wide)[-1]).endswith("last 2026-10-24T12:00:00Z")


def test_submissions_that_are_refused_count_as_failures(wide: Client, here: UUID, time: Clock) -> None:
    put(wide, "0 * * * *", max_failures=2, task=Jsonb({**TASK, "model": "opus"}))
    work(wide, here)
    wide.run("select put_tool('claude', '{sonnet}')")
    for _ in range(3):
        time.passes(3600)
        work(wide, here)
    assert state(wide, "pause_class") == "failures"
    assert "could not be submitted" in str(state(wide, "pause_reason"))
    assert prompts(wide) == []


def test_pausing_resuming_running_and_removing(wide: Client, here: UUID, time: Clock) -> None:
    put(wide, "0 * * * *")
    work(wide, here)
    wide.run("select pause_schedule('nightly', 'holidays')")
    time.passes(86400)
    assert listed(wide, here) == []
    number, created = wide.one("select number, created from run_schedule('nightly')")
    assert (created, state(wide, "last_task")) == (True, str(number))
    assert wide.value("select labels ->> 'schedule' from tasks") == "nightly"
    wide.run("select resume_schedule('nightly')")
    work(wide, here)
    assert len(prompts(wide)) == 1  # what passed meanwhile is not made up for
    wide.run("select remove_schedule('nightly')")
    assert wide.rows("select * from list_schedules()") == []
    with pytest.raises(psycopg.Error, match="there is no schedule 'nightly'"):
        wide.run("select run_schedule('nightly')")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"cron": "* * * *"}, "not a valid cron expression"),
        ({"cron": "0 0 * * *", "task": Jsonb({"tool": "claude"})}, "needs a prompt"),
        ({"cron": "0 0 * * *", "task": Jsonb({"tool": "nobody", "prompt": "p"})}, "nobody"),
        ({"cron": "0 0 * * *", "task": Jsonb({**TASK, "step": "a"})}, "cannot have step"),
        ({"cron": "0 0 * * *", "task": Jsonb({**TASK, "tenant_id": "b"}), "tenant": "a"}, "of tenant 'b'"),
        ({"cron": "0 0 * * *", "catch_up": "all", "overlap": "skip"}, "needs overlap queue"),
        ({"cron": "0 0 * * *", "within_s": 60}, "within is for catch_up all"),
        ({"cron": "0 0 * * *", "max_failures": 0}, "not a valid schedule"),
        ({"cron": "0 0 * * *", "name": "a b"}, "not a valid name"),
        ({"cron": "0 0 * * *", "zone": "../etc"}, "not a valid schedule"),
    ],
)
def test_what_cannot_be_a_schedule_is_refused(
    wide: Client, arguments: dict[str, object], message: str
) -> None:
    with pytest.raises(psycopg.Error, match=message) as refused:
        put(wide, **arguments)  # type: ignore[arg-type]
    assert refused.value.sqlstate == "LD400"


def test_those_of_config_yaml_are_brought_changed_there_alone_and_removed_with_it(
    wide: Client, here: UUID
) -> None:
    bring = "select put_configured_schedules(%s, %s)"
    named = {"nightly": {"cron": "0 2 * * *", "task": TASK}, "weekly": {"cron": "@weekly", "task": TASK}}
    wide.run(bring, "here", Jsonb(named))
    put(wide, "0 3 * * *", name="mine")
    with pytest.raises(psycopg.Error, match=r"is one of config\.yaml on here"):
        put(wide, "0 3 * * *")
    wide.run("select pause_schedule('nightly')")
    wide.run(bring, "there", Jsonb({}))
    wide.run(bring, "here", Jsonb({"nightly": {**named["nightly"], "cron": "0 4 * * *"}}))
    assert wide.rows("select name, cron, pause_class from list_schedules()") == [
        ("mine", "0 3 * * *", None), ("nightly", "0 4 * * *", "person")]  # fmt: skip


def test_a_producer_acts_on_the_schedules_of_its_tenants_only(
    wide: Client, here: UUID, log_in: LogIn
) -> None:
    put(wide, "0 2 * * *", tenant="other", name="theirs")
    acme = log_in("producer", tenants=["acme"])
    put(acme, "0 2 * * *")
    assert acme.rows("select tenant_id, name from list_schedules()") == [("acme", "nightly")]
    for call in ("pause_schedule('theirs')", "run_schedule('theirs')", "remove_schedule('theirs', 'acme')"):
        with pytest.raises(psycopg.Error, match="there is no schedule 'theirs'"):
            acme.connection.execute(f"select {call}".encode())
    with pytest.raises(psycopg.Error, match="may not act for tenant"):
        put(acme, "0 2 * * *", tenant="other", name="theirs")
    acme.run("select run_schedule('nightly')")
    assert wide.value("select tenant_id from tasks") == "acme"


def test_a_new_version_of_the_time_zones_computes_what_an_older_one_was_used_for(
    wide: Client, here: UUID
) -> None:
    put(wide, "0 * * * *")
    work(wide, here)  # with version v
    assert wide.rows("select name from due_schedules(%s, 'u')", here) == []
    assert wide.rows("select name, is_computed from due_schedules(%s, 'w')", here) == [("nightly", True)]


def test_a_fire_reads_none_of_the_many_tasks_that_have_ended(wide: Client, here: UUID, time: Clock) -> None:
    put(wide, "0 * * * *")
    work(wide, here)
    wide.run(
        "insert into tasks (tool, prompt, schedule, status, finished_at) select 'claude', 'p', 'nightly', 'succeeded',"
        " clock() from generate_series(1, 5000)"
    )
    wide.run("analyze tasks")
    time.passes(3600)
    [seen] = listed(wide, here)
    with wide.connection.transaction():
        fire(wide, here, seen)
        read = wide.value(
            "select coalesce(sum(idx_tup_fetch + seq_tup_read), 0) from pg_stat_xact_user_tables"
            " where relname = 'tasks'"
        )
    assert int(str(read)) < 100
    assert len(prompts(wide)) == 5001


def test_the_moment_until_which_all_is_dealt_with_never_goes_back(
    wide: Client, here: UUID, time: Clock
) -> None:
    put(wide, "0 * * * *")
    work(wide, here)
    first = datetime.fromisoformat(str(state(wide, "done_until")))
    time.passes(3600)
    work(wide, here)
    assert datetime.fromisoformat(str(state(wide, "done_until"))) - first == timedelta(hours=1)
    assert first.astimezone(UTC) == datetime(2026, 10, 24, 10, tzinfo=UTC)
