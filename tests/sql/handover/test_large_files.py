"""A large file goes from one dispatcher to another in pieces, and nothing of it is left afterwards."""

from uuid import UUID

import pytest

from tests.sql.client import Client, Run
from tests.sql.refused import refused


@pytest.fixture
def sender(wide: Client) -> UUID:
    return wide.dispatcher("has-it")


@pytest.fixture
def taker(wide: Client) -> UUID:
    return wide.dispatcher("wants-it")


@pytest.fixture
def run(wide: Client, sender: UUID, taker: UUID) -> Run:
    """A run of `taker` that needs a file of 8 bytes on the disk of `sender`."""
    wide.submit(output_files=["big"])
    wide.submit(input_from=[{"task": 1, "path": "big"}])
    [first] = wide.claim(sender).runs
    wide.start(sender, first)
    wide.run(
        "select store_output(%s, %s, 'big', null, 'file:///x', 8, repeat('a', 64), 420)", sender, first.id
    )
    wide.finish(sender, first)
    [second] = wide.claim(taker).runs
    return second


def want(db: Client, taker: UUID, run: Run, start: int = 0) -> None:
    db.run("select want_file(%s, %s, 'big', %s)", taker, run.id, start)


def send(db: Client, sender: UUID, run: Run, start: int, piece: bytes) -> None:
    db.run("select send_wanted(%s, %s, 'big', %s, %s)", sender, run.id, start, piece)


def take(db: Client, taker: UUID, run: Run, start: int, length: int = 9) -> object:
    return db.value("select take_wanted(%s, %s, 'big', %s, %s)", taker, run.id, start, length)


def wanted(db: Client) -> list[tuple[object, ...]]:
    return db.rows("select host, size_bytes, sent, taken from wanted_files()")


def left(db: Client) -> object:
    return db.value(
        "select count(*) from (select from file_requests union all select from file_pieces) as all_of_it"
    )


def test_a_file_is_sent_and_taken_in_pieces_cut_in_any_way(
    wide: Client, sender: UUID, taker: UUID, run: Run
) -> None:
    want(wide, taker, run)
    assert wanted(wide) == [("has-it", 8, 0, 0)]
    assert take(wide, taker, run, 0) == b""
    send(wide, sender, run, 0, b"one")
    send(wide, sender, run, 0, b"on")  # another sender, or the same one again
    send(wide, sender, run, 3, b"three")
    assert wanted(wide) == []

    assert [take(wide, taker, run, start, 2) for start in (0, 0, 2, 3, 5)] == [
        b"on",
        b"on",
        b"e",
        b"th",
        b"re",
    ]
    assert wide.value("select count(*) from file_pieces") == 1
    assert [take(wide, taker, run, start) for start in (7, 8)] == [b"e", b""]
    assert left(wide) == 0


def test_what_is_lost_is_asked_for_again_from_where_it_was_lost(
    wide: Client, sender: UUID, taker: UUID, run: Run
) -> None:
    want(wide, taker, run)
    send(wide, sender, run, 0, b"one")
    wide.run("delete from file_requests")  # as by a standby that became the primary
    with refused("LD413", "nothing was asked for 'big'"):
        take(wide, taker, run, 3)
    want(wide, taker, run, 3)
    assert wanted(wide) == [("has-it", 8, 3, 3)]
    send(wide, sender, run, 3, b"three")
    assert take(wide, taker, run, 3) == b"three"


def test_the_end_of_the_run_removes_what_is_on_its_way_and_nobody_sends_more(
    wide: Client, sender: UUID, taker: UUID, run: Run
) -> None:
    want(wide, taker, run)
    send(wide, sender, run, 0, b"one")
    wide.finish(taker, run, "interrupted")
    assert left(wide) == 0
    send(wide, sender, run, 3, b"three")
    assert left(wide) == 0
    with refused("LD412"):
        want(wide, taker, run)


def test_only_the_dispatcher_of_the_run_asks_and_takes(
    wide: Client, sender: UUID, taker: UUID, run: Run
) -> None:
    with refused("LD412"):
        want(wide, sender, run)
    want(wide, taker, run)
    send(wide, sender, run, 0, b"one")
    with refused("LD412"):
        take(wide, sender, run, 0)
    with refused("LD404", "no other task left a large file 'small'"):
        wide.run("select want_file(%s, %s, 'small', 0)", taker, run.id)


def test_a_file_that_is_gone_ends_the_wait_with_a_sentence(
    wide: Client, sender: UUID, taker: UUID, run: Run
) -> None:
    want(wide, taker, run)
    wide.run("select refuse_wanted(%s, %s, 'big', 'big is gone')", sender, run.id)
    assert wanted(wide) == []
    with refused("LD424", "big is gone"):
        take(wide, taker, run, 0)
