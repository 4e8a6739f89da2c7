"""Large files that a task leaves on the disk of one host for a task that runs on another one.

They go through the database, since dispatchers have no other way to each other. Who runs the task asks for the file. A
dispatcher that has a file of that content sends it in pieces, a few ahead of what was taken: so neither the database
nor memory ever holds much of it. Nobody polls: each side hears of what the other one did, and looks at everything when
it may have missed that.
"""

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from typing import BinaryIO

import psycopg
import structlog

from dispatcher.database.store import INCOMPLETE, Store
from dispatcher.database.transfers import Transfers
from dispatcher.host.auto_reset_event import AutoResetEvent
from dispatcher.host.threads import in_thread
from dispatcher.workspaces.large_files import LargeFiles
from dispatcher.workspaces.stored_files import DamagedFileError
from sql import dispatcher_calls
from sql.rows.dispatchers import InputFile, WantedFile

log = structlog.get_logger()

AHEAD = 4
"""Pieces that are sent before the first of them is taken."""
_BLOCK = 2**20


class SharedFiles:
    """Both sides of it in one dispatcher. ``host`` is its name in the database."""

    def __init__(self, store: Store, transfers: Transfers, files: LargeFiles, host: str) -> None:
        self._store = store
        self._transfers = transfers
        self._files = files
        self._host = host
        self._wanted = AutoResetEvent()
        self._arrivals: dict[str, AutoResetEvent] = {}

    def hear_wanted(self) -> None:
        """Note that somebody asked for a file, or took some of one."""
        self._wanted.set()

    def hear_sent(self, run_id: str) -> None:
        """Note that somebody sent a piece to this run, perhaps one of ours."""
        if run_id in self._arrivals:
            self._arrivals[run_id].set()

    def look_again(self) -> None:
        """Look at everything: notifications may have been missed."""
        self._wanted.set()
        for arrival in self._arrivals.values():
            arrival.set()

    async def run(self) -> None:
        """Send what others wait for, and we have, for ever."""
        while True:
            await self._wanted.wait()
            await self._send_all()

    async def fetch(self, run_id: str, file: InputFile, target: BinaryIO) -> None:
        """Write a large file of another task to ``target``: from our own disk, or from another host once that sends it.

        Raises :class:`DamagedFileError`, OSError, and psycopg.DatabaseError when the run is not ours any more, or when
        the file is gone from the host that had it.
        """
        checked = _Checked(target)
        source = await in_thread(self._files.open, file.sha256)
        if source is not None:
            await in_thread(checked.copy, source)
        else:
            await self._fetch_pieces(run_id, file, checked)
        checked.require(file)

    async def _fetch_pieces(self, run_id: str, file: InputFile, target: "_Checked") -> None:
        with self._hearing(run_id) as arrival:
            await self._ask(run_id, file, 0)
            while True:
                try:
                    piece = await self._transfers.take_wanted(run_id, file.path, target.size)
                except psycopg.DatabaseError as error:
                    if error.sqlstate != INCOMPLETE:
                        raise
                    await self._ask(run_id, file, target.size)
                    continue
                await in_thread(target.write, piece)
                if piece:
                    continue
                if target.size >= file.size_bytes:
                    return
                await arrival.wait()

    async def _ask(self, run_id: str, file: InputFile, start: int) -> None:
        call = dispatcher_calls.want_file(self._store.dispatcher_id, run_id, file.path, start)
        await self._store.patiently("asking for a file of another host", call)

    @contextmanager
    def _hearing(self, run_id: str) -> Iterator[AutoResetEvent]:
        self._arrivals[run_id] = AutoResetEvent()
        try:
            yield self._arrivals[run_id]
        finally:
            del self._arrivals[run_id]

    async def _send_all(self) -> None:
        """Send one piece of each file after the other, until all that may be sent is on its way."""
        while True:
            files = await self._store.patiently("looking for wanted files", dispatcher_calls.wanted_files())
            room = AHEAD * self._transfers.size_of_sent
            sent = [await self._send_some(file) for file in files if file.sent - file.taken < room]
            if not any(sent):
                return

    async def _send_some(self, file: WantedFile) -> bool:
        """Send a piece; return False if we have no file of this content."""
        source = await in_thread(self._files.open, file.sha256)
        if source is None:
            if file.host == self._host and file.storage_url == self._files.url_of(file.sha256):
                await self._refuse(file)
            return False
        with source:
            await self._transfers.send_wanted(file, source)
        return True

    async def _refuse(self, file: WantedFile) -> None:
        log.warning("a file that another host waits for is gone", path=file.path, url=file.storage_url)
        problem = f"{file.path} is gone from host {self._host}, where it was kept at {file.storage_url}"
        call = dispatcher_calls.refuse_wanted(self._store.dispatcher_id, str(file.run_id), file.path, problem)
        await self._store.patiently("saying that a file is gone", call)


class _Checked:
    """A target that knows how many bytes it got, and their SHA-256."""

    def __init__(self, target: BinaryIO) -> None:
        self.size = 0
        self._target = target
        self._digest = hashlib.sha256()

    def write(self, piece: bytes) -> None:
        self._target.write(piece)
        self._digest.update(piece)
        self.size += len(piece)

    def copy(self, source: BinaryIO) -> None:
        with source:
            while block := source.read(_BLOCK):
                self.write(block)

    def require(self, file: InputFile) -> None:
        """Raise :class:`DamagedFileError` if this is not the whole file."""
        if self._digest.hexdigest() != file.sha256:
            raise DamagedFileError(
                f"{file.path} is damaged: its content is not what was stored on host {file.host}"
            )
