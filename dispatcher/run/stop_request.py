"""A request to end a run, from whatever side it comes."""

import math

import trio

from dispatcher.host import linux
from dispatcher.workspaces.run_record import StopReason


class StopRequest:
    """``reason`` is the first reason that anybody gave, None until then."""

    def __init__(self) -> None:
        self.reason: StopReason | None = None
        self._asked = trio.Event()
        self._clock = trio.CancelScope()
        self._preliminary = trio.CancelScope()
        self._of_processes: list[StopRequest] = []

    def of_process(self) -> "StopRequest":
        """Return the request to one process of the run: it is asked what the run is asked.

        What is asked of a process, as when its own time is over, concerns only that one.
        """
        request = StopRequest()
        self._of_processes.append(request)
        if self.reason is not None:
            request.ask(self.reason)
        return request

    def ask(self, reason: StopReason) -> None:
        if self.reason is None:
            self.reason = reason
            self._asked.set()
            self._preliminary.cancel()
            for request in self._of_processes:
                request.ask(reason)

    def preliminary(self, deadline: float = math.inf) -> trio.CancelScope:
        """Return a scope for work before the agent is watched: it is cancelled as soon as somebody asks."""
        self._preliminary = trio.CancelScope(deadline=deadline)
        if self.reason is not None:
            self._preliminary.cancel()
        return self._preliminary

    async def wait(self, due: float = math.inf) -> StopReason:
        """Return the reason once somebody gave one, or "timeout" when ``due`` is over, in seconds since boot."""
        while not self._asked.is_set() and (left := due - linux.seconds_since_boot()) > 0:
            with trio.move_on_after(left) as self._clock:
                await self._asked.wait()
        self.ask("timeout")
        return self.reason or "timeout"

    def look_at_clock(self) -> None:
        """Work out again how long :meth:`wait` may last: trio's clock stood still while the machine was suspended."""
        self._clock.cancel()
        for request in self._of_processes:
            request.look_at_clock()
