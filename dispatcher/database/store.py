"""The dispatcher's side of the SQL functions: typed arguments and answers, each call in a worker thread.

psycopg has no trio support, so calls are synchronous on pooled connections. A call that is cancelled still runs to
its end (a write that was half heard may have happened); everything here may be repeated, which is why
:meth:`Store.patiently` can.
"""

import math
import time
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import LiteralString, TypeVar

import msgspec
import psycopg
import structlog
import trio
from psycopg_pool import ConnectionPool

from dispatcher.backoff import Backoff
from dispatcher.database.connection import BoundedConnection, SilentServerError, will_pass
from dispatcher.database.rows import (
    Claim,
    Heartbeat,
    InputFile,
    OpenRun,
    Output,
    OutputFile,
    Pruned,
    Registration,
    Report,
    Started,
    UnreadableRun,
    read_claim,
    read_open_runs,
)
from dispatcher.errors import SupersededError
from dispatcher.host.threads import SerialThread, in_thread

log = structlog.get_logger()
Answer = TypeVar("Answer")
Connections = ConnectionPool[BoundedConnection]

CLOSED = "LD410"
NOT_OURS = "LD412"
INCOMPLETE = "LD413"
"""SQLSTATEs that say: this dispatcher was closed; the run is not its any more; pieces of a file are missing."""

UNSTORABLE = (psycopg.DatabaseError, ValueError, ArithmeticError, TypeError)
"""What is raised for a report or an output that the database, or already JSON, cannot hold."""


