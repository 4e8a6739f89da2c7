"""What has ended long ago is deleted, a little at a time, and no other work waits for it."""

from functools import partial
from typing import LiteralString
from uuid import UUID

import psycopg
import pytest
from psycopg.types.json import Jsonb

from tests.sql.client import Client, Run
from tests.sql.clock import Clock
from tests.sql.concurrently import all_at_once, in_background, until_blocked
from tests.sql.refused import refused

DAY = 86_400.0
MEGABYTES = 2**20


@pytest.fixture
def me(db: Client, time: Clock) -> UUID:
    """A dispatcher with room for everything, in a database whose clock stands still."""
    db.group("main", slots=1000)
    db.limit("tool:claude", 1000)
    return db.dispatcher()


def ended(db: Client, me: UUID, count: int = 1, printed: int = 4, **report: object) -> list[int]:
    """Let tasks run, print so many bytes, write a file, and end now; return their numbers."""
    db.submit_all([{"tool": "claude", "prompt": "p", "max_attempts": 1, "output_files": ["made"]}] * count)
    claim = db.claim(me, count)
    for run in claim.runs:
        prints(db, me, run, printed)
        store(db, me, run, f"of task {run.number}")
        db.finish(me, run, **report)  # type: ignore[arg-type]
    return claim.numbers


def prints(db: Client, me: UUID, run: Run, size: int) -> None:
    """Output that says it is so large; its content is short."""
    chunk = {"stream": "stdout", "starts_at": 0, "ends_at": size, "content": "eHh4eA=="}
    output = {"run_id": str(run.id), "ago_s": 0, "stdout_bytes": size, "stderr_bytes": 0, "chunks": [chunk]}
    db.run("select keep_output(%s, %s)", me, Jsonb([output]))


def store(db: Client, me: UUID, run: Run, content: str, url: str | None = None) -> None:
    inline = None if url else content.encode()
    db.run("select store_output(%s, %s, 'made', %s, %s, 9, %s, 420)", me, run.id, inline, url, content)


def prune(db: Client, days: float, most: int = 200) -> int:
    answer = db.value("select tasks from prune_tasks(%s, %s)", days * DAY, most)
    assert isinstance(answer, int)
    return answer


def numbers(db: Client) -> list[object]:
    return [number for (number,) in db.rows("select number from tasks order by number")]


EVERYTHING: tuple[LiteralString, ...] = (
    "select count(*) from tasks",
    "select count(*) from task_runs",
    "select count(*) from run_output",
    "select count(*) from task_files",
)


def test_an_old_task_goes_with_its_runs_its_output_and_its_files(db: Client, me: UUID, time: Clock) -> None:
    db.submit_all([{"tool": "claude", "prompt": "p", "input_files": [{"path": "in", "content": "x"}]}])
    [given] = db.claim(me).runs
    db.finish(me, given)
    ended(db, me, 2)
    time.passes(31 * DAY)

    assert db.one("select tasks, runs from prune_tasks(%s)", 30 * DAY) == (3, 3)

    assert [db.value(count) for count in EVERYTHING] == [0, 0, 0, 0]
    assert db.one("select * from prune_tasks(%s)", 30 * DAY) == (0, 0, 0)


def test_what_ended_lately_stays_and_so_does_what_has_not_ended(db: Client, me: UUID, time: Clock) -> None:
    running, waiting = db.submit().number, db.submit("later", delay_s=90 * DAY).number
    [run] = db.claim(me).runs
    [old] = ended(db, me)
    time.passes(20 * DAY)
    [young] = ended(db, me, error_class="agent_error")
    time.passes(20 * DAY)

    assert prune(db, 30) == 1
    assert numbers(db) == [running, waiting, young]
    assert old not in numbers(db)
    assert db.finish(me, run) == "finished"
    assert db.drift() == []


def test_age_counts_from_the_last_end_of_a_task_that_was_tried_again(
    db: Client, me: UUID, time: Clock
) -> None:
    [number] = ended(db, me, error_class="agent_error")
    time.passes(31 * DAY)
    db.run("select retry_task(%s)", str(number))
    assert prune(db, 30) == 0
    [run] = db.claim(me).runs
    db.finish(me, run)
    assert prune(db, 30) == 0
    time.passes(31 * DAY)
    assert prune(db, 30) == 1


