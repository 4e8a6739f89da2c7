"""The main job on real input: the real CLIs, started by the dispatcher, against a model server on loopback."""

import os
import subprocess
from collections.abc import Iterator, Sequence
from pathlib import Path

import psycopg
import pytest
import yaml

from dispatcher.configuration.settings import Settings
from tests.agents.real_agents import CLIS, PATIENCE, Agents
from tests.fixtures.dispatchers import DISPATCHER
from tests.fixtures.postgres import PostgresServer
from tests.fixtures.users import needs_root

KEY = "sk-dummy-0123456789"


@pytest.fixture
def settings(dispatch_server: tuple[PostgresServer, str]) -> Iterator[Settings]:
    """A migrated database of one server: what the CLIs do does not depend on its version."""
    server, template = dispatch_server
    name = server.create(template)
    yield server.settings(name)
    server.drop(name)


@pytest.fixture
def database(settings: Settings, dispatch_server: tuple[PostgresServer, str]) -> str:
    return dispatch_server[0].embedded.url(settings.database.name)


@pytest.fixture
def config(tmp_path: Path, agents: Agents, settings: Settings) -> Path:
    """A configuration with one worker group for each real CLI."""
    groups, tools = {}, {}
    for cli in CLIS:
        account = agents.account(cli, tmp_path / f"{cli}-home", KEY)
        groups[f"{cli}-main"] = {
            "tool": cli,
            "account": "main",
            "env": {name: "env:TEST_KEY" if value == KEY else value for name, value in account.env.items()},
            "config_home": str(account.config_home),
        }
        tools[cli] = {"command": str(agents.program(cli))}
    database = {"url": settings.database.url, "name": settings.database.name}
    file = tmp_path / "config.yaml"
    file.write_text(yaml.safe_dump({"database": database, "groups": groups, "tools": tools}))
    return file


def dispatch(config: Path, home: Path, prefix: Sequence[str] = ()) -> None:
    """Run a dispatcher until nothing is left to do. ``prefix`` is a command that runs it."""
    command = [*DISPATCHER, "--config", str(config)]
    subprocess.run(
        [*prefix, *command, "run", "--until-empty"],
        env={**os.environ, "LLMCTL_HOME": str(home), "TEST_KEY": KEY},
        check=True,
        timeout=PATIENCE,
    )


def test_what_an_agent_was_not_permitted_to_do_is_written_down(
    config: Path, database: str, tmp_path: Path
) -> None:
    with psycopg.connect(database, autocommit=True) as connection:
        connection.execute(
            "SELECT submit_task('claude', '[[run: python3 -c 1]] [[say: I was not allowed to]]')"
        )
        dispatch(config, tmp_path / "llmctl")
        rows = connection.execute("SELECT status, denials FROM list_runs('1')").fetchall()
    [(status, denials)] = rows
    assert status == "succeeded"
    assert any("python3" in denial for denial in denials)


WITH_ANOTHER_TMP = """
mkdir -p "$1/$2" && mount --bind "/tmp/$2" "$1/$2" && mount --rbind "$1" /tmp && shift 2 && exec "$@"
"""


@needs_root
def test_no_real_cli_leaves_a_file_in_the_hosts_directory_for_temporary_files(
    config: Path, database: str, tmp_path: Path
) -> None:
    """gemini writes the conversation into a file at each error; the sandbox of codex makes an empty directory."""
    theirs = tmp_path / "tmp"
    ours = tmp_path.relative_to("/tmp").parts[0]
    with psycopg.connect(database, autocommit=True) as connection:
        for cli in CLIS:
            for prompt in ("[[run: mktemp]] [[say: done]]", "[[write a.md: x]] [[fail 404]]"):
                connection.execute(
                    "SELECT submit_task(%s, %s, p_model => %s, p_max_attempts => 1)",
                    [cli, prompt, "gemini-2.5-flash" if cli == "gemini" else None],
                )
        dispatch(
            config,
            tmp_path / "llmctl",
            ["unshare", "--mount", "sh", "-c", WITH_ANOTHER_TMP, "sh", str(theirs), ours],
        )
        rows = connection.execute(
            "SELECT status, count(*)::int FROM tasks GROUP BY status ORDER BY 1"
        ).fetchall()

    assert rows == [("failed", 3), ("succeeded", 3)]
    assert {path.name for path in theirs.iterdir()} <= {ours, f"codex-daemon-{os.geteuid()}"}
    assert [path for path in theirs.rglob("*") if not path.is_dir()] == []
