"""The `run` file: one run's header, pid record, exit record and lock, in one append-only file.

The dispatcher creates and locks it, then hands it to a small shell as its standard descriptors. The lock lives
in the open file description, so it passes to the shell at fork without a gap and is dropped by the kernel when
the shell dies, however it dies. The shell appends ``started PID`` and, once the agent ended, ``exit CODE``. So
every state that a crash can leave is read off this one file, without trusting any process id.
"""

import errno
import fcntl
import os
import stat
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, Self, cast, get_args

import msgspec
import trio

from dispatcher.host import linux

NAME = "run"
_CAREFULLY = os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK
"""An agent that knows where to look may have put a link or a FIFO in its place."""
_LONGEST = 64 * 2**10
"""Bytes that are read at the beginning and at the end; what we write ourselves fits in many times."""


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
    "canceled", "timeout", "stalled", "throttled", "output_too_large", "interrupted", "lingering"
]
"""Why a dispatcher stops a run. All but lingering (the agent had printed its final event) are error classes, too."""

State = Literal["never_started", "starting", "alive", "ended", "dead"]


@dataclass(frozen=True, slots=True)
class Reading:
    """What a `run` file says.

    never_started: the agent was not and will not be executed. starting: the shell lives and has not said so yet.
    alive: the shell lives. ended: the agent ended and left ``exit_code``. dead: the shell died without a word, so
    nothing is known of the agent. ``stop_reason`` is why a dispatcher stopped the run, if one did; ``complaint``
    is what the shell itself had to say (no such directory, or by which signal the agent died); ``contained`` is
    whether all processes of the run were in its control group.
    """

    state: State
    header: Header | None = None
    pid: int | None = None
    exit_code: int | None = None
    stop_reason: StopReason | None = None
    complaint: str | None = None
    contained: bool = False


class RunRecord:
    """An open, locked `run` file on the launching side. Close it once the shell has it."""

    def __init__(self, descriptor: int) -> None:
        self.descriptor = descriptor

    @classmethod
    def create(cls, directory: Path, header: Header) -> Self:
        """Create the file, lock it, and write its header; raises FileExistsError for a run that was here before."""
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
        return cls(descriptor)

    def close(self) -> None:
        """Give up our hold; the lock goes on as long as the shell lives."""
        os.close(self.descriptor)


def note_stop(directory: Path, reason: StopReason) -> None:
    """Write down, before the first signal, that and why the run is stopped: a killed shell leaves no exit code.

    Raises OSError.
    """
    descriptor = os.open(directory / NAME, os.O_WRONLY | os.O_APPEND | _CAREFULLY)
    try:
        os.write(descriptor, f"stop {reason}\n".encode())
    finally:
        os.close(descriptor)


def read(directory: Path) -> Reading:
    """Read the state of the run whose directory this is. Raises OSError.

    The lock is tested first, so `exit` cannot be missed.
    """
    try:
        descriptor = os.open(directory / NAME, os.O_RDONLY | _CAREFULLY)
    except FileNotFoundError:
        return Reading("never_started")
    try:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            raise OSError(errno.EINVAL, "is no plain file any more", str(directory / NAME))
        held = not _try_shared_lock(descriptor)
        content = _read_all(descriptor)
    finally:
        os.close(descriptor)
    return _interpret(content, held=held)


async def read_settled(directory: Path) -> Reading:
    """Read the state once the shell has said that it started, or is gone: a matter of milliseconds."""
    reading = read(directory)
    if reading.state == "starting":
        with linux.changes_of(directory / NAME) as changes:
            while (reading := read(directory)).state == "starting":
                # The kernel tells of a close a moment before it drops the lock: look again soon after.
                with trio.move_on_after(0.05):
                    await changes.wait()
    return reading


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
    """Only whole lines count: a full disk or a crash may have cut the last one.

    The shell's own word of its pid is the first one: it comes before the agent can say anything.
    """
    first, *lines = [line.decode(errors="replace") for line in content.split(b"\n")[:-1]] or [""]
    header = _header(first)
    pid = exit_code = None
    stop_reason: StopReason | None = None
    contained = False
    complaints = []
    for line in lines:
        word, _, rest = line.partition(" ")
        if word == "started" and _is_number(rest, 7) and pid is None:
            pid = int(rest)
        elif word == "exit" and _is_number(rest, 3):
            exit_code = int(rest)
        elif word == "stop" and rest in get_args(StopReason):
            stop_reason = cast(StopReason, rest)
        elif line == "contained" and pid is None:
            contained = True
        elif line and pid is not None:
            complaints.append(line)
    if exit_code is not None:
        state: State = "ended"
    elif held:
        state = "alive" if pid is not None else "starting"
    else:
        state = "dead" if pid is not None else "never_started"
    return Reading(state, header, pid, exit_code, stop_reason, "\n".join(complaints) or None, contained)


def _is_number(text: str, digits: int) -> bool:
    """Whether it is one of so many digits at most: process ids of Linux have 7, exit codes 3, and agents write on."""
    return text.isdecimal() and len(text) <= digits


def _header(line: str) -> Header | None:
    try:
        return msgspec.json.decode(line, type=Header)
    except (msgspec.MsgspecError, UnicodeError, RecursionError):
        return None
