"""The `run` file: one run's header, pid record, exit record and lock, in one append-only file.

The dispatcher creates and locks the file and passes it to what watches the agent: its shim by a socket, or a small
shell as its standard streams. The lock belongs to the open file description. So it passes on without a gap, and the
kernel drops it when its last holder dies for any reason. The watcher appends ``started PID`` and, after the agent has
ended, ``exit CODE``. The shim appends ``starting`` before it makes a process, and ``withdrawn`` if it could not. So
this one file shows every state that a crash can leave, and no pid has to be trusted.
"""

import contextlib
import errno
import fcntl
import os
import stat
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, Self, cast, get_args

import msgspec
import trio

from dispatcher.host import linux
from dispatcher.host.regaining import regaining

NAME = "run"
WITHHELD = "withheld"
"""The name of a record that was put aside, because its run was taken back before its start."""
_CAREFULLY = os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK
"""An agent may have replaced the file by a link or a FIFO."""
_LONGEST = 64 * 2**10
"""Bytes that are read at the beginning and at the end. What we write is much shorter."""

_MOST_PIDS = 10
"""How many processes a record may name, so that an agent cannot have us look at any number of them."""


class Header(msgspec.Struct, frozen=True, kw_only=True):
    """The first line: which run this is, when it was launched, and on which boot of the machine.

    ``launched`` is in seconds since that boot; ``group`` is the control group that was made for it.
    """

    run_id: str
    number: int
    run_no: int
    tool: str
    boot_id: str
    launched: float
    group: str | None = None


StopReason = Literal[
    "canceled",
    "timeout",
    "stalled",
    "throttled",
    "output_too_large",
    "interrupted",
    "lingering",
    "question",
    "stuck",
]
"""Why a dispatcher stops a run. All are error classes, except lingering (the agent had printed its final event) and
stuck (it went round in circles)."""

State = Literal["never_started", "starting", "alive", "ended", "dead"]


@dataclass(frozen=True, slots=True)
class Reading:
    """What a `run` file says.

    * never_started: the agent was not executed and will not be.
    * starting: the watcher is alive, but has not written ``started`` yet; ``begun`` if it may have made a process.
    * alive: the watcher is alive.
    * ended: the agent ended and left ``exit_code``.
    * dead: the watcher died without writing ``exit``, so nothing is known about the agent.

    ``pids`` are those that it names: one is the agent's or its shell's, and the agent may have written the others.
    ``pid`` is the first one, or what the reader knows better. ``stop_reason`` is why a dispatcher stopped the run, if
    one did. ``complaint`` is what the shell itself printed (a missing directory, or the signal that ended the agent).
    ``contained`` is true if all processes of the run were in its control group. ``held``: the watcher has the lock.
    """

    state: State
    header: Header | None = None
    pid: int | None = None
    exit_code: int | None = None
    stop_reason: StopReason | None = None
    complaint: str | None = None
    contained: bool = False
    held: bool = False
    pids: tuple[int, ...] = ()
    begun: bool = False


class RunRecord:
    """An open, locked `run` file on the launching side, ``size`` bytes long. Close it once the watcher has it."""

    def __init__(self, descriptor: int, size: int) -> None:
        self.descriptor = descriptor
        self.size = size

    @classmethod
    def create(cls, directory: Path, header: Header) -> Self:
        """Create and lock the file, and write its header. Raises FileExistsError if the run was launched before."""
        flags = os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_APPEND | os.O_CLOEXEC
        descriptor = os.open(directory / NAME, flags, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            line = msgspec.json.encode(header) + b"\n"
            if os.write(descriptor, line) < len(line):
                # Half a header would swallow what the shell appends.
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(directory / NAME))
        except BaseException:
            os.close(descriptor)
            raise
        return cls(descriptor, len(line))

    def read(self) -> Reading:
        """Read the state that the run has if its watcher is gone. Raises OSError."""
        return _interpret(_read_all(self.descriptor), held=False)

    def withhold(self) -> None:
        """Keep a shim that has not begun from starting the run: its record is longer than it was told."""
        with contextlib.suppress(OSError):
            os.write(self.descriptor, b"\n")

    def note_exit(self, exit_code: int) -> None:
        """Write how the agent ended, for a watcher that is gone. Raises OSError."""
        os.write(self.descriptor, b"exit %d\n" % exit_code)

    def close(self) -> None:
        """Close our descriptor. The watcher keeps the lock as long as it lives."""
        os.close(self.descriptor)


