"""What only Linux offers; another platform would be another module with these functions."""

import resource
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import trio
from inotify_simple import INotify, flags


def boot_id() -> str:
    """The id that the kernel drew at boot: processes of another boot id are certainly dead."""
    return Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()


def seconds_since_boot() -> float:
    """A clock that goes on while the machine is suspended, unlike trio's."""
    return time.clock_gettime(time.CLOCK_BOOTTIME)


def raise_open_files() -> int:
    """Allow this process as many open files as it may have; answers how many it was allowed before."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    return soft


class Changes:
    """Tells of writes to a file."""

    def __init__(self, inotify: INotify) -> None:
        self._inotify = inotify

    async def wait(self) -> None:
        """Return when the file was written to or closed by a writer since the last wait."""
        await trio.lowlevel.wait_readable(self._inotify.fileno())
        self._inotify.read(timeout=0)


@contextmanager
def changes_of(path: Path) -> Iterator[Changes]:
    """Watch a file. Look at it after entering: what happened before is not told. Raises OSError."""
    with INotify() as inotify:
        inotify.add_watch(path, flags.MODIFY | flags.CLOSE_WRITE)
        yield Changes(inotify)
