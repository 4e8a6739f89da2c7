"""P3: the cost of a claim when much is queued, compared with the same claim on an empty backlog."""

import statistics
from collections.abc import Callable, Mapping
from time import perf_counter

import psycopg

from tests.bench.result import Result
from tests.bench.stage import Stage
from tests.bench.systems import submit

Fill = Callable[[psycopg.Connection, int], None]
"""Adds so many lanes, tasks or groups to a database where the tool `bench` has a group with free slots."""

WARM_UPS = 5
ENOUGH_SECONDS = 20
"""A claim that is so slow needs no more rounds to show it."""
SIZES = (1, 10)


def claim(stage: Stage) -> list[Result]:
    """P3: claims of 1 and 10 tasks of one lane, with a million tasks, or ten thousand lanes, before it."""
    results = claims_beside(
        stage, f"P3 {stage.sizes.backlog:,} of a full tool in front", _full_tool, stage.sizes.backlog
    )
    for name, fill in LANES.items():
        results += claims_beside(stage, f"P3 {stage.sizes.lanes:,} {name}", fill, stage.sizes.lanes)
    return results


def claims_beside(
    stage: Stage, name: str, fill: Fill, count: int, *, without: str = "empty backlog", goal: float = 1.5
) -> list[Result]:
    """Claim alternately in a database that was filled and in one ``without``."""
    with stage.database("empty") as empty, stage.database("filled") as filled:
        dispatchers = {connection: register(connection) for connection in (empty, filled)}
        fill(filled, count)
        for connection in dispatchers:
            connection.execute("VACUUM ANALYZE")  # otherwise autovacuum does it while we measure
            connection.execute(
                "SET synchronous_commit = off"
            )  # the disk would hide what the claim itself costs
        results = []
        for size in SIZES:
            reference, ours = _claims_ms(stage, dispatchers, size)
            results.append(
                Result(
                    measure=f"{name}, claim {size}",
                    ours=f"{ours:.2f} ms",
                    reference=f"{reference:.2f} ms {without}",
                    ratio=ours / reference,
                    goal=goal,
                )
            )
        return results


def register(connection: psycopg.Connection) -> object:
    """Make a group with room for all tasks and a dispatcher without a process. Return the dispatcher's id."""
    connection.execute("SELECT put_tool('bench')")
    connection.execute("SELECT put_group('bench', 'bench', 'a', 1000000)")
    row = connection.execute(
        "SELECT register_dispatcher('h', 'b', 1, '0', gen_random_uuid(), 86400)"
    ).fetchone()
    assert row is not None
    return row[0]


def _claims_ms(stage: Stage, dispatchers: Mapping[psycopg.Connection, object], size: int) -> list[float]:
    """Median milliseconds for each connection, without the first claims, which file what is new."""
    rounds = WARM_UPS + stage.sizes.claims
    for connection in dispatchers:
        submit(connection, rounds * size)
    times: dict[psycopg.Connection, list[float]] = {connection: [] for connection in dispatchers}
    begun = perf_counter()
    for number in range(rounds):
        if number >= 2 * WARM_UPS and perf_counter() - begun > ENOUGH_SECONDS:
            break
        for connection, dispatcher in dispatchers.items():
            start = perf_counter()
            claimed = connection.execute(
                "SELECT json_array_length(report_and_claim(%s, '[]', %s) -> 'runs')", [dispatcher, size]
            ).fetchone()
            times[connection].append((perf_counter() - start) * 1000)
            assert claimed == (size,), f"a claim of {size} got {claimed}"
    return [statistics.median(taken[WARM_UPS:]) for taken in times.values()]


def _full_tool(connection: psycopg.Connection, count: int) -> None:
    connection.execute("SELECT put_tool('full')")
    connection.execute("SELECT put_group('full', 'full', 'a', 0)")
    connection.execute(
        "INSERT INTO tasks (tool, prompt, priority) SELECT 'full', 'x', 9 FROM generate_series(1, %s)",
        [count],
    )


def open_tenants(connection: psycopg.Connection, count: int) -> None:
    connection.execute(
        "INSERT INTO tasks (tool, prompt, tenant_id) SELECT 'bench', 'x', 't' || n FROM generate_series(1, %s) AS n",
        [count],
    )


def _open_models(connection: psycopg.Connection, count: int) -> None:
    connection.execute(
        "INSERT INTO tasks (tool, prompt, model) SELECT 'bench', 'x', 'm' || n FROM generate_series(1, %s) AS n",
        [count],
    )


def _full_tenants(connection: psycopg.Connection, count: int) -> None:
    connection.execute(
        "INSERT INTO concurrency_limits (scope, max_concurrent)"
        " SELECT 'tenant:t' || n, 0 FROM generate_series(1, %s) AS n",
        [count],
    )
    connection.execute(
        "INSERT INTO tasks (tool, prompt, tenant_id, priority)"
        " SELECT 'bench', 'x', 't' || n, 9 FROM generate_series(1, %s) AS n",
        [count],
    )


def _tenants_of_a_full_model(connection: psycopg.Connection, count: int) -> None:
    connection.execute("SELECT set_limit('model:full', 0)")
    connection.execute(
        "INSERT INTO tasks (tool, prompt, model, tenant_id, priority)"
        " SELECT 'bench', 'x', 'full', 't' || n, 9 FROM generate_series(1, %s) AS n",
        [count],
    )


def _full_models(connection: psycopg.Connection, count: int) -> None:
    connection.execute(
        "INSERT INTO concurrency_limits (scope, max_concurrent)"
        " SELECT 'model:m' || n, 0 FROM generate_series(1, %s) AS n",
        [count],
    )
    connection.execute(
        "INSERT INTO tasks (tool, prompt, model, priority)"
        " SELECT 'bench', 'x', 'm' || n, 9 FROM generate_series(1, %s) AS n",
        [count],
    )


def _full_workflows(connection: psycopg.Connection, count: int) -> None:
    connection.execute(
        "INSERT INTO concurrency_limits (scope, max_concurrent)"
        " SELECT 'workflow:w' || n, 0 FROM generate_series(1, %s) AS n",
        [count],
    )
    connection.execute(
        "INSERT INTO tasks (tool, prompt, workflow, priority)"
        " SELECT 'bench', 'x', 'w' || n, 9 FROM generate_series(1, %s) AS n",
        [count],
    )


LANES: Mapping[str, Fill] = {
    "tenants, all open": open_tenants,
    "models, all open": _open_models,
    "tenants at their limits in front": _full_tenants,
    "tenants of one full model in front": _tenants_of_a_full_model,
    "models at their limits in front": _full_models,
    "workflows at their limits in front": _full_workflows,
}
