"""A connection whose answers the event loop itself waits for: a call costs no thread and no hand-over between threads.

psycopg has no trio support, but the interface of libpq below it (``psycopg.pq``) is public. It sends without waiting,
and says whether an answer is there.
"""

import itertools
import re
import time
from collections.abc import Callable
from typing import TypeVar

import psycopg
import trio
from psycopg import pq
from psycopg.errors import error_from_result

from dispatcher.database.connection import BoundedConnection, SilentServerError
from dispatcher.host.threads import in_thread
from sql.call import Call

Result = TypeVar("Result")


class EventLoopConnection:
    """One connection for calls that come one after the other, made when it is needed.

    Each statement is prepared at its first use, so the server process keeps its plans. A call that is cancelled still
    runs to its end, and its result counts. All methods raise psycopg.Error as it comes.
    """

    def __init__(self, connect: Callable[[], BoundedConnection]) -> None:
        self._connect = connect
        self._connection: BoundedConnection | None = None
        self._prepared: list[bytes] = []
        self._is_old = False
        self.server_pid = 0
        """The server process that works on the calls; 0 before the first one."""

    async def execute(self, call: Call[Result]) -> Result:
        """Make a call whose arguments are texts and numbers, and whose result is one text."""
        with trio.CancelScope(shield=True):
            connection = self._connection or await self._open()
            try:
                answer = await self._bounded(connection, call)
            finally:
                if self._is_old or not _is_idle(connection):
                    self.close()
        return call.read([[answer.decode()]])

    def replace(self) -> None:
        """Give up the connection, at the end of its call if there is one."""
        self._is_old = True
        if self._connection is not None and _is_idle(self._connection):
            self.close()

    def close(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.close()

    async def _open(self) -> BoundedConnection:
        connection = await in_thread(self._connect)
        connection.pgconn.nonblocking = 1
        self._connection, self._prepared, self._is_old = connection, [], False
        self.server_pid = connection.server_pid
        return connection

    async def _bounded(self, connection: BoundedConnection, call: Call[Result]) -> bytes:
        """Call, and give up the connection on a server that does not answer, as BoundedConnection does."""
        began = time.monotonic()
        with trio.move_on_after(connection.patience):
            name = await self._prepare(connection.pgconn, call.statement)
            connection.pgconn.send_query_prepared(name, [str(value).encode() for value in call.values])
            value = (await _answer(connection.pgconn)).get_value(0, 0)
            assert value is not None, "a function that returns one text returns no null"
            return value
        self.close()
        raise SilentServerError(f"the server did not answer for {connection.patience:g} s", began)

    async def _prepare(self, pgconn: pq.abc.PGconn, statement: bytes) -> bytes:
        """Return the name under which the server knows a statement."""
        name = b"call %d" % (
            self._prepared.index(statement) if statement in self._prepared else len(self._prepared)
        )
        if statement not in self._prepared:
            places = itertools.count(1)
            numbered = re.sub(rb"%s", lambda _: b"$%d" % next(places), statement)
            pgconn.send_prepare(name, numbered)
            await _answer(pgconn)
            self._prepared.append(statement)
        return name


def _is_idle(connection: BoundedConnection) -> bool:
    return connection.pgconn.transaction_status == pq.TransactionStatus.IDLE


async def _answer(pgconn: pq.abc.PGconn) -> pq.abc.PGresult:
    """Send what was asked, and return the one result. Raises psycopg.Error when it is an error."""
    while pgconn.flush():
        await trio.lowlevel.wait_writable(pgconn.socket)
    first: pq.abc.PGresult | None = None
    while True:
        try:
            while pgconn.is_busy():
                await trio.lowlevel.wait_readable(pgconn.socket)
                pgconn.consume_input()
        except psycopg.OperationalError:
            if first is None:
                raise
            break  # the server said why before it ended the connection
        result = pgconn.get_result()
        if result is None:
            break
        first = first or result
    assert first is not None, "libpq has a result for each query"
    if first.status not in (pq.ExecStatus.TUPLES_OK, pq.ExecStatus.COMMAND_OK):
        raise error_from_result(first)
    return first
