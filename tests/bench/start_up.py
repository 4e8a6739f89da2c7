"""P7: the cost of a short command, as a whole process."""

import os
import statistics
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from time import perf_counter

from tests.bench.result import Result
from tests.bench.stage import Stage
from tests.bench.systems import (
    Procrastinate,
    create_procrastinate_schema,
    procrastinate_is_installed,
    worker_environment,
)

MOST_LIVE_MS = 150
"""Nobody notices that a suggestion came from the database."""


@dataclass(frozen=True, slots=True)
class Command:
    arguments: Sequence[str]
    environment: Mapping[str, str] = field(default_factory=dict)


def start_up(stage: Stage) -> list[Result]:
    """P7: llmctl against `python -c 'import psycopg'` and against `procrastinate defer`."""
    with stage.database("cli_worker"), stage.empty_database("defer") as defer_url:
        to_database = {
            "LLMCTL_DATABASE_URL": stage.server.url("postgres"),
            "LLMCTL_HOME": str(stage.directory),
        }
        commands = {
            "python": Command(["-c", "pass"]),
            "floor": Command(["-c", "import psycopg"]),
            "help": Command(["-m", "cli.main", "--help"]),
            "completion": Command(
                ["-m", "cli.main", "sub"],
                {"_LLMCTL_COMPLETE": "zsh"},
            ),
            "live completion": Command(
                ["-m", "cli.main", "group", "pause", ""],
                {"_LLMCTL_COMPLETE": "zsh", **to_database},
            ),
            "submit": Command(["-m", "cli.main", "submit", "claude", "hello", "-q"], to_database),
        }
        if procrastinate_is_installed():
            create_procrastinate_schema(defer_url)
            app = "--app=tests.bench.peers.procrastinate_app.app"
            commands["defer"] = Command(
                ["-m", "procrastinate", app, "defer", "agent", '{"prompt": "hello"}'],
                # A pool with one connection: opening sixteen is not part of a defer.
                {**worker_environment(stage, defer_url), "BENCH_CONCURRENCY": "1"},
            )
        taken = process_ms(commands, stage.sizes.processes)
    floor, submitting = taken["floor"], taken["submit"]
    reference = f"{floor:.0f} ms import psycopg"
    return [
        _result("llmctl --help", taken["help"], floor, reference, 0.5),
        _result("completion", taken["completion"], floor, reference, 0.5),
        _result("completion of a group", taken["live completion"], MOST_LIVE_MS, f"{MOST_LIVE_MS} ms", 1),
        _result("llmctl submit", submitting, floor, reference, 1.3),
        _result(
            "llmctl submit", submitting, taken["defer"], f"{taken['defer']:.0f} ms procrastinate defer", 1
        )
        if "defer" in taken
        else Result(
            measure="P7 llmctl submit",
            ours=f"{submitting:.0f} ms",
            reference=f"{Procrastinate.name} not installed",
            ratio=None,
            goal=1,
        ),
        _result("bare python", taken["python"], floor, reference, None),
    ]


def _result(what: str, ours: float, other: float, reference: str, goal: float | None) -> Result:
    return Result(
        measure=f"P7 {what}", ours=f"{ours:.0f} ms", reference=reference, ratio=ours / other, goal=goal
    )


def process_ms(commands: Mapping[str, Command], rounds: int) -> Mapping[str, float]:
    """Return median milliseconds of each command. They take turns; the first round, which reads files, is left out."""
    times: dict[str, list[float]] = {name: [] for name in commands}
    for _ in range(rounds):
        for name, command in commands.items():
            start = perf_counter()
            ended = subprocess.run(
                [sys.executable, *command.arguments],
                env={**os.environ, **command.environment},
                capture_output=True,
                check=False,
            )
            times[name].append((perf_counter() - start) * 1000)
            if ended.returncode != 0:
                raise RuntimeError(f"{name} ended with {ended.returncode}: {ended.stderr.decode()}")
    return {name: statistics.median(taken[1:]) for name, taken in times.items()}
