"""A database whose accounts cool down and are paused: an upgrade leaves them so, and their tasks."""

import sql
from dispatcher.configuration.settings import Settings
from dispatcher.database.connection import connect
from dispatcher.database.migrate import Schema, migrate

ACCOUNTS = 22

GROUPS = """
    INSERT INTO worker_groups (
        group_name, tool, account_name, max_concurrent, paused, pause_reason, pause_class,
        cooldown_until, cooldown_reason, unproven, spent_on, spent_usd
    ) VALUES
    ('cools', 'claude', 'a', 2, false, NULL, NULL, '2999-01-01', '5-hour limit', true, NULL, 0),
    ('paused', 'claude', 'b', 1, true, 'refused', 'auth', NULL, NULL, false, '2026-01-01', 3)
"""
TASKS = """
    INSERT INTO tasks (tool, prompt, model, retry_on, status, wait_reason, next_attempt_at, error_class) VALUES
    ('claude', 'p', 'opus', '{overloaded}', 'queued', 'retry', '2999-01-01', 'overloaded'),
    ('claude', 'p', NULL, NULL, 'queued', 'limit', '2999-01-01', 'limit')
"""


def test_an_upgrade_keeps_accounts_and_their_tasks(empty_database: Settings) -> None:
    migrate(empty_database, Schema([m for m in sql.migrations() if m[0] < ACCOUNTS], definitions=()))
    with connect(empty_database) as connection:
        connection.execute(GROUPS)
        connection.execute(TASKS)
    migrate(empty_database)
    with connect(empty_database) as connection:
        groups = connection.execute(
            "SELECT group_name, state, reason, cooling_models, throttled_runs, spent_usd::int FROM list_groups()"
        ).fetchall()
        tasks = connection.execute(
            "SELECT retry_on, wait_reason, error_class FROM tasks ORDER BY number"
        ).fetchall()
        changed = connection.execute(
            "SELECT name, uses_attempt, group_action FROM error_classes WHERE name IN ('overloaded', 'throttled')"
            " ORDER BY name"
        ).fetchall()
        connection.execute("SELECT resume_group('cools'), resume_group('paused')")
        states = connection.execute("SELECT state FROM list_groups()").fetchall()
    assert groups == [
        ("cools", "cooling", "5-hour limit", [], None, 0),
        ("paused", "paused", "refused", [], None, 0),  # the money was spent on an earlier day
    ]
    assert tasks == [(["overloaded"], "retry", "overloaded"), (None, "limit", "limit")]
    assert changed == [("overloaded", False, "back off"), ("throttled", False, "count")]
    assert states == [("open",), ("open",)]
