"""Waits for processes and signals them through pidfds. A pid may be reused by another process, a pidfd is not."""

import os
import select
import signal
from collections.abc import Callable


def has_ended(process: int, within: float | None = 0) -> bool:
    """Wait up to ``within`` seconds (None: for ever) for the end of the process of a pidfd. Return whether it ended."""
    end = select.poll()
    end.register(process, select.POLLIN)
    return bool(end.poll(None if within is None else max(0.0, within) * 1000))


def signal_if(pid: int, number: signal.Signals, is_meant: Callable[[int], bool]) -> None:
    """Signal a process if ``is_meant`` is true for it. Its pid cannot pass to another process in between.

    Raises OSError, with ProcessLookupError when there is no such process.
    """
    process = os.pidfd_open(pid)
    try:
        if is_meant(pid):
            signal.pidfd_send_signal(process, number)
    finally:
        os.close(process)
