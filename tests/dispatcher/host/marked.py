"""Processes that carry the marks of a run."""

import subprocess
import sys


def start_marked(process_group: int = 0, /, **marks: str) -> subprocess.Popen[str]:
    """Start a process that has these variables, in a group of its own or this one; return once it runs."""
    process = subprocess.Popen(
        [sys.executable, "-c", "print(flush=True); input()"],
        env=marks,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        process_group=process_group,
        text=True,
    )
    assert process.stdout is not None
    process.stdout.readline()
    return process