def test_a_call_takes_no_more_than_it_was_told_and_the_oldest_first(
    db: Client, me: UUID, time: Clock
) -> None:
    first = ended(db, me, 3)
    time.passes(1)
    second = ended(db, me, 2)
    time.passes(31 * DAY)
    assert prune(db, 30, most=3) == 3
    assert numbers(db) == second
    assert first < second


def test_a_call_deletes_64_megabytes_or_one_task_that_has_more(db: Client, me: UUID, time: Clock) -> None:
    for size in (100 * MEGABYTES, 30 * MEGABYTES, 30 * MEGABYTES, 30 * MEGABYTES, 30 * MEGABYTES):
        ended(db, me, printed=size)
        time.passes(1)
    time.passes(31 * DAY)
    assert db.one("select tasks from prune_output(%s)", 30 * DAY) == (1,)
    db.run("update tasks set output_pruned_at = null")
    assert [prune(db, 30) for _ in range(4)] == [1, 3, 1, 0]


def test_output_goes_alone_and_the_answer_stays(db: Client, me: UUID, time: Clock) -> None:
    [number] = ended(db, me, final_text="forty-two", stdout="the beginning", stderr="the end")
    time.passes(8 * DAY)
    [young] = ended(db, me)

    assert db.one("select * from prune_output(%s)", 7 * DAY) == (1, 4)
    assert db.one("select * from prune_output(%s)", 7 * DAY) == (0, 0)

    assert db.rows("select * from read_output(%s, 1, 'stdout')", str(number)) == []
    assert len(db.rows("select * from read_output(%s, 1, 'stdout')", str(young))) == 1
    kept = db.one(
        "select final_text, stdout_trunc, stderr, stdout_stored from task_runs where run_no = 1 limit 1"
    )
    assert kept == ("forty-two", "the beginning", "the end", 4)
    pruned = "select output_pruned_at is not null from log_state(%s)"
    assert [db.value(pruned, str(task)) for task in (number, young)] == [True, False]
    assert db.value("select content from read_file(%s, 'made')", str(number)) == f"of task {number}".encode()


def test_the_output_of_a_task_that_goes_on_is_kept_however_old(db: Client, me: UUID, time: Clock) -> None:
    db.submit()
    [run] = db.claim(me).runs
    prints(db, me, run, 4)
    time.passes(100 * DAY)
    assert db.one("select * from prune_output(%s)", 7 * DAY) == (0, 0)


def test_a_key_is_free_again_when_its_task_is_gone(db: Client, me: UUID, time: Clock) -> None:
    first = db.submit(idempotency_key="night")
    [run] = db.claim(me).runs
    db.finish(me, run)
    time.passes(31 * DAY)
    assert db.submit(idempotency_key="night").number == first.number
    prune(db, 30)
    again = db.submit(idempotency_key="night")
    assert again.created
    assert again.number > first.number


def test_whoever_asks_for_a_task_that_was_pruned_hears_that_it_may_have_been(
    db: Client, me: UUID, time: Clock
) -> None:
    [number] = ended(db, me)
    time.passes(31 * DAY)
    never = db.submit().number + 1
    prune(db, 30)
    for call in (
        "select show_task(%s)",
        "select * from log_state(%s)",
        "select * from task_states(array[%s])",
    ):
        with pytest.raises(psycopg.Error, match=f"there is no task {number}") as caught:
            db.rows(call, str(number))
        assert caught.value.sqlstate == "LD404"
        assert "it may have been pruned" in (caught.value.diag.message_hint or "")
    with pytest.raises(psycopg.Error) as caught:
        db.rows("select show_task(%s)", str(never))
    assert "pruned" not in (caught.value.diag.message_hint or "")


def reply(db: Client, number: int) -> int:
    answer = db.value("select number from reply_task(%s, 'go on')", str(number))
    assert isinstance(answer, int)
    return answer


