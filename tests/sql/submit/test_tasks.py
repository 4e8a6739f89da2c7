"""Cancel and retry, and how people name a task."""

import pytest
from psycopg.types.json import Jsonb

from tests.sql.client import Client
from tests.sql.clock import Clock
from tests.sql.concurrently import in_background, until_blocked
from tests.sql.refused import refused


def test_a_queued_task_is_canceled_at_once_and_again_is_fine(db: Client) -> None:
    for delay in (None, 100):
        number = db.submit(delay_s=delay).number
        assert db.value("select cancel_task(%s)", str(number)) == "canceled"
        assert db.value("select cancel_task(%s)", str(number)) == "canceled"
        assert db.status(number) == ("canceled", None)
        assert db.value("select finished_at is not null from tasks where number = %s", number)


@pytest.mark.parametrize("level", ["read committed", "repeatable read", "serializable"])
def test_a_cancel_blocks_no_claim_while_its_transaction_is_open(db: Client, level: str) -> None:
    """It moves no counter, so it holds up neither the reports of other runs nor a change of a limit."""
    db.group("main", slots=3)
    dispatcher = db.dispatcher()
    running = db.submit()
    db.claim(dispatcher)
    ending = db.submit()
    [run] = db.claim(dispatcher).runs
    db.start(dispatcher, run)
    other = db.submit()
    producer = db.another()
    producer.connection.execute(f"begin isolation level {level}".encode())
    assert producer.value("select cancel_task(%s)", str(running.number)) == "leased"
    db.run("set statement_timeout = '10s'")
    assert db.claim(dispatcher).numbers == [other.number]
    report = Jsonb([{"run_id": str(run.id)}])
    answer = db.value("select report_and_claim(%s, %s) -> 'verdicts'", dispatcher, report)
    assert answer == {str(run.id): "finished"}
    assert db.status(ending.number) == ("succeeded", None)
    db.limit("model:opus", 1)


@pytest.mark.parametrize("error", ["invalid_request", "canceled"])
def test_a_task_that_ended_badly_starts_anew_with_all_its_attempts(db: Client, error: str) -> None:
    db.group("main")
    dispatcher = db.dispatcher()
    number = db.submit().number
    [run] = db.claim(dispatcher).runs
    db.finish(dispatcher, run, error, error_message="why")
    db.run("select retry_task(%s)", str(number))
    assert db.one(
        "select status, attempt, error_class, error_message, finished_at, cancel_requested_at from tasks"
    ) == ("queued", 0, None, None, None, None)
    [again] = db.claim(dispatcher).runs
    assert (again.number, again.answer["run_no"], again.answer["attempt"]) == (number, 2, 1)


def test_a_task_that_waits_for_a_time_goes_now(db: Client) -> None:
    db.group("main")
    dispatcher = db.dispatcher()
    number = db.submit(delay_s=1000).number
    db.run("select retry_task(%s)", str(number))
    [run] = db.claim(dispatcher).runs
    for error in ("agent_error", "limit"):
        db.finish(dispatcher, run, error, retry_after_s=1000)
        db.run("select retry_task(%s)", str(number))
        db.run("select resume_group('main')")
        [run] = db.claim(dispatcher).runs
    assert run.number == number


def test_a_task_that_is_active_ready_or_done_cannot_be_tried_again(db: Client) -> None:
    db.group("main")
    dispatcher = db.dispatcher()
    number = str(db.submit().number)
    with refused("LD409", f"task {number} is queued"):
        db.run("select retry_task(%s)", number)
    [run] = db.claim(dispatcher).runs
    with refused("LD409", f"task {number} is starting"):
        db.run("select retry_task(%s)", number)
    db.start(dispatcher, run)
    with refused("LD409", f"task {number} is running"):
        db.run("select retry_task(%s)", number)
    db.finish(dispatcher, run)
    with refused("LD409", f"task {number} has succeeded"):
        db.run("select retry_task(%s)", number)


def test_a_task_is_named_by_its_number_or_the_beginning_of_its_uuid(db: Client) -> None:
    task = db.submit()
    for name in (str(task.number), str(task.id), str(task.id)[:13], task.id.hex):
        assert db.value("select find_task(%s)", name) == task.id


@pytest.mark.parametrize(
    "name", ["", "0", "99999999999999999999999", "zz", "-1", "1; drop", "abc", "' or 1=1"]
)
def test_a_name_that_fits_nothing_is_not_found(db: Client, name: str) -> None:
    db.submit()
    with refused("LD404", "there is no task"):
        db.value("select find_task(%s)", name)


