"""An event that can happen again and again."""

import math

import trio


class AutoResetEvent:
    """A ``trio.Event`` for one task that waits in a loop.

    Whatever was set before or during a wait ends that wait once, so news that comes while the task is at work is
    seen at its next wait, and any number of news is one wake-up.
    """

    def __init__(self) -> None:
        self._event = trio.Event()

    def set(self) -> None:
        self._event.set()

    def clear(self) -> None:
        """Forget what was set: the task is about to look at everything that it could mean."""
        if self._event.is_set():
            self._event = trio.Event()

    def is_set(self) -> bool:
        """Return whether the next wait returns at once."""
        return self._event.is_set()

    async def wait(self, until: float = math.inf) -> None:
        """Return when the event is set, or at ``until`` on trio's clock; it is clear then."""
        with trio.move_on_at(until):
            await self._event.wait()
        self.clear()
