"""Nobody finds the secrets of an account: not in a table, a notification, a log, a process list or a workspace."""

import json
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
from psycopg.sql import SQL, Identifier

from tests.fixtures.dispatchers import Dispatcher, Site

OF_ENVIRONMENT = 'sk-planted-3f9a"b\\c1d7'
OF_FILE = "sk-planted-file-77c0ffee42"
SECRETS = (OF_ENVIRONMENT, OF_FILE)

CHANNELS = ("task_ready", "task_event", "task_cancel", "run_output", "dispatcher_heartbeat")


def traces(text: str | bytes) -> list[str]:
    """The secrets that stand in a text: as they are, as JSON writes them, or as bytea is printed."""
    raw = text.encode(errors="replace") if isinstance(text, str) else text
    found = []
    for secret in SECRETS:
        forms = (secret.encode(), json.dumps(secret)[1:-1].encode(), secret.encode().hex().encode())
        if any(form in raw for form in forms):
            found.append(secret)
    return found


@pytest.fixture
def ear(site: Site) -> Iterator[psycopg.Connection]:
    """Hears every notification from now on."""
    name = site.database.info.dbname
    with psycopg.connect(site.url, dbname=name, autocommit=True) as connection:
        for channel in CHANNELS:
            connection.execute(SQL("LISTEN {}").format(Identifier(channel)))
        yield connection


@pytest.fixture
def dispatcher(site: Site, tmp_path: Path) -> Dispatcher:
    """A dispatcher whose account has one secret in its environment and one in a file."""
    file = tmp_path / "key"
    file.write_text(OF_FILE + "\n")
    file.chmod(0o600)
    env = {"A_KEY": "env:PLANTED", "B_TOKEN": f"file:{file}"}
    for tool in ("sh", "python"):
        site.configure("groups", **{tool: {"env": {**site_env(site, tool), **env}}})
    site.configure("logging", level="debug")
    site.configure("execution", cleanup="never")
    return site.start(env={"PLANTED": OF_ENVIRONMENT})


def site_env(site: Site, group: str) -> dict[str, str]:
    found = site.config["groups"][group]
    assert isinstance(found, dict)
    return dict(found["env"])


def tables(site: Site) -> Iterator[tuple[str, str]]:
    """Each table's name and all that it holds."""
    names = site.sql("SELECT tablename FROM pg_tables WHERE schemaname = 'public' ORDER BY tablename")
    for row in names:
        name = str(row["tablename"])
        query = SQL("SELECT coalesce(string_agg(t::text, ' '), '') AS held FROM {} AS t").format(
            Identifier(name)
        )
        [held] = site.database.execute(query).fetchall()
        yield name, str(held["held"])


def command_lines() -> Iterator[bytes]:
    for process in Path("/proc").iterdir():
        if process.name.isdecimal():
            try:
                yield (process / "cmdline").read_bytes()
            except OSError:
                continue


def test_an_agent_that_says_nothing_of_its_secrets_leaves_no_trace_of_them(
    site: Site, dispatcher: Dispatcher, ear: psycopg.Connection
) -> None:
    gate = site.gate()
    number = site.submit(f'test "$A_KEY$B_TOKEN" != "" && {gate.pass_through} && echo it has them')
    site.wait_for("running", number)
    running = list(command_lines())
    gate.open()
    site.wait_for("succeeded", number)

    assert site.task(number)["result"]["text"] == "it has them"
    assert any(b"run" in line for line in running)
    assert [line for line in running if traces(line)] == []
    assert_nowhere(site, dispatcher, ear)
    files = [path for path in site.work_dir.rglob("*") if path.is_file()]
    assert {"prompt", "run", "stdout.log"} <= {path.name for path in files}
    assert [path for path in files if traces(path.read_bytes())] == []


@pytest.mark.parametrize(
    "telling",
    [
        'printf "%s and %s" "$A_KEY" "$B_TOKEN"',
        'printf "%s and %s" "$A_KEY" "$B_TOKEN" >&2; exit 3',
        'printf %s "$B_TOKEN" | head -c 9; sleep 0.6; printf %s "$B_TOKEN" | tail -c +10; printf "\\n%s" "$A_KEY"',
        'exec "/$A_KEY/$B_TOKEN"',
    ],
    ids=["answer", "error", "in pieces", "program"],
)
def test_an_agent_that_tells_its_secrets_is_not_believed_by_anybody(
    site: Site, dispatcher: Dispatcher, ear: psycopg.Connection, telling: str
) -> None:
    number = site.submit(telling, max_attempts=1)
    site.wait_until(lambda: site.task(number)["finished_at"])

    [run] = site.runs(number)
    assert "***" in f"{run['stdout_trunc']}{run['stderr']}"
    assert_nowhere(site, dispatcher, ear)


def test_a_secret_that_cannot_be_resolved_is_named_and_not_shown(site: Site, ear: psycopg.Connection) -> None:
    file = site.directory / "open-key"
    file.write_text(OF_FILE)
    file.chmod(0o644)
    site.configure("groups", sh={"env": {**site_env(site, "sh"), "B_TOKEN": f"file:{file}"}})
    dispatcher = site.start()
    number = site.submit("echo never", max_attempts=1)
    site.wait_until(lambda: site.task(number)["finished_at"])

    assert "can be read by others" in str(site.task(number)["error_message"])
    assert_nowhere(site, dispatcher, ear)


def assert_nowhere(site: Site, dispatcher: Dispatcher, ear: psycopg.Connection) -> None:
    """What everybody may see who is let in: the database, what it tells, and the log."""
    assert {name: found for name, held in tables(site) if (found := traces(held))} == {}
    heard = list(ear.notifies(timeout=0))
    assert heard
    assert [one for one in heard if traces(one.payload)] == []
    assert traces(dispatcher.story()) == []
