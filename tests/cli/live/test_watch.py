"""`llmctl watch` in a terminal: it follows events, asks for nothing else, and leaves the terminal as it was."""

import os
import re
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import psycopg
import pytest
from psycopg.sql import SQL, Identifier

from tests.cli.conftest import Llmctl, PlayedDispatcher, one_postgres
from tests.cli.terminal import SECONDS, terminal
from tests.fixtures.postgres import PostgresServer

pytestmark = one_postgres

ALTERNATE_SCREEN = ("\x1b[?1049h", "\x1b[?1049l")
CURSOR = ("\x1b[?25l", "\x1b[?25h")


def row(lines: list[str], number: str) -> str:
    return next((line for line in lines if line.lstrip("▸* ").split()[:1] == [number]), "")


def last_statement(dispatcher: PlayedDispatcher) -> object:
    """When the command last asked for anything, and how many connections it has."""
    return dispatcher.connection.execute(
        """
        SELECT max(query_start), count(*) FROM pg_stat_activity
        WHERE application_name LIKE 'llmctl%' AND datname = current_database()
        """
    ).fetchone()


def elapsed(lines: list[str], number: str) -> int:
    """For how many seconds a task has run, as its row tells."""
    told = re.search(r" (\d+):(\d\d) ", row(lines, number))
    assert told is not None, lines
    return 60 * int(told[1]) + int(told[2])


def until_up_to_date(dispatcher: PlayedDispatcher) -> None:
    """Return when the command, which showed a first table before it listened, has fetched one since then."""
    query = """
        SELECT FROM pg_stat_activity AS listener JOIN pg_stat_activity AS reader USING (datname)
        WHERE listener.application_name = 'llmctl listener' AND strpos(listener.query, 'dispatcher_heartbeat') > 0
            AND reader.application_name = 'llmctl' AND strpos(reader.query, 'list_tasks') > 0
            AND reader.state = 'idle' AND reader.query_start > listener.query_start
            AND datname = current_database() AND 2 = (
                SELECT count(*) FROM pg_stat_activity
                WHERE application_name LIKE 'llmctl%' AND datname = current_database()
            )
    """
    while dispatcher.connection.execute(query).fetchone() is None:
        dispatcher.connection.execute("SELECT pg_sleep(0.02)")


def test_the_table_follows_events(llmctl: Llmctl, dispatcher: PlayedDispatcher) -> None:
    first = llmctl.submit("claude", "x", "--name", "first-task")
    with terminal(llmctl, "watch") as watching:
        lines = watching.until_shown("first-task")
        assert "dispatcher host-a" in lines[0]
        assert "queued 1" in lines[1]
        second = llmctl.submit("codex", "x", "--name", "second-task")
        watching.until_shown("second-task")
        dispatcher.start()
        lines = watching.until_shown("running 2")
        assert "claude-main" in row(lines, first)
        assert "codex-main" in row(lines, second)
        watching.type("q")
        assert watching.ended() == 0


def test_a_group_that_is_paused_and_a_run_that_fails_are_seen(
    llmctl: Llmctl, dispatcher: PlayedDispatcher
) -> None:
    number = llmctl.submit("claude", "x", "--retries", "0")
    [run] = dispatcher.start()
    with terminal(llmctl, "watch") as watching:
        watching.until("running", lambda lines: "running" in row(lines, number))
        llmctl.ok("group", "pause", "codex-main", "--reason", "no credit")
        watching.until_shown("paused (no credit)")
        dispatcher.finish(
            run, error_class="agent_error", error_message="it broke", input_tokens=1200, output_tokens=34
        )
        failed = row(watching.until_shown("it broke"), number)
        assert "failed" in failed
        assert "1.2k" in failed
        watching.type("q")
        assert watching.ended() == 0


def test_time_goes_on_without_a_single_statement(llmctl: Llmctl, dispatcher: PlayedDispatcher) -> None:
    number = llmctl.submit("claude", "x")
    dispatcher.start()
    with terminal(llmctl, "watch") as watching:
        watching.until("running", lambda lines: "running" in row(lines, number))
        until_up_to_date(dispatcher)
        before, shown = last_statement(dispatcher), elapsed(watching.screen(), number)
        watching.until("three seconds later", lambda lines: elapsed(lines, number) >= shown + 3)
        assert last_statement(dispatcher) == before
        watching.type("q")
        assert watching.ended() == 0


def test_many_events_are_answered_by_few_fetches(llmctl: Llmctl, dispatcher: PlayedDispatcher) -> None:
    number = llmctl.submit("claude", "x")
    dispatcher.connection.execute("CREATE EXTENSION IF NOT EXISTS pg_stat_statements")
    with terminal(llmctl, "watch") as watching:
        watching.until_shown("queued 1")
        dispatcher.connection.execute("SELECT pg_stat_statements_reset()")
        for _ in range(500):
            dispatcher.connection.execute("SELECT notify_task_event('queued', ARRAY[%s]::bigint[])", [number])
        llmctl.submit("claude", "x")
        watching.until_shown("queued 2")
        row = dispatcher.connection.execute(
            "SELECT sum(calls) FROM pg_stat_statements WHERE query LIKE '%list_tasks%' AND dbid = "
            "(SELECT oid FROM pg_database WHERE datname = current_database())"
        ).fetchone()
        assert row is not None
        assert row[0] < 20
        watching.type("q")
        assert watching.ended() == 0


