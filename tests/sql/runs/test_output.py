"""What agents print is stored once, by their dispatcher alone, and reported to their watchers."""

import base64
import json
from collections.abc import Mapping, Sequence
from uuid import UUID

import psycopg
import pytest
from psycopg.types.json import Jsonb

from tests.sql.client import Client, Run


@pytest.fixture
def dispatcher(db: Client) -> UUID:
    db.group("g", slots=100)
    db.limit("tool:claude", 100)
    return db.dispatcher()


def running(db: Client, dispatcher: UUID, count: int = 1) -> list[Run]:
    db.submit_all([{"tool": "claude", "prompt": "x"}] * count)
    runs = list(db.claim(dispatcher, count).runs)
    db.start(dispatcher, *runs)
    return runs


def chunk(start: int, content: bytes, stream: str = "stdout") -> dict[str, object]:
    encoded = base64.b64encode(content).decode()
    return {"stream": stream, "starts_at": start, "ends_at": start + len(content), "content": encoded}


def output(run: Run, *chunks: Mapping[str, object], **told: object) -> dict[str, object]:
    usual = {"run_id": str(run.id), "ago_s": 1.5, "stdout_bytes": 0, "stderr_bytes": 0, "live": True}
    return {**usual, "chunks": chunks, **told}


def append(db: Client, dispatcher: UUID, *outputs: Mapping[str, object]) -> list[tuple[object, ...]]:
    """Return what is stored of stdout and stderr of each run."""
    query = "select stdout_stored, stderr_stored from append_output(%s, %s)"
    return db.rows(query, dispatcher, Jsonb(list(outputs)))


def stored(db: Client, run: Run, stream: str = "stdout") -> bytes:
    rows = db.rows("select content from read_output(%s, 1, %s)", str(run.number), stream)
    return b"".join(bytes(row[0]) for row in rows if isinstance(row[0], bytes))


def test_chunks_make_up_the_stream(db: Client, dispatcher: UUID) -> None:
    (run,) = running(db, dispatcher)
    assert append(db, dispatcher, output(run, chunk(0, b"one\0\xff"), chunk(0, b"err", "stderr"))) == [(5, 3)]
    assert append(db, dispatcher, output(run, chunk(5, b"two"))) == [(8, 3)]
    assert (stored(db, run), stored(db, run, "stderr")) == (b"one\0\xfftwo", b"err")


@pytest.mark.parametrize("start", [0, 2, 4])
def test_a_chunk_that_does_not_begin_where_the_stored_output_ends_is_left_out(
    db: Client, dispatcher: UUID, start: int
) -> None:
    (run,) = running(db, dispatcher)
    append(db, dispatcher, output(run, chunk(0, b"one")))
    assert append(db, dispatcher, output(run, chunk(start, b"one and more"))) == [(3, 0)]
    assert stored(db, run) == b"one"


def test_activity_and_sizes_are_noted_and_kept_when_there_is_nothing_new(
    db: Client, dispatcher: UUID
) -> None:
    (run,) = running(db, dispatcher)
    append(db, dispatcher, output(run, activity="runs make", stdout_bytes=7, stderr_bytes=8))
    append(db, dispatcher, output(run, activity=None, stdout_bytes=9, stderr_bytes=8))
    query = (
        "select activity, stdout_bytes, stderr_bytes, clock() - last_activity_at >= '1.5 s' from task_runs"
    )
    assert db.one(query) == ("runs make", 9, 8, True)
    assert db.one("select activity, silent_s >= 1.5 from list_tasks()") == ("runs make", True)
    assert db.one("select show_task(%s) ->> 'activity'", str(run.number)) == ("runs make",)


def test_only_the_runs_of_the_dispatcher_are_written_to(db: Client, dispatcher: UUID) -> None:
    mine, others = running(db, dispatcher)[0], db.dispatcher("elsewhere")
    theirs, ended = running(db, others)[0], running(db, dispatcher)[0]
    db.finish(dispatcher, ended)
    outputs = [output(run, chunk(0, b"mine?")) for run in (theirs, mine, ended)]
    assert append(db, dispatcher, *outputs) == [(5, 0)]
    assert (stored(db, theirs), stored(db, mine), stored(db, ended)) == (b"", b"mine?", b"")


def test_a_closed_dispatcher_is_refused(db: Client, dispatcher: UUID) -> None:
    (run,) = running(db, dispatcher)
    db.run("select close_dispatcher(%s)", dispatcher)
    with pytest.raises(psycopg.Error) as refused:
        append(db, dispatcher, output(run, chunk(0, b"late")))
    assert refused.value.sqlstate == "LD410"


def test_a_run_that_is_being_finished_is_passed_over_without_waiting(db: Client, dispatcher: UUID) -> None:
    busy, idle = running(db, dispatcher, 2)
    other = db.another()
    with db.connection.transaction():
        db.finish(dispatcher, busy)
        other.run("set lock_timeout = '5s'")
        told = append(other, dispatcher, output(busy, chunk(0, b"busy")), output(idle, chunk(0, b"idle")))
        assert told == [(0, 0), (4, 0)]


