"""A connection without a thread, and what it promises about answers, errors, silence and replacement."""

import os
import signal
from collections.abc import Iterator
from contextlib import closing

import psycopg
import pytest
import trio
from trio.testing import wait_all_tasks_blocked

from dispatcher.configuration.settings import Settings
from dispatcher.database.connection import BoundedConnection, SilentServerError, prepare
from dispatcher.database.event_loop_connection import EventLoopConnection
from dispatcher.database.silence import Silence
from sql.call import Call, value
from tests.fixtures.postgres import PostgresServer

FUNCTIONS = """
    CREATE FUNCTION echo(p_text text, p_times integer) RETURNS text LANGUAGE sql AS 'SELECT repeat(p_text, p_times)';
    CREATE FUNCTION echo_late(p_text text, p_seconds real) RETURNS text LANGUAGE plpgsql AS
        'BEGIN PERFORM pg_sleep(p_seconds); RETURN p_text; END';
    CREATE FUNCTION refuse(p_why text) RETURNS text LANGUAGE plpgsql AS
        'BEGIN RAISE EXCEPTION ''%'', p_why USING ERRCODE = ''LD410''; END';
"""

KEPT = """
    CREATE TABLE kept (text text);
    CREATE FUNCTION keep(p_text text) RETURNS text LANGUAGE sql AS 'INSERT INTO kept VALUES (p_text) RETURNING text';
    CREATE FUNCTION at_commit() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
        PERFORM pg_advisory_xact_lock(7);
        IF new.text = 'refused' THEN RAISE EXCEPTION 'refused at the commit'; END IF;
        RETURN NULL;
    END $$;
    CREATE CONSTRAINT TRIGGER at_commit AFTER INSERT ON kept
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION at_commit();
"""


def keep(text: str) -> Call[str]:
    return Call("keep", {"text": text}, value(str))


def echo(text: str, times: int = 1) -> Call[str]:
    return Call("echo", {"text": text, "times": times}, value(str))


def echo_late(text: str, seconds: float) -> Call[str]:
    return Call("echo_late", {"text": text, "seconds": seconds}, value(str))


@pytest.fixture
def observer(postgres_server: PostgresServer, empty_database: Settings) -> Iterator[psycopg.Connection]:
    url = postgres_server.embedded.url(empty_database.database.name)
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(FUNCTIONS.encode())
        yield connection


@pytest.fixture
def calls(observer: psycopg.Connection) -> Iterator[EventLoopConnection]:
    def connect() -> BoundedConnection:
        connection = BoundedConnection.connect(observer.info.dsn, autocommit=True)
        prepare(connection, statement_timeout=None)
        connection.patience = 0.5
        return connection

    with closing(EventLoopConnection(connect, Silence(connect))) as made:
        yield made


def test_answers_come_whole_from_one_server_process_that_knows_the_statement(
    calls: EventLoopConnection, observer: psycopg.Connection
) -> None:
    async def talk() -> None:
        assert await calls.execute(echo("ä'\\")) == "ä'\\"
        first = calls.server_pid
        assert await calls.execute(echo("long ", 3_000_000)) == "long " * 3_000_000
        assert await calls.execute(echo("x" * 9_000_000)) == "x" * 9_000_000
        assert calls.server_pid == first

    trio.run(talk)
    [asked] = observer.execute(
        "SELECT query FROM pg_stat_activity WHERE pid = %s", [calls.server_pid]
    ).fetchone() or [""]
    assert asked == "SELECT echo(p_text => $1, p_times => $2)"


def test_an_error_has_its_sqlstate_and_the_connection_goes_on(calls: EventLoopConnection) -> None:
    async def talk() -> None:
        await calls.execute(echo("a"))
        before = calls.server_pid
        with pytest.raises(psycopg.DatabaseError, match="closed by a person") as caught:
            await calls.execute(Call("refuse", {"why": "closed by a person"}, value(str)))
        assert caught.value.sqlstate == "LD410"
        with pytest.raises(psycopg.errors.UndefinedFunction):
            await calls.execute(Call("no_such_function", {}, value(str)))
        assert await calls.execute(echo("b")) == "b"
        assert calls.server_pid == before

    trio.run(talk)


