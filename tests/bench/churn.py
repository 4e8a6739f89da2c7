"""Do tables that must stay small stay small? 200,000 tasks pass through a backlog of 1,000, with autovacuum on.

They go in batches of 16, by the calls that a dispatcher makes, as fast as the server can: several hundred a second,
where agents that take minutes come to a few. So there is a hundred times less time to clean up than in real life.
``python -m tests.bench.churn`` prints each table at each stage.
"""

import json
import statistics
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from time import perf_counter
from typing import LiteralString

import psycopg
from rich.console import Console
from rich.table import Table

from tests.bench.result import Result
from tests.bench.sizes import FULL
from tests.bench.stage import Stage, stage

BATCH = 16
BACKLOG = 1_000
TENANTS = 20
SAMPLE = 200
"""Claims whose times and blocks stand for a stage."""

SMALL = (
    "concurrency_limits",
    "dispatchers",
    "tenantless_lanes",
    "tenantless_lanes_closed",
    "tenantless_lanes_open",
    "lane_inbox",
    "lanes",
    "lanes_contended",
    "lanes_of_tenantless_lane",
    "lanes_of_tenant",
    "limit_inbox",
    "tasks_active",
    "tasks_due",
    "tasks_ready",
    "tenant_turns",
    "tenant_turns_in_order",
    "worker_groups",
)
"""Tables and indexes whose size must not follow how many tasks there ever were."""
COUNTERS = ("concurrency_limits", "worker_groups", "dispatchers")
"""Tables whose updates touch no indexed column, and should stay within their page."""

_SIZES: LiteralString = """
    SELECT relname::text, pg_relation_size(oid) FROM pg_class
    WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'i')
"""
_UPDATES: LiteralString = """
    SELECT relname::text, n_tup_upd, n_tup_hot_upd, n_dead_tup, autovacuum_count FROM pg_stat_user_tables
"""


@dataclass(frozen=True, slots=True)
class Updates:
    """What the server counted for a table since the beginning. ``dead`` counts the dead rows that are there now."""

    all: int
    hot: int
    dead: int
    vacuums: int

    @property
    def hot_share(self) -> float:
        return self.hot / self.all if self.all else 1.0


@dataclass(frozen=True, slots=True)
class Snapshot:
    """The state after so many tasks. Sizes are bytes by table or index; the costs of a claim are medians."""

    tasks: int
    sizes: Mapping[str, int]
    updates: Mapping[str, Updates]
    claim_ms: float
    claim_blocks: float
    tasks_a_second: float


def churn(stage: Stage) -> list[Result]:
    """Return sizes, the cost of a claim and the share of HOT updates at the end, compared with the first stage."""
    _, first, *_, last = watch(stage)
    tasks = f"{last.tasks:,} tasks"
    ratio = last.claim_ms / first.claim_ms
    blocks = last.claim_blocks / first.claim_blocks
    was, is_now = (sum(snapshot.sizes[name] for name in SMALL) for snapshot in (first, last))
    updates = [last.updates[name] for name in COUNTERS]
    hot = sum(update.hot for update in updates) / sum(update.all for update in updates)
    return [
        Result(
            measure=f"claim 16 after {tasks}",
            ours=f"{last.claim_ms:.2f} ms",
            reference=f"{first.claim_ms:.2f} ms at first",
            ratio=ratio,
            goal=1.5,
        ),
        Result(
            measure=f"blocks of it after {tasks}",
            ours=f"{last.claim_blocks:.0f}",
            reference=f"{first.claim_blocks:.0f} at first",
            ratio=blocks,
            goal=1.5,
        ),
        Result(
            measure=f"small tables after {tasks}",
            ours=f"{is_now >> 10} kB",
            reference=f"{was >> 10} kB after {first.tasks:,}",
            ratio=is_now / was,
            goal=1.5,
        ),
        Result(
            measure="HOT updates of counters",
            ours=f"{hot:.0%}",
            reference="all",
            ratio=hot,
            goal=0.9,
            at_least=True,
        ),
    ]


def watch(stage: Stage) -> Sequence[Snapshot]:
    """Let the tasks pass, and look at each stage."""
    with stage.database("churn") as connection:
        mill = Mill(connection)
        snapshots = []
        for goal in stage.sizes.passed:
            start, before = perf_counter(), mill.finished
            while mill.finished < goal:
                mill.turn()
            rate = (mill.finished - before) / (perf_counter() - start)
            snapshots.append(mill.look(rate))
    return snapshots


