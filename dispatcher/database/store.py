"""How a running dispatcher calls the SQL functions: each call in a worker thread, but for the claim.

psycopg has no trio support, so calls are synchronous on pooled connections. The claim, for which agents wait, has a
connection that needs no thread. A call that is cancelled still runs to
its end, so a write whose result was not heard may have happened. Every call of a dispatcher may be repeated, which is
why :meth:`Store.patiently` can.
"""

import math
import time
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import TypeVar

import psycopg
import structlog
import trio
from psycopg_pool import ConnectionPool

from dispatcher.backoff import Backoff
from dispatcher.database.connection import BoundedConnection, SilentServerError, execute, will_pass
from dispatcher.database.event_loop_connection import EventLoopConnection
from dispatcher.database.silence import Silence
from dispatcher.errors import SupersededError
from dispatcher.host.threads import in_thread
from sql import dispatcher_calls
from sql.call import Call
from sql.rows.dispatchers import Claim, OpenRun, Report, UnreadableRun

log = structlog.get_logger()
Result = TypeVar("Result")
Connections = ConnectionPool[BoundedConnection]

CLOSED = "LD410"
NOT_OURS = "LD412"
INCOMPLETE = "LD413"
NOT_LEFT = "LD424"
"""SQLSTATEs: this dispatcher was closed; the run does not belong to it any more; pieces of a file are missing; another
task did not leave what it should have left for the one of this run."""

UNSTORABLE = (psycopg.DatabaseError, ValueError, ArithmeticError, TypeError)
"""What is raised for a report or an output that JSON or the database cannot hold."""


class Store:
    """One dispatcher's calls.

    ``claims`` is kept for :meth:`report_and_claim`, so that it waits for no other call, and its server process knows
    the plans.
    All methods raise :class:`SupersededError`, and all but :meth:`patiently` psycopg.Error as it comes.
    """

    def __init__(
        self, pool: Connections, claims: EventLoopConnection, silence: Silence, dispatcher_id: str
    ) -> None:
        self._pool = pool
        self._silence = silence
        self._claims = claims
        self.dispatcher_id = dispatcher_id
        self._replaced_at = -math.inf
        self.on_silence: Callable[[], None] = lambda: None
        """Called when the server said nothing to a call: then all connections are suspect."""

    @property
    def claiming_backend(self) -> int:
        """The server process that works on our claims, by which we know its notifications; 0 before the first claim."""
        return self._claims.server_pid

    async def call(self, call: Call[Result]) -> Result:
        """Make a call in a worker thread."""

        with self._errors_understood(), self._silence.watching() as watched:

            def run() -> Result:
                with self._pool.connection() as connection:
                    watched.connection = connection
                    try:
                        return execute(connection, call)
                    finally:
                        watched.connection = None

            return await in_thread(run)

    async def report_and_claim(
        self, reports: Sequence[Report], max_tasks: int, on_answer: Callable[[Claim], None]
    ) -> Claim:
        """Report ends, and claim into the slots that are free then. ``on_answer`` gets the claim before its commit."""
        with self._errors_understood():
            return await self._claims.execute(
                dispatcher_calls.report_and_claim(self.dispatcher_id, reports, max_tasks), on_answer
            )

    async def adopt_runs(self) -> list[OpenRun | UnreadableRun]:
        """Take over the open runs of everybody who held our work directory before; their writes are refused now."""
        first = await self.call(dispatcher_calls.adopt_runs(self.dispatcher_id))
        return first + await self.open_runs(first[-1].number) if first else []

    async def open_runs(self, after: int = 0) -> list[OpenRun | UnreadableRun]:
        """List the open runs that are ours, of tasks with a number above ``after``; a statement for each 256 KiB."""
        known: list[OpenRun | UnreadableRun] = []
        while page := await self.call(dispatcher_calls.open_runs(self.dispatcher_id, after)):
            known += page
            after = page[-1].number
        return known

    async def patiently(self, what: str, call: Call[Result] | Callable[[], Awaitable[Result]]) -> Result:
        """Repeat ``call`` until the database returns a result, with growing pauses: late is better than never."""
        backoff = Backoff(0.1, 5.0)
        while True:
            try:
                return await (self.call(call) if isinstance(call, Call) else call())
            except psycopg.DatabaseError as error:
                if not will_pass(error):
                    raise
                pause = backoff.next()
                log.warning(
                    "the database is away", while_doing=what, error=str(error).strip(), retry_in_s=pause
                )
            await trio.sleep(pause)

    def replace_connections(self) -> None:
        """Give up all connections: idle ones at once, the others when their call has ended."""
        self._replaced_at = time.monotonic()
        self._pool.drain()
        self._claims.replace()

    @contextmanager
    def _errors_understood(self) -> Iterator[None]:
        try:
            yield
        except SilentServerError as error:
            # What swallows one connection swallows all that are as old. Those made since then are not blamed for it.
            if error.since > self._replaced_at:
                self.on_silence()
            raise
        except psycopg.DatabaseError as error:
            if error.sqlstate == CLOSED:
                raise SupersededError(
                    "this dispatcher was closed in the database: another one took its work directory over, or a "
                    "person gave it up. Its agents were left alone; start a new one with `dispatcher run`"
                ) from error
            raise
