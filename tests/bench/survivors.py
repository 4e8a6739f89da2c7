"""P1s: the start and the drain of P1 and P2 beside systems whose agents survive their manager, too.

Both take jobs from a command only, so that its process is a part of each submit, and keep output in a file for each
job. Neither uses a database: task-spooler keeps its queue in the memory of a process, Slurm in files.
"""

import contextlib
import os
import shutil
import socket
import statistics
import subprocess
import time
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from time import perf_counter
from typing import ClassVar

from tests.bench.drain import drain_of
from tests.bench.latency import start_latencies
from tests.bench.result import Result
from tests.bench.stage import CONCURRENCY, Stage, settle
from tests.bench.systems import PATIENCE, Ours, ours
from tests.fixtures.namespaces import PidNamespace

AHEAD = 3
FEWER_DRAINED = 5
"""These drain a part of P2's agents, at 16 at a time like all others."""


class Survivor(ABC):
    """What these peers share: commands, a prompt for all agents, and a file with the answer of each."""

    name: ClassVar[str]
    programs: ClassVar[Sequence[str]]
    needs_root: ClassVar[bool] = False
    slowness: ClassVar[int]
    """It is measured in one of so many rounds, so that a slow one does not take all the time."""

    def __init__(self, stage: Stage, directory: Path, environment: Mapping[str, str]) -> None:
        self._agent = stage.agent
        self._answers = directory / "answers"
        self._answers.mkdir()
        self._prompt = directory / "prompt"
        self._prompt.write_text("task")
        self._environment = {**os.environ, **environment}
        self._ended = 0

    @classmethod
    def obstacle(cls) -> str | None:
        """Return why it cannot be measured here."""
        if not all(map(shutil.which, cls.programs)):
            return "not installed: see `just setup-bench`"
        return "needs root" if cls.needs_root and os.geteuid() != 0 else None

    def wait(self, count: int) -> None:
        self._rest()
        self._ended += count
        kept = sum(1 for _ in self._answers.iterdir())
        if kept != self._ended:
            raise RuntimeError(f"{self.name} kept {kept} results of {self._ended} jobs")

    def last_start(self) -> float:
        last = max(self._answers.iterdir(), key=lambda answer: answer.stat().st_mtime_ns)
        return float(last.read_text())

    @abstractmethod
    def _rest(self) -> None:
        """Return when no job is queued or runs."""

    def _said(self, *command: str | Path) -> str:
        ended = subprocess.run(
            command, env=self._environment, check=False, capture_output=True, text=True, timeout=PATIENCE
        )
        if ended.returncode != 0:
            raise RuntimeError(f"{command[0]} of {self.name} ended with {ended.returncode}: {ended.stderr}")
        return ended.stdout


class TaskSpooler(Survivor):
    """task-spooler as its manual page shows it: CONCURRENCY slots, a shell for the prompt on stdin."""

    name = "task-spooler"
    programs = ("tsp",)
    slowness = 1

    def submit_one(self) -> None:
        self._last = self._said("tsp", "sh", "-c", f"exec {self._agent} <{self._prompt}").strip()

    def submit(self, count: int) -> None:
        """There is no call for many jobs: a loop of the shell is what people write."""
        loop = 'for number in $(seq "$1"); do tsp sh -c "$2"; done'
        job = f"exec {self._agent} <{self._prompt}"
        self._last = self._said("sh", "-c", loop, "sh", str(count), job).split()[-1]

    def _rest(self) -> None:
        waited_for: str | None = self._last
        while waited_for is not None:
            self._said("tsp", "-w", waited_for)
            jobs = [line.split() for line in self._said("tsp").splitlines()[1:]]
            waited_for = next((job for job, state, *_ in jobs if state in ("queued", "running")), None)

    @classmethod
    @contextlib.contextmanager
    def at_rest(cls, stage: Stage, directory: Path) -> Iterator["TaskSpooler"]:
        environment = {"TS_SOCKET": str(directory / "socket"), "TMPDIR": str(directory / "answers")}
        peer = cls(stage, directory, environment)
        peer._said("tsp", "-S", str(CONCURRENCY))  # this starts its server, too
        try:
            yield peer
        finally:
            peer._said("tsp", "-K")


