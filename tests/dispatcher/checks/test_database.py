"""Findings about the database, on real servers."""

from collections.abc import Sequence

import psycopg
import pytest
from msgspec.structs import replace
from psycopg.sql import SQL, Identifier

from dispatcher.checks.checklist import check
from dispatcher.checks.database import (
    check_counters,
    check_notifications,
    check_schema,
    check_server,
    check_tallies,
)
from dispatcher.checks.finding import Finding
from dispatcher.checks.groups import groups_of
from dispatcher.checks.work import check_groups_of_file, check_work
from dispatcher.configuration.sections.groups import GroupSettings
from dispatcher.configuration.sections.service import DatabaseSettings, DispatcherSettings
from dispatcher.configuration.settings import Settings
from dispatcher.database.connection import connect
from tests.fixtures.roles import MakeRole, acting_as
from tests.sql.client import Client
from wrappers.registry import built_in


def texts(findings: Sequence[Finding], level: str) -> list[str]:
    return [finding.what for finding in findings if finding.level == level]


def server(settings: Settings) -> list[Finding]:
    with connect(settings) as connection:
        return check_server(connection, settings) + check_schema(connection)


def work(settings: Settings) -> list[Finding]:
    with connect(settings) as connection:
        return check_work(connection, groups_of(connection, settings, built_in()))


@pytest.fixture
def db(database: str) -> Client:
    return Client(database)


def test_a_migrated_database_has_no_problem(database_settings: Settings) -> None:
    findings = server(database_settings)
    # The servers of the tests run without fsync, and a real one must not.
    assert [what.split(":")[0] for what in texts(findings, "problem")] == ["fsync is off"]
    assert texts(findings, "warning") == []


def test_a_database_without_schema_or_with_an_old_one_wants_migrate(
    empty_database: Settings, database_settings: Settings, db: Client
) -> None:
    assert "has no schema yet" in texts(server(empty_database), "problem")
    db.run("delete from schema_migrations where number > 13")
    db.run("update schema_migrations set number = 12")
    old = [finding for finding in server(database_settings) if finding.what.startswith("has schema 12, this")]
    assert [(finding.level, finding.remedy) for finding in old] == [("problem", "run `dispatcher migrate`")]


def test_functions_of_another_version_are_warned_of(database_settings: Settings, db: Client) -> None:
    db.run("update schema_definitions set digest = 'another'")
    assert any("functions of another version" in what for what in texts(server(database_settings), "warning"))


def test_a_newer_schema_is_a_problem(database_settings: Settings, db: Client) -> None:
    db.run("insert into schema_migrations (number, name) values (9999, '9999_future.sql')")
    assert any(what.startswith("has schema 9999") for what in texts(server(database_settings), "problem"))


def test_a_notification_makes_its_way_and_is_timed(database_settings: Settings) -> None:
    [finding] = check_notifications(database_settings)
    assert finding.level == "ok"
    assert finding.what.startswith("notifications arrive, after ")


def test_counters_that_drifted_are_named(database_settings: Settings, db: Client) -> None:
    with connect(database_settings) as connection:
        assert [finding.level for finding in check_counters(connection)] == ["ok"]
        db.run("update concurrency_limits set current_concurrent = 2 where scope = 'tool:claude'")
        [finding] = check_counters(connection)
    assert finding.level == "problem"
    assert "tool:claude says 2, but 0 are active" in finding.what


def test_tallies_that_drifted_are_named(database_settings: Settings, db: Client) -> None:
    db.submit(queue="night")
    with connect(database_settings) as connection:
        assert [finding.level for finding in check_tallies(connection)] == ["ok"]
        db.run("update task_tally_inbox set tasks = 2 where state = 'queued'")
        findings = check_tallies(connection)
    assert {finding.level for finding in findings} == {"problem"}
    assert "claude of default in night: queued says 2, but there are 1" in findings[-1].what


def test_an_old_transaction_is_named_by_its_process(database_settings: Settings, db: Client) -> None:
    with connect(database_settings) as connection, psycopg.connect(db.database) as holder:
        holder.execute("select txid_current()")
        findings = check_server(connection, database_settings, long_transaction=-1)
        assert any(
            f"process {holder.info.backend_pid} of llmctl" in what for what in texts(findings, "warning")
        )
        assert texts(check_server(connection, database_settings), "warning") == []


