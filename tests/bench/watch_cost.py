"""What `llmctl watch` costs while much happens: its processor time, as a share of one core.

``python -m tests.bench.watch_cost``. 1,000 tasks are listed, of which 16 run, in a window of 120 by 40.
Some 100 times a second one of them ends and the next one starts. The goal is 10 % of a core.
"""

import argparse
import contextlib
import os
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from rich.console import Console

from tests.bench.life import life
from tests.bench.sizes import FULL
from tests.bench.stage import CONCURRENCY, stage
from tests.bench.standing import cpu_seconds
from tests.cli.conftest import ROOT, Llmctl
from tests.cli.terminal import Terminal, terminal

TASKS = 1_000
EVENTS = 100
"""Tasks that end in a second, and as many that begin."""


def watch_cost(url: str, home: Path, seconds: float, limit: int) -> tuple[float, float, float]:
    """Return the shares of a core that `watch` took without events and with them, and how many tasks ended a second."""
    environment = {
        "LLMCTL_HOME": str(home),
        "LLMCTL_DATABASE_URL": url,
        "LANG": "C.UTF-8",
        "PYTHONPATH": str(ROOT),
    }
    command = Llmctl(home, environment)
    with life(url) as work:
        work.submit_many(TASKS)
        running = work.claim(CONCURRENCY)
        with terminal(command, "watch", "--limit", str(limit), columns=120, lines=40) as watching:
            watching.until_shown("Enter show")
            reading = threading.Thread(target=_read_on, args=[watching], daemon=True)
            reading.start()
            time.sleep(2)  # it connects and fetches
            idle = _share(watching, seconds / 3, lambda: time.sleep(0.01))
            ended = 0

            def work_on() -> None:
                nonlocal running, ended
                due = time.perf_counter() + 1 / EVENTS
                first, *rest = running
                running = rest + work.claim(1, [first])
                work.submit()
                ended += 1
                time.sleep(max(0.0, due - time.perf_counter()))

            busy = _share(watching, seconds, work_on)
            return idle, busy, ended / seconds


def _share(watching: Terminal, seconds: float, step: Callable[[], None]) -> float:
    used, until = cpu_seconds(watching.process.pid), time.perf_counter() + seconds
    while time.perf_counter() < until:
        step()
    return (cpu_seconds(watching.process.pid) - used) / seconds


def _read_on(watching: Terminal) -> None:
    """Read what it draws, as a terminal does, until it has ended."""
    with contextlib.suppress(OSError):
        while os.read(watching.descriptor, 65536):
            pass


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.bench.watch_cost", description=__doc__)
    parser.add_argument("--seconds", type=float, default=30)
    parser.add_argument("--limit", type=int, default=TASKS)
    options = parser.parse_args(arguments)
    with stage(FULL) as place, place.database("watch"):
        home = place.directory / "watch"
        home.mkdir()
        (home / "config.yaml").write_text("database: {name: watch}\n")
        idle, busy, ended = watch_cost(place.server.url("watch"), home, options.seconds, options.limit)
    Console(highlight=False).print(f"idle: {idle:.1%} of a core; {ended:.0f} ends a second: {busy:.1%}")


if __name__ == "__main__":
    main()
