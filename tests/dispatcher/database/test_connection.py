"""Connections from settings. Each way to fail says what to do."""

import socket
from pathlib import Path

import psycopg
import pytest
from psycopg.conninfo import conninfo_to_dict

from dispatcher.configuration.sections.service import DatabaseSettings
from dispatcher.configuration.settings import Settings
from dispatcher.database import connection
from dispatcher.database.connection import NoSuchDatabaseError
from dispatcher.errors import DatabaseError, DispatchError, NotFoundError, UsageError, WrongStateError
from tests.fixtures.postgres import PostgresServer


def external(url: str, name: str = "cli_worker") -> Settings:
    return Settings(database=DatabaseSettings(url=url, name=name))


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        (
            "postgresql://u:word@h:6000/theirs?sslmode=require&application_name=a",
            {"user": "u", "password": "word", "host": "h", "port": "6000", "sslmode": "require"},
        ),
        ("postgresql://u@one:1,two:2/theirs", {"user": "u", "host": "one,two", "port": "1,2"}),
        ("host=h user=u dbname=theirs connect_timeout=3", {"host": "h", "user": "u", "connect_timeout": "3"}),
        ("postgres:///", {}),
        ("postgresql://%2Fvar%2Frun%20x/", {"host": "/var/run x"}),
    ],
)
def test_only_the_name_of_the_database_is_replaced_in_a_url(url: str, expected: dict[str, str]) -> None:
    parameters = conninfo_to_dict(connection.conninfo(external(url, name="my tasks")))
    assert parameters.items() >= {**expected, "dbname": "my tasks"}.items()


def test_a_dead_peer_is_noticed_unless_the_url_says_otherwise() -> None:
    parameters = conninfo_to_dict(connection.conninfo(external("host=h tcp_user_timeout=5")))
    assert (parameters["keepalives_idle"], parameters["tcp_user_timeout"]) == ("30", "5")


def test_what_is_no_connection_string_is_not_repeated() -> None:
    with pytest.raises(UsageError) as caught:
        connection.conninfo(external("postgres//user:geheim@host"))
    assert "geheim" not in str(caught.value)
    assert "database.url" in str(caught.value)


def test_an_unreachable_server_is_named_without_the_password() -> None:
    with socket.socket() as reserved:  # bound and not listening: connections are refused
        reserved.bind(("127.0.0.1", 0))
        port = reserved.getsockname()[1]
        with pytest.raises(DatabaseError) as caught:
            connection.connect(external(f"postgresql://u:geheim@127.0.0.1:{port}"))
    message = str(caught.value)
    assert f"cannot connect to PostgreSQL at 127.0.0.1, port {port} as u" in message
    assert "refused" in message
    assert "database.url" in message
    assert "geheim" not in message


def test_a_role_that_is_not_let_in_is_told_so(postgres_server: PostgresServer) -> None:
    url = postgres_server.embedded.url("postgres").replace("llmctl@", "somebody@")
    with pytest.raises(DatabaseError, match=r"cannot connect.*[Pp]eer authentication failed.*somebody"):
        connection.connect(external(url))


def test_a_missing_database_is_told_apart_from_a_missing_server(postgres_server: PostgresServer) -> None:
    with pytest.raises(NoSuchDatabaseError, match=r"no database 'nowhere' yet; run `dispatcher migrate`"):
        connection.connect(postgres_server.settings("nowhere"))


def test_the_connection_is_ready_for_single_statements(empty_database: Settings) -> None:
    with connection.connect(empty_database, application_name="me", statement_timeout=1.5) as opened:
        assert opened.autocommit
        row = opened.execute(
            "select current_setting('statement_timeout'), current_setting('application_name'),"
            " current_database()"
        ).fetchone()
    assert row == ("1500ms", "me", empty_database.database.name)


def test_the_embedded_server_is_started_by_the_first_connection(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LLMCTL_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("PGHOSTADDR", "127.0.0.1")
    monkeypatch.setenv("PGPORT", "1")
    monkeypatch.setenv("PGUSER", "nobody")
    server = connection.embedded_server()
    try:
        with connection.connect(Settings(), database="postgres") as opened:
            assert opened.info.host == str(server.status().socket_directory)
        with pytest.raises(NoSuchDatabaseError):
            connection.connect(Settings())
    finally:
        server.destroy()


def test_the_url_for_people_has_no_password_and_works_as_it_is(postgres_server: PostgresServer) -> None:
    theirs = connection.url_for_people(
        external("postgresql://me:geheim@one:1,two:2/x?sslmode=require", name="a b")
    )
    assert theirs == "postgresql://me@/a%20b?host=one%2Ctwo&port=1%2C2&sslmode=require"
    ours = connection.url_for_people(postgres_server.settings("postgres"))
    with psycopg.connect(ours) as opened:
        assert opened.info.user == "llmctl"


@pytest.mark.parametrize(
    ("state", "kind"),
    [
        ("LD400", UsageError),
        ("LD404", NotFoundError),
        ("LD409", WrongStateError),
        ("LD999", DispatchError),
    ],
)
def test_errors_of_our_functions_keep_their_message_and_hint(
    empty_database: Settings, state: str, kind: type[DispatchError]
) -> None:
    raising = f"do $$ begin raise exception 'no such thing' using errcode = '{state}', hint = 'look'; end $$"
    with connection.connect(empty_database) as opened, pytest.raises(kind) as caught, connection.translated():
        opened.execute(raising.encode())
    assert type(caught.value) is kind
    assert (str(caught.value), caught.value.hint) == ("no such thing", "look")
    assert caught.value.with_hint == "no such thing (look)"


@pytest.mark.parametrize(
    ("statement", "expected"),
    [
        ("select no_such_function()", "run `dispatcher migrate`"),
        ("select * from no_such_table", "run `dispatcher migrate`"),
        ("select pg_sleep(9)", "took too long"),
        ("select pg_terminate_backend(pg_backend_pid())", "the database is not available now"),
    ],
)
def test_what_the_server_cannot_do_is_a_database_error(
    empty_database: Settings, statement: str, expected: str
) -> None:
    with (
        connection.connect(empty_database, statement_timeout=0.05) as opened,
        pytest.raises(DatabaseError, match=expected),
        connection.translated(),
    ):
        opened.execute(statement.encode())
