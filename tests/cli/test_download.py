"""Files that are fetched: whole or not at all, and nothing of others is replaced."""

import errno
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from cli.download import Destination
from dispatcher.errors import WrongStateError


@pytest.mark.parametrize("force", [False, True])
def test_a_file_has_its_name_only_when_it_is_whole(tmp_path: Path, force: bool) -> None:
    def content() -> Iterator[bytes]:
        yield b"half"
        assert not (tmp_path / "big").exists()
        yield b" and half"

    Destination(tmp_path, force=force).write("big", content(), 0o640)
    assert [path.name for path in tmp_path.iterdir()] == ["big"]
    assert (tmp_path / "big").read_text() == "half and half"


@pytest.mark.parametrize("force", [False, True])
def test_an_interrupt_leaves_nothing_behind(tmp_path: Path, force: bool) -> None:
    def content() -> Iterator[bytes]:
        yield b"half"
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        Destination(tmp_path, force=force).write("big", content(), 0o640)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("has_links", [True, False])
def test_a_file_that_appears_meanwhile_is_not_replaced(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, has_links: bool
) -> None:
    def content() -> Iterator[bytes]:
        (tmp_path / "big").write_text("mine")
        yield b"theirs"

    if not has_links:
        without_links(monkeypatch)
    destination = Destination(tmp_path, force=False)
    assert not destination.write("big", content(), 0o640)
    with pytest.raises(WrongStateError, match="big exists already"):
        destination.require_all()
    assert [path.name for path in tmp_path.iterdir()] == ["big"]
    assert (tmp_path / "big").read_text() == "mine"


@pytest.mark.parametrize("in_the_way", ["other content", "shorter", "link", "directory", "fifo"])
def test_only_a_file_with_the_same_content_counts_as_there(tmp_path: Path, in_the_way: str) -> None:
    content = b"x" * 2**20 + b"end"
    there = tmp_path / "big"
    match in_the_way:
        case "link":
            (tmp_path / "same").write_bytes(content)
            there.symlink_to("same")
        case "directory":
            there.mkdir()
        case "fifo":
            os.mkfifo(there)
        case _:
            there.write_bytes(content[:-1] + (b"" if in_the_way == "shorter" else b"!"))
    before = sorted(tmp_path.iterdir())
    destination = Destination(tmp_path, force=False)
    assert not destination.write("big", [content], 0o000)
    assert destination.unchanged == 0
    with pytest.raises(WrongStateError, match="with other content"):
        destination.require_all()
    assert sorted(tmp_path.iterdir()) == before


def test_a_file_that_is_there_already_stays_as_it_is(tmp_path: Path) -> None:
    destination = Destination(tmp_path, force=False)
    for content in ([b"all at once"], [b"all", b" at", b" once"]):
        destination.write("file", content, 0o640)
        (tmp_path / "file").chmod(0o600)
    destination.require_all()
    assert (
        destination.told("file", " of 1 task")
        == f"wrote 1 file of 1 task below {tmp_path}; 1 was there already"
    )
    assert (tmp_path / "file").stat().st_mode & 0o777 == 0o600
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


def test_a_file_system_without_links_is_no_obstacle(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    without_links(monkeypatch)
    Destination(tmp_path, force=False).write("some/where", [b"x"], 0o640)
    assert (tmp_path / "some" / "where").read_text() == "x"


def without_links(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the system refuse links, as it does on FAT."""

    def refuse(*_: object, **__: object) -> None:
        raise OSError(errno.EPERM, os.strerror(errno.EPERM))

    monkeypatch.setattr(os, "link", refuse)
