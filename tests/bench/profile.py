"""Where the time goes: P1 by the steps from the submit to the agent, P2 by the users of the processors.

``python -m tests.bench.profile`` prints both, and the statements of one task. Each step is measured alone, at rest as
in P1, through the functions that the dispatcher calls; what is left between their sum and the whole is notifying,
waking, preparing and Python.
"""

import contextlib
import os
import shutil
import statistics
import subprocess
import sys
import textwrap
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from dispatcher.run.launch import Launch, launch
from dispatcher.workspaces.run_record import Header, RunRecord
from tests.bench.drain import bare_loop, drain_of
from tests.bench.latency import rest, start_latencies
from tests.bench.life import life
from tests.bench.sizes import FULL
from tests.bench.stage import CONCURRENCY, Stage, settle, stage
from tests.bench.standing import cpu_seconds
from tests.bench.statements import Step, statements
from tests.bench.systems import ours, peers

TICKS = os.sysconf("SC_CLK_TCK")
DEAREST = 6
"""Statements that are shown of each step."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Share:
    """Milliseconds of processor time for each agent. ``agents``: with shells, and what the kernel does for all."""

    system: str
    rate: float
    server: float
    worker: float
    agents: float
    idle: float


def steps(stage: Stage) -> Mapping[str, float]:
    """Median milliseconds of P1 and of its steps."""
    with ours(stage, "whole") as own:
        whole = statistics.median(start_latencies(stage, [own])[own.name])
    submit, claim = _calls(stage)
    shell = _start(stage, _through_the_shell)
    return {
        "submit_task() and its commit": submit,
        "report_and_claim() and its commit": claim,
        "the shell that outlives us, and the agent": shell,
        "notifying, waking, preparing, Python": whole - submit - claim - shell,
        "submit to agent": whole,
        "for comparison: the agent without the shell": _start(stage, _alone),
    }


def shares(stage: Stage) -> Iterator[Share]:
    """Who uses the processors while agents are drained as in P2."""
    count = stage.sizes.drained
    with ours(stage, "shares") as own, peers(stage, "shares", tuned_for="throughput") as others:
        for system in (own, *others):
            drain_of(system)(count // 4)
        for system in (own, *others):
            settle(stage)
            yield _share(stage, system.name, system.worker_pid, count, drain_of(system))
    settle(stage)
    yield _share(stage, "bare loop", os.getpid(), count, lambda number: bare_loop(stage, number))


def _share(stage: Stage, name: str, worker: int, count: int, drain: Callable[[int], None]) -> Share:
    def used() -> tuple[float, ...]:
        return time.perf_counter(), cpu_seconds(worker), *_machine()

    before, server_before = used(), _server(stage)
    drain(count)
    server_after = _server(stage)
    elapsed, own, busy, idle = (after - then for then, after in zip(before, used(), strict=True))
    server = sum(seconds - server_before.get(pid, 0) for pid, seconds in server_after.items())
    of_each = 1000 / count
    return Share(
        system=name,
        rate=count / elapsed,
        server=server * of_each,
        worker=own * of_each,
        agents=(busy - server - own) * of_each,
        idle=idle * of_each,
    )


def _server(stage: Stage) -> Mapping[int, float]:
    """CPU seconds of each process of the server. Some end at any time: a worker of autovacuum, for one."""
    postmaster = (stage.server.place.data / "postmaster.pid").read_text().split()[0]
    children = Path(f"/proc/{postmaster}/task/{postmaster}/children").read_text().split()
    seconds = {}
    for pid in map(int, (postmaster, *children)):
        with contextlib.suppress(OSError):  # it has ended
            seconds[pid] = cpu_seconds(pid)
    return seconds


def _machine() -> tuple[float, float]:
    """Seconds since boot that the processors were busy, and idle; see proc_stat(5)."""
    user, nice, system, idle, waiting, irq, soft_irq, *_ = (
        int(ticks) / TICKS for ticks in Path("/proc/stat").read_text().splitlines()[0].split()[1:]
    )
    return user + nice + system + irq + soft_irq, idle + waiting


def _calls(stage: Stage) -> tuple[float, float]:
    """Median milliseconds of a submit after a rest, and of the claim that follows it at once."""
    submits, claims = [], []
    with stage.database("steps"), life(stage.server.url("steps")) as subject:
        for _ in range(stage.sizes.starts):
            rest()
            begun = time.perf_counter()
            subject.submit()
            submitted = time.perf_counter()
            runs = subject.claim(CONCURRENCY)
            claims.append((time.perf_counter() - submitted) * 1000)
            submits.append((submitted - begun) * 1000)
            subject.claim(CONCURRENCY, runs)
    return statistics.median(submits), statistics.median(claims)


def _start(stage: Stage, start: Callable[[Stage, Path], Callable[[], int]]) -> float:
    """Median milliseconds from a start, after a rest, to the first instruction of the agent."""
    taken = []
    for number in range(stage.sizes.starts):
        directory = stage.directory / f"start-{number}"
        directory.mkdir()
        (directory / "prompt").write_text("task")
        rest()
        begun = time.monotonic()
        wait = start(stage, directory)
        assert wait() == 0
        taken.append((float((directory / "answer").read_text()) - begun) * 1000)
        shutil.rmtree(directory)
    return statistics.median(taken)


def _through_the_shell(stage: Stage, directory: Path) -> Callable[[], int]:
    header = Header(run_id="bench", number=1, run_no=1, tool="bench", boot_id="", launched=0)
    record = RunRecord.create(directory, header)
    what = Launch(
        argv=[str(stage.agent)],
        cwd=directory,
        stdin=directory / "prompt",
        stdout=directory / "answer",
        stderr=directory / "complaints",
        env={"PATH": os.defpath},
    )
    try:
        return launch(what, record).wait
    finally:
        record.close()


def _alone(stage: Stage, directory: Path) -> Callable[[], int]:
    with (directory / "prompt").open() as prompt, (directory / "answer").open("w") as answer:
        return subprocess.Popen([stage.agent], stdin=prompt, stdout=answer, env={"PATH": os.defpath}).wait


def _print(stage: Stage) -> None:
    console = Console(width=None if sys.stdout.isatty() else 120, highlight=False)
    table = Table("P1: step", "ms at rest, p50")
    for step, milliseconds in steps(stage).items():
        table.add_row(step, f"{milliseconds:.2f}")
    console.print(table)
    _print_statements(console, statements(stage))
    table = Table("P2: ms of processor time for each agent", "rate", "server", "worker", "agents", "idle")
    for share in shares(stage):
        figures = (share.server, share.worker, share.agents, share.idle)
        table.add_row(share.system, f"{share.rate:.0f}/s", *(f"{figure:.2f}" for figure in figures))
    console.print(table)


def _print_statements(console: Console, found: Mapping[str, Step]) -> None:
    table = Table("one task, counted", "statements", "pages", "µs")
    for name, step in found.items():
        table.add_row(
            name, f"{step.statements:.1f}", f"{step.whole.pages:.0f}", f"{step.whole.ms * 1000:.0f}"
        )
        dearest = sorted(step.nested.items(), key=lambda item: item[1].ms, reverse=True)[:DEAREST]
        for query, used in dearest:
            shown = escape(textwrap.shorten(query, 76))
            table.add_row(f"  {shown}", f"{used.calls:.1f}", f"{used.pages:.0f}", f"{used.ms * 1000:.0f}")
    console.print(table)


if __name__ == "__main__":
    with stage(FULL) as place:
        _print(place)
