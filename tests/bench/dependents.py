"""P11: tasks that come after others, and schedules: what they cost while they wait, and when they are released."""

import json
import statistics
from collections.abc import Callable
from time import perf_counter

import psycopg

from tests.bench.claims import claims_beside
from tests.bench.life import life
from tests.bench.result import Result
from tests.bench.stage import CONCURRENCY, Stage, settle
from tests.bench.standing import at_rest, cpu_seconds
from tests.bench.systems import Ours, ours

LONGEST_MS = 200
ROWS_AT_ONCE = 100_000


def dependents(stage: Stage) -> list[Result]:
    """P11: claims beside a million tasks that wait for another one, and the release of many by its end."""
    count = stage.sizes.dependents
    return [
        *claims_beside(
            stage, f"P11 {count:,} dependents wait", _held_with_dependents, count, without="without", goal=1.1
        ),
        *_release(stage),
    ]


def chains(stage: Stage) -> list[Result]:
    """P11b: a chain of tasks and a diamond, each submitted at once and run by a dispatcher."""
    count = stage.sizes.chained
    with ours(stage, "chain") as system, stage.connection("chain") as connection:
        for _ in range(stage.sizes.warm_ups):
            _one_by_one(system, 1)
        settle(stage)
        single = _seconds(lambda: _one_by_one(system, count))
        chain = _seconds(lambda: _submit_and_wait(system, connection, _chain(count)))
        apart = _seconds(lambda: _submit_and_wait(system, connection, _apart(count + 2)))
        diamond = _seconds(lambda: _submit_and_wait(system, connection, _diamond(count)))
    return [
        Result(
            measure=f"P11b a chain of {count:,}",
            ours=f"{count / chain:.0f} a second",
            reference=f"{count / single:.0f} a second, submitted and awaited one by one",
            ratio=single / chain,
            goal=0.5,
            at_least=True,
        ),
        Result(
            measure=f"P11b a diamond of 1, {count:,} and 1",
            ours=f"{(count + 2) / diamond:.0f} a second",
            reference=f"{(count + 2) / apart:.0f} a second, as many that need nothing",
            ratio=apart / diamond,
            at_least=True,
        ),
    ]


