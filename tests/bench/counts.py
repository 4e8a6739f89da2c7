"""P9c: counts and metrics with a million tasks."""

import statistics
from time import perf_counter

import psycopg

from tests.bench.result import Result
from tests.bench.stage import Stage

ROUNDS = 15
QUEUES, TENANTS = 100, 50


def counts(stage: Stage) -> list[Result]:
    """P9c: the time of each reader against count(*)."""
    with stage.database("counts") as connection:
        _fill(connection, stage.sizes.backlog)
        counted = _milliseconds(
            connection, "SELECT status, wait_reason, count(*) FROM tasks GROUP BY 1, 2", 3
        )
        readers = {
            name: _milliseconds(connection, f"SELECT * FROM {name}()")
            for name in ("count_tasks", "facets", "metrics")
        }
    many = f"of {stage.sizes.backlog:,} tasks, {QUEUES * TENANTS:,} lanes"
    return [
        Result(
            measure=f"P9c {name}() {many}",
            ours=f"{took:.1f} ms",
            reference=f"{counted:.0f} ms count(*)",
            ratio=took / counted,
            goal=0.1,
        )
        for name, took in readers.items()
    ]


def _fill(connection: psycopg.Connection, tasks: int) -> None:
    connection.execute("SELECT put_group('bench', 'claude', 'bench', 100)")
    connection.execute(
        "INSERT INTO tasks (tool, prompt, queue, tenant_id, status, finished_at)"
        " SELECT 'claude', 'p', 'q' || mod(i, %(queues)s), 't' || mod(i / %(queues)s, %(tenants)s),"
        " CASE WHEN ended THEN 'succeeded' ELSE 'queued' END, CASE WHEN ended THEN now() END"
        " FROM generate_series(1, %(tasks)s) AS i, LATERAL (SELECT mod(i / 5000, 4) > 0 AS ended) AS fate",
        {"queues": QUEUES, "tenants": TENANTS, "tasks": tasks},
    )
    for _ in range(5):
        connection.execute("SELECT metrics()")
    connection.execute("VACUUM ANALYZE")


def _milliseconds(connection: psycopg.Connection, query: str, rounds: int = ROUNDS) -> float:
    times = []
    for _ in range(rounds):
        start = perf_counter()
        connection.execute(query.encode()).fetchall()
        times.append((perf_counter() - start) * 1000)
    return statistics.median(times)
