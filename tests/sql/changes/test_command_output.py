"""What setups and checks print: stored once, read like a log, and deleted with it."""

from uuid import UUID, uuid4

import pytest

from tests.sql.changes.reports import claimed, command
from tests.sql.client import Client, Run
from tests.sql.clock import Clock
from tests.sql.refused import refused


@pytest.fixture
def me(db: Client) -> UUID:
    db.group("main", slots=3)
    return db.dispatcher()


def store(db: Client, me: UUID, run: Run, starts_at: int, content: bytes, stream: str = "check") -> object:
    return db.value("select store_command_output(%s, %s, %s, %s, %s)", me, run.id, stream, starts_at, content)


def read(db: Client, stream: str = "check", start: int = 0) -> bytes:
    rows = db.rows("select content from read_output('1', 1, %s, %s)", stream, start)
    return b"".join(content for (content,) in rows if isinstance(content, bytes))


def test_pieces_may_be_sent_again_cut_in_any_way(db: Client, me: UUID) -> None:
    run = claimed(db, me)
    text = bytes(range(256)) * 4
    for starts_at, ends_at in ((0, 100), (50, 300), (0, 200), (300, 301), (299, 1024)):
        store(db, me, run, starts_at, text[starts_at:ends_at])
    assert read(db) == text
    assert read(db, start=600) == text[600:]
    assert read(db, "setup") == b""
    assert db.one("select setup_stored, check_stored from log_state('1')") == (None, 1024)


def test_the_streams_of_a_run_are_apart(db: Client, me: UUID) -> None:
    run = claimed(db, me)
    store(db, me, run, 0, b"npm ci", "setup")
    store(db, me, run, 0, b"npm test", "check")
    store(db, me, run, 6, b"!", "setup")
    assert (read(db, "setup"), read(db, "check"), read(db, "stdout")) == (b"npm ci!", b"npm test", b"")


def test_a_gap_and_another_stream_are_refused(db: Client, me: UUID) -> None:
    run = claimed(db, me)
    with refused("LD413", "has 0 bytes, so nothing can be stored from 5 on"):
        store(db, me, run, 5, b"x")
    with refused("LD400", "'stdout' is not a valid stream: expected setup or check"):
        store(db, me, run, 0, b"x", "stdout")


def test_only_the_dispatcher_that_has_a_run_stores_its_output(db: Client, me: UUID) -> None:
    run = claimed(db, me)
    assert store(db, db.dispatcher(), run, 0, b"x") is False
    db.finish(me, run, commands=[command()])
    assert store(db, me, run, 0, b"x") is False
    db.run("select close_dispatcher(%s)", me)
    with refused("LD410"):
        store(db, me, run, 0, b"x")
    assert read(db) == b""


def test_watchers_are_told(db: Client, me: UUID) -> None:
    run = claimed(db, me)
    listener = db.another()
    listener.run("listen run_output")
    store(db, me, run, 0, b"x")
    [notice] = listener.connection.notifies(timeout=5, stop_after=1)
    assert notice.payload == '{"numbers" : [1]}'


def test_retention_weighs_and_deletes_what_commands_printed_and_keeps_how_they_ended(
    db: Client, me: UUID, time: Clock
) -> None:
    run = claimed(db, me)
    store(db, me, run, 0, b"x" * 1000, "setup")
    store(db, me, run, 0, b"x" * 500, "check")
    db.finish(me, run, commands=[command()])
    time.passes(100)
    assert db.one("select tasks, bytes from prune_output(10)") == (1, 1500)
    assert (read(db, "setup"), read(db, "check")) == (b"", b"")
    assert db.value("select commands #>> '{0,output_tail}' from list_runs('1')") == "the end"
    assert db.value("select tasks from prune_tasks(10)") == 1
    assert db.value("select count(*) from run_commands") == 0


def test_an_unknown_run_is_not_ours(db: Client, me: UUID) -> None:
    assert db.value("select store_command_output(%s, %s, 'check', 0, 'x')", me, uuid4()) is False
