"""Listening for changes: a connection that only listens, so that no command has to poll.

Only behind a pooler in transaction mode, where no connection can listen, commands poll.
"""

import math
import select
import time
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager

from psycopg import Notify
from psycopg.sql import SQL, Identifier

from dispatcher.backoff import Backoff
from dispatcher.configuration import settings
from dispatcher.database.connection import Connection, connect, translated
from dispatcher.database.event_payload import payload_of
from dispatcher.database.pooler import keeps_session

ASK_SECONDS = 2.0
"""How often a command looks for changes where notifications do not arrive."""

PROOF_SECONDS = 60.0
"""After this much silence the server has to show that it is still there."""

MEANWHILE_SECONDS = 1.0
"""How often a command that waits for notifications looks at what sends none."""

STATEMENT_SECONDS = 10.0
"""How long the server may take to show that."""


class Listener:
    """Notifications of some channels. Another connection is needed to read what they are about.

    ``silence`` is how long no notification means no change: for ever, unless notifications are lost on the way. Where
    they are, :meth:`wait` returns a notification that was not heard after so many seconds; a caller that waits for
    :meth:`fileno` instead has to look for changes itself.
    """

    def __init__(self, connection: Connection, silence: float = math.inf) -> None:
        self._connection = connection
        self.silence = silence

    @property
    def hears(self) -> bool:
        """Whether notifications arrive; otherwise the caller polls."""
        return math.isinf(self.silence)

    @property
    def broken(self) -> bool:
        return self._connection.broken

    def fileno(self) -> int:
        """Readable when :meth:`drain` has something to return, or to raise."""
        return self._connection.fileno()

    def drain(self) -> Sequence[Notify]:
        """Return what has come since the last call, at once. Raises :class:`dispatcher.errors.DatabaseError`."""
        with translated():
            return list(self._connection.notifies(timeout=0))

    def wait(
        self, seconds: float = math.inf, meanwhile: Callable[[], None] | None = None
    ) -> Sequence[Notify]:
        """Sleep until something comes, at most ``seconds``; returns what came, which may be nothing.

        Call ``meanwhile`` each :data:`MEANWHILE_SECONDS` until then.

        Raises :class:`dispatcher.errors.DatabaseError`, also when something on the way swallows what the server sends.
        """
        # What came together with the response to LISTEN is in memory already, so the socket is not readable.
        if came := self.drain():
            return came
        self._sleep(min(seconds, self.silence, PROOF_SECONDS), meanwhile)
        if came := self.drain():
            return came
        if self.silence < seconds:
            return [_ANYTHING]
        if seconds > PROOF_SECONDS:
            with translated():
                self._connection.execute("SELECT")
        return []

    def _sleep(self, seconds: float, meanwhile: Callable[[], None] | None) -> None:
        """Return when something came, or after so many seconds."""
        until = time.monotonic() + seconds
        while (left := until - time.monotonic()) > 0:
            step = left if meanwhile is None else min(left, MEANWHILE_SECONDS)
            if select.select([self], [], [], step)[0]:
                return
            if meanwhile is not None:
                meanwhile()


@contextmanager
def listening(*channels: str) -> Iterator[Listener]:
    """Listen to channels: what happens from here on is heard. Raises :class:`dispatcher.errors.DatabaseError`."""
    configuration = settings.load()
    with connect(
        configuration, application_name="llmctl listener", statement_timeout=STATEMENT_SECONDS
    ) as connection:
        if not keeps_session(configuration, connection):
            yield Listener(connection, ASK_SECONDS)
            return
        with translated():
            for channel in channels:
                connection.execute(SQL("LISTEN {}").format(Identifier(channel)))
        yield Listener(connection)


def named(event: Notify, numbers: Collection[int]) -> Collection[int]:
    """Return those of the tasks that a ``task_event`` may be about: about very many tasks it says only how many."""
    payload = payload_of(event)
    return numbers if payload.numbers is None else [number for number in payload.numbers if number in numbers]


def pauses() -> Backoff:
    """Return the pauses between attempts to connect again: 0.5, 1, 2, 4, 8, then always 10 seconds."""
    return Backoff(0.5, 10.0)


_ANYTHING = Notify("task_event", "{}", 0)
"""A task_event that may be about any task."""
