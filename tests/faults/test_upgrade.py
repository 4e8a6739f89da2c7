"""A new version of the program on a database in use: nothing is lost, and a program that is too old says so."""

import psycopg
import pytest
from psycopg.rows import dict_row

from dispatcher.configuration.settings import Settings
from dispatcher.database.migrate import Schema, migrate
from tests.fixtures.dispatchers import Site

# Two tasks run and three wait. They are written without today's functions, which need today's tables.
FIRST_VERSION_AT_WORK = """
    INSERT INTO worker_groups (group_name, tool, account_name, max_concurrent, current_concurrent)
    VALUES ('g', 'claude', 'a', 2, 2);
    UPDATE concurrency_limits SET current_concurrent = 2 WHERE scope = 'tool:claude';
    INSERT INTO dispatchers (host, boot_id, pid, version, work_dir_id, lease_s, lease_expires_at)
    VALUES ('h', 'b', 1, '0', gen_random_uuid(), 60, now() + interval '1 minute');
    INSERT INTO tasks (tool, prompt, status, leased_by, group_name, run_no, run_id)
    SELECT 'claude', i::text, 'leased', dispatchers.id, 'g', 1, gen_random_uuid()
    FROM generate_series(1, 2) AS i, dispatchers;
    INSERT INTO tasks (tool, prompt) SELECT 'claude', i::text FROM generate_series(3, 5) AS i;
    INSERT INTO task_runs
        (id, task_id, run_no, attempt, group_name, dispatcher_id, work_dir_id, host, boot_id, claimed_at)
    SELECT run_id, tasks.id, 1, 1, 'g', leased_by, work_dir_id, 'h', 'b', now()
    FROM tasks JOIN dispatchers ON dispatchers.id = leased_by;
"""


def test_migrating_a_database_with_live_rows_loses_nothing(empty_database: Settings) -> None:
    newest = Schema()
    migrate(empty_database, Schema(newest.migrations[:1], definitions=()))
    assert empty_database.database.url is not None
    with psycopg.connect(
        empty_database.database.url,
        dbname=empty_database.database.name,
        autocommit=True,
        row_factory=dict_row,
    ) as connection:
        connection.execute(FIRST_VERSION_AT_WORK)
        dispatcher = connection.execute("SELECT id FROM dispatchers").fetchone()
        assert dispatcher is not None
        before = connection.execute("SELECT * FROM tasks ORDER BY number").fetchall()

        done = migrate(empty_database)

        after = connection.execute("SELECT * FROM tasks ORDER BY number").fetchall()
        assert list(done.applied) == [file.name for _, file in newest.migrations[1:]]
        assert [{key: new[key] for key in old} for old, new in zip(before, after, strict=True)] == before
        verdicts = connection.execute(
            "SELECT verdict FROM finish_runs(%s, (SELECT jsonb_agg(jsonb_build_object('run_id', id, "
            "'final_text', 'x')) FROM task_runs))",
            [dispatcher["id"]],
        ).fetchall()
        assert [found["verdict"] for found in verdicts] == ["finished", "finished"]
        assert connection.execute("SELECT * FROM check_counters()").fetchall() == []


@pytest.mark.parametrize("version", range(1, 9))
def test_rows_that_the_table_takes_no_more_are_put_right(empty_database: Settings, version: int) -> None:
    """Each of these rows was inserted by hand; an update of one must not make the claim of others fail."""
    migrate(empty_database, Schema(Schema().migrations[:version], definitions=()))
    assert empty_database.database.url is not None
    with psycopg.connect(
        empty_database.database.url, dbname=empty_database.database.name, autocommit=True
    ) as connection:
        connection.execute(FIRST_VERSION_AT_WORK)
        connection.execute(
            "UPDATE worker_groups SET max_concurrent = 20;"
            "UPDATE concurrency_limits SET max_concurrent = 20;"
            "UPDATE tasks SET finished_at = now() WHERE number = 1;"
            "UPDATE tasks SET attempt = 2147483647 WHERE number = 3;"
            "UPDATE tasks SET run_no = 2147483647, finished_at = 'infinity' WHERE number = 4;"
            "UPDATE tasks SET created_at = 'infinity' WHERE number = 5;"
            "INSERT INTO lane_inbox (lane, tool, tenant_id, queue, priority, number)"
            " SELECT lane, tool, tenant_id, queue, priority, min(number) FROM tasks WHERE status = 'queued'"
            " GROUP BY lane, tool, tenant_id, queue, priority"
        )

        migrate(empty_database)

        rows = connection.execute(
            "SELECT number, run_no FROM tasks WHERE started_at IS NULL AND finished_at IS NULL ORDER BY number"
        ).fetchall()
        assert rows == [(1, 1), (2, 1), (3, 0), (4, 1_000_000_000), (5, 0)]
        claimed = connection.execute("SELECT claim_tasks(id) -> 'runs' FROM dispatchers").fetchone()
        assert claimed is not None
        assert sorted(run["number"] for run in claimed[0]) == [3, 4, 5]
        assert connection.execute("SELECT * FROM check_counters()").fetchall() == []


def test_a_dispatcher_that_is_too_old_for_the_database_ends_and_leaves_its_agents_running(site: Site) -> None:
    gate = site.gate()
    number = site.submit(f"{gate.pass_through}; echo survived")
    old = site.start()
    old.wait_for("run started", task=number)

    # What a newer version does to a function that it no longer needs.
    site.sql("ALTER FUNCTION report_and_claim RENAME TO claim_of_another_version")
    site.submit("echo wakes the dispatcher")

    assert old.wait() == 4
    assert "upgrade" in old.story()
    assert "Traceback" not in old.story()
    site.sql("ALTER FUNCTION claim_of_another_version RENAME TO report_and_claim")
    site.start()
    gate.open()
    site.wait_for("succeeded", number)
    assert len(site.runs(number)) == 1