def test_a_task_stays_as_long_as_a_reply_to_it_does(db: Client, me: UUID, time: Clock) -> None:
    [number] = ended(db, me, session_id="s")
    time.passes(31 * DAY)
    reply(db, number)
    assert prune(db, 30) == 0
    [run] = db.claim(me).runs
    assert run.answer["session_id"] == "s"
    db.finish(me, run, error_class="agent_error", session_id="s")
    time.passes(29 * DAY)
    assert db.value("select tasks from count_prunable(%s)", 30 * DAY) == 0
    assert prune(db, 30) == 0
    time.passes(2 * DAY)
    assert db.value("select tasks from count_prunable(%s)", 30 * DAY) == 2
    assert [prune(db, 30) for _ in range(3)] == [1, 1, 0]


def test_a_young_reply_keeps_the_whole_chain_that_it_goes_on_from(db: Client, me: UUID, time: Clock) -> None:
    chain = ended(db, me, session_id="s")
    for _ in range(3):
        time.passes(20 * DAY)
        chain.append(reply(db, chain[-1]))
        [run] = db.claim(me).runs
        db.finish(me, run, session_id="s")
    [alone] = ended(db, me)
    time.passes(15 * DAY)
    assert db.value("select tasks from count_prunable(%s)", 10 * DAY) == 5
    assert db.value("select tasks from count_prunable(%s)", 16 * DAY) == 0
    assert prune(db, 16) == 0
    assert numbers(db) == [*chain, alone]


def test_a_reply_that_comes_while_the_task_is_looked_at_saves_it(db: Client, me: UUID, time: Clock) -> None:
    """The pruner's first look cannot see it yet; it has the task's lock only when the reply is committed."""
    ended(db, me, session_id="s")
    time.passes(31 * DAY)
    producer, pruner, gate = db.another(), db.another(), db.another()
    # The pruner waits behind this lock within its first statement, its snapshot taken already.
    db.run(
        "create or replace function is_continued(p_task uuid) returns boolean language plpgsql stable as"
        " 'begin perform pg_advisory_xact_lock(77); return exists (select from task_runs join tasks as reply"
        " on reply.continues = task_runs.id where task_runs.task_id = p_task); end'"
    )
    gate.run("select pg_advisory_lock(77)")
    with in_background(partial(prune, pruner, 30)) as pruning:
        until_blocked(db, pruner)
        reply(producer, 1)
        gate.run("select pg_advisory_unlock(77)")
    assert pruning.result() == 0
    assert numbers(db) == [1, 2]


def test_nobody_who_works_waits_for_a_pruner(db: Client, me: UUID, time: Clock) -> None:
    old = ended(db, me, 20)
    time.passes(31 * DAY)
    db.submit_all([{"tool": "claude", "prompt": "p"}] * 4)
    pruner, worker = db.another(), db.another()
    worker.run("set lock_timeout = '1ms'")
    with pruner.connection.transaction():
        assert prune(pruner, 30) == 20
        pruner.run("select * from prune_output(%s)", 7 * DAY)

        task = worker.submit(idempotency_key="new")
        claim = worker.claim(me)
        assert task.number in claim.numbers
        assert len(worker.start(me, *claim.runs)) == 5
        for run in claim.runs:
            prints(worker, me, run, 4)
            store(worker, me, run, "made")
            assert worker.finish(me, run) == "finished"
        worker.run("select heartbeat(%s)", me)
        worker.run("select cancel_task(%s)", str(worker.submit("later", delay_s=60).number))
        assert len(worker.rows("select * from list_tasks()")) == 26
        assert worker.rows("select * from read_output(%s, 1, 'stdout')", str(old[0])) != []
        assert prune(worker, 30) == 0, "the second pruner passes over what the first one has"
    assert db.drift() == []
    assert set(db.counters().values()) == {0}


@pytest.mark.parametrize("call", ["select retry_task('1')", "select * from reply_task('1', 'go on')"])
def test_who_wants_an_old_task_back_at_that_moment_hears_that_it_is_gone(
    db: Client, me: UUID, time: Clock, call: LiteralString
) -> None:
    ended(db, me, error_class="agent_error", session_id="s")
    time.passes(31 * DAY)
    pruner, person = db.another(), db.another()
    with refused("LD404", "there is no task 1"):
        pruner.run("begin")
        prune(pruner, 30)
        with in_background(partial(person.rows, call)):
            until_blocked(db, person)
            pruner.run("commit")


