"""Calls of SQL functions for requests: each in a transaction of its own, with the rights of the token that asks."""

import os
import select
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import ExitStack, asynccontextmanager, contextmanager
from functools import partial
from typing import TypeVar, TypeVarTuple

import psycopg
import trio
from psycopg_pool import ConnectionPool, PoolTimeout

from dispatcher.configuration.settings import Settings
from dispatcher.database.connection import BoundedConnection, conninfo, execute, prepare, translate
from dispatcher.errors import DatabaseError
from dispatcher.host.threads import SerialThread
from sql import api_calls
from sql.call import Call, Rows
from sql.rows.api import Acting

Result = TypeVar("Result")
Arguments = TypeVarTuple("Arguments")

STATEMENT_TIMEOUT = 30.0
"""Seconds. A person waits for the result."""
CONNECTIONS = 8
"""More requests than this wait for each other. A call takes a millisecond."""
PATIENCE = 10.0
"""Seconds in which one of them becomes free, or the request learns that there are too many."""
CONNECT_TIMEOUT = 5.0
"""Seconds in which a request gets a connection, or learns that the database is away."""
MOST_KNOWN = 1_000
"""Tokens whose calls are prepared: those that were accepted. A flood of other ones must not cost connections."""


class Gateway:
    """A pool of connections, and as many threads: a call costs 0.1 ms of CPU time there, see SerialThread."""

    def __init__(self, pool: ConnectionPool[BoundedConnection], threads: list[SerialThread]) -> None:
        self._pool = pool
        self._known: set[bytes] = set()
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
        known = token in self._known
        with self._connection() as connection:
            try:
                rows = _in_one_trip(connection, api_calls.act_as(token), call, prepare=known)
            except psycopg.Error as error:
                if known and error.sqlstate in ("LD401", "26000"):
                    self._known.discard(token)
                    connection.close()  # it believes that a statement is prepared which the server never saw
                raise
        if not known and len(self._known) < MOST_KNOWN:
            self._known.add(token)
        return call.read(rows)

    def _call(self, call: Call[Result]) -> Result:
        with self._connection() as connection:
            return execute(connection, call)

    @contextmanager
    def _connection(self) -> Iterator[BoundedConnection]:
        try:
            with self._pool.connection() as connection:
                yield connection
        except PoolTimeout:
            raise DatabaseError("the database is not available now") from None
        except psycopg.Error as error:
            raise translate(error) from error

    async def _in_thread(self, call: Callable[[*Arguments], Result], *arguments: *Arguments) -> Result:
        thread: SerialThread | None = None
        with trio.move_on_after(PATIENCE):
            thread = await self._free.receive()
        if thread is None:
            raise DatabaseError("the database is busy with other requests: try again later")
        try:
            return await thread.call(call, *arguments)
        finally:
            self._give_back.send_nowait(thread)


def _in_one_trip(
    connection: BoundedConnection, acting: Call[Acting], call: Call[object], *, prepare: bool
) -> Rows:
    """Act as a token and make a call, in one transaction and one round trip; return the rows of the call.

    In a pipeline everything is one transaction: with BEGIN and COMMIT around it a call costs 0.2 ms of CPU time more.
    A call that is prepared costs a tenth less. But where act_as() refuses, the server skips the preparation, and
    psycopg 3.3 would execute the statement that is not there from then on: so ``prepare`` only for tokens that are
    likely to be accepted, and give the connection up if one is not.
    """
    first: BaseException | None = None
    try:
        with connection.pipeline():
            try:
                connection.execute(acting.statement, acting.values)
                made = connection.execute(
                    call.statement, call.values, binary=call.binary, prepare=None if prepare else False
                )
            except psycopg.Error as error:
                first = error  # if it left the block, psycopg would log what the end of the block raises then
    except psycopg.errors.PipelineAborted as aborted:
        first = first or aborted.__context__ or aborted  # the server skips what follows an error
    if first is not None:
        raise first
    return made.fetchall()


def _require_quiet(connection: BoundedConnection) -> None:
    """Close an idle connection that the server has left: it has said so, or has hung up, so there is something to read.

    Raises :class:`psycopg.OperationalError` then, and the pool makes another one.
    """
    ready = select.poll()
    ready.register(connection.fileno(), select.POLLIN)
    if ready.poll(0):
        connection.close()
        raise psycopg.OperationalError("the connection is lost")


@asynccontextmanager
async def open_gateway(settings: Settings) -> AsyncIterator[Gateway]:
    """Open the connections; they and the threads end with the block."""
    os.environ["PGTZ"] = "UTC"  # answers have times in UTC, whatever the zone of the database is
    pool = ConnectionPool(
        conninfo(settings, application_name="dispatcher serve"),
        connection_class=BoundedConnection,
        kwargs={"autocommit": True},
        configure=partial(prepare, statement_timeout=STATEMENT_TIMEOUT),
        check=_require_quiet,
        min_size=1,
        max_size=CONNECTIONS,
        timeout=CONNECT_TIMEOUT,
        reconnect_timeout=2.0,
        open=False,
    )
    with ExitStack() as opened:
        opened.enter_context(pool)
        yield Gateway(pool, [opened.enter_context(SerialThread()) for _ in range(CONNECTIONS)])
