"""A process held by a pidfd, so that no signal reaches another one: a shell of ours, or what an adopted run left."""

import contextlib
import errno
import os
import signal
from pathlib import Path
from types import TracebackType
from typing import Self

import trio

from dispatcher.host import cgroups, linux, pidfd, survivors
from dispatcher.host.survivors import Marks
from dispatcher.run.preparation.refusals import cannot
from dispatcher.run.process.agent_process import NotWatchedError
from dispatcher.run.process.launch import Child, Launch, launch
from dispatcher.workspaces import run_record
from dispatcher.workspaces.run_record import RunRecord

_TO_THE_GROUP = 4
"""PIDFD_SIGNAL_PROCESS_GROUP, since Linux 6.9."""


class HeldProcess:
    """An :class:`AgentProcess`; at its end the descriptor is closed.

    The pid of our own child, a shell, stays its own until :meth:`end` reaps it. The pid of an adopted process may be
    reused once that has ended, so only the descriptor is certain; ``run_id`` is the mark of its processes.
    """

    reading = None

    def __init__(self, pid: int, descriptor: int, child: Child | None = None, run_id: str = "") -> None:
        self.pid = pid
        self._descriptor = descriptor
        self._child = child
        self._run_id = run_id
        self._reaped = False

    @classmethod
    def start(cls, what: Launch, record: RunRecord) -> Self:
        """Start the agent by a shell. Belongs in a thread. Raises :class:`NotStartedError`."""
        try:
            child = launch(what, record)
        except OSError as error:
            raise cannot("no process could be started", error) from error
        try:
            return cls.of_child(child)
        except OSError as error:
            child.kill()
            child.wait()
            refusal = cannot("the process could not be watched", error)
            raise NotWatchedError(refusal.error_class, str(refusal)) from error

    @classmethod
    def of_child(cls, child: Child) -> Self:
        """Hold a process that we started. Raises OSError when no descriptor is free."""
        return cls(child.pid, os.pidfd_open(child.pid), child)

    @classmethod
    def adopt(cls, directory: Path, pid: int, marks: Marks) -> Self | None:
        """Hold the agent or the shell of a run that somebody else started.

        Returns None when it has ended, or ``pid`` is not its pid. The pid comes from the run record, where an agent may
        write any number. So the process must prove that it belongs to this run, by its environment or, since some
        programs overwrite that, by its control group; and it must lead a session. An agent can only pass off a process
        of its own. The lock is tested again after the descriptor was opened: if it is still held, the pid was not
        reused.
        Raises OSError when the host has no room to look.
        """
        try:
            descriptor = os.pidfd_open(pid)
        except (ProcessLookupError, ValueError):
            return None
        except OSError as error:
            if error.errno in (
                errno.EINVAL,
                errno.ENOENT,
            ):  # not the pid of a process, but perhaps of a thread
                return None
            raise
        adopted = cls(pid, descriptor, run_id=marks.run)
        try:
            reading = run_record.read(directory)
            proven = _leads_a_session(pid) and _is_of(pid, marks) and not adopted.has_ended
        except BaseException:
            os.close(descriptor)
            raise
        if proven and reading.state == "alive" and pid in reading.pids:
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
        """When it was started, in seconds since boot; the present time if it has ended."""
        try:
            return linux.place_of(self.pid).began
        except (FileNotFoundError, ProcessLookupError):
            return linux.seconds_since_boot()

    @property
    def has_ended(self) -> bool:
        return pidfd.has_ended(self._descriptor)

    async def end(self) -> int | None:
        """Return the exit code when it has ended; None when a signal ended our shell, or the process is adopted.

        The kernel tells the code only to the parent.
        """
        await trio.lowlevel.wait_readable(self._descriptor)
        code = self._child.wait() if self._child is not None else -1
        self._reaped = True
        return code if code >= 0 else None

    def reap(self) -> None:
        """Reap our own child if it has ended, so that its pid becomes free."""
        if self._child is not None and not self._reaped:
            pid, _ = os.waitpid(self.pid, os.WNOHANG)
            self._reaped = pid == self.pid

    def signal_group(self, number: signal.Signals) -> None:
        if self.has_ended:
            return
        with contextlib.suppress(ProcessLookupError, PermissionError):
            if self._child is not None:
                os.killpg(self.pid, number)
            else:
                self._signal_adopted_group(number)

    def _signal_adopted_group(self, number: signal.Signals) -> None:
        """Signal without using the pid: since the last look another process may have it."""
        try:
            signal.pidfd_send_signal(self._descriptor, number, None, _TO_THE_GROUP)
        except OSError as error:
            if error.errno != errno.EINVAL:
                raise
            survivors.signal_group(self.pid, self._run_id, number)


def _is_of(pid: int, marks: Marks) -> bool:
    return survivors.marks_of(pid) == marks or cgroups.holds(marks.group, pid)


def _leads_a_session(pid: int) -> bool:
    try:
        place = linux.place_of(pid)
    except (FileNotFoundError, ProcessLookupError):
        return False
    return pid == place.group == place.session
