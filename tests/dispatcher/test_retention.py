"""A dispatcher deletes what is old, by itself, and files of tasks that are gone; but none that a run is keeping."""

import os
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from dispatcher.collect import INLINE_BYTES, OutputFile, collect
from dispatcher.large_files import LargeFiles
from tests.fixtures.dispatchers import Site

WEEK = 7 * 86_400.0
MAKE_LARGE_FILE = f"head -c {INLINE_BYTES + 1} /dev/zero | tr '\\0' %s >big; echo made"


def files_of(site: Site) -> list[Path]:
    return [file for file in (site.directory / "home" / "files").rglob("*") if file.is_file()]


def grow_old(site: Site, number: int) -> None:
    """Let the task have ended a week ago, and all large files have been written then."""
    site.sql("UPDATE tasks SET finished_at = now() - interval '7 days' WHERE number = %s", number)
    for file in files_of(site):
        os.utime(file, (time.time() - WEEK, time.time() - WEEK))


def test_old_tasks_go_with_their_files_and_young_ones_stay(site: Site) -> None:
    old = site.submit(MAKE_LARGE_FILE % "a", output_files=["big"])
    young = site.submit(MAKE_LARGE_FILE % "b", output_files=["big"])
    site.run()
    grow_old(site, old)
    assert len(files_of(site)) == 2

    site.configure("retention", tasks=6 * 86_400, interval=0.1)
    dispatcher = site.start()
    dispatcher.wait_for("deleted what is not kept any longer", what="tasks", count=1)
    dispatcher.wait_for("removed large files of tasks that are gone", count=1)

    assert [row["number"] for row in site.summary()] == [young]
    kept = site.sql("SELECT storage_url FROM task_files")
    assert [file.as_uri() for file in files_of(site)] == [row["storage_url"] for row in kept]
    assert site.sql("SELECT * FROM check_counters()") == []


def test_output_goes_after_a_month_and_tasks_stay_unless_somebody_says_otherwise(site: Site) -> None:
    old, young = site.submit("echo old"), site.submit("echo young")
    site.run()
    site.sql("UPDATE tasks SET finished_at = now() - interval '31 days' WHERE number = %s", old)

    site.configure("retention", interval=0.1)
    site.start().wait_for("deleted what is not kept any longer", what="output of tasks", count=1)

    left = site.sql(
        "SELECT number, content FROM run_output JOIN task_runs AS r ON r.id = run_id JOIN tasks AS t ON t.id = task_id"
    )
    assert [(row["number"], row["content"]) for row in left] == [(young, b"young\n")]
    assert site.task(old)["result"]["text"] == "old"


def test_pruning_goes_on_after_the_database_was_away(site: Site) -> None:
    old = site.submit("echo old")
    site.run()
    site.sql("UPDATE tasks SET finished_at = now() - interval '31 days' WHERE number = %s", old)
    site.sql("ALTER FUNCTION prune_output RENAME TO prune_output_later")
    site.sql(
        "CREATE FUNCTION prune_output(double precision, OUT tasks bigint, OUT bytes bigint) LANGUAGE plpgsql AS"
        " $$ BEGIN RAISE EXCEPTION 'not now' USING ERRCODE = 'admin_shutdown'; END $$"
    )
    site.configure("retention", interval=0.1)
    dispatcher = site.start()
    dispatcher.wait_for("old data is deleted later")

    with site.database.transaction():
        site.sql("DROP FUNCTION prune_output(double precision)")
        site.sql("ALTER FUNCTION prune_output_later RENAME TO prune_output")
    dispatcher.wait_for("deleted what is not kept any longer", count=1)


@pytest.fixture
def store(tmp_path: Path) -> LargeFiles:
    return LargeFiles(tmp_path / "store")


def keeping(store: LargeFiles, work: Path) -> Iterator[OutputFile]:
    """A run that keeps a large file and then a small one."""
    work.mkdir()
    with (work / "big").open("wb") as file:
        file.truncate(INLINE_BYTES + 1)
    (work / "small").touch()
    return collect(work, ["big", "small"], 2**30, store)


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
    second.join(60)
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
