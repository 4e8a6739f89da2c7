"""Calls of SQL functions for requests: each in a transaction of its own, with the rights of the token that asks."""

from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import ExitStack, asynccontextmanager, contextmanager
from functools import partial
from typing import TypeVar, TypeVarTuple

import trio
from psycopg_pool import ConnectionPool, PoolTimeout

from dispatcher.configuration.settings import Settings
from dispatcher.database.connection import BoundedConnection, conninfo, execute, prepare, translated
from dispatcher.errors import DatabaseError
from dispatcher.host.threads import SerialThread
from sql import api_calls
from sql.call import Call

Result = TypeVar("Result")
Arguments = TypeVarTuple("Arguments")

STATEMENT_TIMEOUT = 30.0
"""Seconds. A person waits for the result."""
CONNECTIONS = 8
"""More requests than this wait for each other. A call takes a millisecond."""
CONNECT_TIMEOUT = 5.0
"""Seconds in which a request gets a connection, or learns that the database is away."""


class Gateway:
    """A pool of connections, and as many threads: a call costs 0.1 ms of CPU time there, see SerialThread."""

    def __init__(self, pool: ConnectionPool[BoundedConnection], threads: list[SerialThread]) -> None:
        self._pool = pool
        self._give_back, self._free = trio.open_memory_channel[SerialThread](len(threads))
        for thread in threads:
            self._give_back.send_nowait(thread)

    async def call(self, token: bytes, call: Call[Result]) -> Result:
        """Make a call in the name of a token, which is given as its hash.

        Raises the :class:`dispatcher.errors.DispatchError` that fits what the database says:
        :class:`dispatcher.errors.UnauthorizedError` for a token that is not known or has expired.
        """
        return await self._in_thread(self._call_as, token, call)

    async def own_call(self, call: Call[Result]) -> Result:
        """Make a call with the rights of this process, for what belongs to no request. Raises like :meth:`call`."""
        return await self._in_thread(self._call, call)

    def _call_as(self, token: bytes, call: Call[Result]) -> Result:
        # One round trip for all of it. The results are read in the order of the statements, so an error of act_as() is
        # raised before that of the call, which the server skips then.
        with self._connection() as connection, connection.pipeline(), connection.transaction():
            acting = api_calls.act_as(token)
            acted = connection.execute(acting.statement, acting.values)
            made = connection.execute(call.statement, call.values, binary=call.binary)
            acted.fetchall()
            return call.read(made.fetchall())

    def _call(self, call: Call[Result]) -> Result:
        with self._connection() as connection:
            return execute(connection, call)

    @contextmanager
    def _connection(self) -> Iterator[BoundedConnection]:
        try:
            with translated(), self._pool.connection() as connection:
                yield connection
        except PoolTimeout:
            raise DatabaseError("the database is not available now") from None

    async def _in_thread(self, call: Callable[[*Arguments], Result], *arguments: *Arguments) -> Result:
        thread = await self._free.receive()
        try:
            return await thread.call(call, *arguments)
        finally:
            self._give_back.send_nowait(thread)


@asynccontextmanager
async def open_gateway(settings: Settings) -> AsyncIterator[Gateway]:
    """Open the connections; they and the threads end with the block."""
    pool = ConnectionPool(
        conninfo(settings, application_name="dispatcher serve"),
        connection_class=BoundedConnection,
        kwargs={"autocommit": True},
        configure=partial(prepare, statement_timeout=STATEMENT_TIMEOUT),
        min_size=1,
        max_size=CONNECTIONS,
        timeout=CONNECT_TIMEOUT,
        reconnect_timeout=2.0,
        open=False,
    )
    with ExitStack() as opened:
        opened.enter_context(pool)
        yield Gateway(pool, [opened.enter_context(SerialThread()) for _ in range(CONNECTIONS)])
