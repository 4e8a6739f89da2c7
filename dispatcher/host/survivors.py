"""Finds and kills the processes of runs. They carry our marks in their environment.

A process group is not enough: claude, gemini and unsandboxed codex start tools in their own sessions. A process that
cleared its environment is not found here; its control group (`cgroups`) finds it.
"""

import os
import signal
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack, suppress
from dataclasses import dataclass

from dispatcher.host import linux, pidfd

RUN = "LLMCTL_RUN"
OWNER = "LLMCTL_OWNER"
"""The variables that mark our processes: the run, and its work directory and database."""
ROUNDS = 20
DEATH = 2.0
"""Seconds that processes have to die. Only a process that hangs inside the kernel needs longer."""

_RUN, _OWNER = (f"{name}=".encode() for name in (RUN, OWNER))
_PIECE = 128 * 2**10


@dataclass(frozen=True, slots=True)
class Marks:
    """The run of a process, and the mark of its work directory and database. Both are empty if it is not ours."""

    run: str = ""
    owner: str = ""

    @property
    def group(self) -> str:
        """The name of the run's control group."""
        return f"{groups_of(self.owner)}{self.run}"


@dataclass(frozen=True, slots=True)
class Sweep:
    """``killed`` has the run of each process that was killed, ``alive`` the runs whose processes may still live."""

    killed: Sequence[str]
    alive: frozenset[str]


def groups_of(owner: str) -> str:
    """Return how the names of the control groups of an owner's runs begin."""
    return f"llmctl-{owner}-"


def marks_of(pid: int) -> Marks:
    """Read the marks of a process. They are empty if it has ended or belongs to another user.

    Raises OSError when the host lets us open no file: then nothing is known about the process.
    """
    try:
        environment = _read(f"/proc/{pid}/environ")
    except (FileNotFoundError, ProcessLookupError, PermissionError):
        return Marks()
    if _RUN not in environment and _OWNER not in environment:
        return Marks()
    run = owner = b""
    for variable in environment.split(b"\0"):
        if variable.startswith(_RUN):
            run = variable[len(_RUN) :]
        elif variable.startswith(_OWNER):
            owner = variable[len(_OWNER) :]
    return Marks(run.decode(errors="replace"), owner.decode(errors="replace"))


def signal_group(group: int, run_id: str, number: signal.Signals) -> None:
    """Signal the processes of a run that are in a process group, each through a pidfd. Raises OSError."""

    def is_meant(pid: int) -> bool:
        return linux.place_of(pid).group == group and marks_of(pid).run == run_id

    for pid in _processes():
        with suppress(ProcessLookupError, FileNotFoundError, PermissionError):
            if is_meant(pid):
                pidfd.signal_if(pid, number, is_meant)


def kill_run(run_id: str) -> Sweep:
    """Kill every process of the run. See :func:`_kill_until_quiet`."""
    return _kill_until_quiet(lambda marks: marks.run == run_id)


def kill_left_over(owner: str, is_over: Callable[[str], bool]) -> Sweep:
    """Kill every process of the owner's runs that are over.

    ``is_over`` is called for each process, so it can take into account runs that begin meanwhile.
    """
    return _kill_until_quiet(lambda marks: marks.owner == owner and is_over(marks.run))


def _kill_until_quiet(is_meant: Callable[[Marks], bool]) -> Sweep:
    """Kill until two searches in a row find nothing.

    Call it in a thread: a search takes 5 us for each process on an idle machine, and 14 us on a busy one. It gives up
    when a process does not die, or when 20 searches each found new processes.
    Raises OSError when the host lets us open no file.
    """
    killed: list[str] = []
    quiet = rounds = 0
    while quiet < 2:
        found = {pid: marks.run for pid in _processes() if is_meant(marks := marks_of(pid))}
        dead, undying = _kill(found, is_meant)
        killed += dead
        quiet = 0 if found else quiet + 1
        rounds += 1
        if undying or (found and rounds >= ROUNDS):
            return Sweep(killed, frozenset(found.values()))
    return Sweep(killed, frozenset())


def _kill(pids: Iterable[int], is_meant: Callable[[Marks], bool]) -> tuple[list[str], bool]:
    """Kill processes and wait for their end. Return the runs of those that ended, and whether one did not.

    On a busy machine a process lives on for a moment after the signal, and a search in that time would find it again.
    """
    with ExitStack() as stack:
        dying: dict[int, str] = {}
        for pid in pids:
            try:
                process = os.pidfd_open(pid)
                stack.callback(os.close, process)
                marks = marks_of(pid)  # check again: the pid may belong to another process by now
            except ProcessLookupError:
                continue
            except OSError:
                if not dying:
                    raise
                break  # no more descriptors: the next search finds the others
            if is_meant(marks):
                with suppress(ProcessLookupError, PermissionError):
                    signal.pidfd_send_signal(process, signal.SIGKILL)
                dying[process] = marks.run
        deadline = time.monotonic() + DEATH
        dead = [
            run_id
            for process, run_id in dying.items()
            if pidfd.has_ended(process, within=deadline - time.monotonic())
        ]
        return dead, len(dead) < len(dying)


def _processes() -> Iterator[int]:
    ourselves = str(os.getpid())
    return (int(name) for name in os.listdir("/proc") if name.isdecimal() and name != ourselves)  # noqa: PTH208


def _read(path: str) -> bytes:
    """Read a whole file of /proc. It is three times as fast as pathlib, which matters for a search of all processes."""
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        content = piece = os.read(descriptor, _PIECE)
        while piece:
            content += (piece := os.read(descriptor, _PIECE))
        return content
    finally:
        os.close(descriptor)
