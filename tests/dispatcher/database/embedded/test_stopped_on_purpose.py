"""`dispatcher db stop` holds: what connects again by itself waits, and only a person starts the server again."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from dispatcher.database.embedded.server import EmbeddedServer
from dispatcher.errors import ExitCode
from tests.fixtures.dispatchers import DISPATCHER, PATIENCE, ROOT, TOOLS, Dispatcher

LLMCTL = (sys.executable, "-m", "cli.main")
STOPPED = "the embedded server was stopped on purpose: `dispatcher db start` starts it"


class Home:
    """Runs both programs on the embedded server of a directory."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._started: list[subprocess.Popen[str]] = []
        home = directory / "home"
        home.mkdir()
        groups = {"sh": {"tool": "sh"}}
        (home / "config.yaml").write_text(
            json.dumps({"tools": TOOLS, "groups": groups, "logging": {"format": "json"}})
        )
        self.server = EmbeddedServer(home)

    def start(self, *command: str) -> subprocess.Popen[str]:
        variables = {
            "PATH": os.environ["PATH"],
            "HOME": str(self._directory),
            "LLMCTL_HOME": str(self._directory / "home"),
        }
        process = subprocess.Popen(
            command,
            cwd=ROOT,
            env=variables,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        self._started.append(process)
        return process

    def run(self, *command: str) -> tuple[int, str, str]:
        process = self.start(*command)
        out, err = process.communicate(timeout=PATIENCE)
        return process.returncode, out, err

    def close(self) -> None:
        for process in self._started:
            process.kill()
            process.wait()
        self.server.destroy()


@pytest.fixture
def home(tmp_path: Path) -> Iterator[Home]:
    made = Home(tmp_path)
    yield made
    made.close()


def test_what_connects_again_by_itself_waits_until_a_person_starts_the_server(home: Home) -> None:
    dispatcher = Dispatcher(home.start(*DISPATCHER, "run"))
    dispatcher.wait_for("dispatcher started")
    for _ in range(2):
        home.run(*LLMCTL, "submit", "sh", "true", "--delay", "1h")
    waiting = home.start(*LLMCTL, "wait", "1", "2")
    assert waiting.stdout is not None
    assert waiting.stderr is not None
    home.run(*LLMCTL, "cancel", "1")
    assert waiting.stdout.readline() == "task 1 canceled\n"

    code, out, err = home.run(*DISPATCHER, "db", "stop")
    assert (code, out) == (ExitCode.OK, "")
    assert err.startswith(
        "the embedded server has stopped; `dispatcher db start` starts it\nthe dispatcher of "
    )
    assert f"(process {dispatcher.pid}) has no database until then; its agents keep running: 0\n" in err

    told = [waiting.stderr.readline() for _ in range(2)]  # the first is about the connection that broke
    assert [STOPPED in line for line in told] == [False, True]
    dispatcher.wait_for("does not hear the database", error=STOPPED, times=3)
    assert home.run(*LLMCTL, "ls") == (ExitCode.DATABASE, "", f"error: {STOPPED}\n")
    assert home.run(*DISPATCHER, "migrate") == (ExitCode.DATABASE, "", f"error: {STOPPED}\n")
    assert home.server.status().pid is None

    assert home.run(*DISPATCHER, "db", "start")[0] == ExitCode.OK
    assert home.run(*LLMCTL, "cancel", "2")[0] == ExitCode.OK
    out, _ = waiting.communicate(timeout=PATIENCE)
    assert (waiting.returncode, out) == (ExitCode.FAILED, "task 2 canceled\n")
    assert dispatcher.process.poll() is None


def test_a_dispatcher_that_a_person_runs_starts_the_server_again(home: Home) -> None:
    assert home.run(*DISPATCHER, "db", "stop") == (ExitCode.OK, "", "there is no embedded server yet\n")
    home.server.start()
    home.server.stop()
    dispatcher = Dispatcher(home.start(*DISPATCHER, "run"))
    dispatcher.wait_for("dispatcher started")
    assert home.run(*LLMCTL, "ls")[0] == ExitCode.OK
