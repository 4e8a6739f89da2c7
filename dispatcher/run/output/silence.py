"""How long an agent may print nothing before its run is stopped, and with which reason."""

import math
from collections.abc import Iterator

import trio

from dispatcher.workspaces.run_record import StopReason
from wrappers.base import Activity, Asked, Event, Finished, Stuck, Waits

LINGER = 5.0
"""Seconds that a process may live on after its final event, counted from its last output on stdout."""
WORTH_A_SLOT, NOT_WORTH_A_SLOT = 60.0, 10.0
"""Seconds that an agent may wait in its slot for a service that asked it to slow down.

The first is for an agent whose work would be lost: limits by the minute last that long. The second is for all others.
codex would sleep for ten minutes if the service says so.
"""


class Silence:
    """``last_stdout`` and ``last_stderr`` are when the streams were last written to, on trio's clock.

    ``final_event_seen`` says that the CLI reported its end and has not gone on since. ``stall_timeout`` is in seconds,
    None for no bound.
    """

    def __init__(self, last_stdout: float, last_stderr: float, stall_timeout: float | None) -> None:
        self.last_stdout = last_stdout
        self.last_stderr = last_stderr
        self.final_event_seen = False
        self._stall_timeout = stall_timeout
        self._patience: float | None = None
        self._asked = False
        self._stuck = False

    @property
    def last_output(self) -> float:
        return max(self.last_stdout, self.last_stderr)

    def note(self, event: Event) -> None:
        match event:
            case Activity():
                # claude goes on after a final event when work in the background ends.
                self.final_event_seen = False
            case Finished():
                self.final_event_seen = True
            case Asked():
                self._asked = True
            case Stuck():
                self._stuck = True
        match event:
            case Waits():
                self._patience = WORTH_A_SLOT if event.worked else NOT_WORTH_A_SLOT
            case _:
                self._patience = None

    def next_deadline(self) -> float:
        """Return when the run is to be stopped if nothing more comes."""
        return min((moment for moment, _ in self._deadlines()), default=math.inf)

    def why_stop(self) -> StopReason | None:
        """Return the reason for which the run is to be stopped now."""
        now = trio.current_time()
        return next((reason for moment, reason in self._deadlines() if moment <= now), None)

    def _deadlines(self) -> Iterator[tuple[float, StopReason]]:
        if self._asked:
            yield -math.inf, "question"
        if self._stuck:
            yield -math.inf, "stuck"
        if self.final_event_seen:
            yield self.last_stdout + LINGER, "lingering"
        elif self._patience is not None:
            yield self.last_output + self._patience, "throttled"
        if self._stall_timeout is not None:
            yield self.last_output + self._stall_timeout, "stalled"
