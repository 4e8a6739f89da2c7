"""Hearing of changes: a connection that only listens, so that nobody has to ask whether something is new.

Only behind a pooler in transaction mode, where nobody can listen, one asks now and then.
"""

import math
import select
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager

import msgspec
from psycopg import Notify
from psycopg.sql import SQL, Identifier

from cli.database.connection import told_to_people
from dispatcher.backoff import Backoff
from dispatcher.configuration import settings
from dispatcher.database.connection import Connection, connect
from dispatcher.database.pooler import keeps_session

ASK_SECONDS = 2.0
"""How often one asks whether something is new where notifications do not arrive."""

PROOF_SECONDS = 60.0
"""After so much silence the server has to show that it is still there."""

STATEMENT_SECONDS = 10.0
"""How long it may take to do so."""


class Listener:
    """Notifications of some channels. Another connection is needed to read what they are about.

    ``silence`` is for how long hearing nothing means that there is nothing: for ever, unless notifications are lost on
    the way. Then :meth:`wait` returns a change that it has not heard of; who waits for :meth:`fileno` has to look.
    """

    def __init__(self, connection: Connection, silence: float = math.inf) -> None:
        self._connection = connection
        self.silence = silence

    @property
    def hears(self) -> bool:
        """Whether changes are heard of, not only asked for."""
        return math.isinf(self.silence)

    @property
    def broken(self) -> bool:
        return self._connection.broken

    def fileno(self) -> int:
        """Readable when :meth:`drain` has something to answer, or to raise."""
        return self._connection.fileno()

    def drain(self) -> Sequence[Notify]:
        """What has come since the last call; never waits. Raises :class:`dispatcher.errors.DatabaseError`."""
        with told_to_people():
            return list(self._connection.notifies(timeout=0))

    def wait(self, seconds: float = math.inf) -> Sequence[Notify]:
        """Sleep until something comes, at most ``seconds``. The answer may be empty.

        Raises :class:`dispatcher.errors.DatabaseError` also where something between us swallows what the server says.
        """
        # What came along with an answer to LISTEN is in memory already, and leaves the socket unreadable.
        if came := self.drain():
            return came
        select.select([self], [], [], min(seconds, self.silence, PROOF_SECONDS))
        if came := self.drain():
            return came
        if self.silence < seconds:
            return [_ANYTHING]
        if seconds > PROOF_SECONDS:
            with told_to_people():
                self._connection.execute("SELECT")
        return []


@contextmanager
def listening(*channels: str) -> Iterator[Listener]:
    """Raises :class:`dispatcher.errors.DatabaseError`. What happens from here on is heard."""
    configuration = settings.load()
    with connect(
        configuration, application_name="llmctl listener", statement_timeout=STATEMENT_SECONDS
    ) as connection:
        if not keeps_session(configuration, connection):
            yield Listener(connection, ASK_SECONDS)
            return
        with told_to_people():
            for channel in channels:
                connection.execute(SQL("LISTEN {}").format(Identifier(channel)))
        yield Listener(connection)


class Told(msgspec.Struct):
    """``numbers`` of tasks; None: it may be any."""

    status: str = ""
    numbers: list[int] | None = None


def concerns(event: Notify, numbers: Collection[int]) -> bool:
    """Whether a ``task_event`` may be about one of the tasks."""
    return bool(named(event, numbers))


def named(event: Notify, numbers: Collection[int]) -> Collection[int]:
    """Those of the tasks that a ``task_event`` may be about; of very many tasks it tells only how many."""
    told = told_by(event)
    return numbers if told.numbers is None else set(numbers).intersection(told.numbers)


def told_by(event: Notify) -> Told:
    """What a ``task_event`` or ``run_output`` says; nothing, if it is none of ours: everybody can notify."""
    try:
        return msgspec.json.decode(event.payload, type=Told)
    except msgspec.MsgspecError:
        return Told()


def pauses() -> Backoff:
    """Return the pauses between attempts to connect again: 0.5, 1, 2, 4, 8, then always 10 seconds."""
    return Backoff(0.5, 10.0)


_ANYTHING = Notify("task_event", "{}", 0)
"""A task_event that may be about any task."""
