"""Storing the output of all runs in batches.

Each batch is one statement and at most one notification, whatever the number of runs, because a NOTIFY makes all
commits of the server wait for each other. At least INTERVAL lies between two batches, except when a run has ended.
"""

import errno
import os
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Protocol

import psycopg
import structlog
import trio

from dispatcher.backoff import Backoff
from dispatcher.configuration.current import CurrentConfiguration
from dispatcher.database.connection import will_pass
from dispatcher.database.store import NOT_OURS, UNSTORABLE, Store
from dispatcher.database.transfers import Pace
from dispatcher.host.auto_reset_event import AutoResetEvent
from dispatcher.host.host_trouble import SCARCE, when_there_is_room
from dispatcher.host.linux import DirectoryWatch
from dispatcher.host.regaining import regaining
from dispatcher.host.threads import in_thread
from dispatcher.run.output.agent_output import AgentOutput, Bounds
from dispatcher.run.output.masking import Masking
from dispatcher.wall import Wall, persist
from dispatcher.workspaces.run_record import StopReason
from dispatcher.workspaces.work_directory import Workspace
from sql import dispatcher_calls
from sql.rows.dispatchers import ClaimedRun, Output
from wrappers.base import Wrapper

log = structlog.get_logger()

INTERVAL = 0.25
LONGEST_PAUSE = 10.0
LAST_PIECE = 64 * 2**10
"""Bytes of output that go with the report of a run's end."""


class Followed(Protocol):
    """What is written to a directory by a process of a run: an agent's output, or that of a command."""

    run_id: str
    directory: Path

    def changed(self) -> None: ...

    async def follow(self, stop: Callable[[StopReason], None]) -> None: ...


