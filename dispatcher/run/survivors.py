"""Finding what is left of runs: processes that carry our marks in their environment.

A process group is not enough: claude, gemini and unsandboxed codex start tools in sessions of their own. What this
cannot find is a process that cleared its environment; a control group (`cgroups`) does.
"""

import os
import select
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, suppress
from pathlib import Path

from dispatcher.run.environment import OWNER, RUN

ROUNDS = 20
DEATH = 1.0
"""Seconds that the processes that one look found have to die; only one that hangs inside the kernel needs longer."""


def kill_run(run_id: str) -> int:
    """Kill every process of the run; answers how many. See :func:`_kill_until_quiet`."""
    return len(_kill_until_quiet(lambda marks: marks.get(RUN) == run_id))


def kill_left_over(owner: str, is_over: Callable[[str], bool]) -> list[str]:
    """Kill every process of the owner's runs that are over; answers the run id of each process.

    ``is_over`` is asked for each process, so it may know of runs that begin in the meantime.
    """
    return _kill_until_quiet(lambda marks: marks.get(OWNER) == owner and is_over(marks.get(RUN, "")))


def _kill_until_quiet(is_meant: Callable[[dict[str, str]], bool]) -> list[str]:
    """Kill until two looks in a row find nothing; answers the run id of each process that was killed.

    Takes about 70 us for each process of the machine and look, so it belongs in a thread. After 20 looks it gives
    up: then something starts processes faster than we can look, or one of them does not die.
    """
    killed: list[str] = []
    quiet = 0
    for _ in range(ROUNDS):
        found = [pid for pid in _processes() if is_meant(_marks(pid))]
        killed += _kill(found, is_meant)
        quiet = 0 if found else quiet + 1
        if quiet == 2:
            break
    return killed


def _kill(pids: list[int], is_meant: Callable[[dict[str, str]], bool]) -> list[str]:
    """Kill each and wait for its end; answers the run id of each that ended.

    On a busy machine a process lives on for a while after the signal: a look in that time would find it again.
    """
    with ExitStack() as stack:
        dying = {}
        for pid in pids:
            with suppress(OSError):  # it ended meanwhile, or is another user's
                process = os.pidfd_open(pid)
                stack.callback(os.close, process)
                marks = _marks(pid)  # a second look: the number may be somebody else's by now
                if is_meant(marks):
                    signal.pidfd_send_signal(process, signal.SIGKILL)
                    dying[process] = marks.get(RUN, "")
        deadline = time.monotonic() + DEATH
        return [run_id for process, run_id in dying.items() if _ends(process, deadline)]


def _ends(process: int, deadline: float) -> bool:
    """Wait for the end of a process until ``deadline``, of the monotonic clock."""
    end = select.poll()
    end.register(process, select.POLLIN)
    return bool(end.poll(max(0.0, deadline - time.monotonic()) * 1000))


def _processes() -> Iterator[int]:
    for entry in Path("/proc").iterdir():
        if entry.name.isdecimal() and int(entry.name) != os.getpid():
            yield int(entry.name)


def _marks(pid: int) -> dict[str, str]:
    try:
        variables = Path(f"/proc/{pid}/environ").read_bytes().split(b"\0")
    except OSError:
        return {}  # it ended meanwhile, or is another user's
    pairs = (variable.decode(errors="replace").partition("=") for variable in variables)
    return {name: value for name, _, value in pairs if name in (RUN, OWNER)}
