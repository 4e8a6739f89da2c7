"""Functions that only Linux offers. For another platform, write another module with the same functions."""

import contextlib
import ctypes
import functools
import os
import resource
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import inotify_simple
import trio
from inotify_simple import INotify, flags

_FALLOC_FL_KEEP_SIZE, _FALLOC_FL_PUNCH_HOLE = 1, 2
_libc = ctypes.CDLL(None, use_errno=True)
# Otherwise inotify_simple searches for the library with a compiler, a linker and a temporary file.
inotify_simple._libc = _libc
_libc.fallocate.argtypes = (ctypes.c_int, ctypes.c_int, ctypes.c_int64, ctypes.c_int64)

_ENV_START = 47
"""The index of ``env_start`` in /proc/PID/stat, counted after the name of the program."""


@functools.cache
def boot_id() -> str:
    """Return the random id that the kernel chose at boot. Processes of another boot id are certainly dead."""
    return Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()


def seconds_since_boot() -> float:
    """Return the time of a clock that, unlike trio's, also runs while the machine is suspended."""
    return time.clock_gettime(time.CLOCK_BOOTTIME)


def environment_of(pid: int) -> dict[str, str]:
    """Return the variables that a process of ours was started with; none if it has ended. Raises OSError."""
    try:
        variables = Path(f"/proc/{pid}/environ").read_bytes().split(b"\0")
    except (FileNotFoundError, ProcessLookupError, PermissionError):
        return {}
    pairs = (os.fsdecode(variable).partition("=") for variable in variables)
    return {name: value for name, _, value in pairs}


def blank_variables(is_meant: Callable[[str], bool]) -> None:
    """Overwrite the values of variables with NUL where `/proc/PID/environ` shows them.

    That is the memory where the kernel put them at the start. Removing a variable only removes a pointer to it.
    """
    fields = Path("/proc/self/stat").read_bytes().rpartition(b")")[2].split()
    start, end = int(fields[_ENV_START]), int(fields[_ENV_START + 1])
    place = start
    for given in ctypes.string_at(start, end - start).split(b"\0"):
        name, _, value = given.partition(b"=")
        if value and is_meant(os.fsdecode(name)):
            ctypes.memset(place + len(name) + 1, 0, len(value))
        place += len(given) + 1


@dataclass(frozen=True, slots=True)
class Place:
    """The process group and the session of a process, and when it began, in seconds since boot."""

    group: int
    session: int
    began: float


def place_of(pid: int) -> Place:
    """Return the place of a process. Raises OSError when it has ended."""
    # The program chooses the name before the bracket, and may put brackets and blanks into it.
    fields = Path(f"/proc/{pid}/stat").read_bytes().rpartition(b")")[2].split()
    return Place(int(fields[2]), int(fields[3]), int(fields[19]) / os.sysconf("SC_CLK_TCK"))


def parent_of(pid: int) -> int:
    """Return the parent of a process. Raises OSError when it has ended."""
    return int(Path(f"/proc/{pid}/stat").read_bytes().rpartition(b")")[2].split()[1])


def most_open_files() -> int:
    """Return the maximum number of files that this process may have open."""
    return resource.getrlimit(resource.RLIMIT_NOFILE)[1]


def raise_open_files() -> int:
    """Raise the limit of open files to the maximum. Return the limit before."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    return soft


class Changes:
    """Reports writes to a file."""

    def __init__(self, inotify: INotify) -> None:
        self._inotify = inotify

    async def wait(self) -> None:
        """Return once the file was written to, or closed by a writer, since the last wait."""
        await trio.lowlevel.wait_readable(self._inotify.fileno())
        self._inotify.read(timeout=0)


@contextmanager
def changes_of(path: Path) -> Iterator[Changes]:
    """Watch a file. Read it after entering, because earlier changes are not reported. Raises OSError."""
    with INotify() as inotify:
        inotify.add_watch(path, flags.MODIFY | flags.CLOSE_WRITE)
        yield Changes(inotify)


class DirectoryWatch:
    """Reports writes to the files of many directories with one inotify instance: a user has only 128 of them.

    A report is a hint that comes DEBOUNCE late and repeats during a flood: 16 chatty agents cause 6,100 events a
    second, and 19 wake-ups with the debounce. Read the files after :meth:`add`, because earlier writes are not
    reported. When the kernel lost events, every listener is called.
    """

    DEBOUNCE = 0.05

    def __init__(self) -> None:
        self._inotify = INotify()
        self._listeners: dict[int, Callable[[], None]] = {}

    def add(self, directory: Path, on_write: Callable[[], None]) -> int:
        """Call ``on_write`` from now on. Return the watch, for :meth:`remove`. Raises OSError."""
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
    """Free the disk space of the bytes from ``start`` to ``end`` of a file. They read as NUL, and its size stays.

    Raises OSError, with EOPNOTSUPP on a file system that cannot do this.
    """
    mode = _FALLOC_FL_KEEP_SIZE | _FALLOC_FL_PUNCH_HOLE
    if _libc.fallocate(descriptor, mode, start, end - start) != 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))
