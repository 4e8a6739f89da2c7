"""Finds the processes of a data directory in /proc."""

import contextlib
import os
import re
import signal
from pathlib import Path

from dispatcher.host import pidfd


def mark(data: Path) -> str:
    """Return the ``cluster_name`` of the server on ``data``, which is in the command line of all its processes.

    Everybody can read /proc/PID/cmdline. /proc/PID/cwd of another user's process is closed, even to root in a container
    without CAP_SYS_PTRACE. Device and inode distinguish equal paths of two containers.
    """
    found = data.stat()
    return f"llmctl-{found.st_dev:x}-{found.st_ino:x}"


def processes(data: Path) -> set[int]:
    """Return the postmaster on ``data`` and its children, including those that have outlived it."""
    marked = mark(data)
    numbers = (int(entry.name) for entry in Path("/proc").iterdir() if entry.name.isdecimal())
    return {pid for pid in numbers if _is_marked(pid, marked)}


def terminate(pid: int, data: Path) -> None:
    """Ask a process of the server to end, unless its pid belongs to another process by now."""
    with contextlib.suppress(ProcessLookupError):
        pidfd.signal_if(pid, signal.SIGTERM, lambda pid: _is_marked(pid, mark(data)))


def _is_marked(pid: int, marked: str) -> bool:
    try:
        command = Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return False
    return re.search(rb"postgres.*[= ]" + marked.encode() + rb"(?![0-9a-f])", command, re.DOTALL) is not None


def ended(pid: int, within: float) -> bool:
    """Return whether process ``pid`` has ended, or ends within so many seconds."""
    try:
        process = os.pidfd_open(pid)
    except ProcessLookupError:
        return True
    try:
        return pidfd.has_ended(process, within)
    finally:
        os.close(process)
