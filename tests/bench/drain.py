"""P2: how fast a queue of agents that do nothing is drained, everything recorded."""

import statistics
from collections import defaultdict
from collections.abc import Callable
from time import perf_counter

import trio

from tests.bench.result import Result
from tests.bench.stage import CONCURRENCY, Stage, settle
from tests.bench.systems import System, missing_peers, ours, peers

WARM_UP = 50


def drain(stage: Stage) -> list[Result]:
    """P2: agents per second at concurrency 16, from the submit to the last result stored.

    Ours, the bare loop of trio and the peers take turns, each round in another order; ratios are those of a round.
    """
    count = stage.sizes.drained
    rates: dict[str, list[float]] = defaultdict(list)
    with ours(stage, "drain") as own, peers(stage, "drain", tuned_for="throughput") as others:
        drains: dict[str, Callable[[int], None]] = {"bare": lambda number: bare_loop(stage, number)}
        drains |= {system.name: drain_of(system) for system in (own, *others)}
        for run in drains.values():
            run(WARM_UP)
        order = list(drains)
        for _ in range(stage.sizes.drains):
            for name in order:
                settle(stage)
                start = perf_counter()
                drains[name](count)
                rates[name].append(count / (perf_counter() - start))
            order.append(order.pop(0))

    own_rates, bare = rates.pop(own.name), rates.pop("bare")
    ranking = sorted(((statistics.median(rate), name) for name, rate in rates.items()), reverse=True)
    missing = missing_peers()
    measure, shown = f"P2 drain {count:,} agents", f"{statistics.median(own_rates):.0f}/s"
    return [
        Result(
            measure=measure,
            ours=shown,
            reference=f"{statistics.median(bare):.0f}/s bare loop",
            ratio=_ratio(own_rates, bare),
            goal=0.5,
            at_least=True,
        ),
        Result(
            measure=measure,
            ours=shown,
            reference=", ".join(
                [f"{rate:.0f}/s {name}" for rate, name in ranking]
                + [f"{name} not installed" for name in missing]
            ),
            ratio=None if missing else _ratio(own_rates, rates[ranking[0][1]]),
            goal=1.2,
            at_least=True,
        ),
    ]


def _ratio(own: list[float], reference: list[float]) -> float:
    return statistics.median(ours / theirs for ours, theirs in zip(own, reference, strict=True))


def drain_of(system: System) -> Callable[[int], None]:
    def run(count: int) -> None:
        system.submit(count)
        system.wait(count)

    return run


def bare_loop(stage: Stage, count: int) -> None:
    """Run so many agents, CONCURRENCY at a time, and keep nothing: what starting them costs."""

    async def main() -> None:
        slots = trio.CapacityLimiter(CONCURRENCY)

        async def one() -> None:
            async with slots:
                await trio.run_process([str(stage.agent)], stdin=b"task", capture_stdout=True)

        async with trio.open_nursery() as nursery:
            for _ in range(count):
                nursery.start_soon(one)

    trio.run(main)