@pytest.mark.parametrize("end", ["q", "\x03", signal.SIGTERM])
def test_it_ends_at_once_and_leaves_the_terminal_as_it_was(llmctl: Llmctl, end: str | signal.Signals) -> None:
    llmctl.submit("claude", "x", "--name", "the-task")
    with terminal(llmctl, "watch") as watching:
        watching.until_shown("the-task")
        assert not watching.echoes()
        if isinstance(end, str):
            watching.type(end)
        else:
            watching.process.send_signal(end)
        assert watching.ended() == (0 if isinstance(end, str) else 143)
        assert watching.echoes()
        for begun, ended in (ALTERNATE_SCREEN, CURSOR):
            assert watching.seen.rindex(begun) < watching.seen.rindex(ended)
        after = watching.seen.split(ALTERNATE_SCREEN[1])[-1]
        assert "the-task" in after, "the last state stays readable"
        assert "Traceback" not in watching.seen


def test_it_ends_with_its_terminal(llmctl: Llmctl) -> None:
    llmctl.submit("claude", "x")
    with terminal(llmctl, "watch") as watching:
        watching.until_shown("queued 1")
        os.close(watching.descriptor)
        assert watching.process.wait(SECONDS) == 129


@pytest.mark.parametrize(("columns", "lines"), [(110, 12), (60, 20), (30, 8), (10, 3)])
def test_it_fits_into_the_window(llmctl: Llmctl, columns: int, lines: int) -> None:
    for _ in range(3):
        llmctl.submit("claude", "x", "--name", "long-name-" * 10)
    with terminal(llmctl, "watch", columns=200, lines=40) as watching:
        watching.until_shown("queued 3")
        watching.resize(columns, lines)
        watching.until(
            "a frame of the new size",
            lambda shown: (
                shown[0].startswith(fits_into("no dispatcher is running: start one", columns))
                and len(shown) <= lines
            ),
        )
        watching.type("q")
        assert watching.ended() == 0


def fits_into(text: str, columns: int) -> str:
    return text if len(text) <= columns else text[: columns - 1] + "…"


@contextmanager
def away(postgres_server: PostgresServer, database: str) -> Iterator[Callable[[], None]]:
    """Yield what takes the database away from the command: until the end it gets no new connection."""
    name = database.split("/")[3].split("?")[0]
    with psycopg.connect(postgres_server.embedded.url("postgres"), autocommit=True) as elsewhere:

        def take_away() -> None:
            elsewhere.execute(SQL("ALTER DATABASE {} ALLOW_CONNECTIONS false").format(Identifier(name)))
            elsewhere.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
                "WHERE datname = %s AND application_name LIKE 'llmctl%%'",
                [name],
            )

        try:
            yield take_away
        finally:
            elsewhere.execute(SQL("ALTER DATABASE {} ALLOW_CONNECTIONS true").format(Identifier(name)))


def test_lost_connections_are_made_anew(
    llmctl: Llmctl, dispatcher: PlayedDispatcher, postgres_server: PostgresServer, database: str
) -> None:
    llmctl.submit("claude", "x")
    with terminal(llmctl, "watch") as watching:
        watching.until_shown("queued 1")
        until_up_to_date(dispatcher)
        with away(postgres_server, database) as take_away:
            take_away()
            watching.until_shown("trying again")
            assert "queued 1" in watching.screen()[1], "the last state stays while the database is away"
        watching.until("no complaint", lambda lines: not any("trying again" in line for line in lines))
        llmctl.submit("claude", "x")
        watching.until_shown("queued 2")
        watching.type("q")
        assert watching.ended() == 0


def test_a_configuration_that_is_wrong_for_a_moment_is_no_end(
    llmctl: Llmctl, postgres_server: PostgresServer, database: str
) -> None:
    llmctl.submit("claude", "x")
    config = llmctl.directory / "watched.yaml"
    name = database.split("/")[3].split("?")[0]
    config.write_text(f"database: {{name: {name}}}")
    with (
        psycopg.connect(postgres_server.embedded.url("postgres"), autocommit=True) as elsewhere,
        terminal(llmctl, "--config", str(config), "watch") as watching,
    ):
        watching.until_shown("queued 1")
        config.write_text(f"database: {{name: {name}}}\nlimts: {{}}")
        elsewhere.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
            "WHERE datname = %s AND application_name LIKE 'llmctl%%'",
            [name],
        )
        watching.until_shown(f"trying again: {config.parent}")
        config.write_text(f"database: {{name: {name}}}")
        watching.until("no complaint", lambda lines: not any("trying again" in line for line in lines))
        watching.type("q")
        assert watching.ended() == 0


def test_without_a_terminal_it_prints_one_table_and_ends(
    llmctl: Llmctl, dispatcher: PlayedDispatcher
) -> None:
    number = llmctl.submit("claude", "x", "--name", "n" * 200)
    printed = llmctl.ok("watch", "--tool", "claude")
    assert "\x1b" not in printed
    assert "n" * 200 in row(printed.splitlines(), number)
    assert "claude-main" in printed
    assert "codex" not in printed


def test_what_others_wrote_cannot_move_the_cursor(llmctl: Llmctl) -> None:
    llmctl.submit("claude", "x", "--name", "evil\x1b[2J\x1b]0;title\x07\x9b5A-name")
    with terminal(llmctl, "watch") as watching:
        watching.until_shown("evil-name")
        for sequence in ("\x1b[2J\x1b]0", "\x1b]0;", "\x9b"):
            assert sequence not in watching.seen
        watching.type("q")
        assert watching.ended() == 0
