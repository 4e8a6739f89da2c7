"""A pooler between us and the server: session mode changes nothing, and transaction mode loses nothing."""

import psycopg
import pytest

from dispatcher.checks.checklist import check
from dispatcher.configuration.sections.service import DatabaseSettings
from dispatcher.configuration.settings import Settings
from dispatcher.database import connection
from dispatcher.database.connection import NoSuchDatabaseError
from dispatcher.database.migrate import migrate, open_database
from dispatcher.database.pooler import keeps_session
from dispatcher.errors import DatabaseError
from tests.cli.conftest import one_postgres
from tests.fixtures.pooler import Pooler, StartPooler
from tests.fixtures.postgres import PostgresServer

pytestmark = one_postgres


@pytest.fixture(params=["session", "transaction"])
def mode(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def pooler(start_pooler: StartPooler, postgres_server: PostgresServer, mode: str) -> Pooler:
    return start_pooler(postgres_server, mode)


@pytest.fixture
def behind(pooler: Pooler, database_settings: Settings) -> Settings:
    """Settings that reach the test's database through the pooler."""
    return pooler.settings(database_settings.database.name)


def text(opened: psycopg.Connection, query: str) -> str:
    row = opened.execute(query.encode()).fetchone()
    assert row is not None
    return str(row[0])


def test_a_pooler_takes_every_connection_of_ours(behind: Settings) -> None:
    with open_database(behind, application_name="me", statement_timeout=60) as opened:
        assert opened.shared
        assert opened.server_pid == int(text(opened, "SELECT pg_backend_pid()")) != opened.info.backend_pid


def test_the_statement_timeout_holds_through_a_pooler(behind: Settings) -> None:
    def sleep() -> None:
        with opened.transaction():
            opened.bound_transaction()
            opened.execute("SELECT pg_sleep(9)")

    with connection.connect(behind, statement_timeout=0.05) as opened:
        with pytest.raises(psycopg.errors.QueryCanceled):
            sleep()
        assert text(opened, "SHOW statement_timeout") == "0"


def test_no_setting_of_ours_stays_on_a_server_process(pooler: Pooler, behind: Settings, mode: str) -> None:
    with connection.connect(behind, statement_timeout=60) as opened:
        if keeps_session(behind, opened):
            connection.prepare(opened, 60, own_session=True)
        for _ in range(10):  # more often than the driver needs to prepare it
            with opened.transaction():
                opened.bound_transaction()
                opened.execute("SELECT %s::text", ["x"])
    with psycopg.connect(pooler.url(behind.database.name), autocommit=True) as stranger:
        assert text(stranger, "SHOW statement_timeout") == "0"
        assert stranger.execute("SELECT name FROM pg_prepared_statements").fetchall() == []
        assert stranger.execute("SELECT pg_listening_channels()").fetchall() == []


def test_the_mode_of_a_pooler_is_found_out(behind: Settings, mode: str) -> None:
    with connection.connect(behind) as opened:
        assert keeps_session(behind, opened) is (mode == "session")
        if mode == "session":
            connection.prepare(opened, 1.5, own_session=True)
            assert text(opened, "SHOW statement_timeout") == "1500ms"
            assert not opened.shared


@pytest.fixture
def two_in_turn(
    start_pooler: StartPooler, postgres_server: PostgresServer, database_settings: Settings
) -> Settings:
    """Transaction mode with two server processes that take turns, so that two connections get different ones."""
    pooler = start_pooler(postgres_server, "transaction", server_round_robin=1, default_pool_size=2)
    settings = pooler.settings(database_settings.database.name)
    with (
        connection.connect(settings) as one,
        connection.connect(settings) as two,
        one.transaction(),
        two.transaction(),
    ):
        assert text(one, "SELECT pg_backend_pid()") != text(two, "SELECT pg_backend_pid()")
    return settings


def test_an_echo_that_does_not_come_proves_transaction_mode_where_pids_do_not(two_in_turn: Settings) -> None:
    with connection.connect(two_in_turn) as opened:
        assert not keeps_session(two_in_turn, opened)
        assert {text(opened, "SELECT count(*) FROM pg_listening_channels()") for _ in range(2)} == {"0"}


@pytest.mark.parametrize("mode", ["session"], indirect=True)
def test_a_notification_names_the_server_process_that_sent_it(behind: Settings) -> None:
    with (
        connection.connect(behind, own_session=True) as ear,
        connection.connect(behind, own_session=True) as sender,
    ):
        ear.execute("LISTEN said")
        sender.execute("NOTIFY said")
        [notification] = ear.notifies(timeout=30, stop_after=1)
        assert notification.pid == sender.server_pid


def test_a_direct_connection_is_asked_nothing_more(database_settings: Settings) -> None:
    with connection.connect(database_settings, statement_timeout=60) as opened:
        assert not opened.shared
        assert keeps_session(Settings(), opened), "no server is started or connected to"
        assert text(opened, "SHOW statement_timeout") == "1min"


def test_migrate_works_through_a_pooler_or_says_why_not(
    pooler: Pooler, mode: str, postgres_server: PostgresServer
) -> None:
    settings = pooler.settings(f"made_{mode}")
    with pytest.raises(NoSuchDatabaseError, match="run `dispatcher migrate`"):
        connection.connect(settings)
    try:
        if mode == "session":
            assert migrate(settings).redefined
            assert not migrate(settings).redefined
        else:
            with pytest.raises(DatabaseError, match=r"pooler .* in transaction mode.*pool_mode = session"):
                migrate(settings)
    finally:
        postgres_server.drop(settings.database.name)


def test_check_works_through_a_pooler_and_names_transaction_mode(behind: Settings, mode: str) -> None:
    problems = [
        finding
        for finding in check(behind)
        if finding.subject == "database" and finding.level == "problem" and "fsync" not in finding.what
    ]
    if mode == "session":
        assert problems == []
    else:
        [found] = problems
        assert "in transaction mode" in found.what
        assert "pool_mode = session" in (found.remedy or "")


def test_what_a_pooler_refuses_is_said_and_nothing_of_a_password(
    pooler: Pooler, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PGOPTIONS", "-c work_mem=8MB")
    with pytest.raises(DatabaseError, match=r"unsupported startup parameter.*remove it.*PGOPTIONS") as caught:
        connection.connect(pooler.settings("postgres"))
    assert "password" not in str(caught.value)


def test_options_of_the_user_stay_where_they_are_allowed(
    database_settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PGOPTIONS", "-c work_mem=8MB")
    with connection.connect(database_settings, statement_timeout=60) as opened:
        assert text(opened, "SHOW work_mem") == "8MB"


def test_a_wrong_or_missing_password_is_named(
    start_pooler: StartPooler, postgres_server: PostgresServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PGPASSFILE", "/nonexistent")
    pooler = start_pooler(postgres_server, "session", auth_type="scram-sha-256")
    for password, expected in (
        ("wrong", r"authentication failed.*the password in ~/\.pgpass or PGPASSWORD"),
        ("", r"no password supplied.*put the password into ~/\.pgpass or PGPASSWORD"),
    ):
        url = pooler.url("postgres", password=password)
        with pytest.raises(DatabaseError, match=expected):
            connection.connect(Settings(database=DatabaseSettings(url=url, name="postgres")))
