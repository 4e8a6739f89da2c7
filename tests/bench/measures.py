"""What is measured, by the numbers of docs/performance.md. Goals are ratios; absolute times are for the eye."""

from collections.abc import Callable, Mapping

from tests.bench.api import api
from tests.bench.churn import churn
from tests.bench.claims import claim
from tests.bench.counts import counts
from tests.bench.dependents import chains, dependents, schedules
from tests.bench.drain import drain
from tests.bench.growth import growth
from tests.bench.latency import start
from tests.bench.lists import lists
from tests.bench.repositories import repositories
from tests.bench.result import Result
from tests.bench.stage import Stage
from tests.bench.standing import idle, silent
from tests.bench.start_up import start_up
from tests.bench.submits import bulk, producers
from tests.bench.survivors import survivors

MEASURES: Mapping[str, Callable[[Stage], list[Result]]] = {
    "P1": start,
    "P1s": survivors,
    "P2": drain,
    "P3": claim,
    "P4": bulk,
    "P5": idle,
    "P6": silent,
    "P7": start_up,
    "P8": growth,
    "P9": lists,
    "P9b": api,
    "P9c": counts,
    "P10": producers,
    "P11": dependents,
    "P11b": chains,
    "P11c": schedules,
    "P12": repositories,
    "churn": churn,
}
