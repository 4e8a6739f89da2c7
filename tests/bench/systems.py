"""The systems that are compared on the same job: run the agent with a prompt on stdin and record what it prints.

Each has a database of its own. It is at rest when the measure begins: its worker waits, its producer is connected.
"""

import contextlib
import importlib.util
import itertools
import json
import os
import select
import shutil
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any, ClassVar, Literal, Protocol

import psycopg
from psycopg import Notify

from tests.bench.stage import CONCURRENCY, Stage, running

HERE = Path(__file__).parent
PATIENCE = 120
"""Seconds of silence after which a worker counts as broken."""


Goal = Literal["latency", "throughput"]


class System(Protocol):
    """A queue and its worker, with CONCURRENCY jobs at a time."""

    @property
    def name(self) -> str: ...

    def submit_one(self) -> None:
        """Submit one job over the connection that is open already."""

    def submit(self, count: int) -> None:
        """Submit so many jobs in the way that the system recommends for many jobs."""

    def wait(self, count: int) -> None:
        """Return when the results of so many jobs are stored. Raises RuntimeError if they never will be."""

    def last_start(self) -> float:
        """When the last job's agent ran its first instruction, as ``time.monotonic()``."""


class Queue(System, Protocol):
    """A system with one process that works: where its processor time goes can be told."""

    @property
    def worker_pid(self) -> int: ...


class Ours:
    """A dispatcher. Tasks come from ``tenants`` in turn."""

    name = "llmctl"

    def __init__(
        self, connection: psycopg.Connection, tenants: Sequence[str] = ("default",), name: str = "llmctl"
    ) -> None:
        self.name = name
        self._connection = connection
        self._tenants = itertools.cycle(tenants)
        self._ended = 0
        connection.execute("LISTEN task_event")

    @property
    def worker_pid(self) -> int:
        row = self._connection.execute("SELECT pid FROM dispatchers WHERE NOT closed").fetchone()
        assert row is not None
        return int(row[0])

    def submit_one(self) -> None:
        self._connection.execute(
            "SELECT number FROM submit_task('bench', 'task', p_tenant_id => %s)", [next(self._tenants)]
        )

    def submit(self, count: int) -> None:
        submit(self._connection, count)

    def wait(self, count: int) -> None:
        while self._ended < count:
            heard = list(self._connection.notifies(timeout=PATIENCE, stop_after=1))
            if not heard:
                raise RuntimeError(f"{self._ended} of {count} tasks ended, and then nothing happened")
            self._ended += sum(map(_succeeded, heard))
        self._ended -= count

    def last_start(self) -> float:
        row = self._connection.execute(
            "SELECT result ->> 'text' FROM tasks ORDER BY number DESC LIMIT 1"
        ).fetchone()
        assert row is not None
        return float(row[0])


def _succeeded(notification: Notify) -> int:
    event = json.loads(notification.payload)
    if event["status"] in ("failed", "canceled"):
        raise RuntimeError(f"tasks of the bench {event['status']}: {notification.payload}")
    if event["status"] != "succeeded":
        return 0
    return int(event["count"]) if "count" in event else len(event["numbers"])


class Peer:
    """What the peers share: a table of results, and a worker that writes a byte for each row that it has stored."""

    name: ClassVar[str]

    def __init__(self, connection: psycopg.Connection, worker: subprocess.Popen[bytes]) -> None:
        assert worker.stdout is not None
        self._connection = connection
        self._worker = worker
        self._stored = worker.stdout.fileno()
        self._count = 0
        self.wait(1)  # its first byte says that jobs may be submitted

    @property
    def worker_pid(self) -> int:
        return self._worker.pid

    def wait(self, count: int) -> None:
        while self._count < count:
            ready, _, _ = select.select([self._stored], [], [], PATIENCE)
            stored = os.read(self._stored, 65536) if ready else b""
            if not stored:
                state = "ended" if ready else "is silent"
                raise RuntimeError(f"the worker of {self.name} {state} after {self._count} of {count} jobs")
            self._count += len(stored)
        self._count -= count

    def last_start(self) -> float:
        row = self._connection.execute("SELECT answer FROM results ORDER BY number DESC LIMIT 1").fetchone()
        assert row is not None
        return float(row[0])


class Procrastinate(Peer):
    name = "Procrastinate"

    def __init__(self, url: str, connection: psycopg.Connection, worker: subprocess.Popen[bytes]) -> None:
        from procrastinate import App, SyncPsycopgConnector

        app = App(connector=SyncPsycopgConnector(conninfo=url, min_size=1, max_size=1))
        app.open()
        self.close = app.close
        self._job = app.configure_task("agent")
        super().__init__(connection, worker)

    def submit_one(self) -> None:
        self._job.defer(prompt="task")

    def submit(self, count: int) -> None:
        arguments: list[dict[str, Any]] = [{"prompt": f"task {number}"} for number in range(count)]
        self._job.batch_defer(*arguments)