class Slurm(Survivor):
    """Slurm on one node that is given CONCURRENCY processors, without munge and cgroups.

    Its scheduler looks as often as it can be told to, for that halves the time to start and doubles the rate.
    """

    name = "Slurm"
    programs = ("slurmctld", "slurmd", "sbatch", "squeue", "sinfo", "unshare")
    needs_root = True
    slowness = 20

    def submit_one(self) -> None:
        self._submit()

    def submit(self, count: int) -> None:
        self._submit(f"--array=1-{count}")

    def _submit(self, *options: str) -> None:
        files = (f"--input={self._prompt}", f"--output={self._answers}/%j")
        self._said("sbatch", "--parsable", "--export=NONE", *options, *files, f"--wrap=exec {self._agent}")

    def _rest(self) -> None:
        while self._said("squeue", "--noheader"):
            time.sleep(0.05)  # a query takes as long as ten commands of others, and jobs end every 0.2 s

    @classmethod
    @contextlib.contextmanager
    def at_rest(cls, stage: Stage, directory: Path) -> Iterator["Slurm"]:
        configuration = directory / "slurm.conf"
        peer = cls(stage, directory, {"SLURM_CONF": str(configuration)})
        host = socket.gethostname().partition(".")[0]
        _write_configuration(configuration, host)
        with PidNamespace() as namespace:  # so that nothing of it is left, whatever happens
            for daemon in ("slurmctld -D", f"slurmd -D -N {host}"):
                log = directory / f"{daemon.partition(' ')[0]}.out"
                namespace.start("sh", "-c", f"SLURM_CONF={configuration} exec {daemon} >{log} 2>&1")
            until = time.monotonic() + PATIENCE
            while "idle" not in peer._said("sh", "-c", "sinfo --noheader --format=%T 2>&1 || true"):
                if time.monotonic() > until:
                    raise RuntimeError(f"Slurm does not start: see {directory}")
                time.sleep(0.1)
            yield peer


def _write_configuration(configuration: Path, host: str) -> None:
    directory = configuration.parent
    for name in ("state", "spool"):
        (directory / name).mkdir()
    key = directory / "slurm.key"
    key.touch(mode=0o600)
    key.write_bytes(os.urandom(1024))
    (directory / "cgroup.conf").write_text("CgroupPlugin=disabled\n")
    ports = [_free_port() for _ in range(2)]
    configuration.write_text(
        f"""
ClusterName=bench
SlurmctldHost={host}(127.0.0.1)
SlurmctldPort={ports[0]}
SlurmdPort={ports[1]}
SlurmUser=root
SlurmdUser=root
AuthType=auth/slurm
CredType=auth/slurm
StateSaveLocation={directory}/state
SlurmdSpoolDir={directory}/spool
SlurmctldPidFile={directory}/slurmctld.pid
SlurmdPidFile={directory}/slurmd.pid
SlurmctldLogFile={directory}/slurmctld.log
SlurmdLogFile={directory}/slurmd.log
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
SelectType=select/cons_tres
SelectTypeParameters=CR_CPU
SlurmdParameters=config_overrides
SchedulerParameters=batch_sched_delay=0,sched_min_interval=0,sched_interval=1,bf_interval=1
NodeName={host} NodeAddr=127.0.0.1 CPUs={CONCURRENCY}
PartitionName=bench Nodes=ALL Default=YES MaxTime=INFINITE
"""
    )


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])


def survivors(stage: Stage) -> list[Result]:
    """P1s: ours against each of them, in turns."""
    results = []
    with ours(stage, "survivors") as own:
        for kind in (TaskSpooler, Slurm):
            if obstacle := kind.obstacle():
                results += _missing(f"{kind.name}: {obstacle}")
                continue
            directory = stage.directory / kind.name
            directory.mkdir()
            with kind.at_rest(stage, directory) as peer:
                results += _compared(stage, own, peer)
            shutil.rmtree(directory)
    return results


def _missing(why: str) -> list[Result]:
    return [
        Result(measure=f"P1s {what}", ours="not measured", reference=why, ratio=None)
        for what in ("submit to agent, p50", "drain")
    ]


def _compared(stage: Stage, own: Ours, peer: TaskSpooler | Slurm) -> list[Result]:
    latencies = start_latencies(stage, [own, peer], one_of=peer.slowness)
    medians = {name: statistics.median(times) for name, times in latencies.items()}
    count = max(1, stage.sizes.drained // FEWER_DRAINED // peer.slowness)
    rates: dict[str, list[float]] = {own.name: [], peer.name: []}
    for number in range(-1, stage.sizes.drains):
        for system in (own, peer):
            settle(stage)
            start = perf_counter()
            drain_of(system)(count)
            if number >= 0:  # the first one is for warm-up
                rates[system.name].append(count / (perf_counter() - start))
    own_rates, others = rates.values()
    return [
        Result(
            measure="P1s submit to agent, p50",
            ours=f"{medians[own.name]:.1f} ms",
            reference=f"{medians[peer.name]:.1f} ms {peer.name}",
            ratio=medians[own.name] / medians[peer.name],
            goal=round(1 / AHEAD, 2),
        ),
        Result(
            measure=f"P1s drain {count:,} agents",
            ours=f"{statistics.median(own_rates):.0f}/s",
            reference=f"{statistics.median(others):.1f}/s {peer.name}",
            ratio=statistics.median(mine / other for mine, other in zip(own_rates, others, strict=True)),
            goal=AHEAD,
            at_least=True,
        ),
    ]