def test_a_beginning_that_fits_several_tasks_is_refused(db: Client) -> None:
    db.run(
        "insert into tasks (id, tool, prompt) select ('abcd0000-0000-4000-8000-00000000000' || i)::uuid, 'claude', 'p'"
        " from generate_series(1, 2) as i"
    )
    with refused("LD400", "more than one task begins with abcd"):
        db.value("select find_task('abcd')")


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (-5, "0 s"),
        (0, "0 s"),
        (0.2, "1 s"),
        (89, "89 s"),
        (600, "10 min"),
        (12_000, "3 h 20 min"),
        (187_200, "2 d 4 h"),
    ],
)
def test_lengths_of_time_are_told_as_people_say_them(db: Client, seconds: float, words: str) -> None:
    assert db.value("select in_words(make_interval(secs => %s))", seconds) == words


def test_a_waiting_task_always_has_a_reason_in_one_sentence(db: Client, time: Clock) -> None:
    def why(number: int) -> object:
        return db.value("select why_waiting(%s)", str(number))

    number = db.submit(tenant_id="acme").number
    assert why(number) == "no dispatcher is running: start one with `dispatcher run`"
    dispatcher = db.dispatcher()
    assert why(number) == "no worker group serves claude: add one with `llmctl group add`"
    db.group("main")
    assert why(number) == "about to start"
    db.limit("tenant:acme", 0)
    assert why(number) == "tenant:acme is full (0/0)"
    db.limit("tenant:acme", 5)
    behind = db.submit(tenant_id="acme").number
    assert why(behind) == "waits for its turn: 1 like it ahead"
    [run] = db.claim(dispatcher).runs
    assert why(run.number) is None
    assert why(behind) == "main is full (1/1)"
    db.finish(dispatcher, run, "agent_error", error_message="boom", retry_after_s=80)
    assert why(number) == "attempt 2 of 3 in 80 s, after: boom"
    assert why(db.submit(delay_s=600).number) == "scheduled to start in 10 min"
    time.passes(61)
    assert (
        why(behind)
        == "no dispatcher is running: start one with `dispatcher run` (the last one was seen 61 s ago)"
    )


def test_a_task_that_starts_while_somebody_asks_does_not_wait_for_its_own_slot(db: Client) -> None:
    db.group("main", slots=1)
    dispatcher = db.dispatcher()
    number = db.submit().number
    other = db.another()
    db.run("begin")
    db.run("lock table worker_groups")
    with in_background(lambda: other.value("select why_waiting(%s)", str(number))) as answer:
        until_blocked(db.another(), other)
        assert db.claim(dispatcher).numbers == [number]
        db.run("commit")
    assert answer.result() == "about to start"


@pytest.mark.parametrize("waits_for", ["its time", "its next attempt", "a limit"])
def test_a_task_whose_time_has_come_waits_for_what_all_others_wait_for(
    db: Client, time: Clock, waits_for: str
) -> None:
    def why() -> object:
        return db.value("select why_waiting('1')")

    db.group("main")
    dispatcher = db.dispatcher()
    if waits_for == "its time":
        db.submit(delay_s=50)
    else:
        db.submit()
        [run] = db.claim(dispatcher).runs
        error = "limit" if waits_for == "a limit" else "agent_error"
        db.finish(dispatcher, run, error, retry_after_s=40)
    time.passes(50)
    db.run("select pause_group('main', 'holiday')")
    assert why() == "main is paused (holiday)"
    db.run("select close_dispatcher(%s)", dispatcher)
    assert str(why()).startswith("no dispatcher is running")
    assert db.status(1)[0] == "queued"


def test_results_say_what_came_of_each_task_that_is_named(db: Client) -> None:
    me = db.dispatcher()
    db.group("main", slots=5)
    good, bad, waiting = (
        db.submit("a", name="first"),
        db.submit("b", max_attempts=1),
        db.submit("c", delay_s=60),
    )
    first, second = db.claim(me).runs
    db.finish(me, first, final_text="the answer")
    db.finish(me, second, "empty_result", error_message="no answer came")
    assert db.rows(
        "select number, name, status, why, error_class, error_message, result ->> 'text' from read_results(%s)",
        [str(waiting.number), str(good.id), str(good.number), str(bad.number)],
    ) == [
        (good.number, "first", "succeeded", None, None, None, "the answer"),
        (bad.number, None, "failed", None, "empty_result", "no answer came", None),
        (waiting.number, None, "queued", "scheduled to start in 60 s", None, None, None),
    ]
    with refused("LD404"):
        db.rows("select * from read_results('{4711}')")


def test_results_come_in_parts_when_they_are_large(db: Client) -> None:
    numbers = db.submit_some(5)
    db.run(
        "update tasks set result = jsonb_build_object('text', (select string_agg(md5(random()::text), '')"
        " from generate_series(1, 240000)))"
    )  # 7.7 MB each, as nothing of it repeats
    assert db.rows("select number from read_results(%s)", list(map(str, numbers))) == [(1,), (2,), (3,)]
    assert db.rows("select number from read_results(%s)", list(map(str, numbers[3:]))) == [(4,), (5,)]
