"""What only Linux offers; another platform would be another module with these functions."""

import contextlib
import ctypes
import functools
import os
import resource
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import trio
from inotify_simple import INotify, flags

_FALLOC_FL_KEEP_SIZE, _FALLOC_FL_PUNCH_HOLE = 1, 2
_libc = ctypes.CDLL(None, use_errno=True)
_libc.fallocate.argtypes = (ctypes.c_int, ctypes.c_int, ctypes.c_int64, ctypes.c_int64)


@functools.cache
def boot_id() -> str:
    """The id that the kernel drew at boot: processes of another boot id are certainly dead."""
    return Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()


def seconds_since_boot() -> float:
    """A clock that goes on while the machine is suspended, unlike trio's."""
    return time.clock_gettime(time.CLOCK_BOOTTIME)


def environment_of(pid: int) -> dict[str, str]:
    """The variables that a process of ours was started with; none if it has ended."""
    try:
        variables = Path(f"/proc/{pid}/environ").read_bytes().split(b"\0")
    except OSError:
        return {}
    pairs = (os.fsdecode(variable).partition("=") for variable in variables)
    return {name: value for name, _, value in pairs}


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


class DirectoryWatch:
    """Tells of writes to the files of many directories, by one inotify: there are 128 for each user.

    What it tells is a hint that comes late by DEBOUNCE, and again and again in a flood: 16 chatty agents make 6,100
    events a second, and with the debounce 19 wake-ups. Look at the files after :meth:`add`: what happened before is
    not told. When events were lost, everybody is told.
    """

    DEBOUNCE = 0.05

    def __init__(self) -> None:
        self._inotify = INotify()
        self._listeners: dict[int, Callable[[], None]] = {}

    def add(self, directory: Path, on_write: Callable[[], None]) -> int:
        """Call ``on_write`` from now on; answers the watch, for :meth:`remove`. Raises OSError."""
        watch: int = self._inotify.add_watch(directory, flags.MODIFY | flags.ONLYDIR | flags.DONT_FOLLOW)
        self._listeners[watch] = on_write
        return watch

    def remove(self, watch: int) -> None:
        self._listeners.pop(watch, None)
        with contextlib.suppress(OSError):  # the kernel drops the watch of a directory that was deleted
            self._inotify.rm_watch(watch)

    async def run(self) -> None:
        while True:
            await trio.lowlevel.wait_readable(self._inotify.fileno())
            await trio.sleep(self.DEBOUNCE)
            written = {event.wd for event in self._inotify.read(timeout=0)}
            lost = -1 in written  # the queue holds 16,384 events
            for watch, on_write in list(self._listeners.items()):
                if lost or watch in written:
                    on_write()


def punch_hole(descriptor: int, start: int, end: int) -> None:
    """Give the bytes from ``start`` to ``end`` of a file back to the disk; they read as NUL, its size stays.

    Raises OSError, with EOPNOTSUPP on a file system that cannot do it.
    """
    mode = _FALLOC_FL_KEEP_SIZE | _FALLOC_FL_PUNCH_HOLE
    if _libc.fallocate(descriptor, mode, start, end - start) != 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))
