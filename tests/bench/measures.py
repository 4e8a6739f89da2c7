"""What is measured, each against its limit in the same run. The goals are ratios; absolute times are for the eye."""

import json
import os
import statistics
import subprocess
import sys
from collections.abc import Callable, Mapping
from time import perf_counter

import psycopg
import trio

from tests.bench.churn import churn
from tests.bench.result import Result
from tests.bench.stage import CONCURRENCY, Stage, submit, wait_for_all, wait_for_dispatcher


def drain(stage: Stage) -> list[Result]:
    """P2: 2,000 no-op agents at concurrency 16, everything recorded, against the bare loop of trio."""
    count = 2000
    with psycopg.connect(stage.database("drain"), autocommit=True) as connection, stage.dispatcher("drain"):
        wait_for_dispatcher(connection)
        submit(connection, 50)
        wait_for_all(connection)
        start = perf_counter()
        submit(connection, count)
        wait_for_all(connection)
        ours = count / (perf_counter() - start)
    bare = _bare_loop(stage, count)
    return [Result("P2 drain 2,000 agents", f"{ours:.0f}/s", f"{bare:.0f}/s bare", ours / bare, 0.5, True)]


def _bare_loop(stage: Stage, count: int) -> float:
    async def main() -> None:
        slots = trio.CapacityLimiter(CONCURRENCY)

        async def one() -> None:
            async with slots:
                await trio.run_process([str(stage.agent)], stdin=b"task", capture_stdout=True)

        async with trio.open_nursery() as nursery:
            for _ in range(count):
                nursery.start_soon(one)

    start = perf_counter()
    trio.run(main)
    return count / (perf_counter() - start)


def claim(stage: Stage) -> list[Result]:
    """P3: a claim with a million queued tasks of a full tool in front, against one on an empty backlog."""
    results = []
    with psycopg.connect(stage.database("claim"), autocommit=True) as connection:
        connection.execute("SELECT put_tool('bench'), put_tool('full')")
        connection.execute(
            "SELECT put_group('bench', 'bench', 'a', 1000000), put_group('full', 'full', 'a', 0)"
        )
        row = connection.execute(
            "SELECT register_dispatcher('h', 'b', 1, '0', gen_random_uuid(), 86400)"
        ).fetchone()
        assert row is not None
        empty = {size: _claim_ms(connection, row[0], size) for size in (1, 10)}
        connection.execute(
            "INSERT INTO tasks (tool, prompt, priority) SELECT 'full', 'x', 9 FROM generate_series(1, 1000000)"
        )
        connection.execute("VACUUM ANALYZE")  # else autovacuum does it while we measure
        for size, reference in empty.items():
            ours = _claim_ms(connection, row[0], size)
            name = f"P3 claim {size}, 1,000,000 in front"
            results.append(Result(name, f"{ours:.2f} ms", f"{reference:.2f} ms", ours / reference, 2, False))
    return results


def _claim_ms(connection: psycopg.Connection, dispatcher: object, size: int) -> float:
    """Median milliseconds of a claim, after the first, which files what is new."""
    rounds = 50
    submit(connection, (rounds + 5) * size)
    times = []
    for _ in range(rounds + 5):
        start = perf_counter()
        connection.execute("SELECT claim_tasks(%s, %s)", [dispatcher, size])
        times.append(perf_counter() - start)
    return statistics.median(times[5:]) * 1000


def bulk(stage: Stage) -> list[Result]:
    """P4: 100,000 tasks through submit_tasks() against a bare multi-row INSERT of the same rows."""
    count = 100_000
    with psycopg.connect(stage.database("bulk"), autocommit=True) as connection:
        connection.execute("CREATE TABLE bare (LIKE tasks INCLUDING ALL)")
        connection.execute("SELECT put_tool('bench')")
        tasks = json.dumps([{"tool": "bench", "prompt": f"task {number}"} for number in range(count)])
        start = perf_counter()
        connection.execute(
            "INSERT INTO bare (tool, prompt) SELECT tool, prompt FROM jsonb_to_recordset(%s) "
            "AS given (tool text, prompt text)",
            [tasks],
        )
        bare = count / (perf_counter() - start)
        start = perf_counter()
        connection.execute("SELECT count(*) FROM submit_tasks(%s)", [tasks])
        ours = count / (perf_counter() - start)
    return [Result("P4 submit 100,000", f"{ours:.0f}/s", f"{bare:.0f}/s bare", ours / bare, 0.4, True)]


def start_up(stage: Stage) -> list[Result]:
    """P7: whole processes against `python -c 'import psycopg'`."""
    stage.database("cli_worker")
    floor = _process_seconds("-c", "import psycopg")
    helping = _process_seconds("-m", "cli.main", "--help")
    environment = {"LLMCTL_DATABASE_URL": stage.server.url("postgres")}
    submitting = _process_seconds("-m", "cli.main", "submit", "claude", "hello", "-q", env=environment)
    reference = f"{floor * 1000:.0f} ms import psycopg"
    return [
        Result("P7 llmctl --help", f"{helping * 1000:.0f} ms", reference, helping / floor, 0.5, False),
        Result("P7 llmctl submit", f"{submitting * 1000:.0f} ms", reference, submitting / floor, 1.3, False),
    ]


def _process_seconds(*arguments: str, env: Mapping[str, str] | None = None) -> float:
    times = []
    for _ in range(10):
        start = perf_counter()
        subprocess.run(
            [sys.executable, *arguments],
            env={**os.environ, **(env or {})},
            stdout=subprocess.DEVNULL,
            check=True,
        )
        times.append(perf_counter() - start)
    return statistics.median(times[1:])


MEASURES: Mapping[str, Callable[[Stage], list[Result]]] = {
    "P2": drain,
    "P3": claim,
    "P4": bulk,
    "P7": start_up,
    "churn": churn,
}
