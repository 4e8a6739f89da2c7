"""P5 and P6: the cost of a dispatcher that is idle, or that only waits for its agents."""

import subprocess
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter

import psycopg

from tests.bench.result import Result
from tests.bench.stage import Stage
from tests.bench.systems import PATIENCE, submit, wait_for_dispatcher

MEGABYTE = 1_000_000
MOST_HEARTBEATS_BEFORE_A_CLAIM = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class Rest:
    """What an idle dispatcher did during so many seconds, from a heartbeat to a later one."""

    seconds: float
    cpu_seconds: float
    statements: Sequence[tuple[int, str]]
    """How often each of them was called, and its text."""

    @property
    def claims(self) -> int:
        return _claims(self.statements)

    @property
    def total(self) -> int:
        return sum(calls for calls, _ in self.statements)


def idle(stage: Stage) -> list[Result]:
    """P5: the statements and the CPU time of an idle dispatcher, between two heartbeats some minutes apart."""
    heartbeats = stage.sizes.heartbeats
    taken = at_rest(stage, heartbeats)
    return [
        Result(
            measure=f"P5 idle for {taken.seconds:.0f} s: claims",
            ours=str(taken.claims),
            reference="0",
            ratio=float(taken.claims),
            goal=0,
        ),
        Result(
            measure=f"P5 idle for {taken.seconds:.0f} s: statements",
            ours=str(taken.total),
            reference=f"{heartbeats} heartbeats",
            ratio=taken.total / heartbeats,
            goal=1,
            notes=tuple(
                f"P5 statement, {calls} times: {' '.join(query.split())}" for calls, query in taken.statements
            ),
        ),
        _cpu(f"P5 idle for {taken.seconds:.0f} s: CPU", taken.cpu_seconds / taken.seconds, 0.001),
    ]


def at_rest(
    stage: Stage, heartbeats: int, fill: Callable[[psycopg.Connection], None] = lambda _: None
) -> Rest:
    """Watch a dispatcher for so many heartbeats, on a database where nothing but ``fill`` was done."""
    with (
        stage.database("idle") as connection,
        psycopg.connect(stage.server.url("postgres"), autocommit=True) as onlooker,
        _idle_dispatcher(stage, connection, fill) as process,
    ):
        onlooker.execute("CREATE EXTENSION IF NOT EXISTS pg_stat_statements")
        wait_for_dispatcher(connection)
        # From here on the connection runs no statement, so that all of this database are the dispatcher's.
        connection.execute("LISTEN dispatcher_heartbeat")
        _wait_for_heartbeats(connection, 1)
        for _ in range(MOST_HEARTBEATS_BEFORE_A_CLAIM):
            if _claims(_statements(onlooker)):
                break
            _wait_for_heartbeats(connection, 1)
        else:
            raise RuntimeError("the claim that a dispatcher makes at its start was not recognized")
        onlooker.execute("SELECT pg_stat_statements_reset()")
        used, start = cpu_seconds(process.pid), perf_counter()
        _wait_for_heartbeats(connection, heartbeats)
        used, elapsed = cpu_seconds(process.pid) - used, perf_counter() - start
        return Rest(seconds=elapsed, cpu_seconds=used, statements=_statements(onlooker))


@contextmanager
def _idle_dispatcher(
    stage: Stage, connection: psycopg.Connection, fill: Callable[[psycopg.Connection], None]
) -> Iterator[subprocess.Popen[bytes]]:
    fill(connection)
    with stage.dispatcher("idle", heartbeat_seconds=stage.sizes.heartbeat_seconds) as process:
        yield process


def _statements(onlooker: psycopg.Connection) -> list[tuple[int, str]]:
    """How often each statement was called in the idle database since the last reset."""
    return onlooker.execute(
        "SELECT calls, query FROM pg_stat_statements"
        " WHERE dbid = (SELECT oid FROM pg_database WHERE datname = 'idle') ORDER BY calls DESC, query"
    ).fetchall()


def _claims(statements: Sequence[tuple[int, str]]) -> int:
    return sum(calls for calls, query in statements if "SELECT report_and_claim(" in query)


def silent(stage: Stage) -> list[Result]:
    """P6: the memory and the CPU time of a dispatcher while its agents run and print nothing."""
    agents, seconds = stage.sizes.silent_agents, stage.sizes.watched_seconds
    asleep = str(round(stage.sizes.silent_agent_seconds * 1_000_000))
    with (
        stage.database("silent") as connection,
        stage.dispatcher("silent", slots=agents, agent_arguments=[asleep]) as process,
    ):
        wait_for_dispatcher(connection)
        connection.execute("LISTEN task_event")
        submit(connection, agents)
        _wait_until(connection, "running", agents)
        used, start = cpu_seconds(process.pid), perf_counter()
        time.sleep(seconds)
        used, elapsed = cpu_seconds(process.pid) - used, perf_counter() - start
        memory = _memory_bytes(process.pid)
        assert _count(connection, "running") == agents, "agents ended while they were watched"
        _wait_until(connection, "succeeded", agents)
    return [
        Result(
            measure=f"P6 {agents} silent agents: memory",
            ours=f"{memory / MEGABYTE:.0f} MB",
            reference="100 MB",
            ratio=memory / (100 * MEGABYTE),
            goal=1,
        ),
        _cpu(f"P6 {agents} silent agents: CPU", used / elapsed, 0.01),
    ]


def _cpu(measure: str, share: float, limit: float) -> Result:
    return Result(
        measure=measure,
        ours=f"{share * 100:.3f} % of a core",
        reference=f"{limit * 100:g} %",
        ratio=share / limit,
        goal=1,
    )


def cpu_seconds(pid: int) -> float:
    """Return the CPU time of a process in seconds, including its threads that have ended, exact to the nanosecond.

    The id of the clock is computed as clock_getcpuclockid(3) of glibc does for Linux.
    """
    return time.clock_gettime((~pid << 3) | 2)


def _memory_bytes(pid: int) -> int:
    status = Path(f"/proc/{pid}/status").read_text()
    line = next(line for line in status.splitlines() if line.startswith("VmRSS:"))
    return int(line.split()[1]) * 1024


def _wait_for_heartbeats(connection: psycopg.Connection, count: int) -> None:
    for _ in range(count):
        if not list(connection.notifies(timeout=PATIENCE, stop_after=1)):
            raise RuntimeError("the dispatcher's heart does not beat")


def _wait_until(connection: psycopg.Connection, status: str, count: int) -> None:
    while _count(connection, status) < count:
        if not list(connection.notifies(timeout=PATIENCE, stop_after=1)):
            raise RuntimeError(f"not all tasks become {status}")


def _count(connection: psycopg.Connection, status: str) -> int:
    row = connection.execute("SELECT count(*) FROM tasks WHERE status = %s", [status]).fetchone()
    assert row is not None
    return int(row[0])
