"""A started agent: the shell that watches over it, held by a pidfd, so that no signal ever meets a stranger."""

import contextlib
import errno
import os
import signal
from pathlib import Path
from types import TracebackType
from typing import Self

import trio

from dispatcher.host import linux, pidfd, survivors
from dispatcher.host.survivors import Marks
from dispatcher.run.launch import Child
from dispatcher.workspaces import run_record

_TO_THE_GROUP = 4
"""PIDFD_SIGNAL_PROCESS_GROUP, since Linux 6.9."""


class AgentProcess:
    """Use it as a context manager: that gives the descriptor back, and leaves the process alone.

    ``run_id`` is the mark of an adopted one, of which only the descriptor is certain: its number is free for anybody
    once it has ended. The number of our own child stays its own until :meth:`exit_code` reaps it.
    """

    def __init__(self, pid: int, descriptor: int, child: Child | None = None, run_id: str = "") -> None:
        self.pid = pid
        self._descriptor = descriptor
        self._child = child
        self._run_id = run_id
        self._reaped = False

    @classmethod
    def of_child(cls, child: Child) -> Self:
        """Hold a process that we started. Raises OSError when there is no descriptor for it."""
        return cls(child.pid, os.pidfd_open(child.pid), child)

    @classmethod
    def adopt(cls, directory: Path, pid: int, marks: Marks) -> Self | None:
        """Hold the shell of a run that somebody else started; None when it has ended, or ``pid`` is not its number.

        The number comes from the run record, where an agent may write any number. So the process must prove by its
        environment that it is of this run, and lead a session; what an agent can make pass is a process of its own.
        The lock is tested once more after the descriptor was opened: only then the number was still its own.
        Raises OSError when the host has no room for a look.
        """
        try:
            descriptor = os.pidfd_open(pid)
        except (ProcessLookupError, ValueError):
            return None
        except OSError as error:
            if error.errno in (errno.EINVAL, errno.ENOENT):  # no number of a process, but perhaps of a thread
                return None
            raise
        adopted = cls(pid, descriptor, run_id=marks.run)
        try:
            reading = run_record.read(directory)
            proven = _leads_a_session(pid) and survivors.marks_of(pid) == marks and not adopted.has_ended
        except BaseException:
            os.close(descriptor)
            raise
        if proven and reading.state == "alive" and reading.pid == pid:
            return adopted
        os.close(descriptor)
        return None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        os.close(self._descriptor)

    @property
    def began(self) -> float:
        """When it was started, in seconds since boot; now, if it has ended."""
        try:
            return linux.place_of(self.pid).began
        except (FileNotFoundError, ProcessLookupError):
            return linux.seconds_since_boot()

    @property
    def has_ended(self) -> bool:
        return pidfd.has_ended(self._descriptor)

    async def end(self) -> None:
        """Return when the shell has ended; one task may wait at a time."""
        await trio.lowlevel.wait_readable(self._descriptor)

    def exit_code(self) -> int | None:
        """Reap our own child, which has ended, and return its exit code; None when a signal ended it.

        None, too, of an adopted one: only its parent is told.
        """
        code = self._child.wait() if self._child is not None else -1
        self._reaped = True
        return code if code >= 0 else None

    def reap(self) -> None:
        """Take note of the end of our own child, if it has ended, so that its number becomes free."""
        if self._child is not None and not self._reaped:
            pid, _ = os.waitpid(self.pid, os.WNOHANG)
            self._reaped = pid == self.pid

    def signal_group(self, number: signal.Signals) -> None:
        """Signal the shell and all that is in its process group; nothing happens once the shell has ended."""
        if self.has_ended:
            return
        with contextlib.suppress(ProcessLookupError, PermissionError):
            if self._child is not None:
                os.killpg(self.pid, number)
            else:
                self._signal_adopted_group(number)

    def _signal_adopted_group(self, number: signal.Signals) -> None:
        """Its number may be another's since the last look, so nothing is signaled by number."""
        try:
            signal.pidfd_send_signal(self._descriptor, number, None, _TO_THE_GROUP)
        except OSError as error:
            if error.errno != errno.EINVAL:
                raise
            survivors.signal_group(self.pid, self._run_id, number)


def _leads_a_session(pid: int) -> bool:
    try:
        place = linux.place_of(pid)
    except (FileNotFoundError, ProcessLookupError):
        return False
    return pid == place.group == place.session
