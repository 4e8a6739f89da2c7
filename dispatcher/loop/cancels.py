"""Stopping runs as soon as somebody cancels their tasks."""

from collections.abc import Iterable

import trio

from dispatcher.database.store import Store
from dispatcher.host.auto_reset_event import AutoResetEvent
from dispatcher.loop.active_runs import ActiveRuns
from dispatcher.loop.agenda import Agenda
from sql import dispatcher_calls


class Cancels:
    """Treats the notification of a cancel as a hint, and asks the database for proof.

    Everybody who can connect to the database can send a notification, also people who have no right to the task.
    """

    def __init__(self, store: Store, agenda: Agenda, active: ActiveRuns) -> None:
        self._store = store
        self._agenda = agenda
        self._active = active
        self._numbers: set[str] = set()
        self._noted = AutoResetEvent()
        self._nothing_to_look_at = trio.Event()
        self._nothing_to_look_at.set()

    def note(self, numbers: Iterable[str]) -> None:
        """Note that the tasks with these numbers may be canceled."""
        self._numbers.update(numbers)
        self._noted.set()
        if self._nothing_to_look_at.is_set():
            self._nothing_to_look_at = trio.Event()

    def note_all(self) -> None:
        """Note that any active run may be canceled: notifications may have been missed."""
        self.note(map(str, self._active.numbers()))

    async def run(self) -> None:
        """Look at what is noted, and stop what is canceled. Begin with all runs: cancels may have come before."""
        self.note_all()
        while True:
            await self._noted.wait()
            await self._agenda.claim_returned.wait()
            numbers, self._numbers = self._numbers, set()
            if any(str(number) in numbers for number in self._active.numbers()):
                heartbeat = await self._store.patiently(
                    "looking for cancels", dispatcher_calls.heartbeat(self._store.dispatcher_id)
                )
                self._active.stop_canceled(heartbeat.cancel_requested)
            if not self._noted.is_set():
                self._nothing_to_look_at.set()

    async def obeyed(self) -> None:
        """Return when every cancel that was noted is proven or refuted."""
        while not self._nothing_to_look_at.is_set():
            await self._nothing_to_look_at.wait()
