"""Large output files are removed when no task needs them, but never while a run writes them."""

import os
import threading
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from dispatcher.database.transfers import OutputFile
from dispatcher.run.output.collect import collect
from dispatcher.run.output.masking import Masking
from dispatcher.workspaces.large_files import Kept, LargeFiles
from sql.calls import INLINE_BYTES

PATIENCE = 60


@pytest.fixture
def store(tmp_path: Path) -> LargeFiles:
    return LargeFiles(tmp_path / "store")


def keeping(store: LargeFiles, work: Path) -> Iterator[OutputFile]:
    """A run that keeps a large file and then a small one."""
    work.mkdir()
    with (work / "big").open("wb") as file:
        file.truncate(INLINE_BYTES + 1)
    (work / "small").touch()
    return collect(work, ["big", "small"], 2**30, store, Masking(()), work.parent)


def test_no_file_is_removed_between_its_writing_and_its_row(store: LargeFiles, tmp_path: Path) -> None:
    files = keeping(store, tmp_path / "work")
    next(files)
    with store.alone() as alone:
        assert not alone
    next(files)  # the row of the first is written now
    with store.alone() as alone:
        assert alone


def test_a_run_that_is_given_up_half_way_keeps_nobody_from_removing(
    store: LargeFiles, tmp_path: Path
) -> None:
    files = keeping(store, tmp_path / "work")
    next(files)
    del files
    with store.alone() as alone:
        assert alone


def test_a_run_with_the_same_content_waits_for_the_removal_and_then_writes_it_anew(
    store: LargeFiles, tmp_path: Path
) -> None:
    (first, _) = keeping(store, tmp_path / "first")
    digest = first.sha256
    kept: list[OutputFile] = []
    with ExitStack() as removing:
        assert removing.enter_context(store.alone())
        second = threading.Thread(target=lambda: kept.extend(keeping(store, tmp_path / "second")))
        second.start()
        store.remove(digest)
        assert store.older_than(-60) == []
    second.join(PATIENCE)
    assert len(kept) == 2
    assert store.older_than(-60) == [digest]


def test_only_old_files_are_listed_and_old_drafts_are_removed(store: LargeFiles, tmp_path: Path) -> None:
    (first, _) = keeping(store, tmp_path / "work")
    (file,) = (path for path in (tmp_path / "store").rglob("*") if path.is_file())
    draft = file.with_suffix(".draft")
    draft.touch()
    assert store.older_than(60) == []
    os.utime(draft, (0, 0))
    assert store.older_than(60) == []
    assert not draft.exists()
    os.utime(file, (0, 0))
    assert store.older_than(60) == [first.sha256]


def test_a_store_that_was_never_made_has_nothing_to_remove(store: LargeFiles) -> None:
    with store.alone() as alone:
        assert not alone


class Slow:
    """Content whose end is not read before the test allows it."""

    def __init__(self, content: bytes) -> None:
        self._content = content
        self.asked, self.let = threading.Event(), threading.Event()

    def pieces(self) -> Iterator[bytes]:
        self.asked.set()
        assert self.let.wait(PATIENCE)
        yield self._content


def test_two_runs_that_write_the_same_content_at_once_do_not_disturb_each_other(
    store: LargeFiles, tmp_path: Path
) -> None:
    content = b"the same"
    slow = Slow(content)
    kept: list[Kept] = []
    with store.in_use():
        first = threading.Thread(target=lambda: kept.append(store.put(slow.pieces())))
        first.start()
        assert slow.asked.wait(PATIENCE)
        kept.append(store.put([content]))
        slow.let.set()
        first.join(PATIENCE)
    assert len(kept) == 2
    assert len(set(kept)) == 1
    [file] = [path for path in (tmp_path / "store").rglob("*") if path.is_file()]
    assert file.as_uri() == kept[0].url
    assert file.read_bytes() == content
