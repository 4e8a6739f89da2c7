"""What a command prints: bounded on disk, masked, and stored as an output stream of its run.

The log is stored from its beginning by whoever watches the command. The database leaves out what it has already.
"""

from collections.abc import Callable
from functools import partial
from pathlib import Path

import psycopg
import structlog
import trio

from dispatcher.database.connection import will_pass
from dispatcher.database.store import INCOMPLETE, NOT_OURS, Store
from dispatcher.host.auto_reset_event import AutoResetEvent
from dispatcher.host.host_trouble import when_there_is_room
from dispatcher.run.output.log_file import LogFile
from dispatcher.run.output.masking import Masking
from dispatcher.run.output.stored_log import StoredLog
from dispatcher.workspaces.run_record import StopReason
from sql import dispatcher_calls
from sql.rows.changes import CommandKind

log = structlog.get_logger()

LOG = "output.log"
INTERVAL = 1.0
"""Seconds between two looks at what a command has printed: only people wait for it."""
TAIL = 4000
"""Characters of the end of its output that the task's next agent and people get to see."""
PIECE = 256 * 2**10
"""Bytes that go to the database in one statement: at 256 kB/s that is a second."""


class CommandLog:
    """The log of one command in ``directory``; ``most`` bytes of it are stored, and ten times as many end it."""

    def __init__(
        self, run_id: str, kind: CommandKind, directory: Path, masking: Masking, most: int, store: Store
    ) -> None:
        self.run_id = run_id
        self.directory = directory
        self._kind = kind
        self._log = StoredLog(kind, LogFile(directory / LOG), 0)
        self._masking = masking
        self._most = most
        self._store = store
        self._sent = 0  # bytes of the masked log
        self._is_ours = True
        self._changed = AutoResetEvent()
        self._changed.set()

    def changed(self) -> None:
        """Look at the log: something was written."""
        self._changed.set()

    async def follow(self, stop: Callable[[StopReason], None]) -> None:
        """Store what is printed as it comes, until cancelled; call ``stop`` when it is too much."""
        while True:
            await self._changed.wait()
            self._log.log.measure()
            if self._log.log.written > 10 * self._most:
                stop("output_too_large")
            self._log.release(max(self._most, 4 * TAIL))
            try:
                while await self._store_piece(final=False, patiently=False):
                    pass
            except psycopg.DatabaseError as error:
                if not will_pass(error):
                    raise
                log.warning("output of a command waits on disk", run=self.run_id, error=str(error).strip())
                self._changed.set()
            await trio.sleep(INTERVAL)

    async def end(self) -> str:
        """Store the rest once the command has ended, and return the end of what it printed, masked."""
        self._log.log.measure()
        while await self._store_piece(final=True, patiently=True):
            pass
        return await when_there_is_room(
            "reading output", partial(self._log.tail, self._masking, TAIL), thread=True
        )

    async def _store_piece(self, *, final: bool, patiently: bool) -> bool:
        """Store the next piece; return False when there is none. Raises psycopg.Error unless it is to wait."""
        if not self._is_ours:
            return False
        read = partial(self._log.chunk, self._most, self._masking, PIECE, ended=final)
        chunk = await when_there_is_room("reading output", read, thread=True)
        if chunk is None:
            return False
        call = dispatcher_calls.store_command_output(
            self._store.dispatcher_id, self.run_id, self._kind, self._sent, chunk.content
        )
        try:
            if patiently:
                self._is_ours = await self._store.patiently("storing what a command printed", call)
            else:
                self._is_ours = await self._store.call(call)
        except psycopg.DatabaseError as error:
            if error.sqlstate == INCOMPLETE:  # a standby that became the primary may lack some
                self._log.stored = self._sent = 0
                return True
            if error.sqlstate != NOT_OURS:
                raise
            self._is_ours = False
        self._log.stored = chunk.ends_at
        self._sent += len(chunk.content)
        return self._is_ours
