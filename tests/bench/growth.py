"""P8: what it costs to have many groups or many tenants."""

import statistics
from contextlib import ExitStack

import psycopg

from tests.bench.claims import claims_beside, open_tenants
from tests.bench.latency import start_latencies
from tests.bench.result import Result
from tests.bench.stage import CONCURRENCY, Stage
from tests.bench.systems import Ours, wait_for_dispatcher


def growth(stage: Stage) -> list[Result]:
    """P8: the start of an agent and the claim, with one group and tenant and with many."""
    sizes = stage.sizes
    return [
        *_starts(stage),
        *claims_beside(
            stage, f"P8 1 → {sizes.groups:,} groups", _put_groups, sizes.groups, without="one group"
        ),
        *claims_beside(
            stage, f"P8 1 → {sizes.lanes:,} tenants", open_tenants, sizes.lanes, without="one tenant"
        ),
    ]


def _starts(stage: Stage) -> list[Result]:
    groups, tenants = stage.sizes.groups, [f"t{number}" for number in range(1, stage.sizes.lanes + 1)]
    with ExitStack() as stack:

        def system(name: str, groups: int = 1, tenants: list[str] | None = None) -> Ours:
            connection = stack.enter_context(stage.database(name))
            if tenants is not None:
                _introduce(connection, len(tenants))
            stack.enter_context(stage.dispatcher(name, groups=groups))
            wait_for_dispatcher(connection)
            return Ours(connection, tenants or ["default"], name)

        one = system("one")
        many = {
            f"{groups:,} groups": system("many_groups", groups=groups),
            f"{len(tenants):,} tenants": system("many_tenants", tenants=tenants),
        }
        latencies = start_latencies(stage, [one, *many.values()])
    medians = {name: statistics.median(times) for name, times in latencies.items()}
    return [
        Result(
            measure=f"P8 1 → {what}, submit to agent, p50",
            ours=f"{medians[grown.name]:.1f} ms",
            reference=f"{medians[one.name]:.1f} ms one of each",
            ratio=medians[grown.name] / medians[one.name],
            goal=1.5,
        )
        for what, grown in many.items()
    ]


def _introduce(connection: psycopg.Connection, tenants: int) -> None:
    """Make the claim know so many tenants, each with a limit of its own, and leave nothing queued."""
    connection.execute("SELECT put_tool('bench')")
    connection.execute(
        "INSERT INTO concurrency_limits (scope, max_concurrent)"
        " SELECT 'tenant:t' || n, %s FROM generate_series(1, %s) AS n",
        [CONCURRENCY, tenants],
    )
    open_tenants(connection, tenants)
    connection.execute("SELECT count(cancel_task(number::text)) FROM tasks")
    connection.execute("VACUUM ANALYZE")


def _put_groups(connection: psycopg.Connection, groups: int) -> None:
    connection.execute(
        "SELECT count(put_group('g' || n, 'bench', 'a' || n, 1000)) FROM generate_series(1, %s) AS n",
        [groups - 1],
    )