def test_a_task_with_the_very_key_of_one_that_goes_waits_and_is_then_queued(
    db: Client, me: UUID, time: Clock
) -> None:
    db.submit(idempotency_key="night")
    db.finish(me, db.claim(me).runs[0])
    time.passes(31 * DAY)
    pruner, producer = db.another(), db.another()
    pruner.run("begin")
    prune(pruner, 30)
    with in_background(partial(producer.submit, idempotency_key="night")) as submitting:
        until_blocked(db, producer)
        pruner.run("commit")
    assert submitting.result().created
    assert numbers(db) == [submitting.result().number]


def test_two_pruners_share_the_work_and_neither_waits(db: Client, me: UUID, time: Clock) -> None:
    ended(db, me, 300)
    time.passes(31 * DAY)

    def work(client: Client) -> int:
        done = 0
        while deleted := prune(client, 30, most=7):
            client.run("select * from prune_output(%s, 5)", 7 * DAY)
            done += deleted
        return done

    pruners = [db.another() for _ in range(4)]
    for pruner in pruners:
        pruner.run("set deadlock_timeout = '10ms'")
    done = all_at_once([partial(work, pruner) for pruner in pruners])
    # One of them may have found nothing while others held the last ones.
    assert sum(done) + work(db) == 300
    assert [db.value(count) for count in EVERYTHING] == [0, 0, 0, 0]
    assert db.drift() == []


def test_nobody_is_notified(db: Client, me: UUID, time: Clock) -> None:
    ended(db, me, 3)
    time.passes(31 * DAY)
    listener = db.another()
    for channel in ("task_event", "task_ready", "run_output"):
        listener.run(f"listen {channel}")
    prune(db, 30)
    db.run("notify task_event, 'end'")
    assert [event.payload for event in listener.connection.notifies(timeout=60, stop_after=1)] == ["end"]


def test_the_files_that_somebody_still_needs_are_told_apart(db: Client, me: UUID, time: Clock) -> None:
    shared, alone = "a" * 64, "b" * 64
    for digest in (shared, shared, alone):
        db.submit()
        [run] = db.claim(me).runs
        store(db, me, run, digest, url=f"file:///{digest}")
        db.finish(me, run)
        time.passes(DAY)
    unneeded = "select unreferenced_files(%s)"
    assert db.value(unneeded, [shared, alone, "c" * 64]) == ["c" * 64]
    assert prune(db, 1.5) == 2
    assert db.value(unneeded, [shared, alone]) == [shared]


def test_what_pruning_costs_depends_on_what_is_old(db: Client, me: UUID, time: Clock) -> None:
    """Blocks read, with 20 tasks to delete and with 5,000 others beside them, each with a run and a file."""

    def blocks() -> int:
        plan = db.value("explain (analyze, buffers, format json) select prune_tasks(%s)", 30 * DAY)
        assert isinstance(plan, list)
        return int(plan[0]["Plan"]["Shared Hit Blocks"] + plan[0]["Plan"]["Shared Read Blocks"])

    def cost() -> int:
        ended(db, me, 20)
        db.run("update tasks set finished_at = clock() - interval '31 days' where finished_at = clock()")
        db.run("vacuum tasks, task_runs, task_files")  # else it also depends on how lately that was done
        return blocks()

    few = [cost() for _ in range(7)][-1]
    time.passes(1)
    db.run(
        "with young as (insert into tasks (tool, prompt, status, finished_at)"
        " select 'claude', 'p', 'succeeded', clock() - interval '1 s' from generate_series(1, 5000) returning id),"
        " ran as (insert into task_runs (task_id, run_no, attempt, group_name, dispatcher_id, work_dir_id, host,"
        " boot_id, claimed_at) select id, 1, 1, 'main', id, id, 'h', 'b', clock() from young returning id, task_id)"
        " insert into task_files (task_id, run_id, path, is_input, content, size_bytes, sha256)"
        " select task_id, id, 'made', false, '', 0, '' from ran"
    )
    assert cost() < 2 * few
