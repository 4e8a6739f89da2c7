"""Finding the processes of runs: they carry our marks in their environment.

A process group is not enough: claude, gemini and unsandboxed codex start tools in sessions of their own. What this
cannot find is a process that cleared its environment; a control group (`cgroups`) does.
"""

import os
import select
import signal
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack, suppress
from dataclasses import dataclass

from dispatcher.host import linux

RUN = "LLMCTL_RUN"
OWNER = "LLMCTL_OWNER"
"""The marks of our processes: which run, and of which work directory and database."""
ROUNDS = 20
DEATH = 2.0
"""Seconds that the processes that one look found have to die; only one that hangs inside the kernel needs longer."""

_RUN, _OWNER = (f"{name}=".encode() for name in (RUN, OWNER))
_PIECE = 128 * 2**10


@dataclass(frozen=True, slots=True)
class Marks:
    """Which run a process is of, and of which work directory and database; empty if it is none of ours."""

    run: str = ""
    owner: str = ""


@dataclass(frozen=True, slots=True)
class Sweep:
    """``killed``: the run of each process that was killed. ``alive``: runs of which something may be left."""

    killed: Sequence[str]
    alive: frozenset[str]


def marks_of(pid: int) -> Marks:
    """Read the marks of a process; none if it has ended or is another user's.

    Raises OSError when the host lets us open no file: then nothing is known of it.
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
    """Signal the processes of a run that are in a process group, each by a descriptor. Raises OSError."""

    def is_meant(pid: int) -> bool:
        return linux.place_of(pid).group == group and marks_of(pid).run == run_id

    for pid in _processes():
        with suppress(ProcessLookupError, FileNotFoundError, PermissionError):
            if is_meant(pid):
                _signal(pid, number, is_meant)


def _signal(pid: int, number: signal.Signals, is_meant: Callable[[int], bool]) -> None:
    process = os.pidfd_open(pid)
    try:
        if is_meant(pid):  # a second look: the number may be somebody else's by now
            signal.pidfd_send_signal(process, number)
    finally:
        os.close(process)


def kill_run(run_id: str) -> Sweep:
    """Kill every process of the run. See :func:`_kill_until_quiet`."""
    return _kill_until_quiet(lambda marks: marks.run == run_id)


def kill_left_over(owner: str, is_over: Callable[[str], bool]) -> Sweep:
    """Kill every process of the owner's runs that are over.

    ``is_over`` is asked for each process, so it may know of runs that begin in the meantime.
    """
    return _kill_until_quiet(lambda marks: marks.owner == owner and is_over(marks.run))


def _kill_until_quiet(is_meant: Callable[[Marks], bool]) -> Sweep:
    """Kill until two looks in a row find nothing.

    A look takes 5 us for each process of an idle machine and 14 on a busy one, so it belongs in a thread. It gives up
    when something does not die, or after 20 looks starts processes faster than we can look.
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
    """Kill each and wait for its end; returns the run of each that ended, and whether one has not.

    On a busy machine a process lives on for a while after the signal: a look in that time would find it again.
    """
    with ExitStack() as stack:
        dying: dict[int, str] = {}
        for pid in pids:
            try:
                process = os.pidfd_open(pid)
                stack.callback(os.close, process)
                marks = marks_of(pid)  # a second look: the number may be somebody else's by now
            except ProcessLookupError:
                continue
            except OSError:
                if not dying:
                    raise
                break  # no more descriptors: the next look finds the others
            if is_meant(marks):
                with suppress(ProcessLookupError, PermissionError):
                    signal.pidfd_send_signal(process, signal.SIGKILL)
                dying[process] = marks.run
        deadline = time.monotonic() + DEATH
        dead = [run_id for process, run_id in dying.items() if _ends(process, deadline)]
        return dead, len(dead) < len(dying)


def _ends(process: int, deadline: float) -> bool:
    """Wait for the end of a process until ``deadline``, of the monotonic clock."""
    end = select.poll()
    end.register(process, select.POLLIN)
    return bool(end.poll(max(0.0, deadline - time.monotonic()) * 1000))


def _processes() -> Iterator[int]:
    ourselves = str(os.getpid())
    return (int(name) for name in os.listdir("/proc") if name.isdecimal() and name != ourselves)  # noqa: PTH208


def _read(path: str) -> bytes:
    """Read a whole file of /proc; three times as fast as pathlib, which counts in a look at all processes."""
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        content = piece = os.read(descriptor, _PIECE)
        while piece:
            content += (piece := os.read(descriptor, _PIECE))
        return content
    finally:
        os.close(descriptor)
