"""Finding shims and keepers that stand still, since somebody stopped them (SIGSTOP, a debugger), and what helps them.

Only those of one name are looked for. An agent may call itself the same: then it has only a process of its own
continued or killed.
"""

import contextlib
import os
import signal
from collections.abc import Iterator
from pathlib import Path

from dispatcher.host import linux, pidfd
from dispatcher.shim.program import NAME


def let_go_on(name: str) -> None:
    """Continue the shims and keepers of this name, also those of earlier dispatchers. Belongs in a thread."""
    for pid in _shims(name):
        _signal(pid, signal.SIGCONT, name)


def kill_shims_below(keeper: int, name: str) -> None:
    """Kill the shims whose parent is this keeper, which puts another one into their place. Belongs in a thread."""
    for pid in _shims(name):
        with contextlib.suppress(OSError):
            if linux.parent_of(pid) == keeper:
                _signal(pid, signal.SIGKILL, name)


def _signal(pid: int, number: signal.Signals, name: str) -> None:
    with contextlib.suppress(OSError):
        pidfd.signal_if(pid, number, lambda found: _is_shim(found, name))


def _shims(name: str) -> Iterator[int]:
    for entry in os.listdir("/proc"):  # noqa: PTH208
        if entry.isdecimal() and _is_shim(int(entry), name):
            yield int(entry)


def _is_shim(pid: int, name: str) -> bool:
    try:
        if Path(f"/proc/{pid}/comm").read_bytes() != NAME + b"\n":
            return False
        return Path(f"/proc/{pid}/cmdline").read_bytes().endswith(b"\0" + os.fsencode(name) + b"\0")
    except OSError:
        return False
