"""What every measure needs: a compiled agent, a server of the bench's own, a dispatcher under measurement."""

import contextlib
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import psycopg
import yaml

from dispatcher.database.embedded import EmbeddedServer
from dispatcher.database.migrate import migrate
from dispatcher.settings import DatabaseSettings, Settings

CONCURRENCY = 16


@dataclass(frozen=True, slots=True)
class Stage:
    """One run of the bench. ``directory`` is on a file system in memory where the machine has one."""

    directory: Path
    agent: Path
    server: EmbeddedServer

    def database(self, name: str) -> str:
        """Make a migrated database; answers its URL."""
        migrate(Settings(database=DatabaseSettings(url=self.server.url("postgres"), name=name)))
        return self.server.url(name)

    @contextlib.contextmanager
    def dispatcher(self, name: str, *arguments: str, groups: int = 1) -> Iterator[subprocess.Popen[bytes]]:
        """Run a dispatcher for the tool `bench` with CONCURRENCY slots, spread over ``groups`` groups."""
        home = self.directory / name
        home.mkdir()
        config = home / "config.yaml"
        slots = max(1, CONCURRENCY // groups)
        config.write_text(
            yaml.safe_dump(
                {
                    "database": {"url": self.server.url("postgres"), "name": name},
                    "groups": {
                        f"bench-{number}": {"tool": "bench", "account": str(number), "max_concurrent": slots}
                        for number in range(groups)
                    },
                    "limits": {"tool:bench": CONCURRENCY},
                    "tools": {"bench": {"argv": [str(self.agent)], "output": "text"}},
                    "logging": {"level": "warning"},
                }
            )
        )
        command = [
            sys.executable,
            "-m",
            "dispatcher.command_line",
            "--config",
            str(config),
            "run",
            *arguments,
        ]
        process = subprocess.Popen(command, env={**os.environ, "LLMCTL_HOME": str(home)})
        try:
            yield process
        finally:
            if process.poll() is None:
                process.send_signal(signal.SIGTERM)
                process.wait(60)


@contextlib.contextmanager
def stage() -> Iterator[Stage]:
    memory = Path("/dev/shm")
    base = memory if memory.is_dir() else None
    directory = Path(tempfile.mkdtemp(prefix="llmctl-bench-", dir=base))
    server = EmbeddedServer(directory / "home")
    try:
        agent = directory / "agent"
        source = Path(__file__).parent / "agent.c"
        subprocess.run(["cc", "-O2", "-o", agent, source], check=True)
        server.start()
        yield Stage(directory, agent, server)
    finally:
        server.destroy()
        shutil.rmtree(directory, ignore_errors=True)


def submit(connection: psycopg.Connection, count: int, **fields: object) -> None:
    """Queue ``count`` tasks of the tool `bench` in one statement."""
    tasks = [{"tool": "bench", "prompt": f"task {number}", **fields} for number in range(count)]
    connection.execute("SELECT count(*) FROM submit_tasks(%s)", [json.dumps(tasks)])


def wait_for_all(connection: psycopg.Connection) -> None:
    """Return when no task is open; looks again at each event."""
    connection.execute("LISTEN task_event")
    while connection.execute("SELECT FROM tasks WHERE finished_at IS NULL LIMIT 1").fetchone() is not None:
        for _ in connection.notifies(timeout=1, stop_after=1):
            pass


def wait_for_dispatcher(connection: psycopg.Connection) -> None:
    """Return when a dispatcher has registered."""
    connection.execute("LISTEN dispatcher_heartbeat")
    while connection.execute("SELECT FROM dispatchers WHERE NOT closed").fetchone() is None:
        for _ in connection.notifies(timeout=1, stop_after=1):
            pass
