"""A dispatcher deletes what is old, by itself, and the large files of tasks that are gone."""

import os
import time
from hashlib import sha256
from pathlib import Path
from typing import LiteralString

import pytest

from sql.calls import INLINE_BYTES
from tests.fixtures.dispatchers import Site

WEEK = 7 * 86_400.0
MAKE_LARGE_FILE = f"head -c {INLINE_BYTES + 1} /dev/zero | tr '\\0' %s >big; echo made"


def files_of(site: Site) -> list[Path]:
    return [file for file in (site.directory / "home" / "files").rglob("*") if file.is_file()]


def grow_old(site: Site, number: int) -> None:
    """Pretend that the task ended a week ago, and that all large files were written then."""
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
    dispatcher.wait_for("deleted old data", what="tasks", count=1)
    dispatcher.wait_for("removed large files of tasks that are gone", count=1)

    assert [row["number"] for row in site.summary()] == [young]
    kept = site.sql("SELECT storage_url FROM task_files")
    assert [file.as_uri() for file in files_of(site)] == [row["storage_url"] for row in kept]
    assert site.sql("SELECT * FROM check_counters()") == []


def test_logins_of_browsers_go_when_they_have_ended(site: Site) -> None:
    digest = "sha256(%s)"
    site.sql(f"SELECT add_token('me', {digest}, 'reader')", b"me")
    for session in (b"ended", b"alive"):
        site.sql(f"SELECT start_session({digest}, {digest})", session, b"me")
    site.sql(
        f"UPDATE page_sessions SET last_used_at = now() - interval '8 days' WHERE hash = {digest}", b"ended"
    )

    site.configure("retention", interval=0.1)
    site.start().wait_for("deleted old data", what="logins of browsers", count=1)

    assert [bytes(row["hash"]) for row in site.sql("SELECT hash FROM page_sessions")] == [
        sha256(b"alive").digest()
    ]


def test_output_goes_after_a_month_and_tasks_stay_unless_somebody_says_otherwise(site: Site) -> None:
    old, young = site.submit("echo old"), site.submit("echo young")
    site.run()
    site.sql("UPDATE tasks SET finished_at = now() - interval '31 days' WHERE number = %s", old)

    site.configure("retention", interval=0.1)
    site.start().wait_for("deleted old data", what="output of tasks", count=1)

    left = site.sql(
        "SELECT number, content FROM run_output JOIN task_runs AS r ON r.id = run_id JOIN tasks AS t ON t.id = task_id"
    )
    assert [(row["number"], row["content"]) for row in left] == [(young, b"young\n")]
    assert site.task(old)["result"]["text"] == "old"


@pytest.mark.parametrize("trouble", ["admin_shutdown", "read_only_sql_transaction"])
def test_pruning_goes_on_after_the_database_was_away(site: Site, trouble: LiteralString) -> None:
    old = site.submit("echo old")
    site.run()
    site.sql("UPDATE tasks SET finished_at = now() - interval '31 days' WHERE number = %s", old)
    site.sql("ALTER FUNCTION prune_output RENAME TO prune_output_later")
    site.sql(
        "CREATE FUNCTION prune_output(p_older_than_s double precision, OUT tasks bigint, OUT bytes bigint)"
        " LANGUAGE plpgsql AS"
        f" $$ BEGIN RAISE EXCEPTION 'not now' USING ERRCODE = '{trouble}'; END $$"
    )
    site.configure("retention", interval=0.1)
    dispatcher = site.start()
    dispatcher.wait_for("old data is deleted later")

    with site.database.transaction():
        site.sql("DROP FUNCTION prune_output(double precision)")
        site.sql("ALTER FUNCTION prune_output_later RENAME TO prune_output")
    dispatcher.wait_for("deleted old data", count=1)


def test_a_dispatcher_removes_what_the_claim_knew_of_queues_that_are_done(site: Site) -> None:
    numbers = site.submit_many([{"tool": "cat", "prompt": "x", "queue": f"q{n}"} for n in range(20)])
    site.configure("retention", tasks=None, output=None, interval=0.1)

    site.start()
    site.wait_for("succeeded", *numbers)

    def no_lanes() -> bool:
        return not site.sql("SELECT lane FROM lanes UNION ALL SELECT tenantless_lane FROM tenantless_lanes")

    site.wait_until(no_lanes)
    site.wait_for("succeeded", site.submit("x", tool="cat", queue="q7"))
    site.wait_until(no_lanes)
