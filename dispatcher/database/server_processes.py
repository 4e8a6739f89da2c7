"""Which processes belong to one data directory, read from /proc."""

import os
import re
import select
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
    ours = re.compile(rb"postgres.*[= ]" + mark(data).encode() + rb"(?![0-9a-f])", re.DOTALL)
    found = set()
    for entry in Path("/proc").iterdir():
        if entry.name.isdecimal():
            try:
                command = (entry / "cmdline").read_bytes()
            except OSError:
                continue
            if ours.search(command):
                found.add(int(entry.name))
    return found


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