def test_a_schema_in_which_everybody_may_create_is_warned_of(database_settings: Settings, db: Client) -> None:
    db.run("grant create on schema public to public")
    assert any("every role may create" in what for what in texts(server(database_settings), "warning"))


def test_tasks_that_no_group_serves_are_a_problem(database_settings: Settings, db: Client) -> None:
    db.submit(tool="codex")
    db.submit(tool="claude", account="gone")
    db.group("main")
    found = [finding for finding in work(database_settings) if finding.subject == "tasks"]
    assert [finding.what for finding in found] == [
        "1 queued for claude with account gone, which no group serves",
        "1 queued for codex, which no group serves",
    ]
    assert "`llmctl group add claude gone --max 1`" in (found[0].remedy or "")

    # The next start applies the file to the database.
    groups = {"codex-main": GroupSettings(tool="codex"), "gone": GroupSettings(tool="claude", account="gone")}
    to_be_added = replace(database_settings, groups=groups)
    assert [finding for finding in work(to_be_added) if finding.subject == "tasks"] == []


def test_groups_and_limits_that_let_nothing_through_are_warned_of(
    database_settings: Settings, db: Client
) -> None:
    db.group("elsewhere", account="a")
    db.run("select change_group('elsewhere', p_hosts => '{far-away}')")
    db.group("paused", account="b")
    db.run("select pause_group('paused')")
    db.group("empty", account="c", slots=0)
    db.limit("model:opus", 0)
    assert "none is running" in texts(work(database_settings), "warning")
    db.dispatcher("here", ["elsewhere", "empty"])
    db.group("wide", tool="codex", slots=6)
    db.dispatcher("there", ["wide", "paused"])
    assert texts(work(database_settings), "warning") == [
        "no running dispatcher serves it (its hosts: far-away)",
        "is 0: its tasks wait for ever",
        "is lower than the 6 slots of its groups: at most 5 agents run at a time",
        "has no slot: it takes no task",
        "is paused",
    ]


def test_groups_are_those_that_the_file_will_make_of_the_database(
    database_settings: Settings, db: Client
) -> None:
    db.group("kept", account="kept")
    db.group("changed", account="old")
    settings = Settings(
        database=database_settings.database,
        dispatcher=DispatcherSettings(groups=("new", "missing")),
        groups={
            "changed": GroupSettings(tool="claude", account="new"),
            "new": GroupSettings(tool="codex", account="x"),
        },
    )
    with connect(settings) as connection:
        groups = groups_of(connection, settings, built_in())
    assert {group.name: group.account for group in groups} == {"kept": "kept", "changed": "new", "new": "x"}
    [finding] = check_groups_of_file(settings, groups)
    assert finding.what == "dispatcher.groups names missing, which is not a worker group"


def test_a_login_without_rights_gets_findings_and_no_traceback(
    database_settings: Settings, database: str, role: MakeRole, db: Client
) -> None:
    reader, nobody = role("llmctl_reader"), role()
    db.group("main")
    for name, problems in ((reader, False), (nobody, True)):
        settings = Settings(
            database=DatabaseSettings(url=acting_as(database, name), name=database_settings.database.name)
        )
        found = [f for f in check(settings) if f.subject in ("database", "tasks") and "fsync" not in f.what]
        assert ("problem" in {finding.level for finding in found}) is problems, found


def test_a_server_that_is_away_is_one_problem_among_the_other_findings() -> None:
    settings = Settings(database=DatabaseSettings(url="postgresql://u:geheim@127.0.0.1:1"))
    findings = check(settings)
    assert next(finding.subject for finding in findings if finding.level == "problem") == "database"
    assert "work directory" in {finding.subject for finding in findings}
    assert "geheim" not in repr(findings)


def test_a_role_that_is_missing_is_named(database_settings: Settings, db: Client) -> None:
    name = Identifier("llmctl_reader")
    db.connection.execute(SQL("alter role {} rename to llmctl_reader_away").format(name))
    try:
        [missing] = [
            what for what in texts(server(database_settings), "warning") if "could not be created" in what
        ]
        assert missing.startswith("the roles llmctl_reader")
    finally:
        db.connection.execute(SQL("alter role llmctl_reader_away rename to {}").format(name))