class Graphile(Peer):
    name = "Graphile Worker"

    def submit_one(self) -> None:
        self._connection.execute("SELECT graphile_worker.add_job('agent', '{\"prompt\": \"task\"}')")

    def submit(self, count: int) -> None:
        self._connection.execute(
            "SELECT count(*) FROM graphile_worker.add_jobs(ARRAY(SELECT ROW("
            "'agent', json_build_object('prompt', 'task ' || number), NULL, NULL, NULL, NULL, NULL, NULL"
            ")::graphile_worker.job_spec FROM generate_series(1, %s) AS number))",
            [count],
        )


@contextlib.contextmanager
def ours(stage: Stage, database: str) -> Iterator[Ours]:
    with stage.database(database) as connection, stage.dispatcher(database):
        wait_for_dispatcher(connection)
        yield Ours(connection)


@contextlib.contextmanager
def peers(stage: Stage, database: str, *, tuned_for: Goal) -> Iterator[list[Queue]]:
    """Yield the peers that are installed, at rest and set up for the measure."""
    with ExitStack() as stack:
        found: list[Queue] = []
        if procrastinate_is_installed():
            found.append(stack.enter_context(_procrastinate(stage, f"{database}_procrastinate")))
        if graphile_is_installed():
            found.append(stack.enter_context(_graphile(stage, f"{database}_graphile", tuned_for)))
        yield found


def procrastinate_is_installed() -> bool:
    return importlib.util.find_spec("procrastinate") is not None


def graphile_is_installed() -> bool:
    return shutil.which("node") is not None and (HERE / "node_modules" / "graphile-worker").is_dir()


def missing_peers() -> list[str]:
    """Return the names of the peers that `just setup-bench` would install."""
    installed = {Procrastinate.name: procrastinate_is_installed(), Graphile.name: graphile_is_installed()}
    return [name for name, there in installed.items() if not there]


@contextlib.contextmanager
def _procrastinate(stage: Stage, database: str) -> Iterator[Procrastinate]:
    with stage.empty_database(database) as url, _results(url) as connection:
        create_procrastinate_schema(url)
        command = [sys.executable, "-m", "tests.bench.peers.procrastinate_worker"]
        with running(command, worker_environment(stage, url), subprocess.PIPE) as worker:
            peer = Procrastinate(url, connection, worker)
            try:
                yield peer
            finally:
                peer.close()


@contextlib.contextmanager
def _graphile(stage: Stage, database: str, tuned_for: Goal) -> Iterator[Graphile]:
    with stage.empty_database(database) as url, _results(url) as connection:
        command = ["node", str(HERE / "peers" / "graphile_worker.mjs")]
        environment = {**worker_environment(stage, url), "BENCH_TUNED_FOR": tuned_for}
        with running(command, environment, subprocess.PIPE) as worker:
            yield Graphile(connection, worker)


@contextlib.contextmanager
def _results(url: str) -> Iterator[psycopg.Connection]:
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(
            "CREATE TABLE results (number bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, answer text NOT NULL)"
        )
        yield connection


def create_procrastinate_schema(url: str) -> None:
    from procrastinate import App, SyncPsycopgConnector

    with App(connector=SyncPsycopgConnector(conninfo=url)).open() as app:
        app.schema_manager.apply_schema()


def worker_environment(stage: Stage, url: str) -> dict[str, str]:
    """What the programs below peers/ want to know."""
    return {
        "BENCH_DATABASE_URL": url,
        "BENCH_AGENT": str(stage.agent),
        "BENCH_CONCURRENCY": str(CONCURRENCY),
    }


def submit(connection: psycopg.Connection, count: int) -> None:
    """Queue ``count`` tasks of the tool `bench` in one statement."""
    tasks = [{"tool": "bench", "prompt": f"task {number}"} for number in range(count)]
    connection.execute("SELECT count(*) FROM submit_tasks(%s)", [json.dumps(tasks)])


def wait_for_dispatcher(connection: psycopg.Connection) -> None:
    """Return when a dispatcher has registered."""
    connection.execute("LISTEN dispatcher_heartbeat")
    while connection.execute("SELECT FROM dispatchers WHERE NOT closed").fetchone() is None:
        if not list(connection.notifies(timeout=PATIENCE, stop_after=1)):
            raise RuntimeError("the dispatcher does not register")
    connection.execute("UNLISTEN dispatcher_heartbeat")
