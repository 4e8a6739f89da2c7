"""What every measure needs: a compiled agent, a server of the bench's own, a dispatcher under measurement."""

import contextlib
import os
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import IO

import psycopg
import yaml
from psycopg.sql import SQL, Identifier

from dispatcher.configuration.sections.service import DatabaseSettings
from dispatcher.configuration.settings import Settings
from dispatcher.database.embedded.server import EmbeddedServer
from dispatcher.database.migrate import migrate
from tests.bench.result import MissingError
from tests.bench.sizes import Sizes
from tests.fixtures.dispatchers import DISPATCHER

CONCURRENCY = 16

_END_SECONDS = 90


@dataclass(frozen=True)
class Stage:
    """One run of the bench. ``directory`` is on a file system in memory where the machine has one."""

    directory: Path
    server: EmbeddedServer
    sizes: Sizes

    @cached_property
    def agent(self) -> Path:
        """The program that all systems run. Raises :class:`MissingError` without a C compiler."""
        if shutil.which("cc") is None:
            raise MissingError("needs a C compiler for its agent: apt install gcc")
        agent = self.directory / "agent"
        subprocess.run(["cc", "-O2", "-o", agent, Path(__file__).parent / "agent.c"], check=True)
        return agent

    @contextlib.contextmanager
    def empty_database(self, name: str) -> Iterator[str]:
        """Make a database and yield its URL. It is dropped at the end, so that nothing vacuums it later."""
        with psycopg.connect(self.server.url("postgres"), autocommit=True) as connection:
            connection.execute(SQL("CREATE DATABASE {}").format(Identifier(name)))
            try:
                yield self.server.url(name)
            finally:
                connection.execute(SQL("DROP DATABASE {} WITH (FORCE)").format(Identifier(name)))

    @contextlib.contextmanager
    def database(self, name: str) -> Iterator[psycopg.Connection]:
        """Make a database with our schema and connect to it. It is dropped at the end."""
        with self.empty_database(name) as url:
            migrate(Settings(database=DatabaseSettings(url=url, name=name)))
            with psycopg.connect(url, autocommit=True) as connection:
                yield connection

    @contextlib.contextmanager
    def connection(self, name: str) -> Iterator[psycopg.Connection]:
        """Connect to a database that is there already."""
        with psycopg.connect(self.server.url(name), autocommit=True) as connection:
            yield connection

    @contextlib.contextmanager
    def dispatcher(
        self,
        name: str,
        *,
        slots: int = CONCURRENCY,
        groups: int = 1,
        agent_arguments: Sequence[str] = (),
        heartbeat_seconds: float = 30,
    ) -> Iterator[subprocess.Popen[bytes]]:
        """Run a dispatcher on the database ``name`` for the tool `bench`.

        At most ``slots`` agents run, in ``groups`` groups that share them.
        """
        home = self.directory / name
        home.mkdir()
        config = home / "config.yaml"
        group_slots = max(1, slots // groups)
        config.write_text(
            yaml.safe_dump(
                {
                    "database": {"url": self.server.url("postgres"), "name": name},
                    "dispatcher": {
                        "heartbeat_interval": heartbeat_seconds,
                        "lease_interval": 2 * heartbeat_seconds,
                    },
                    "groups": {
                        f"bench-{number}": {
                            "tool": "bench",
                            "account": str(number),
                            "max_concurrent": group_slots,
                        }
                        for number in range(groups)
                    },
                    "limits": {"tool:bench": slots},
                    "tools": {
                        "bench": {
                            "argv": [str(self.agent), *agent_arguments],
                            "output": "text",
                            "proof": "none",
                        }
                    },
                    "logging": {"level": "warning"},
                }
            )
        )
        command = [*DISPATCHER, "--config", str(config), "run"]
        with running(command, {"LLMCTL_HOME": str(home)}) as process:
            yield process
        shutil.rmtree(home)


@contextlib.contextmanager
def stage(sizes: Sizes) -> Iterator[Stage]:
    memory = Path("/dev/shm")
    base = memory if memory.is_dir() else None
    directory = Path(tempfile.mkdtemp(prefix="llmctl-bench-", dir=base))
    server = EmbeddedServer(directory / "home")
    try:
        server.start()
        yield Stage(directory, server, sizes)
    finally:
        server.destroy()
        shutil.rmtree(directory, ignore_errors=True)


@contextlib.contextmanager
def running(
    command: Sequence[str],
    environment: Mapping[str, str],
    stdout: int | IO[bytes] | None = None,
    stderr: int | None = None,
) -> Iterator[subprocess.Popen[bytes]]:
    """Run a worker during the ``with`` block, and ask it to end then."""
    process = subprocess.Popen(command, env={**os.environ, **environment}, stdout=stdout, stderr=stderr)
    try:
        yield process
    finally:
        if process.poll() is None:
            process.send_signal(signal.SIGTERM)
            try:
                process.wait(_END_SECONDS)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def settle(stage: Stage) -> None:
    """Let the last measure clean up and the disk finish its writes, so that the next one does not pay for them.

    A commit waits for the disk: behind 1,500 MB of writes of another program one took 194 ms.
    """
    time.sleep(1)
    with psycopg.connect(stage.server.url("postgres"), autocommit=True) as connection:
        connection.execute("CHECKPOINT")
    os.sync()


def filesystem(directory: Path) -> str:
    """Return the type of the file system of ``directory``, such as ``tmpfs``."""
    command: list[str | Path] = ["stat", "--file-system", "--format=%T", directory]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()