def numbers_told(listener: Client) -> list[Sequence[int]]:
    return [json.loads(heard.payload)["numbers"] for heard in listener.connection.notifies(timeout=0)]


def test_a_batch_is_one_notification_of_the_live_runs(db: Client, dispatcher: UUID) -> None:
    first, second, last = running(db, dispatcher, 3)
    listener = db.another()
    listener.run("listen run_output")
    append(db, dispatcher, output(first, chunk(0, b"x")), output(second), output(last, live=False))
    append(db, dispatcher, output(last, chunk(0, b"x"), live=False))
    listener.run("select 1")
    assert numbers_told(listener) == [[first.number, second.number]]


def test_a_very_large_batch_keeps_below_the_largest_payload(db: Client, dispatcher: UUID) -> None:
    db.run("alter sequence tasks_number_seq restart with 999999999999999000")
    db.group("g", slots=1000)
    db.limit("tool:claude", 1000)
    runs = running(db, dispatcher, 800)
    listener = db.another()
    listener.run("listen run_output")
    append(db, dispatcher, *map(output, runs))
    listener.run("select 1")
    told = numbers_told(listener)
    assert [len(numbers) for numbers in told] == [350, 350, 100]
    assert sorted(number for numbers in told for number in numbers) == sorted(run.number for run in runs)


def report(db: Client, dispatcher: UUID, run: Run, last: Mapping[str, object] | None = None) -> object:
    reported = {"run_id": str(run.id), **({} if last is None else {"output": last})}
    return db.value("select verdict from finish_runs(%s, %s)", dispatcher, Jsonb([reported]))


def test_the_last_output_comes_with_the_end_of_the_run(db: Client, dispatcher: UUID) -> None:
    (run,) = running(db, dispatcher)
    append(db, dispatcher, output(run, chunk(0, b"one")))
    last = output(run, chunk(3, b"two"), live=False, stdout_bytes=6)
    assert report(db, dispatcher, run, last) == "finished"
    assert stored(db, run) == b"onetwo"
    assert db.one("select status, stdout_bytes, stdout_stored from task_runs") == ("succeeded", 6, 6)


def test_an_end_that_is_reported_again_does_not_repeat_its_output(db: Client, dispatcher: UUID) -> None:
    (run,) = running(db, dispatcher)
    last = output(run, chunk(0, b"end"), live=False)
    assert report(db, dispatcher, run, last) == "finished"
    assert report(db, dispatcher, run, last) == "already"
    assert stored(db, run) == b"end"


def test_an_end_without_output_is_an_end_like_any_other(db: Client, dispatcher: UUID) -> None:
    (run,) = running(db, dispatcher)
    assert report(db, dispatcher, run) == "finished"


def test_a_run_that_was_never_told_to_run_keeps_its_last_output(db: Client, dispatcher: UUID) -> None:
    db.submit()
    (run,) = db.claim(dispatcher).runs
    assert report(db, dispatcher, run, output(run, chunk(0, b"quick"), live=False)) == "finished"
    assert stored(db, run) == b"quick"


def test_a_long_log_is_read_in_several_answers(db: Client, dispatcher: UUID) -> None:
    (run,) = running(db, dispatcher)
    for quarter in range(6):
        append(db, dispatcher, output(run, chunk(quarter * 2**18, b"x" * 2**18)))
    query = "select ends_at, length(content) from read_output(%s, 1, 'stdout', %s)"
    first = db.rows(query, str(run.number), 0)
    second = db.rows(query, str(run.number), first[-1][0])
    assert (len(first), len(second)) == (4, 2)
    assert db.rows(query, str(run.number), second[-1][0]) == []


def test_a_log_is_read_from_any_position(db: Client, dispatcher: UUID) -> None:
    (run,) = running(db, dispatcher)
    append(db, dispatcher, output(run, chunk(0, b"abc"), chunk(3, b"defg")))
    query = "select starts_at, ends_at, content from read_output(%s, 1, 'stdout', %s)"
    assert db.rows(query, str(run.number), 0) == [(0, 3, b"abc"), (3, 7, b"defg")]
    assert db.rows(query, str(run.number), 3) == [(3, 7, b"defg")]
    assert db.rows(query, str(run.number), 5) == [(5, 7, b"fg")]
    assert db.rows(query, str(run.number), 7) == []


def test_a_piece_with_masked_secrets_is_never_cut(db: Client, dispatcher: UUID) -> None:
    (run,) = running(db, dispatcher)
    append(db, dispatcher, output(run, {**chunk(0, b"***"), "ends_at": 9}, chunk(9, b"x")))
    query = "select starts_at, ends_at, content from read_output(%s, 1, 'stdout', %s)"
    assert db.rows(query, str(run.number), 4) == [(0, 9, b"***"), (9, 10, b"x")]
    assert db.rows(query, str(run.number), 9) == [(9, 10, b"x")]
