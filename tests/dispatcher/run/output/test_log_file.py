"""Reading a file that somebody else may change at any time."""

import os
from pathlib import Path

import pytest

from dispatcher.run.output.log_file import BLOCK, CHUNK, LogFile


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "stdout.log"


def append(path: Path, content: bytes) -> None:
    with path.open("ab") as file:
        file.write(content)


def whole(log: LogFile, start: int = 0) -> bytes:
    return b"".join(log.pieces(start, log.written))


def test_a_log_that_is_not_there_yet_is_empty(path: Path) -> None:
    log = LogFile(path)
    assert not log.measure()
    assert (log.read(0, 10), whole(log), log.last_write()) == ((b"", 0), b"", None)


def test_only_what_was_measured_is_read(path: Path) -> None:
    log = LogFile(path)
    append(path, b"one")
    assert log.measure()
    append(path, b"two")
    assert whole(log) == b"one"
    assert log.measure()
    assert not log.measure()
    assert whole(log, 3) == b"two"


def test_a_long_log_is_read_in_pieces(path: Path) -> None:
    log = LogFile(path)
    append(path, os.urandom(3 * CHUNK + 7))
    log.measure()
    pieces = list(log.pieces(0, log.written))
    assert max(map(len, pieces)) == CHUNK
    assert b"".join(pieces) == path.read_bytes()


def test_positions_count_on_when_the_agent_truncates_its_log(path: Path) -> None:
    """`echo … > /dev/stderr` does this when stderr is a file."""
    log = LogFile(path)
    append(path, b"a long beginning")
    log.measure()
    path.write_bytes(b"short")
    assert log.measure()
    assert log.written == 21
    assert whole(log, 16) == b"short"
    assert log.read(3, 21) == (b"short", 16)


def test_what_was_released_is_passed_over_with_a_line_end(path: Path) -> None:
    log = LogFile(path)
    append(path, b"x" * 10 * BLOCK + b"end")
    log.measure()
    assert log.release(BLOCK + 1, 5 * BLOCK + 1) == 5 * BLOCK
    assert whole(log) == b"x" * 2 * BLOCK + b"\n" + b"x" * 5 * BLOCK + b"end"
    assert path.stat().st_size == 10 * BLOCK + 3
    assert path.stat().st_blocks * 512 <= 8 * BLOCK


def test_a_hole_is_passed_over_however_large_it_is_and_wherever_it_ends(path: Path) -> None:
    log = LogFile(path)
    append(path, b"said" * BLOCK)
    os.truncate(path, 2**42)
    log.measure()
    assert whole(log) == b"said" * BLOCK + b"\n"

    append(path, b"on")
    assert whole(log) == b"said" * BLOCK + b"\n", "what follows was not measured yet"
    log.measure()
    assert whole(log) == b"said" * BLOCK + b"\n" + b"on"


@pytest.mark.parametrize("place", ["link", "fifo", "directory", "nothing"])
def test_nothing_that_an_agent_puts_in_place_of_its_log_is_followed_or_waited_for(
    path: Path, place: str
) -> None:
    append(path, b"log")
    log = LogFile(path)
    log.measure()
    path.unlink()
    match place:
        case "link":
            path.symlink_to("/etc/passwd")
        case "fifo":
            os.mkfifo(path)
        case "directory":
            path.mkdir()
    assert not log.measure()
    assert whole(log) == b""
    assert log.read(0, 3)[0] == b""
    assert log.release(0, BLOCK) == 0