@pytest.mark.parametrize("at_work", [False, True])
def test_a_server_process_that_ends_is_an_error_once_and_then_there_is_another(
    calls: EventLoopConnection, observer: psycopg.Connection, at_work: bool
) -> None:
    def end() -> None:
        observer.execute("SELECT pg_terminate_backend(%s, 5000)", [calls.server_pid])

    async def end_at_work() -> None:
        while not observer.execute(
            "SELECT pid FROM pg_stat_activity WHERE pid = %s AND wait_event = 'PgSleep'", [calls.server_pid]
        ).fetchone():
            await trio.lowlevel.checkpoint()
        end()

    async def talk() -> None:
        await calls.execute(echo("a"))
        before = calls.server_pid
        async with trio.open_nursery() as nursery:
            if at_work:
                nursery.start_soon(end_at_work)
            else:
                end()
            with pytest.raises(psycopg.OperationalError):
                await calls.execute(echo_late("b", 30) if at_work else echo("b"))
        assert await calls.execute(echo("c")) == "c"
        assert calls.server_pid != before

    trio.run(talk)


def test_a_server_that_says_nothing_is_given_up_in_time(calls: EventLoopConnection) -> None:
    async def talk() -> None:
        await calls.execute(echo("a"))
        silent = calls.server_pid
        os.kill(silent, signal.SIGSTOP)
        try:
            with pytest.raises(SilentServerError, match=r"did not answer for 0\.5 s"):
                await calls.execute(echo("b"))
            assert await calls.execute(echo("c")) == "c"
        finally:
            os.kill(silent, signal.SIGCONT)

    trio.run(talk)


def test_replacing_it_lets_a_call_end_and_makes_a_new_connection_for_the_next_one(
    calls: EventLoopConnection,
) -> None:
    answers = []

    async def ask() -> None:
        answers.append(await calls.execute(echo_late("old", 0.1)))

    async def talk() -> None:
        await calls.execute(echo("a"))
        before = calls.server_pid
        async with trio.open_nursery() as nursery:
            nursery.start_soon(ask)
            await wait_all_tasks_blocked()
            calls.replace()
        assert answers == ["old"]
        await calls.execute(echo("b"))
        middle = calls.server_pid
        calls.replace()
        await calls.execute(echo("c"))
        assert len({before, middle, calls.server_pid}) == 3

    trio.run(talk)


def test_the_answer_is_there_before_the_commit_and_counts_after_it(
    calls: EventLoopConnection, observer: psycopg.Connection
) -> None:
    """The commit of a deferred constraint waits for the observer, who has the answer in its hands by then."""
    observer.execute(KEPT)

    def rows() -> int:
        return len(observer.execute("SELECT FROM kept").fetchall())

    early: list[tuple[str, int]] = []

    def note(answer: str) -> None:
        early.append((answer, rows()))
        observer.execute("SELECT pg_advisory_unlock(7)")

    async def talk() -> None:
        observer.execute("SELECT pg_advisory_lock(7)")
        assert await calls.execute(keep("a"), note) == "a"
        assert early == [("a", 0)]
        assert rows() == 1

    trio.run(talk)


@pytest.mark.parametrize("ended", [False, True])
def test_an_answer_whose_commit_fails_does_not_count(
    calls: EventLoopConnection, observer: psycopg.Connection, ended: bool
) -> None:
    observer.execute(KEPT)
    early = []

    def note(answer: str) -> None:
        early.append(answer)
        if ended:
            observer.execute("SELECT pg_terminate_backend(%s, 5000)", [calls.server_pid])

    async def talk() -> None:
        if ended:
            observer.execute("SELECT pg_advisory_lock(7)")
        with pytest.raises(psycopg.OperationalError if ended else psycopg.errors.RaiseException):
            await calls.execute(keep("refused"), note)
        observer.execute("SELECT pg_advisory_unlock_all()")
        assert early == ["refused"]
        assert observer.execute("SELECT FROM kept").fetchall() == []
        assert await calls.execute(keep("b")) == "b"

    trio.run(talk)


def test_a_cancelled_call_runs_to_its_end_and_its_result_counts(calls: EventLoopConnection) -> None:
    async def talk() -> None:
        with trio.CancelScope() as scope:
            scope.cancel()
            answer = await calls.execute(echo_late("there", 0.05))
        assert answer == "there"

    trio.run(talk)