class OutputStore:
    """Stores the output of each run from :meth:`begin` to :meth:`end`, while :meth:`run` runs.

    A statement has as many bytes as the line can carry in time; the rest goes with the next.
    """

    def __init__(self, store: Store, configuration: CurrentConfiguration) -> None:
        self._store = store
        self._configuration = configuration
        self._pace = Pace()
        self._watch = DirectoryWatch()
        self._waiting: dict[str, AgentOutput] = {}
        self._in_flight: frozenset[str] = frozenset()
        self._settled: dict[str, trio.Event] = {}
        self._news = AutoResetEvent()
        self._run_ended = AutoResetEvent()

    def begin(
        self,
        claimed: ClaimedRun,
        workspace: Workspace,
        wrapper: Wrapper,
        masking: Masking,
        *,
        began: float,
        adopted: bool = False,
    ) -> AgentOutput:
        """Return the output of an agent that was started at ``began`` on trio's clock, by us or another dispatcher."""
        execution = self._configuration.settings.execution
        bounds = Bounds(
            stored=execution.max_log_bytes,
            written=10 * execution.max_log_bytes,
            stall_timeout=claimed.stall_timeout_s or execution.stall_timeout or wrapper.stall_timeout,
        )
        return AgentOutput(
            claimed.run_id,
            workspace,
            wrapper.parser(),
            masking,
            bounds,
            self._queue,
            began=began,
            adopted=adopted,
        )

    async def follow(self, output: Followed, stop: Callable[[StopReason], None]) -> None:
        """Read output as it comes, until cancelled; call ``stop`` when a bound is passed."""
        watch = None
        try:
            add = partial(self._watch.add, output.directory, output.changed)
            watch = regaining(output.directory, add)
        except OSError as error:
            log.warning(
                "output is not seen before the end: raise fs.inotify.max_user_watches",
                run=output.run_id,
                error=str(error),
            )
        try:
            await output.follow(stop)
        finally:
            if watch is not None:
                self._watch.remove(watch)

    async def end(self, output: AgentOutput) -> Output | None:
        """Return the last output, which is to be stored with the report of the run's end.

        If it is more than a report can carry, the rest is stored first; this waits while the database is away.
        """
        output.ended = True
        if output.readable and (output.run_id in self._in_flight or output.backlog > LAST_PIECE):
            settled = self._settled[output.run_id] = trio.Event()
            self._queue(output)
            self._run_ended.set()
            await settled.wait()
        self._waiting.pop(output.run_id, None)
        return await when_there_is_room("reading output", partial(output.to_store, trio.current_time()))

    async def run(self) -> None:
        """Notice output and store it. Both begin again after a failure, and what was not stored is sent again."""
        async with trio.open_nursery() as nursery:
            nursery.start_soon(persist, "watching output", self._watch.run)
            nursery.start_soon(persist, "storing output", self._store_batches)

    def _queue(self, output: AgentOutput) -> None:
        if not output.readable:
            self._settle(output)
            return
        self._waiting[output.run_id] = output
        self._news.set()

    async def _store_batches(self) -> None:
        backoff = Backoff(INTERVAL, LONGEST_PAUSE)
        while True:
            await self._news.wait()
            await self._run_ended.wait(until=trio.current_time() + backoff.pause)
            self._news.clear()
            outputs, self._waiting = list(self._waiting.values()), {}
            self._in_flight = frozenset(output.run_id for output in outputs)
            delivered = False
            try:
                await self._deliver(outputs)
                delivered = True
            except (psycopg.DatabaseError, OSError) as error:
                if isinstance(error, psycopg.DatabaseError) and not will_pass(error):
                    raise
                if backoff.pause == INTERVAL:
                    why = (
                        "the database is away" if isinstance(error, psycopg.Error) else "no room on this host"
                    )
                    log.warning(f"output waits on disk: {why}", error=str(error).strip())
            finally:
                # end() waits until an output is settled, whatever fails here.
                if not delivered:
                    for output in outputs:
                        self._queue(output)
                self._in_flight = frozenset()
            if delivered:
                backoff.reset()
            else:
                backoff.next()

    async def _deliver(self, outputs: Sequence[AgentOutput]) -> None:
        read = await in_thread(_read, outputs, trio.current_time(), self._pace.size)
        for output in outputs[len(read) :]:
            self._queue(output)
        try:
            stored = await self._append([output for output in read if output is not None])
        except UNSTORABLE as error:
            if isinstance(error, psycopg.DatabaseError) and will_pass(error):
                raise
            # Output of one run that the database cannot take must not hold up other runs, nor the end of its own.
            if getattr(error, "sqlstate", None) != NOT_OURS and len(outputs) > 1:
                for output in outputs:
                    await self._deliver([output])
                return
            log.error("output is not stored", runs=len(outputs), error=str(error).strip())
            stored = {}
        for output in outputs[: len(read)]:
            if output.run_id in stored:
                self._go_on(output, *stored[output.run_id])
            else:
                self._settle(output)

    async def _append(self, unstored: Sequence[Output]) -> dict[str, tuple[int, int]]:
        if not unstored:
            return {}
        with self._pace.measured() as moved:
            moved.size = sum(len(chunk.content) for output in unstored for chunk in output.chunks)
            return await self._store.call(dispatcher_calls.append_output(self._store.dispatcher_id, unstored))

    def _go_on(self, output: AgentOutput, stdout: int, stderr: int) -> None:
        advanced = output.stored(stdout, stderr)
        if not output.incomplete:
            self._settle(output)
            return
        self._queue(output)
        if output.ended and advanced:
            self._run_ended.set()

    def _settle(self, output: AgentOutput) -> None:
        if output.ended and (settled := self._settled.pop(output.run_id, None)) is not None:
            settled.set()


def _read(outputs: Sequence[AgentOutput], now: float, most: int) -> list[Output | None]:
    """Read what is to be stored of the first outputs, up to about ``most`` bytes; None for an output without any.

    Raises OSError when this host has no descriptors.
    """
    read: list[Output | None] = []
    size = 0
    for output in outputs:
        try:
            unstored = _read_one(output, now, most // 2)
        except OSError:
            if not read:
                raise
            break
        read.append(unstored)
        size += sum(len(chunk.content) for chunk in unstored.chunks) if unstored else 0
        if size >= most:
            break
    return read


def _read_one(output: AgentOutput, now: float, most: int) -> Output | None:
    """Read what is to be stored of one output. If that fails, none of it is stored any more, and the others go on."""
    no_room = None
    with Wall("reading output", run=output.run_id) as wall:
        try:
            return output.to_store(now, most)
        except OSError as error:
            if error.errno not in SCARCE:
                raise
            no_room = error
        except MemoryError:
            no_room = OSError(errno.ENOMEM, os.strerror(errno.ENOMEM))
    if no_room is not None:
        raise no_room
    output.readable = wall.error is None
    return None
