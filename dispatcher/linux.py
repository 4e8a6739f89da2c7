"""What only Linux offers; another platform would be another module with these functions."""

import os
import time
from pathlib import Path

import trio


def boot_id() -> str:
    """The id that the kernel drew at boot: processes of another boot id are certainly dead."""
    return Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()


def seconds_since_boot() -> float:
    """A clock that goes on while the machine is suspended, unlike trio's."""
    return time.clock_gettime(time.CLOCK_BOOTTIME)


async def process_end(pid: int) -> None:
    """Return when the process ``pid`` has ended, or at once when there is none; it need not be our child."""
    try:
        descriptor = os.pidfd_open(pid)
    except ProcessLookupError:
        return
    try:
        await trio.lowlevel.wait_readable(descriptor)
    finally:
        os.close(descriptor)