class Mill:
    """A producer and a dispatcher in one session, with a backlog of constant size."""

    def __init__(self, connection: psycopg.Connection) -> None:
        self._connection = connection
        self.finished = 0
        self._submitted = 0
        connection.execute(
            "SELECT put_tool('bench'), set_limit('tool:bench', 64), set_limit('queue:default', 64)"
        )
        connection.execute(
            "SELECT put_group('bench-' || n, 'bench', n::text, 16) FROM generate_series(1, 4) AS n"
        )
        self._dispatcher = self._value(
            "SELECT register_dispatcher('h', 'b', 1, '0', gen_random_uuid(), 86400)"
        )
        self._submit(BACKLOG)

    def turn(self) -> None:
        """Submit a batch, and take another one from its claim to the report of its end, with a little output."""
        self._submit(BATCH)
        runs = self._claim()
        started = json.dumps([{"run_id": run, "pid": 4711} for run in runs])
        self._value("SELECT start_runs(%s, %s)", self._dispatcher, started)
        reports = [
            {
                "run_id": run,
                "exit_code": 0,
                "final_text": "done",
                "stdout": "done",
                "ran_s": 1,
                "output": {
                    "run_id": run,
                    "ago_s": 0,
                    "activity": None,
                    "stdout_bytes": 4,
                    "stderr_bytes": 0,
                    "live": False,
                    "chunks": [{"stream": "stdout", "starts_at": 0, "ends_at": 4, "content": "ZG9uZQ=="}],
                },
            }
            for run in runs
        ]
        self._value("SELECT count(*) FROM finish_runs(%s, %s)", self._dispatcher, json.dumps(reports))
        self._value("SELECT heartbeat(%s)::text", self._dispatcher)
        self.finished += len(runs)

    def look(self, tasks_a_second: float) -> Snapshot:
        """Measure some claims (their tasks are given back) and read what the server counted."""
        times, blocks = [], []
        for _ in range(SAMPLE):
            start = perf_counter()
            runs = self._claim()
            times.append(perf_counter() - start)
            self._give_back(runs)
        for _ in range(SAMPLE // 10):
            plan = self._value(
                "EXPLAIN (ANALYZE, BUFFERS, TIMING OFF, FORMAT json) SELECT report_and_claim(%s, '[]', %s)",
                self._dispatcher,
                BATCH,
            )
            assert isinstance(plan, list)
            blocks.append(plan[0]["Plan"]["Shared Hit Blocks"] + plan[0]["Plan"]["Shared Read Blocks"])
            rows = self._connection.execute(
                "SELECT run_id::text FROM tasks WHERE status = 'leased'"
            ).fetchall()
            self._give_back([str(run) for (run,) in rows])
        self._connection.execute("SELECT pg_stat_force_next_flush()")
        updates = self._connection.execute(_UPDATES).fetchall()
        return Snapshot(
            tasks=self.finished,
            sizes=dict(self._connection.execute(_SIZES).fetchall()),
            updates={name: Updates(*counts) for name, *counts in updates},
            claim_ms=statistics.median(times) * 1000,
            claim_blocks=statistics.median(blocks),
            tasks_a_second=tasks_a_second,
        )

    def _submit(self, count: int) -> None:
        for tenant in range(self._submitted % TENANTS, self._submitted % TENANTS + 4):
            tasks = [{"tool": "bench", "prompt": "task", "tenant_id": f"tenant-{tenant % TENANTS}"}] * (
                count // 4
            )
            self._value("SELECT count(*) FROM submit_tasks(%s)", json.dumps(tasks))
        self._submitted += 1

    def _claim(self) -> list[str]:
        claim = self._value("SELECT report_and_claim(%s, '[]', %s)", self._dispatcher, BATCH)
        assert isinstance(claim, dict)
        return [run["run_id"] for run in claim["runs"]]

    def _give_back(self, runs: Sequence[str]) -> None:
        reports = json.dumps([{"run_id": run, "error_class": "interrupted"} for run in runs])
        self._value("SELECT count(*) FROM finish_runs(%s, %s)", self._dispatcher, reports)

    def _value(self, query: LiteralString, *arguments: object) -> object:
        row = self._connection.execute(query, arguments).fetchone()
        assert row is not None
        return row[0]


def _table(snapshots: Sequence[Snapshot]) -> Table:
    stages = [f"{snapshot.tasks:,}" for snapshot in snapshots]
    table = Table("kB after", *stages, "updates", "HOT", "dead", "vacuums")
    for name in sorted(snapshots[-1].sizes):
        if not any(snapshot.sizes.get(name, 0) >= 2**13 for snapshot in snapshots):
            continue
        counted = snapshots[-1].updates.get(name)
        cells = (
            [f"{counted.all:,}", f"{counted.hot_share:.0%}", f"{counted.dead:,}", str(counted.vacuums)]
            if counted
            else []
        )
        sizes = [f"{snapshot.sizes.get(name, 0) >> 10:,}" for snapshot in snapshots]
        table.add_row(("* " if name in SMALL else "") + name, *sizes, *cells)
    table.add_row("claim 16, ms", *(f"{snapshot.claim_ms:.2f}" for snapshot in snapshots))
    table.add_row("claim 16, blocks", *(f"{snapshot.claim_blocks:.0f}" for snapshot in snapshots))
    table.add_row("tasks a second", *(f"{snapshot.tasks_a_second:.0f}" for snapshot in snapshots))
    return table


if __name__ == "__main__":
    with stage(FULL) as place:
        Console(width=140 if not sys.stdout.isatty() else None).print(_table(watch(place)))