def schedules(stage: Stage) -> list[Result]:
    """P11c: claims and an idle dispatcher beside many schedules of which none is due."""
    count = stage.sizes.schedules
    results = claims_beside(stage, f"P11c {count:,} schedules", _schedule, count, without="without", goal=1.1)
    heartbeats = max(1, stage.sizes.heartbeats // 2)
    taken = at_rest(stage, heartbeats, lambda connection: _schedule(connection, count))
    return [
        *results,
        Result(
            measure=f"P11c {count:,} schedules, idle for {taken.seconds:.0f} s: statements beside heartbeats",
            ours=str(taken.total - heartbeats),
            reference="0",
            ratio=float(taken.total - heartbeats),
            goal=0,
            notes=tuple(
                f"P11c statement, {calls} times: {' '.join(query.split())}"
                for calls, query in taken.statements
            ),
        ),
    ]


def _release(stage: Stage) -> list[Result]:
    """End a task with many dependents and claim on, as a dispatcher does, until none of them waits any more."""
    count = stage.sizes.released
    with stage.database("release") as connection, life(stage.server.url("release")) as subject:
        subject.submit()
        runs = subject.claim(CONCURRENCY)
        _file_dependents(connection, count)
        connection.execute("VACUUM ANALYZE")  # otherwise autovacuum does it while we measure
        connection.execute("CHECKPOINT")
        rounds: list[float] = []
        processor: list[float] = []
        pid = subject.dispatcher.info.backend_pid
        while True:
            start, used = perf_counter(), cpu_seconds(pid)
            runs = subject.claim(CONCURRENCY, runs)
            rounds.append((perf_counter() - start) * 1000)
            processor.append((cpu_seconds(pid) - used) * 1000)
            if not _count(connection, "SELECT count(*) FROM dependency_inbox"):
                break
        assert not _count(connection, "SELECT count(*) FROM tasks WHERE wait_reason = 'dependency'")
    return [
        Result(
            measure=f"P11 release of {count:,} dependents: longest round",
            ours=f"{max(rounds):.0f} ms",
            reference=f"{LONGEST_MS} ms",
            ratio=max(rounds) / LONGEST_MS,
            goal=1,
            notes=(
                f"P11 release: {len(rounds)} rounds that end and claim up to {CONCURRENCY},"
                f" {sum(rounds) / 1000:.1f} s in all; the first took {rounds[0]:.0f} ms, the median"
                f" {statistics.median(rounds):.0f}",
                f"P11 release: processor time of a round: at most {max(processor):.0f} ms, in the median"
                f" {statistics.median(processor):.0f}",
            ),
        )
    ]


def _held_with_dependents(connection: psycopg.Connection, count: int) -> None:
    connection.execute("SELECT number FROM submit_task('bench', 'needed')")
    connection.execute("UPDATE tasks SET wait_reason = 'held'")
    _file_dependents(connection, count)


def _file_dependents(connection: psycopg.Connection, count: int) -> None:
    """Let so many tasks come after the only one that is there, as submit_tasks() would write them."""
    for first in range(0, count, ROWS_AT_ONCE):
        connection.execute(
            "WITH needed AS (SELECT id FROM tasks ORDER BY number LIMIT 1), waiting AS ("
            " INSERT INTO tasks (tool, prompt, wait_reason) SELECT 'bench', 'x', 'dependency'"
            " FROM generate_series(1, %s) RETURNING id)"
            " INSERT INTO task_dependencies (task_id, needs, kind)"
            " SELECT waiting.id, needed.id, 'succeeded' FROM waiting, needed",
            [min(ROWS_AT_ONCE, count - first)],
        )


def _schedule(connection: psycopg.Connection, count: int) -> None:
    """Write so many schedules that were computed already, with a zone database newer than any host has."""
    connection.execute(
        "INSERT INTO schedules (tenant_id, name, cron, zone, task, overlap, catch_up, max_failures, done_until,"
        " next_at, zone_data)"
        " SELECT 'default', 's' || n, '0 3 * * *', 'Europe/Berlin', '{\"tool\": \"bench\", \"prompt\": \"x\"}',"
        " 'skip', 'one', 5, now(), now() + interval '1 day' + n * interval '1 second', '9999z'"
        " FROM generate_series(1, %s) AS n",
        [count],
    )


def _one_by_one(system: Ours, count: int) -> None:
    for _ in range(count):
        system.submit_one()
        system.wait(1)


def _submit_and_wait(system: Ours, connection: psycopg.Connection, tasks: list[dict[str, object]]) -> None:
    connection.execute("SELECT count(*) FROM submit_tasks(%s)", [json.dumps(tasks)])
    system.wait(len(tasks))


def _task(step: str, *after: str) -> dict[str, object]:
    return {"tool": "bench", "prompt": step, "step": step, **({"after": after} if after else {})}


def _chain(count: int) -> list[dict[str, object]]:
    return [_task("s0"), *(_task(f"s{place}", f"s{place - 1}") for place in range(1, count))]


def _diamond(count: int) -> list[dict[str, object]]:
    middle = [f"s{place}" for place in range(count)]
    return [_task("first"), *(_task(step, "first") for step in middle), _task("last", *middle)]


def _apart(count: int) -> list[dict[str, object]]:
    return [_task(f"s{place}") for place in range(count)]


def _seconds(run: Callable[[], object]) -> float:
    start = perf_counter()
    run()
    return perf_counter() - start


def _count(connection: psycopg.Connection, query: str) -> int:
    row = connection.execute(query.encode()).fetchone()
    assert row is not None
    return int(row[0])