def note_stop(directory: Path, reason: StopReason) -> None:
    """Write why the run is stopped, before its first signal, because a killed shell leaves no exit code.

    Raises OSError.
    """
    descriptor = _open(directory / NAME, os.O_WRONLY | os.O_APPEND)
    try:
        os.write(descriptor, f"stop {reason}\n".encode())
    finally:
        os.close(descriptor)


def withhold(directory: Path) -> bool:
    """Take a run back whose shim stands still, so that it is never started. Return False if it may have been.

    The record is put aside then, as if there had been none. Raises OSError.
    """
    descriptor = os.open(directory / NAME, os.O_WRONLY | os.O_APPEND | _CAREFULLY)
    try:
        os.write(descriptor, b"\n")
    finally:
        os.close(descriptor)
    reading = read(directory)
    if reading.state not in ("starting", "never_started") or reading.begun:
        return False
    (directory / NAME).replace(directory / WITHHELD)
    return True


def read(directory: Path) -> Reading:
    """Read the state of the run in this directory. Raises OSError.

    It tests the lock before it reads, so it cannot miss `exit`.
    """
    try:
        descriptor = _open(directory / NAME, os.O_RDONLY)
    except FileNotFoundError:
        return Reading("never_started")
    try:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            raise OSError(errno.EINVAL, "is not a regular file any more", str(directory / NAME))
        held = not _try_shared_lock(descriptor)
        content = _read_all(descriptor)
    finally:
        os.close(descriptor)
    return _interpret(content, held=held)


async def read_settled(
    directory: Path, is_settled: Callable[[Reading], bool] = lambda reading: reading.state != "starting"
) -> Reading:
    """Wait, for milliseconds, until the watcher has started the agent or is gone, and read the state.

    ``is_settled`` says what else to wait for. Raises OSError.
    """
    reading = read(directory)
    if not is_settled(reading):
        with linux.changes_of(directory / NAME) as changes:
            while not is_settled(reading := read(directory)):
                # The kernel reports the close a moment before it drops the lock, so read again soon after.
                with trio.move_on_after(0.05):
                    await changes.wait()
    return reading


def _open(path: Path, flags: int) -> int:
    return regaining(path, lambda: os.open(path, flags | _CAREFULLY))


def _try_shared_lock(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _read_all(descriptor: int) -> bytes:
    size = os.fstat(descriptor).st_size
    beginning = os.pread(descriptor, _LONGEST, 0)
    return beginning + os.pread(descriptor, _LONGEST, max(_LONGEST, size - _LONGEST))


def _interpret(content: bytes, *, held: bool) -> Reading:
    """Return what the content means. Only whole lines count: a full disk or a crash may have cut the last one.

    A shell writes ``started`` before the agent can write anything, and the shim when the agent has begun.
    """
    first, *lines = [line.decode(errors="replace") for line in content.split(b"\n")[:-1]] or [""]
    header = _header(first)
    pids: list[int] = []
    exit_code = None
    stop_reason: StopReason | None = None
    contained = begun = False
    complaints = []
    for line in lines:
        word, _, rest = line.partition(" ")
        if word == "started" and _is_number(rest, 7) and len(pids) < _MOST_PIDS:
            pids.append(int(rest))
        elif word == "exit" and _is_number(rest, 3):
            exit_code = int(rest)
        elif word == "stop" and rest in get_args(StopReason):
            stop_reason = cast(StopReason, rest)
        elif line == "contained" and not pids:
            contained = True
        elif line in ("starting", "withdrawn"):
            begun = line == "starting" and not pids
        elif line and pids:
            complaints.append(line)
    if exit_code is not None:
        state: State = "ended"
    elif held:
        state = "alive" if pids else "starting"
    else:
        state = "dead" if pids or begun else "never_started"
    complaint = "\n".join(complaints) or None
    pid = pids[0] if pids else None
    return Reading(state, header, pid, exit_code, stop_reason, complaint, contained, held, tuple(pids), begun)


def _is_number(text: str, digits: int) -> bool:
    """Return whether it is a number of at most so many digits: pids have 7, exit codes 3. Agents can write here."""
    return text.isdecimal() and len(text) <= digits


def _header(line: str) -> Header | None:
    try:
        return msgspec.json.decode(line, type=Header)
    except (msgspec.MsgspecError, UnicodeError, RecursionError):
        return None
