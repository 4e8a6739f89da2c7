"""What is large comes and goes in pieces, and results stay small, however much there is."""

import hashlib
import json
from uuid import UUID

import pytest

from tests.sql.client import Client, Run
from tests.sql.refused import refused


@pytest.fixture
def dispatcher(db: Client) -> UUID:
    db.group("main", slots=3)
    return db.dispatcher()


def claimed(db: Client, dispatcher: UUID) -> Run:
    db.submit()
    [run] = db.claim(dispatcher).runs
    return run


def send(db: Client, dispatcher: UUID, run: Run, name: str, start: int, piece: bytes, total: int) -> None:
    db.run("select store_piece(%s, %s, %s, %s, %s, %s)", dispatcher, run.id, name, start, piece, total)


def keep(db: Client, dispatcher: UUID, run: Run, whole: bytes) -> None:
    digest = hashlib.sha256(whole).hexdigest()
    db.run("select keep_pieces(%s, %s, 'out', %s, %s, 420)", dispatcher, run.id, len(whole), digest)


def pieces(db: Client) -> object:
    return db.value("select count(*) from run_pieces")


def test_an_output_in_pieces_is_no_file_before_it_is_whole(db: Client, dispatcher: UUID) -> None:
    run = claimed(db, dispatcher)
    send(db, dispatcher, run, "out", 0, b"one", 8)
    assert db.rows("select * from list_files(%s)", str(run.number)) == []
    with refused("LD413", "the pieces of 'out' are not the whole file"):
        keep(db, dispatcher, run, b"onethree")
    send(db, dispatcher, run, "out", 3, b"three", 8)
    keep(db, dispatcher, run, b"onethree")
    keep(db, dispatcher, run, b"onethree")
    assert db.rows("select content, size_bytes from read_file(%s, 'out')", str(run.number)) == [
        (b"onethree", 8)
    ]
    assert pieces(db) == 0


def test_pieces_may_be_sent_again_cut_in_any_way(db: Client, dispatcher: UUID) -> None:
    run = claimed(db, dispatcher)
    for start, piece in ((0, b"onet"), (4, b"hr"), (0, b"one"), (3, b"three"), (3, b"thr"), (6, b"ee")):
        send(db, dispatcher, run, "out", start, piece, 8)
    keep(db, dispatcher, run, b"onethree")
    assert db.rows("select content from read_file(%s, 'out')", str(run.number)) == [(b"onethree",)]


def test_pieces_come_only_from_whoever_has_the_run_and_go_with_its_end(db: Client, dispatcher: UUID) -> None:
    run = claimed(db, dispatcher)
    send(db, dispatcher, run, "out", 0, b"one", 8)
    with refused("LD412"):
        send(db, db.dispatcher(), run, "out", 0, b"two", 8)
    with refused("LD400", "output file '../x' is not allowed"):
        send(db, dispatcher, run, "../x", 0, b"one", 8)
    db.finish(dispatcher, run)
    assert pieces(db) == 0
    with refused("LD412"):
        send(db, dispatcher, run, "out", 0, b"two", 8)


def test_an_answer_in_pieces_is_that_of_the_report(db: Client, dispatcher: UUID) -> None:
    run = claimed(db, dispatcher)
    send(db, dispatcher, run, "", 0, "größe".encode()[:3], 7)
    with refused("LD413", "the pieces are not the whole answer"):
        db.finish(dispatcher, run, answer_bytes=7)
    send(db, dispatcher, run, "", 3, "größe".encode()[3:], 7)
    assert db.finish(dispatcher, run, answer_bytes=7) == "finished"
    assert db.finish(dispatcher, run, answer_bytes=7) == "already"
    assert db.one("select result ->> 'text' from tasks") == ("größe",)
    assert db.one("select final_text from task_runs") == ("größe",)
    assert pieces(db) == 0


def test_what_is_on_its_way_is_what_the_task_does(db: Client, dispatcher: UUID) -> None:
    db.run("listen run_output")
    run = claimed(db, dispatcher)
    send(db, dispatcher, run, "out", 0, b"x" * 2_100_000, 5_000_000)
    assert db.one("select show_task(%s) ->> 'activity'", str(run.number)) == ("storing out: 2.1 of 5.0 MB",)
    heard = [note.payload for note in db.connection.notifies(timeout=10, stop_after=1)]
    assert heard == [f'{{"numbers" : [{run.number}]}}']
    send(db, dispatcher, run, "out", 2_100_000, b"x" * 2_900_000, 5_000_000)
    assert db.one("select show_task(%s) ->> 'activity'", str(run.number)) == (None,)


# Results stay small, however much there is


def test_open_runs_come_in_pages_without_their_prompts(db: Client) -> None:
    """JSON of 256 MiB is an error, so that no dispatcher could start any more."""
    db.group("main", slots=1000)
    db.limit("tool:claude", 1000)
    dispatcher = db.dispatcher()
    db.run(
        "insert into tasks (tool, prompt, output_files) select 'claude', repeat('x', 10000000),"
        " (select jsonb_agg(repeat('f', 180) || i) from generate_series(1, 100) as i) from generate_series(1, 30)"
    )
    while db.claim(dispatcher).runs:
        pass
    numbers: list[object] = []
    pages = 0
    while page := db.value("select open_runs(%s, %s)", dispatcher, numbers[-1] if numbers else 0):
        assert isinstance(page, list)
        assert len(json.dumps(page)) < 300_000
        assert {known["run"]["prompt"] for known in page} == {None}
        numbers += [known["run"]["number"] for known in page]
        pages += 1
    assert numbers == list(range(1, 31))
    assert pages > 1


def test_a_task_with_thousands_of_runs_can_be_shown(db: Client, dispatcher: UUID) -> None:
    run = claimed(db, dispatcher)
    db.finish(dispatcher, run, final_text="x")
    db.run(
        "insert into task_runs (task_id, run_no, attempt, group_name, dispatcher_id, work_dir_id, host, boot_id,"
        " claimed_at, status, stdout_trunc, stderr)"
        " select task_id, i, 1, group_name, dispatcher_id, work_dir_id, host, boot_id, claimed_at,"
        " 'failed', repeat('o', 10000), repeat('e', 10000)"
        " from task_runs, generate_series(2, 15000) as i"
    )
    brief = db.value("select show_task(%s, p_with_output => false)", str(run.number))
    assert isinstance(brief, dict)
    assert not {"stdout", "stderr", "final_text"} & set(brief["runs"][0])
    shown = db.value("select show_task(%s)", str(run.number))
    assert isinstance(shown, dict)
    assert shown["run_count"] == 15000
    assert [told["run_no"] for told in shown["runs"]] == list(range(14501, 15001))
    assert shown["runs"][-1]["stderr"] == "e" * 10000
    assert len(json.dumps(shown)) < 5_000_000


def test_of_a_prompt_only_the_beginning_is_shown_where_that_is_enough(db: Client) -> None:
    task = db.submit("x" * 1000)
    assert db.one("select show_task(%s, 10) ->> 'prompt'", str(task.number)) == ("x" * 10,)
    assert db.one("select show_task(%s) ->> 'prompt'", str(task.number)) == ("x" * 1000,)
