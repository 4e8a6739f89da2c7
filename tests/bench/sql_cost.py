"""What the SQL of a task costs here, against another checkout: processor time of the server's process for each call.

``git worktree add ../base main && python -m tests.bench.sql_cost ../base``. Both schemas are in one server and take
turns, so that noise hits both: look at the ratio. 12 rounds tell differences of 4 % on a machine that others use, too.
"""

import argparse
import statistics
import subprocess
import sys
import time
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import ParamSpec, TypeVar

import psycopg
from rich.console import Console
from rich.table import Table

from tests.bench.life import Life, life
from tests.bench.sizes import FULL
from tests.bench.stage import CONCURRENCY, Stage, stage
from tests.bench.standing import cpu_seconds

HERE = Path(__file__).parents[2]
ALONE = 8
"""Tasks of a round that are submitted, claimed and ended one by one, as in P1."""
DRAINED = 64
AT_ONCE = 5
"""Tasks that a call ends, and claims, while many are drained: P2's median."""
MIGRATE = """
import sys
from dispatcher.configuration.settings import DatabaseSettings, Settings
from dispatcher.database.migrate import migrate
migrate(Settings(database=DatabaseSettings(url=sys.argv[1], name=sys.argv[2])))
"""

P = ParamSpec("P")
T = TypeVar("T")


class Side:
    """One of the two schemas. ``costs`` are microseconds of processor time by the name of the call."""

    def __init__(self, subject: Life) -> None:
        self._life = subject
        self.costs: dict[str, list[float]] = defaultdict(list)

    def round(self) -> None:
        producer, dispatcher, claim = self._life.producer, self._life.dispatcher, self._life.claim
        for _ in range(ALONE):
            self._timed("submit_task()", producer, self._life.submit)
            runs = self._timed("claim of 1", dispatcher, claim, CONCURRENCY)
            self._timed("end of 1", dispatcher, claim, CONCURRENCY, runs)
        self._life.submit_many(DRAINED)
        running = claim(CONCURRENCY)
        for _ in range((DRAINED - CONCURRENCY) // AT_ONCE):
            ended, running = running[:AT_ONCE], running[AT_ONCE:]
            running += self._timed(f"end of {AT_ONCE}, claim of {AT_ONCE}", dispatcher, claim, AT_ONCE, ended)
        while running:  # the last ones are another case
            running = claim(AT_ONCE, running)

    def _timed(
        self,
        name: str,
        connection: psycopg.Connection,
        call: Callable[P, T],
        *arguments: P.args,
        **named: P.kwargs,
    ) -> T:
        pid = connection.info.backend_pid
        before = cpu_seconds(pid)
        returned = call(*arguments, **named)
        time.sleep(0.0003)  # the server's process cleans up after its answer
        self.costs[name].append((cpu_seconds(pid) - before) * 1e6)
        return returned


def sql_cost(
    place: Stage, base: Path, rounds: int
) -> tuple[Mapping[str, list[float]], Mapping[str, list[float]]]:
    """Return the costs of the schema of ``base`` and of this one."""
    with ExitStack() as stack:
        sides = []
        for name, checkout in (("base", base), ("here", HERE)):
            url = stack.enter_context(place.empty_database(name))
            # From this folder Python imports the packages of that checkout, with this one's interpreter.
            subprocess.run([sys.executable, "-c", MIGRATE, url, name], cwd=checkout, check=True)
            sides.append(Side(stack.enter_context(life(url))))
        for side in sides:
            side.round()
            side.costs.clear()
        for number in range(rounds):
            for side in sides if number % 2 else reversed(sides):
                side.round()
    return sides[0].costs, sides[1].costs


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.bench.sql_cost", description=__doc__)
    parser.add_argument("base", type=Path, help="the root of another checkout")
    parser.add_argument("--rounds", type=int, default=12)
    options = parser.parse_args(arguments)
    with stage(FULL) as place:
        base, here = sql_cost(place, options.base.resolve(strict=True), options.rounds)
    table = Table("µs of processor time in the server, p50", "base", "here", "ratio")
    for name, costs in base.items():
        before, now = statistics.median(costs), statistics.median(here[name])
        table.add_row(name, f"{before:.0f}", f"{now:.0f}", f"{now / before:.2f}")
    Console(highlight=False).print(table)


if __name__ == "__main__":
    main()
