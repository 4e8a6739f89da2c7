"""Functions that only Linux offers. For another platform, write another module with the same functions."""

import contextlib
import ctypes
import errno
import functools
import os
import resource
import signal
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
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

_PR_SET_DUMPABLE = 4
_ENV_START = 47
"""The index of ``env_start`` in /proc/PID/stat, counted after the name of the program."""

_SPAWN_SETSIGDEF, _SPAWN_SETSID, _SPAWN_SETCGROUP = 0x04, 0x80, 0x100
_OPAQUE_BYTES = 1024
"""Room for any of the structures whose layout only glibc knows (the largest has 336 bytes)."""
_IGNORED_BY_PYTHON = (signal.SIGPIPE, signal.SIGXFSZ)


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


def make_undumpable() -> None:
    """Let only root read the memory, environment and descriptors of this process.

    From now on its files in /proc belong to root. Programs that it starts are not protected. Raises OSError.
    """
    if _libc.prctl(_PR_SET_DUMPABLE, 0, 0, 0, 0) != 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))


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


def most_open_files() -> int:
    """Return the maximum number of files that this process may have open."""
    return resource.getrlimit(resource.RLIMIT_NOFILE)[1]


def raise_open_files() -> int:
    """Raise the limit of open files to the maximum. Return the limit before."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    return soft


class Child:
    """A process that :func:`spawn` started. Reap it with :meth:`wait`."""

    def __init__(self, pid: int) -> None:
        self.pid = pid

    def wait(self) -> int:
        """Wait for its end. Return the exit code, or the negative number of the signal that ended it."""
        _, status = os.waitpid(self.pid, 0)
        return os.waitstatus_to_exitcode(status)

    def kill(self) -> None:
        os.kill(self.pid, signal.SIGKILL)


def can_spawn_into_groups() -> bool:
    """Return whether :func:`spawn` works: it needs glibc 2.39."""
    return hasattr(_libc, "posix_spawnattr_setcgroup_np")


def spawn(argv: Sequence[str], env: Mapping[str, str], descriptor: int, group: Path) -> Child:
    """Start a program inside a control group, as leader of a session. ``descriptor`` becomes its standard streams.

    A process that joins a group later waits for the whole kernel: 13 to 16 ms on an idle machine. Starting inside the
    group costs nothing (Linux 6.18), but Python's own calls cannot do it. Raises OSError.
    """
    arguments = [os.fsencode(argument) for argument in argv]
    variables = [os.fsencode(f"{name}={value}") for name, value in env.items()]
    if any(b"\0" in text for text in (*arguments, *variables)):
        raise OSError(errno.EINVAL, "an argument or a variable holds NUL")
    attributes, actions, signals = (ctypes.create_string_buffer(_OPAQUE_BYTES) for _ in range(3))
    pid = ctypes.c_int()
    directory = os.open(group, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    _libc.posix_spawnattr_init(attributes)
    _libc.posix_spawn_file_actions_init(actions)
    try:
        _libc.sigemptyset(signals)
        for number in _IGNORED_BY_PYTHON:
            _libc.sigaddset(signals, number)
        _libc.posix_spawnattr_setsigdefault(attributes, signals)
        _libc.posix_spawnattr_setcgroup_np(attributes, directory)
        flags = _SPAWN_SETSIGDEF | _SPAWN_SETSID | _SPAWN_SETCGROUP
        _libc.posix_spawnattr_setflags(attributes, ctypes.c_short(flags))
        for standard in range(3):
            _libc.posix_spawn_file_actions_adddup2(actions, descriptor, standard)
        _libc.posix_spawn_file_actions_addclosefrom_np(actions, 3)
        error = _libc.posix_spawn(
            ctypes.byref(pid), arguments[0], actions, attributes, _strings(arguments), _strings(variables)
        )
    finally:
        _libc.posix_spawn_file_actions_destroy(actions)
        _libc.posix_spawnattr_destroy(attributes)
        os.close(directory)
    if error:
        raise OSError(error, os.strerror(error), argv[0])
    return Child(pid.value)


def _strings(texts: Sequence[bytes]) -> ctypes.Array[ctypes.c_char_p]:
    return (ctypes.c_char_p * (len(texts) + 1))(*texts, None)


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
