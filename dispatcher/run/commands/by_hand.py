"""Commands of tasks that a person starts: they run as the setup and the check of a run do, without a dispatcher.

What an agent wrote decides what they do. So they get the variables of the allow-list and no others, a mark by which
all of their processes are found, a control group where one can be made, and a timeout. No process of theirs outlives
them. The program that runs them calls :func:`own_environment.conceal` first, since any process of its user could read
its variables.
"""

import contextlib
import os
import signal
from collections.abc import Callable
from contextlib import AbstractContextManager, ExitStack
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

from dispatcher.host import cgroups, linux, pidfd, survivors
from dispatcher.run.preparation import environment
from dispatcher.run.process.launch import Child, Launch, launch
from dispatcher.workspaces.run_record import Header, RunRecord

OWNER = "by-hand"
"""The mark of the owner: no dispatcher has it, so none takes these processes for those of a run that is over."""
GRACE = 5.0
"""Seconds that a command has to end after SIGTERM."""
TAIL = 4_000
"""Bytes of the end of what it printed that are kept."""

_KILL_SECONDS = 2.0


@dataclass(frozen=True)
class Ended:
    """How a command ended: ``exit_code`` is None if it took too long; ``how`` says it in words."""

    exit_code: int | None
    how: str
    tail: str


class CommandsByHand:
    """Runs one command after the other. At its end nothing is left of them, also not of earlier ones that were killed.

    ``starting`` surrounds each start: it keeps signals from us until the process can be ended.
    """

    def __init__(self, starting: Callable[[], AbstractContextManager[None]]) -> None:
        self._starting = starting
        self.mark = _mark_of(os.getpid())
        self._parent = cgroups.parent_of_runs()

    def __enter__(self) -> Self:
        """Kill what programs like this one left that were killed."""
        survivors.kill_left_over(OWNER, is_over)
        if self._parent is not None:
            for group in self._parent.glob(f"{survivors.groups_of(OWNER)}*"):
                if is_over(group.name.removeprefix(survivors.groups_of(OWNER))):
                    cgroups.kill(group, _KILL_SECONDS)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._kill()

    def run(self, command: str, number: int, timeout: float, work: Path, own: Path) -> Ended:
        """Run a command of a task for a shell in ``work``, at most ``timeout`` seconds.

        ``own`` is an empty directory for its log, its record and its temporary files. Raises OSError.
        """
        temporary, log = own / "tmp", own / "log"
        temporary.mkdir(mode=0o700)
        given = {
            "LLMCTL_TASK": str(number),
            "GIT_CEILING_DIRECTORIES": str(work.parent),
            **dict.fromkeys(environment.TEMPORARY, str(temporary)),
        }
        what = Launch(
            argv=["/bin/sh", "-c", command],
            cwd=work,
            stdin=Path(os.devnull),
            stdout=log,
            stderr=log,
            env=environment.build({}, given, environment.marks_of(self.mark, OWNER)).variables,
            group=self._group(),
        )
        try:
            with ExitStack() as stack:
                with self._starting():
                    child = self._launch(what, number, own)
                    process = os.pidfd_open(child.pid)
                    stack.callback(os.close, process)
                exit_code = self._wait(child, process, timeout)
        finally:
            self._kill()
        return Ended(exit_code, _how(exit_code, timeout), _tail(log, own / "run"))

    def _launch(self, what: Launch, number: int, own: Path) -> Child:
        header = Header(
            run_id=self.mark,
            number=number,
            run_no=0,
            tool="",
            boot_id=linux.boot_id(),
            launched=linux.seconds_since_boot(),
        )
        record = RunRecord.create(own, header)
        try:
            return launch(what, record)
        finally:
            record.close()

    def _wait(self, child: Child, process: int, timeout: float) -> int | None:
        """Return the exit code; None if it was ended since it took too long."""
        try:
            if pidfd.has_ended(process, within=timeout):
                return child.wait()
            _end(child, process)
        except BaseException:
            _end(child, process)
            raise
        return None

    def _group(self) -> Path | None:
        """Make the control group anew: killing it removed it."""
        if self._parent is None:
            return None
        group = self._parent / f"{survivors.groups_of(OWNER)}{self.mark}"
        try:
            group.mkdir(exist_ok=True)
        except OSError:
            return None
        return group

    def _kill(self) -> None:
        """Kill every process of a command, whatever it did to its session and its parents."""
        if self._parent is not None:
            cgroups.kill(self._parent / f"{survivors.groups_of(OWNER)}{self.mark}", _KILL_SECONDS)
        survivors.kill_run(self.mark)


def _end(child: Child, process: int) -> None:
    """End a command gently; at another signal that ends us, at once."""
    try:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(child.pid, signal.SIGTERM)
        pidfd.has_ended(process, within=GRACE)
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(child.pid, signal.SIGKILL)
        child.wait()


def _mark_of(pid: int) -> str:
    """Return the mark of a process that runs commands by hand: no other one with its pid begins at that moment."""
    return f"{pid}-{linux.place_of(pid).began:.2f}"


def is_over(mark: str) -> bool:
    """Return whether the program with this mark has ended, so that nothing of it is needed any more."""
    pid = mark.partition("-")[0]
    try:
        return not pid.isdecimal() or _mark_of(int(pid)) != mark
    except OSError:
        return True


def _how(exit_code: int | None, timeout: float) -> str:
    if exit_code is None:
        return f"took longer than {timeout:g} s"
    number = -exit_code if exit_code < 0 else exit_code - 128  # a shell adds 128
    with contextlib.suppress(ValueError):
        return f"was ended by {signal.Signals(number).name}"
    return f"exited with {exit_code}"


def _tail(log: Path, record: Path) -> str:
    """Return the end of what a command printed; if nothing, what the shell that was to start it said."""
    try:
        descriptor = os.open(log, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError:
        return "".join(line for line in _lines(record) if line.startswith("llmctl-run: "))
    with os.fdopen(descriptor, "rb") as file:
        file.seek(max(0, os.fstat(descriptor).st_size - TAIL))
        return file.read(TAIL).decode(errors="replace")


def _lines(record: Path) -> list[str]:
    try:
        return record.read_text(errors="replace").splitlines(keepends=True)
    except OSError:
        return []
