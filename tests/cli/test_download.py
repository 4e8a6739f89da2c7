"""Files that are fetched: whole or not at all, and nothing of others is replaced."""

import errno
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from cli.download import Destination
from dispatcher.errors import DispatchError


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
    with pytest.raises(DispatchError, match="File exists"):
        Destination(tmp_path, force=False).write("big", content(), 0o640)
    assert [path.name for path in tmp_path.iterdir()] == ["big"]
    assert (tmp_path / "big").read_text() == "mine"


def test_a_file_system_without_links_is_no_obstacle(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    without_links(monkeypatch)
    Destination(tmp_path, force=False).write("some/where", [b"x"], 0o640)
    assert (tmp_path / "some" / "where").read_text() == "x"


def without_links(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the system refuse links, as it does on FAT."""

    def refuse(*_: object, **__: object) -> None:
        raise OSError(errno.EPERM, os.strerror(errno.EPERM))

    monkeypatch.setattr(os, "link", refuse)
