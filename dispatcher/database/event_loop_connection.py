"""A connection whose answers the event loop itself waits for: a call costs no thread and no hand-over between threads.

psycopg has no trio support, but the interface of libpq below it (``psycopg.pq``) is public. It sends without waiting,
and says whether an answer is there.
"""

import itertools
import math
import re
import time
from collections.abc import Callable
from contextlib import suppress
from typing import TypeVar

import psycopg
import trio
from psycopg import pq
from psycopg.errors import error_from_result

from dispatcher.database.connection import BoundedConnection, SilentServerError
from dispatcher.database.silence import Silence
from dispatcher.host.threads import in_thread
from sql.call import Call

Result = TypeVar("Result")

LOST = "the connection ended before the server answered"


class EventLoopConnection:
    """One connection for calls that come one after the other, made when it is needed.

    Each statement is prepared at its first use, so the server process keeps its plans. A call that is cancelled still
    runs to its end, and its result counts. All methods raise psycopg.Error as it comes.
    """

    def __init__(self, connect: Callable[[], BoundedConnection], silence: Silence) -> None:
        self._connect = connect
        self._silence = silence
        self._connection: BoundedConnection | None = None
        self._prepared: list[bytes] = []
        self._is_old = False
        self.server_pid = 0
        """The server process that works on the calls; 0 before the first one."""

    async def execute(self, call: Call[Result], on_answer: Callable[[Result], None] | None = None) -> Result:
        """Make a call whose arguments are texts and numbers, and whose result is one text.

        ``on_answer`` gets the result while the server commits, to make use of that time. Nothing is certain before this
        method returns: if it raises, the server may have committed or not.
        """
        with trio.CancelScope(shield=True):
            connection = self._connection or await self._open()
            try:
                result = await self._bounded(connection, call, on_answer)
            finally:
                if self._is_old or not _is_idle(connection):
                    self.close()
        return result

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
        connection.pgconn.enter_pipeline_mode()
        self._connection, self._prepared, self._is_old = connection, [], False
        self.server_pid = connection.server_pid
        return connection

    async def _bounded(
        self, connection: BoundedConnection, call: Call[Result], on_answer: Callable[[Result], None] | None
    ) -> Result:
        """Call, and give up the connection on a server that does not answer, as BoundedConnection does."""
        began = connection.heard_at = time.monotonic()
        with self._silence.watching(connection), trio.move_on_after(connection.patience) as waiting:
            connection.on_condemned = waiting.cancel
            try:
                return await self._call(connection, call, on_answer)
            finally:
                connection.heard_at, connection.on_condemned = math.inf, None
        self.close()
        raise SilentServerError(f"the server did not answer for {time.monotonic() - began:.1f} s", began)

    async def _call(
        self, connection: BoundedConnection, call: Call[Result], on_answer: Callable[[Result], None] | None
    ) -> Result:
        name, pgconn = await self._prepare(connection, call.statement), connection.pgconn
        pgconn.send_query_prepared(name, [str(value).encode() for value in call.values])
        # The server sends its answer at once, and commits when it comes to the end of this pipeline.
        pgconn.send_flush_request()
        value = (await _answer(connection)).get_value(0, 0)
        assert value is not None, "a function that returns one text returns no null"
        result = call.read([[value.decode()]])
        if on_answer is not None:
            on_answer(result)
        await _end_of_pipeline(connection)
        return result

    async def _prepare(self, connection: BoundedConnection, statement: bytes) -> bytes:
        """Return the name under which the server knows a statement."""
        if statement not in self._prepared:
            places = itertools.count(1)
            numbered = re.sub(rb"%s", lambda _: b"$%d" % next(places), statement)
            connection.pgconn.send_prepare(b"call %d" % len(self._prepared), numbered)
            await _answer(connection)
            await _end_of_pipeline(connection)
            self._prepared.append(statement)
        return b"call %d" % self._prepared.index(statement)


def _is_idle(connection: BoundedConnection) -> bool:
    return connection.pgconn.transaction_status == pq.TransactionStatus.IDLE


async def _answer(connection: BoundedConnection) -> pq.abc.PGresult:
    """Send what was asked, and return the first result. Raises psycopg.Error when it is an error."""
    pgconn = connection.pgconn
    pgconn.pipeline_sync()
    while pgconn.flush():
        await trio.lowlevel.wait_writable(pgconn.socket)
    result = await _next_result(connection)
    if result is None or result.status not in (pq.ExecStatus.TUPLES_OK, pq.ExecStatus.COMMAND_OK):
        with suppress(psycopg.OperationalError):  # the server said why before it ended the connection
            await _end_of_pipeline(connection)
        raise psycopg.OperationalError(LOST) if result is None else error_from_result(result)
    return result


async def _end_of_pipeline(connection: BoundedConnection) -> None:
    """Return when the server has committed. Raises psycopg.Error when it could not, or when nobody knows."""
    failure: pq.abc.PGresult | None = None
    silent = 0  # nothing stands between two results, and before the end
    while silent < 2:
        result = await _next_result(connection)
        silent = silent + 1 if result is None else 0
        if result is not None and result.status == pq.ExecStatus.PIPELINE_SYNC:
            connection.pgconn.get_result()  # so that libpq knows that it is idle
            if failure is not None:
                raise error_from_result(failure)
            return
        if result is not None and result.status == pq.ExecStatus.FATAL_ERROR:
            failure = result
    raise psycopg.OperationalError(LOST) if failure is None else error_from_result(failure)


async def _next_result(connection: BoundedConnection) -> pq.abc.PGresult | None:
    pgconn = connection.pgconn
    while pgconn.is_busy():
        await trio.lowlevel.wait_readable(pgconn.socket)
        connection.heard_at = time.monotonic()
        pgconn.consume_input()
    return pgconn.get_result()
