"""A started agent: the shell that watches over it, held by a pidfd, so that no signal ever meets a stranger."""

import contextlib
import os
import select
import signal
from pathlib import Path
from types import TracebackType
from typing import Self

import trio

from dispatcher.run import run_record
from dispatcher.run.launch import Child


class AgentProcess:
    """Use it as a context manager: that gives the descriptor back, and leaves the process alone."""

    def __init__(self, pid: int, descriptor: int, child: Child | None = None) -> None:
        self.pid = pid
        self._descriptor = descriptor
        self._child = child

    @classmethod
    def of_child(cls, child: Child) -> Self:
        """Hold a process that we started. Raises OSError when there is no descriptor for it."""
        return cls(child.pid, os.pidfd_open(child.pid), child)

    @classmethod
    def adopt(cls, directory: Path, pid: int) -> Self | None:
        """Hold the shell of a run that somebody else started; None when it has ended. Raises OSError.

        Its lock is tested once more after the descriptor was opened: only then the number was still its own.
        """
        try:
            descriptor = os.pidfd_open(pid)
        except ProcessLookupError:
            return None
        reading = run_record.read(directory)
        if reading.state == "alive" and reading.pid == pid:
            return cls(pid, descriptor)
        os.close(descriptor)
        return None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        os.close(self._descriptor)

    @property
    def has_ended(self) -> bool:
        watch = select.poll()
        watch.register(self._descriptor, select.POLLIN)
        return bool(watch.poll(0))

    async def end(self) -> None:
        """Return when the shell has ended; one task may wait at a time."""
        await trio.lowlevel.wait_readable(self._descriptor)

    def exit_code(self) -> int | None:
        """Reap our own child, which has ended, and answer its exit code; None when a signal ended it."""
        code = self._child.wait() if self._child is not None else -1
        return code if code >= 0 else None

    def reap(self) -> None:
        """Take note of the end of our own child, if it has ended, so that its number becomes free."""
        with contextlib.suppress(ChildProcessError):
            os.waitpid(self.pid, os.WNOHANG)

    def signal_group(self, number: signal.Signals) -> None:
        """Signal the shell and all that is in its process group; nothing happens once the shell has ended."""
        if not self.has_ended:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self.pid, number)
