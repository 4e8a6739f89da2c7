"""P1: how soon an agent runs after its task was submitted to a system at rest."""

import random
import statistics
import time
from collections.abc import Mapping, Sequence

from tests.bench.result import Result
from tests.bench.stage import Stage, settle
from tests.bench.systems import System, missing_peers, ours, peers

BLOCKS = 10


def start(stage: Stage) -> list[Result]:
    """P1: from just before the submit to the agent's first instruction, all systems at rest on one server."""
    with ours(stage, "start") as own, peers(stage, "start", tuned_for="latency") as others:
        latencies = dict(start_latencies(stage, [own, *others]))
    own_ms = latencies.pop(own.name)
    half, tail = statistics.median(own_ms), percentile_99(own_ms)
    ranking = sorted((statistics.median(times), name) for name, times in latencies.items())
    missing = missing_peers()
    return [
        Result(
            measure="P1 submit to agent, p50",
            ours=f"{half:.1f} ms",
            reference=", ".join(
                [f"{median:.1f} ms {name}" for median, name in ranking]
                + [f"{name} not installed" for name in missing]
            ),
            ratio=None if missing else half / ranking[0][0],
            goal=0.9,
        ),
        Result(
            measure="P1 submit to agent, p99",
            ours=f"{tail:.1f} ms",
            reference=f"{half:.1f} ms its own p50",
            ratio=tail / half,
            goal=2,
            notes=tuple(
                f"P1 p99 of {name}: {percentile_99(times):.1f} ms" for name, times in latencies.items()
            ),
        ),
    ]


def start_latencies(stage: Stage, systems: Sequence[System], *, one_of: int = 1) -> Mapping[str, list[float]]:
    """Milliseconds by the name of the system, measured in blocks so that the machine's noise hits all alike.

    Only one of so many rounds is made where a system is slow.
    """
    warm_ups, starts = (max(1, rounds // one_of) for rounds in (stage.sizes.warm_ups, stage.sizes.starts))
    for system in systems:
        _start_latencies(system, warm_ups)
    settle(stage)
    blocks = min(BLOCKS, starts)
    taken: dict[str, list[float]] = {system.name: [] for system in systems}
    for _ in range(blocks):
        for system in systems:
            taken[system.name] += _start_latencies(system, starts // blocks)
    return taken


def _start_latencies(system: System, rounds: int) -> list[float]:
    taken = []
    for _ in range(rounds):
        rest()
        submitted = time.monotonic()
        system.submit_one()
        system.wait(1)
        taken.append((system.last_start() - submitted) * 1000)
    return taken


def rest() -> None:
    """Wait until everything is at rest, which is where P1 begins."""
    time.sleep(random.uniform(0.03, 0.06))


def percentile_99(values: Sequence[float]) -> float:
    return statistics.quantiles(values, n=100, method="inclusive")[98]
