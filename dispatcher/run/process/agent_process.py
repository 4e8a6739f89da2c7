"""What the life of a run needs of its agent's process, whoever started it and however it is watched."""

import signal
from contextlib import AbstractContextManager
from typing import Protocol

from dispatcher.run.preparation.refusals import NotStartedError
from dispatcher.workspaces.run_record import Reading


class NotWatchedError(NotStartedError):
    """Perhaps the agent was started, and nobody can watch it: all processes of the run must be killed."""


class AgentProcess(AbstractContextManager["AgentProcess"], Protocol):
    """Use it as a context manager: at the end we let go of the process, and it goes on."""

    pid: int

    @property
    def reading(self) -> Reading | None:
        """What its run record says once it has ended, if that is known without reading it."""

    async def end(self) -> int | None:
        """Return the exit code when it has ended, None if nobody knows it; one task may wait at a time."""

    def signal_group(self, number: signal.Signals) -> None:
        """Signal the process and its process group; do nothing once it has ended."""

    def reap(self) -> None:
        """Reap our own child if it has ended, so that its pid becomes free."""
