"""The statements that functions run for one task, as pg_stat_statements counts them with ``track = all``.

Counting costs time, so these times are for comparing statements with each other; `sql_cost` measures without it.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import psycopg

from tests.bench.life import Life, life
from tests.bench.stage import CONCURRENCY, Stage

WARM_UPS = 10
ROUNDS = 50
TAKE = (
    "SELECT query, toplevel, calls, total_exec_time, shared_blks_hit + shared_blks_read FROM pg_stat_statements"
    " WHERE dbid = (SELECT oid FROM pg_database WHERE datname = 'statements')"
)


@dataclass(slots=True)
class Used:
    """Calls of a statement, their time and what they read, with the statements inside of them."""

    calls: float = 0
    ms: float = 0
    pages: float = 0


@dataclass(slots=True)
class Step:
    """What one call of a producer or a dispatcher does for one task; ``nested`` are the statements of its functions."""

    whole: Used = field(default_factory=Used)
    nested: dict[str, Used] = field(default_factory=dict)

    def add(self, query: str, toplevel: bool, calls: int, ms: float, pages: int) -> None:
        used = self.whole if toplevel else self.nested.setdefault(" ".join(query.split()), Used())
        used.calls += calls / ROUNDS
        used.ms += ms / ROUNDS
        used.pages += pages / ROUNDS

    @property
    def statements(self) -> float:
        return sum(used.calls for used in self.nested.values())


def statements(stage: Stage) -> Mapping[str, Step]:
    """Submit, claim and end single tasks. Return what each of these does for a task."""
    steps = {name: Step() for name in ("submit", "claim", "end")}
    with (
        stage.database("statements"),
        life(stage.server.url("statements")) as subject,
        stage.connection("postgres") as onlooker,
    ):
        onlooker.execute("CREATE EXTENSION IF NOT EXISTS pg_stat_statements")
        for connection in (subject.producer, subject.dispatcher):
            connection.execute("SET pg_stat_statements.track = 'all'")
        for number in range(WARM_UPS + ROUNDS):
            for name, call in _calls(subject).items():
                onlooker.execute("SELECT pg_stat_statements_reset()")
                call()
                if number >= WARM_UPS:
                    _take(onlooker, steps[name])
    return steps


def _calls(subject: Life) -> Mapping[str, Callable[[], object]]:
    """One task's calls, in order."""
    runs: list[str] = []
    return {
        "submit": subject.submit,
        "claim": lambda: runs.extend(subject.claim(CONCURRENCY)),
        "end": lambda: subject.claim(CONCURRENCY, runs),
    }


def _take(onlooker: psycopg.Connection, step: Step) -> None:
    for query, toplevel, calls, ms, pages in onlooker.execute(TAKE):
        step.add(query, toplevel, calls, ms, pages)
