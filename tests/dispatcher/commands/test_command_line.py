"""`dispatcher migrate` and `dispatcher db …`, as processes."""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from dispatcher import __version__
from dispatcher.database.embedded.server import EmbeddedServer
from dispatcher.errors import ExitCode
from tests.fixtures.dispatchers import DISPATCHER
from tests.fixtures.postgres import PostgresServer


class CommandLine:
    """Runs `dispatcher` with a home for the test."""

    def __init__(self, home: Path) -> None:
        self.home = home

    def __call__(self, *arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
        inherited = {name: os.environ[name] for name in ("PATH", "HOME", "PYTHONPATH") if name in os.environ}
        return subprocess.run(
            [*DISPATCHER, *arguments],
            env={**inherited, "LLMCTL_HOME": str(self.home), "XDG_CONFIG_HOME": str(self.home), **variables},
            capture_output=True,
            text=True,
            check=False,
        )


@pytest.fixture
def dispatcher(tmp_path: Path) -> Iterator[CommandLine]:
    yield CommandLine(tmp_path / "home")
    EmbeddedServer(tmp_path / "home").destroy()


def test_the_life_of_the_embedded_server(dispatcher: CommandLine) -> None:
    assert dispatcher("db", "status").returncode == ExitCode.DATABASE
    first = dispatcher("migrate")
    assert first.returncode == 0
    assert "0013_schema.sql" in first.stdout
    again = dispatcher("migrate")
    assert (again.returncode, again.stdout) == (0, "")
    assert "cli_worker on the embedded server in" in again.stderr
    assert "is up to date" in again.stderr

    url = dispatcher("db", "url").stdout.strip()
    asked = subprocess.run(
        ["psql", url, "-Atc", "select count(*) from tasks"], capture_output=True, text=True, check=False
    )
    assert (asked.stdout, asked.stderr) == ("0\n", "")

    assert dispatcher("db", "status").returncode == 0
    stopped = dispatcher("db", "stop")
    assert (stopped.returncode, stopped.stderr) == (
        0,
        "the embedded server has stopped; `dispatcher db start` starts it\n",
    )
    assert dispatcher("db", "stop").stderr.startswith("the embedded server was not running; ")
    status = dispatcher("db", "status")
    assert "not running: stopped on purpose; `dispatcher db start` starts it" in status.stdout
    assert status.returncode == ExitCode.DATABASE
    refused = dispatcher("migrate")
    assert (refused.returncode, refused.stderr) == (
        ExitCode.DATABASE,
        "error: the embedded server was stopped on purpose: `dispatcher db start` starts it\n",
    )
    assert dispatcher("db", "start").returncode == 0
    assert dispatcher("db", "status").returncode == 0


def test_a_configured_server_is_migrated_and_left_alone_otherwise(
    dispatcher: CommandLine, postgres_server: PostgresServer, tmp_path: Path
) -> None:
    config = tmp_path / "other.yaml"
    config.write_text("database: {name: of_the_config}")
    url = postgres_server.embedded.url("postgres")
    try:
        done = dispatcher("--config", str(config), "migrate", LLMCTL_DATABASE_URL=url)
        assert done.returncode == 0
        status = dispatcher("--config", str(config), "db", "status", LLMCTL_DATABASE_URL=url)
        assert status.stdout.startswith("of_the_config on PostgreSQL at /")
        stop = dispatcher("--config", str(config), "db", "stop", LLMCTL_DATABASE_URL=url)
        assert stop.returncode == ExitCode.USAGE
        assert stop.stderr.startswith("error: database.url names PostgreSQL at /")
    finally:
        postgres_server.drop("of_the_config")


def test_an_error_is_one_line_and_an_exit_code(dispatcher: CommandLine) -> None:
    unreachable = dispatcher("migrate", LLMCTL_DATABASE_URL="postgresql://u:geheim@127.0.0.1:1")
    assert unreachable.returncode == ExitCode.DATABASE
    assert unreachable.stderr.startswith("error: cannot connect to PostgreSQL at 127.0.0.1, port 1 as u: ")
    assert unreachable.stderr.count("\n") == 1
    assert "geheim" not in unreachable.stderr
    assert dispatcher("--config", "/no/such/file", "migrate").returncode == ExitCode.USAGE
    assert dispatcher("migrate", "--nonsense").returncode == ExitCode.USAGE
    without_home = dispatcher("migrate", LLMCTL_HOME="", HOME="")
    assert (without_home.returncode, without_home.stderr[:19]) == (ExitCode.USAGE, "error: HOME is not ")


def test_a_locale_without_our_characters_is_no_error(dispatcher: CommandLine) -> None:
    nowhere = "postgresql://127.0.0.1:1"
    said = dispatcher("check", LLMCTL_DATABASE_URL=nowhere, PYTHONIOENCODING="latin-1")
    assert (said.returncode, said.stderr) == (ExitCode.FAILED, "")
    assert "port 1 failed: Connection refused ? Is the server running" in said.stdout


def test_a_reader_that_goes_away_is_no_error(dispatcher: CommandLine, tmp_path: Path) -> None:
    reader, writer = os.pipe()
    os.close(reader)
    with os.fdopen(writer, "wb") as gone:
        said = subprocess.run(
            [*DISPATCHER, "db", "url"],
            env={**os.environ, "LLMCTL_HOME": str(tmp_path / "home")},
            stdout=gone,
            stderr=subprocess.PIPE,
            check=False,
        )
    assert said.stderr == b""


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (["--config", "/dev/zero", "db", "url"], "cannot read '/dev/zero': it is a device"),
        (["--config", "/", "db", "url"], "cannot read '/': it is a directory"),
        (["--config", "a\nb", "db", "url"], "there is no configuration file a\nb"),
        (["run", "--groups", "a,b\n"], "is not a valid name"),
        (["run", "--host-id", "\udcff"], "is not a valid name"),
        (["recover", "--forget-host", "a\nb"], "is not a valid name"),
    ],
)
def test_what_cannot_be_meant_is_wrong_usage(
    dispatcher: CommandLine, arguments: list[str], complaint: str
) -> None:
    refused = dispatcher(*arguments)
    assert (refused.returncode, refused.stdout) == (ExitCode.USAGE, "")
    assert complaint in refused.stderr
    assert "Traceback" not in refused.stderr


def test_the_version_is_told(dispatcher: CommandLine) -> None:
    told = dispatcher("--version")
    assert (told.returncode, told.stdout, told.stderr) == (0, f"dispatcher {__version__}\n", "")


def test_without_a_command_both_programs_print_their_help(dispatcher: CommandLine) -> None:
    bare = dispatcher()
    assert (bare.returncode, bare.stdout, bare.stderr) == (0, dispatcher("--help").stdout, "")


@pytest.mark.parametrize("words", [[], ["db"], ["tool"]])
def test_help_lists_each_command_with_a_whole_sentence(dispatcher: CommandLine, words: list[str]) -> None:
    short, long = dispatcher(*words, "-h"), dispatcher(*words, "--help")
    assert (short.returncode, short.stdout) == (0, long.stdout)
    listed = short.stdout.partition("Commands:\n")[2]
    assert listed
    assert "..." not in listed


def test_help_imports_neither_the_database_nor_the_settings() -> None:
    heavy = {"psycopg", "msgspec", "yaml", "trio", "rich", "platformdirs"}
    program = (
        "import sys, dispatcher.commands.main as c\n"
        "try: c.app(['--help'])\n"
        f"except SystemExit: print(sorted({heavy} & sys.modules.keys()))"
    )
    said = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert said.stdout.splitlines()[-1] == "[]"
