"""`llmctl` through PgBouncer. What listens in session mode asks now and then in transaction mode."""

from dataclasses import replace

import pytest

from cli.database.connection import Database
from dispatcher.configuration.settings import Settings
from dispatcher.database.connection import connect
from dispatcher.errors import DatabaseError
from sql import calls
from tests.cli.conftest import Llmctl, PlayedDispatcher, one_postgres
from tests.cli.terminal import terminal
from tests.fixtures.pooler import StartPooler
from tests.fixtures.postgres import PostgresServer

pytestmark = one_postgres


@pytest.fixture(params=["session", "transaction"])
def through(
    request: pytest.FixtureRequest,
    llmctl: Llmctl,
    start_pooler: StartPooler,
    postgres_server: PostgresServer,
    database_settings: Settings,
) -> Llmctl:
    pooler = start_pooler(postgres_server, request.param)
    url = pooler.url(database_settings.database.name)
    return replace(llmctl, environment={**llmctl.environment, "LLMCTL_DATABASE_URL": url})


def test_tasks_are_submitted_seen_and_canceled(through: Llmctl) -> None:
    number = through.submit("claude", "x", "--name", "mine")
    assert "mine" in through.ok("ls")
    assert "queued" in through.ok("show", number)
    through.ok("cancel", number)
    assert through("result", number).err == f"error: task {number} was canceled\n"
    through.ok("retry", number)
    rows = "\n".join('{"prompt": "p"}' for _ in range(20))
    assert len(through.ok("submit", "-q", "--from", "-", "claude", stdin=rows).split()) == 20


@pytest.mark.parametrize("mode", ["session", "transaction"])
def test_a_call_that_waits_for_a_lock_gives_up_and_does_nothing_later(
    llmctl: Llmctl,
    start_pooler: StartPooler,
    postgres_server: PostgresServer,
    database_settings: Settings,
    mode: str,
) -> None:
    number = llmctl.submit("claude", "x")
    settings = start_pooler(postgres_server, mode).settings(database_settings.database.name)
    with (
        connect(database_settings) as holder,
        connect(settings, statement_timeout=0.2) as connection,
        holder.transaction(),
    ):
        holder.execute("SELECT FROM tasks WHERE number = %s FOR UPDATE", [number])
        with pytest.raises(DatabaseError, match="took too long"):
            Database(connection).call(calls.cancel_task(number))
    assert "queued" in llmctl.ok("show", number)


def test_waiting_ends_with_the_task(through: Llmctl, dispatcher: PlayedDispatcher) -> None:
    number = through.submit("claude", "x")
    [run] = dispatcher.start()
    with through.start("wait", number) as waiting, through.start("logs", "--raw", "-f", number) as logs:
        assert logs.stdout is not None
        dispatcher.append(run, output("hello\n"))
        assert logs.stdout.readline() == "hello\n"
        dispatcher.finish(run, final_text="yes")
        assert waiting.communicate(timeout=30) == (f"task {number} succeeded\n", "")
        logs.communicate(timeout=30)
    assert (waiting.returncode, logs.returncode) == (0, 0)


def test_submit_waits_for_its_task_and_says_nothing_while_nothing_happens(
    through: Llmctl, dispatcher: PlayedDispatcher
) -> None:
    with through.start("submit", "claude", "x", "--wait", "--delay", "1h") as waiting:
        assert waiting.stderr is not None
        assert waiting.stderr.readline().startswith("task 1 queued")
        with through.start("wait", "1", "--timeout", "5s") as asked_twice:
            asked_twice.communicate(timeout=30)
        through.ok("cancel", "1")
        _, err = waiting.communicate(timeout=30)
    assert waiting.returncode == 1
    assert err == "error: task 1 was canceled\n"


def test_the_live_table_shows_what_happens(through: Llmctl) -> None:
    through.submit("claude", "x", "--name", "first-task")
    with terminal(through, "watch") as watching:
        watching.until_shown("first-task")
        through.submit("codex", "x", "--name", "second-task")
        watching.until_shown("second-task")
        watching.type("q")
        assert watching.ended() == 0


def output(said: str) -> dict[str, object]:
    import base64

    content = base64.b64encode(said.encode()).decode()
    chunk = {"stream": "stdout", "starts_at": 0, "ends_at": len(said), "content": content}
    return {"stdout_bytes": len(said), "activity": None, "chunks": [chunk]}
