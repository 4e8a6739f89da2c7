"""Finds out within a second or two that the server does not hear a call of ours, or that we do not hear its answer.

A middlebox may acknowledge what it swallows, so that TCP notices nothing. A call that takes long may as well be slow.
So the server is asked over a new connection: if its process idles while we wait for it, one of us was not heard.
"""

import array
import fcntl
import termios
import time
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass

import psycopg
import structlog
import trio

from dispatcher.database.connection import BoundedConnection
from dispatcher.host.auto_reset_event import AutoResetEvent
from dispatcher.host.host_trouble import is_host_trouble
from dispatcher.host.threads import in_thread

log = structlog.get_logger()

LATE = 0.75
"""Seconds of silence after which the server is asked. Calls take milliseconds, unless they wait for a lock."""
LOOK = 0.25
"""Seconds between two looks while calls are on their way; a server process has to idle at two of them."""
RAREST = 4.0
"""Seconds until the server is asked again about a call that it works on; first after half of that, at most."""


@dataclass(eq=False, slots=True)
class _Pending:
    """A call on its way. ``connection`` is None until it has one, and ``patience`` how long it may stay silent."""

    connection: BoundedConnection | None = None
    patience: float = LATE

    @property
    def is_late(self) -> bool:
        connection = self.connection
        if connection is None or time.monotonic() < connection.heard_at + self.patience:
            return False
        if _has_unsent(connection):
            connection.heard_at = time.monotonic()  # the line is slow, and not silent
            return False
        return True


class Silence:
    """Watches calls that are inside of :meth:`watching`, while :meth:`run` runs. ``connect`` makes a new connection."""

    def __init__(self, connect: Callable[[], BoundedConnection]) -> None:
        self._connect = connect
        self._pending: set[_Pending] = set()
        self._begun = AutoResetEvent()

    @contextmanager
    def watching(self, connection: BoundedConnection | None = None) -> Iterator[_Pending]:
        """Watch a call; whoever makes it in another thread tells its connection later."""
        pending = _Pending(connection)
        self._pending.add(pending)
        self._begun.set()
        try:
            yield pending
        finally:
            self._pending.discard(pending)

    async def run(self) -> None:
        while True:
            while not self._pending:
                await self._begun.wait()
            await trio.sleep(LOOK)
            if late := [pending for pending in self._pending if pending.is_late]:
                await self._look(late)

    async def _look(self, late: Sequence[_Pending]) -> None:
        """Give up the calls of which the server knows nothing; the others are asked about again later."""
        waited = {pending: _heard_at(pending) for pending in late}
        try:
            unheard = await self._unheard(late)
            if unheard:
                await trio.sleep(LOOK)  # the answer may have been on its way
                unheard = await self._unheard(unheard)
        except (psycopg.Error, OSError) as error:
            if isinstance(error, OSError) and not is_host_trouble(error):
                raise
            unheard = []  # a server that is away is noticed by the calls themselves
        for pending in late:
            pending.patience = min(2 * pending.patience, RAREST)
            connection = pending.connection
            if pending in unheard and connection is not None and _heard_at(pending) == waited[pending]:
                log.warning(
                    "the database does not hear a call, or is not heard", backend=connection.server_pid
                )
                connection.condemn()

    async def _unheard(self, pending: Sequence[_Pending]) -> list[_Pending]:
        """Return those on which their server process does not work."""
        pids = [each.connection.server_pid for each in pending if each.connection is not None]
        at_work = await in_thread(self._at_work, pids)
        return [
            each
            for each in pending
            if each in self._pending and each.connection and each.connection.server_pid not in at_work
        ]

    def _at_work(self, pids: Sequence[int]) -> Collection[int]:
        with closing(self._connect()) as connection:
            rows = connection.execute(
                "SELECT pid FROM pg_stat_activity WHERE pid = ANY(%s) AND state IS DISTINCT FROM 'idle'",
                [list(pids)],
            ).fetchall()
        return {int(pid) for (pid,) in rows}


def _heard_at(pending: _Pending) -> float:
    return pending.connection.heard_at if pending.connection is not None else 0.0


def _has_unsent(connection: BoundedConnection) -> bool:
    """Return whether the kernel still has something to send."""
    unsent = array.array("i", [0])
    try:
        fcntl.ioctl(connection.fileno(), termios.TIOCOUTQ, unsent)
    except (OSError, psycopg.Error):
        return False
    return unsent[0] > 0
