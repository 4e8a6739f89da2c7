"""Finding what is left of a run: processes that carry its mark in their environment.

A process group is not enough: claude, gemini and unsandboxed codex start tools in sessions of their own. What this
cannot find is a process that cleared its environment and left the group.
"""

import os
import signal
from collections.abc import Iterator
from pathlib import Path

from dispatcher.environment import MARK

ROUNDS = 20


def kill_survivors(run_id: str) -> int:
    """Kill every process that carries the run's mark, until two looks in a row find none; answers how many.

    Takes about 70 us for each process of the machine and look, so it belongs in a thread. After 20 looks it gives
    up: then something starts processes faster than we can look.
    """
    killed = quiet = 0
    for _ in range(ROUNDS):
        found = list(_marked(f"{MARK}={run_id}".encode()))
        for pid in found:
            killed += _kill(pid, run_id)
        quiet = 0 if found else quiet + 1
        if quiet == 2:
            break
    return killed


def _kill(pid: int, run_id: str) -> int:
    """Kill through a pidfd, after a second look: the number may be somebody else's by now."""
    try:
        descriptor = os.pidfd_open(pid)
    except ProcessLookupError:
        return 0
    try:
        if pid in _marked(f"{MARK}={run_id}".encode(), [pid]):
            signal.pidfd_send_signal(descriptor, signal.SIGKILL)
            return 1
    except ProcessLookupError:
        pass
    finally:
        os.close(descriptor)
    return 0


def _marked(mark: bytes, pids: list[int] | None = None) -> Iterator[int]:
    candidates = pids or [int(entry.name) for entry in Path("/proc").iterdir() if entry.name.isdecimal()]
    for pid in candidates:
        try:
            variables = Path(f"/proc/{pid}/environ").read_bytes().split(b"\0")
        except OSError:
            continue  # it ended meanwhile, or is another user's
        if mark in variables and pid != os.getpid():
            yield pid
