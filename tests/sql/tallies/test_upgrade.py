"""A database that worked without tallies: they count what is there, and what happens before the functions are new."""

import sql
from dispatcher.configuration.settings import Settings
from dispatcher.database.connection import connect
from dispatcher.database.migrate import Schema, migrate

TALLIES = 16

TASKS = """
    INSERT INTO tasks (tool, prompt, tenant_id, queue, account, status, finished_at) VALUES
    ('claude', 'p', 'a', 'q', 'pinned', 'queued', NULL), ('claude', 'p', 'b', 'q', NULL, 'queued', NULL),
    ('claude', 'p', 'b', 'q', 'pinned', 'succeeded', now())
"""
RUNS = """
    INSERT INTO task_runs (task_id, run_no, attempt, group_name, dispatcher_id, work_dir_id, host, boot_id, claimed_at)
    SELECT id, 1, 1, 'main', id, id, 'here', 'boot', now() FROM tasks WHERE status = 'succeeded' AND id NOT IN (
        SELECT task_id FROM task_runs
    )
"""
ENDS = (
    "UPDATE task_runs SET status = 'succeeded', latency_ms = 1500, output_tokens = 4 WHERE status = 'running'"
)


def test_an_upgrade_counts_what_was_there_and_what_happens_meanwhile_and_afterwards(
    empty_database: Settings,
) -> None:
    before = [(number, file) for number, file in sql.migrations() if number < TALLIES]
    migrate(empty_database, Schema(before, definitions=()))
    work_in(empty_database)
    migrate(empty_database, Schema(sql.migrations(), definitions=()))
    work_in(empty_database)
    migrate(empty_database)
    work_in(empty_database)
    with connect(empty_database) as connection:
        connection.execute("SELECT metrics()")
        assert connection.execute("SELECT * FROM check_tallies()").fetchall() == []
        assert connection.execute(
            "SELECT tenant_id, tasks FROM submission_tallies ORDER BY tenant_id"
        ).fetchall() == [("", 9), ("a", 3), ("b", 6)]
        # From then on the statement that ends runs counts them, and nobody else ends one.
        assert connection.execute("SELECT runs, output_tokens::int FROM run_tallies").fetchall() == [(2, 8)]


def test_what_earlier_versions_did_by_more_triggers_is_done_once(empty_database: Settings) -> None:
    """A trigger that is left over would file the labels of a task and count it once more."""
    migrate(empty_database)
    with connect(empty_database) as connection:
        for name in ("tasks_labeled", "tasks_inserted_tallied"):
            connection.execute(
                f"CREATE TRIGGER {name} AFTER INSERT ON tasks REFERENCING NEW TABLE AS new_rows"
                " FOR EACH STATEMENT EXECUTE FUNCTION tasks_inserted()".encode()
            )
        connection.execute("UPDATE schema_definitions SET digest = 'of an earlier version'")
    migrate(empty_database)
    work_in(empty_database)
    with connect(empty_database) as connection:
        assert connection.execute(
            "SELECT sum(tasks) FROM task_tally_inbox WHERE state = 'submitted'"
        ).fetchall() == [(3,)]


def work_in(settings: Settings) -> None:
    with connect(settings) as connection:
        for statement in (TASKS, RUNS, ENDS):
            connection.execute(statement.encode())
