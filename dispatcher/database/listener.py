"""Listens for notifications on a connection of its own, without a thread. The connection runs only LISTEN.

Once that is done the connection is read through the public interface of libpq (``psycopg.pq``), which returns what has
arrived and never waits. That takes half of the time of psycopg's ``notifies()``, and loses nothing when it is left.
"""

from collections.abc import Callable, Sequence

import psycopg
import structlog
import trio
from psycopg import Notify, sql

from dispatcher.backoff import Backoff
from dispatcher.database.connection import will_pass
from dispatcher.errors import DatabaseError
from dispatcher.host.host_trouble import is_host_trouble
from dispatcher.host.threads import in_thread

log = structlog.get_logger()

SHORTEST_PAUSE, LONGEST_PAUSE = 0.1, 10.0
"""Seconds between two connections. The pauses start again after a connection that lasted longer than the longest."""

Connect = Callable[[], psycopg.Connection]


class Listener:
    """Listens to ``channels`` while :meth:`run` runs, and connects again when a connection breaks.

    ``on_connected`` is called after each LISTEN, so that the caller looks for what was missed before. For ``pause``
    seconds after each notification the next ones wait for each other, so that a storm of them costs little.
    """

    def __init__(
        self,
        connect: Connect,
        channels: Sequence[str],
        on_connected: Callable[[], None],
        on_notification: Callable[[Notify], None],
        pause: float = 0.0,
    ) -> None:
        self._connect = connect
        self._channels = channels
        self._on_connected = on_connected
        self._on_notification = on_notification
        self._pause = pause
        self._hearing = trio.CancelScope()

    def replace(self) -> None:
        """Replace the connection, because it hears nothing. A connection that is being made stays: it is new."""
        self._hearing.cancel()

    async def run(self) -> None:
        backoff = Backoff(SHORTEST_PAUSE, LONGEST_PAUSE)
        while True:
            began = trio.current_time()
            try:
                await self._listen()
                continue
            except (psycopg.DatabaseError, DatabaseError, OSError) as error:
                if isinstance(error, psycopg.DatabaseError) and not will_pass(error):
                    raise
                if isinstance(error, OSError) and not is_host_trouble(error):
                    raise
                pause = backoff.next(trio.current_time() - began)
                log.warning("does not hear the database", error=str(error).strip(), retry_in_s=pause)
            await trio.sleep(pause)

    async def _listen(self) -> None:
        """Call the callbacks until :meth:`replace` is called, and return then. Raises when the connection breaks."""
        connection = await in_thread(self._open)
        try:
            self._on_connected()
            with trio.CancelScope() as self._hearing:
                await self._hear(connection)
        finally:
            connection.close()

    def _open(self) -> psycopg.Connection:
        connection = self._connect()
        try:
            for channel in self._channels:
                connection.execute(sql.SQL("LISTEN {}").format(sql.Identifier(channel)))
        except BaseException:
            connection.close()
            raise
        return connection

    async def _hear(self, connection: psycopg.Connection) -> None:
        while True:
            # What came with the answer to LISTEN does not make the socket readable: look before the first wait.
            connection.pgconn.consume_input()
            heard = False
            while (notification := connection.pgconn.notifies()) is not None:
                heard = True
                self._on_notification(
                    Notify(notification.relname.decode(), notification.extra.decode(), notification.be_pid)
                )
            if heard and self._pause:
                await trio.sleep(self._pause)
            else:
                await trio.lowlevel.wait_readable(connection.fileno())
