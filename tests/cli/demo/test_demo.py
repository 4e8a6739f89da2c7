"""`llmctl demo`: it works without any key, shows what it promises, and leaves nothing behind."""

import os
import signal
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest

from dispatcher.database.embedded.place import place_of
from tests.cli.conftest import Llmctl
from tests.cli.terminal import terminal


@pytest.fixture
def demo(without_database: Llmctl, tmp_path: Path) -> Llmctl:
    """`llmctl` whose temporary files are below a directory of the test's own."""
    return replace(without_database, environment={**without_database.environment, "TMPDIR": str(tmp_path)})


def left_behind(home: Path) -> list[str]:
    """Directories and processes of the demo that lived in ``home``."""
    server = place_of(home).directory
    processes = subprocess.run(
        ["pgrep", "-af", f"{home.name}|{server}"], capture_output=True, text=True, check=False
    ).stdout.splitlines()
    return [str(path) for path in (home, server) if path.exists()] + processes


def home_in(directory: Path) -> Path:
    [home] = directory.glob("llmctl-demo-*")
    return home


def test_eight_tasks_succeed_one_after_a_failure_and_two_one_at_a_time(demo: Llmctl, tmp_path: Path) -> None:
    with demo.start("demo") as running:
        assert running.stdout is not None
        lines = [running.stdout.readline().strip()]
        home = home_in(tmp_path)
        lines += [line.strip() for line in running.stdout]
        assert running.wait(60) == 0
    assert sum("succeeded: Simulated answer to:" in line for line in lines) == 8
    flaky = [line.split(": ")[1] for line in lines if line.startswith("task 3 flaky: ")]
    assert flaky == ["starting", "running", "queued", "queued", "starting", "running", "succeeded"]
    assert lines.index("task 5 migration-1: succeeded") < lines.index("task 6 migration-2: starting")
    assert any(line.startswith("it wrote notes.md") for line in lines)
    assert not any("\x1b" in line for line in lines)
    assert left_behind(home) == []
    assert list(tmp_path.iterdir()) == []


def test_in_a_terminal_it_shows_the_live_table(demo: Llmctl, tmp_path: Path) -> None:
    with terminal(demo, "demo", columns=150) as running:
        running.until_shown("simulated-demo")
        home = home_in(tmp_path)
        waiting = running.until_shown("queue:one-at-a-time is full (1/1)")
        assert any("migration-2" in line and line.endswith("full (1/1)") for line in waiting)
        assert running.ended() == 0
        assert running.seen.count("Simulated answer to:") == 8
    assert left_behind(home) == []


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize(
    "moment", ["", "task 2 login-tests: running"], ids=["at the start", "while agents run"]
)
def test_interrupted_it_leaves_nothing_behind(
    demo: Llmctl, tmp_path: Path, number: signal.Signals, moment: str
) -> None:
    with demo.start("demo") as running:
        assert running.stdout is not None
        assert running.stderr is not None
        running.stderr.readline()
        home = home_in(tmp_path)
        while moment and running.stdout.readline().strip() != moment:
            pass
        os.kill(running.pid, number)
        running.communicate(timeout=60)
    assert running.returncode == 128 + number
    assert left_behind(home) == []