class Store:
    """One dispatcher's calls.

    ``claims`` has one connection and ``claiming`` is a thread, both kept for :meth:`report_and_claim`: that is never
    waited for, and the server process knows its plans.
    Except for :meth:`patiently` the calls raise psycopg.Error as it comes; all raise :class:`SupersededError`.
    """

    def __init__(
        self, pool: Connections, claims: Connections, claiming: SerialThread, dispatcher_id: str
    ) -> None:
        self._pool = pool
        self._claims = claims
        self._claiming = claiming
        self.dispatcher_id = dispatcher_id
        self._replaced_at = -math.inf
        self.on_silence: Callable[[], None] = lambda: None
        """Called when the server said nothing to a call: all connections are suspect then, and ours are replaced."""
        self.claiming_backend = 0
        """The server process that works on our claims, by which its notifications are known; 0 before the first."""

    async def report_and_claim(self, reports: Sequence[Report], max_tasks: int) -> Claim:
        """Report ends, and claim into the slots that are free then, in one transaction unless they are shared."""

        def call() -> object:
            with self._claims.connection() as connection:
                self.claiming_backend = connection.server_pid
                answer = connection.execute(
                    "SELECT report_and_claim(%s, %s, %s)::text",
                    [self.dispatcher_id, _json(reports), max_tasks],
                ).fetchone()
            return answer and answer[0]

        with self._errors_understood():
            return read_claim(await self._claiming.call(call))

    async def adopt_runs(self) -> list[OpenRun | UnreadableRun]:
        """Take over the open runs of everybody who held our work directory before; their writes are refused now."""
        answer = await self._value("SELECT adopt_runs(%s)::text", self.dispatcher_id)
        first = read_open_runs(answer)
        return first + await self.open_runs(first[-1].number) if first else []

    async def open_runs(self, after: int = 0) -> list[OpenRun | UnreadableRun]:
        """List the open runs that are ours, of tasks with a number above ``after``; a statement for each 256 KiB."""
        known: list[OpenRun | UnreadableRun] = []
        while True:
            page = read_open_runs(
                await self._value("SELECT open_runs(%s, %s)::text", self.dispatcher_id, after)
            )
            if not page:
                return known
            known += page
            after = page[-1].number

    async def start_runs(self, started: Sequence[Started]) -> None:
        await self._value("SELECT start_runs(%s, %s)", self.dispatcher_id, _json(started))

    async def report_runs(self, reports: Sequence[Report]) -> dict[str, str]:
        """Report ends; answers the verdict of each run: finished, already or stale."""
        rows = await self._rows(
            "SELECT run_id::text, verdict FROM finish_runs(%s, %s)", self.dispatcher_id, _json(reports)
        )
        return {str(run): str(verdict) for run, verdict in rows}

    async def heartbeat(self) -> Heartbeat:
        """Extend the lease."""
        rows = await self._rows(
            "SELECT cancel_requested::text[], next_deadline_s FROM heartbeat(%s)", self.dispatcher_id
        )
        return msgspec.convert(rows[0], Heartbeat)

    async def input_files(self, task_id: str, most: int) -> list[InputFile]:
        """List the input files, the smallest ones with their content: up to so many bytes in all."""
        rows = await self._rows(
            "SELECT path, content, mode, size_bytes FROM input_files_of(%s, %s)", task_id, most, binary=True
        )
        return [InputFile(*msgspec.convert(row, tuple[str, bytes | None, int, int])) for row in rows]

    async def read_input(self, run_id: str, path: str, start: int, length: int) -> bytes:
        """Read a piece of an input file; it is shorter than ``length`` at the end of the file."""
        [row] = await self._rows(
            "SELECT read_input(%s, %s, %s, %s, %s)",
            self.dispatcher_id,
            run_id,
            path,
            start,
            length,
            binary=True,
        )
        return msgspec.convert(row[0], bytes)

    async def read_prompt(self, run_id: str, start: int, length: int) -> bytes:
        """Read a piece of a prompt in UTF-8; it is shorter than ``length`` at the end of the prompt."""
        [row] = await self._rows(
            "SELECT read_prompt(%s, %s, %s, %s)", self.dispatcher_id, run_id, start, length, binary=True
        )
        return msgspec.convert(row[0], bytes)

    async def store_output(self, run_id: str, file: OutputFile, content: bytes | None) -> None:
        await self._value(
            "SELECT store_output(%s, %s, %s, %s, %s, %s, %s, %s)", self.dispatcher_id, run_id, file.path,
            content, file.storage_url, file.size, file.sha256, file.mode,
        )  # fmt: skip

    async def store_piece(self, run_id: str, name: str, start: int, piece: bytes, total: int) -> None:
        """Send a piece of an output file, or of the run's answer under the name ""; in order, or once more."""
        await self._value(
            "SELECT store_piece(%s, %s, %s, %s, %s, %s)",
            self.dispatcher_id,
            run_id,
            name,
            start,
            piece,
            total,
        )

    async def keep_pieces(self, run_id: str, file: OutputFile) -> None:
        """Make an output file of its pieces. Raises psycopg.Error with INCOMPLETE when one is missing."""
        await self._value(
            "SELECT keep_pieces(%s, %s, %s, %s, %s, %s)", self.dispatcher_id, run_id, file.path, file.size,
            file.sha256, file.mode,
        )  # fmt: skip

    async def append_output(self, outputs: Sequence[Output]) -> dict[str, tuple[int, int]]:
        """Store output; answers how much of stdout and stderr is stored now of each run that is still ours.

        A chunk that does not begin where the stored output ends is left out, so anything may be repeated.
        """
        rows = await self._rows(
            "SELECT run_id::text, stdout_stored, stderr_stored FROM append_output(%s, %s)",
            self.dispatcher_id,
            _json(outputs),
        )
        return {str(run): msgspec.convert((stdout, stderr), tuple[int, int]) for run, stdout, stderr in rows}

    async def has_work(self) -> bool:
        return bool(await self._value("SELECT has_work(%s)", self.dispatcher_id))

    async def recover_lost(self, host_lost_after: float, default_timeout: float) -> list[int]:
        """Give up runs of hosts that are lost; answers the numbers of their tasks."""
        rows = await self._rows(
            "SELECT number FROM recover_lost(NULL, %s, %s)", host_lost_after, default_timeout
        )
        return [int(str(number)) for (number,) in rows]

    async def prune_tasks(self, older_than: float) -> Pruned:
        """Delete some tasks that ended so many seconds ago."""
        rows = await self._rows("SELECT tasks, bytes FROM prune_tasks(%s)", older_than)
        return Pruned(*msgspec.convert(rows[0], tuple[int, int]))

    async def prune_output(self, older_than: float) -> Pruned:
        """Delete what agents printed for some tasks that ended so many seconds ago."""
        rows = await self._rows("SELECT tasks, bytes FROM prune_output(%s)", older_than)
        return Pruned(*msgspec.convert(rows[0], tuple[int, int]))

    async def prune_lanes(self, most: int) -> int:
        """Remove up to ``most`` lanes without tasks, and what belonged to them; returns how many there were."""
        return msgspec.convert(await self._value("SELECT prune_lanes(%s)", most), int)

    async def settled_runs(self, runs: Sequence[str]) -> list[str]:
        """Return those of the runs that have ended with their results stored; a lost one has none."""
        settled = await self._value("SELECT settled_runs(%s::uuid[])::text[]", list(runs))
        return msgspec.convert(settled, list[str])

    async def unreferenced_files(self, digests: Sequence[str]) -> list[str]:
        """Answer those of the SHA-256s that no file kept outside the database has."""
        unneeded = await self._value("SELECT unreferenced_files(%s)", list(digests))
        return msgspec.convert(unneeded, list[str])

    async def close_dispatcher(self) -> None:
        await self._value("SELECT close_dispatcher(%s)", self.dispatcher_id)

    async def patiently(self, what: str, call: Callable[[], Awaitable[Answer]]) -> Answer:
        """Repeat ``call`` until the database answers, with growing pauses: results must arrive, late if need be."""
        backoff = Backoff(0.1, 5.0)
        while True:
            try:
                return await call()
            except psycopg.DatabaseError as error:
                if not will_pass(error):
                    raise
                pause = backoff.next()
                log.warning(
                    "the database is away", while_doing=what, error=str(error).strip(), retry_in_s=pause
                )
            await trio.sleep(pause)

    async def _value(self, query: LiteralString, *arguments: object) -> object:
        rows = await self._rows(query, *arguments)
        return rows[0][0]

    async def _rows(
        self, query: LiteralString, *arguments: object, binary: bool = False
    ) -> list[tuple[object, ...]]:
        """``binary``: as text a bytea would take twice as many bytes."""

        def call() -> list[tuple[object, ...]]:
            with self._pool.connection() as connection:
                return connection.execute(query, arguments, binary=binary).fetchall()

        with self._errors_understood():
            return await in_thread(call)

    def replace_connections(self) -> None:
        """Give up all connections: those that are idle at once, those at work when their call has ended."""
        self._replaced_at = time.monotonic()
        self._pool.drain()
        self._claims.drain()

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


def register(connection: psycopg.Connection, registration: Registration) -> str:
    """Tell the database that this dispatcher started; answers its id."""
    row = connection.execute(
        "SELECT register_dispatcher(%(host)s, %(boot_id)s, %(pid)s, %(version)s, %(work_dir_id)s, %(lease_s)s, "
        "%(groups)s)::text",
        msgspec.structs.asdict(registration)
        | {"groups": list(registration.groups) if registration.groups else None},
    ).fetchone()
    assert row is not None
    return str(row[0])


def _json(value: object) -> str:
    return msgspec.json.encode(value).decode()
