"""P9c: counts and metrics with a million tasks, and what keeping them costs."""

import json
import statistics
from collections.abc import Callable
from time import perf_counter

import psycopg
from psycopg.sql import SQL, Identifier

from tests.bench.churn import Mill
from tests.bench.result import Result
from tests.bench.stage import Stage

ROUNDS = 15
QUEUES, TENANTS = 100, 50
BATCH = 5000
TRIGGERS = {
    "tasks_inserted_tallied": "tasks",
    "tasks_deleted_tallied": "tasks",
}


def counts(stage: Stage) -> list[Result]:
    """P9c: the time of each reader against count(*), and the rate of submitting with tallies against without."""
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
    ] + _kept(stage)


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


def _kept(stage: Stage) -> list[Result]:
    """Submit batches, and single tasks, alternately with the triggers of the tallies and without."""
    tasks = json.dumps([{"tool": "claude", "prompt": "p"}] * BATCH)
    with stage.database("kept") as connection:
        connection.execute("SELECT put_group('bench', 'claude', 'bench', 100)")
        return [
            _compared(
                "P9c submit_tasks() with tallies", lambda: _submit(connection, tasks), connection, ROUNDS
            ),
            _compared(
                "P9c submit_task() with tallies", lambda: _submit_one(connection), connection, 20 * ROUNDS
            ),
            _compared("P9c life of 16 tasks with tallies", Mill(connection).turn, connection, 10 * ROUNDS),
        ]


def _submit(connection: psycopg.Connection, tasks: str) -> object:
    return connection.execute("SELECT count(*) FROM submit_tasks(%s)", [tasks])


def _submit_one(connection: psycopg.Connection) -> object:
    return connection.execute("SELECT submit_task('claude', 'p')")


def _compared(
    measure: str, work: Callable[[], object], connection: psycopg.Connection, rounds: int
) -> Result:
    times: dict[bool, list[float]] = {True: [], False: []}
    for turn in range(2 * rounds):
        kept = turn % 2 == 0
        switch = SQL("ENABLE" if kept else "DISABLE")
        for trigger, table in TRIGGERS.items():
            connection.execute(
                SQL("ALTER TABLE {} {} TRIGGER {}").format(Identifier(table), switch, Identifier(trigger))
            )
        start = perf_counter()
        work()
        times[kept].append((perf_counter() - start) * 1000)
    ours, bare = statistics.median(times[True]), statistics.median(times[False])
    return Result(
        measure=measure,
        ours=f"{ours:.2f} ms",
        reference=f"{bare:.2f} ms without",
        ratio=ours / bare,
        goal=1.03,
    )


def _milliseconds(connection: psycopg.Connection, query: str, rounds: int = ROUNDS) -> float:
    times = []
    for _ in range(rounds):
        start = perf_counter()
        connection.execute(query.encode()).fetchall()
        times.append((perf_counter() - start) * 1000)
    return statistics.median(times)
