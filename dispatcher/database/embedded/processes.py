"""Which processes belong to one data directory, read from /proc."""

import contextlib
import os
import re
import select
import signal
from pathlib import Path


def mark(data: Path) -> str:
    """The ``cluster_name`` of the server on ``data``; it stands in the command line of all its processes.

    /proc/PID/cmdline can be read by everybody; /proc/PID/cwd of another user's process can not, even by
    root in a container without CAP_SYS_PTRACE. Device and inode keep equal paths of two containers apart.
    """
    found = data.stat()
    return f"llmctl-{found.st_dev:x}-{found.st_ino:x}"


def processes(data: Path) -> set[int]:
    """The postmaster on ``data`` and its children, also when they have outlived it."""
    marked = mark(data)
    numbers = (int(entry.name) for entry in Path("/proc").iterdir() if entry.name.isdecimal())
    return {pid for pid in numbers if _is_marked(pid, marked)}


def terminate(pid: int, data: Path) -> None:
    """Ask a process of the server to end; one that has the number by now and is none of its processes is not asked."""
    with contextlib.suppress(ProcessLookupError):
        handle = os.pidfd_open(pid)
        try:
            if _is_marked(pid, mark(data)):
                signal.pidfd_send_signal(handle, signal.SIGTERM)
        finally:
            os.close(handle)


def _is_marked(pid: int, marked: str) -> bool:
    try:
        command = Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return False
    return re.search(rb"postgres.*[= ]" + marked.encode() + rb"(?![0-9a-f])", command, re.DOTALL) is not None


def ended(pid: int, within: float) -> bool:
    """Whether process ``pid`` has ended, or ends within that many seconds."""
    try:
        handle = os.pidfd_open(pid)
    except ProcessLookupError:
        return True
    try:
        poll = select.poll()
        poll.register(handle, select.POLLIN)
        return bool(poll.poll(within * 1000))
    finally:
        os.close(handle)
