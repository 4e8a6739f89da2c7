"""Prompts, files and answers on their way to and from the database, in pieces that a slow line moves in time.

A statement that takes longer than its time-out is given up, so what it moves must fit the line. Each piece teaches how
much that is. What fits into one piece is one statement, as if there were no pieces.
"""

from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from io import BytesIO
from typing import BinaryIO, TypeVar

import msgspec
import psycopg
import trio

from dispatcher.database.store import INCOMPLETE, Store
from dispatcher.host.threads import in_thread
from sql import dispatcher_calls
from sql.call import Call
from sql.rows.dispatchers import InputFile, WantedFile

Answer = TypeVar("Answer")

FIRST_PIECE = 256 * 2**10
"""Bytes. At 256 kB/s that is a second."""
SMALLEST_PIECE, LARGEST_PIECE = 8 * 2**10, 4 * 2**20
QUICK, SLOW = 0.5, 2.0
"""Seconds that a piece may take before pieces stop growing, and begin to shrink."""


class OutputFile(msgspec.Struct, frozen=True, kw_only=True):
    """A file that an agent made: its content, an open copy of it, or the URL of the copy that we keep."""

    path: str
    size: int
    sha256: str
    mode: int
    content: bytes | None = None
    copy: BinaryIO | None = None
    storage_url: str | None = None


class Pace:
    """How many bytes go into one statement: learned from how long the last ones took."""

    def __init__(self) -> None:
        self.size = FIRST_PIECE

    @contextmanager
    def measured(self) -> Iterator["Moved"]:
        """Learn from the statement inside, which says how many bytes it moved. A quick one with few bytes teaches
        nothing.
        """
        moved, began = Moved(), trio.current_time()
        try:
            yield moved
        except psycopg.OperationalError:
            if trio.current_time() - began > QUICK:  # else it met no slow line
                self.size = max(SMALLEST_PIECE, self.size // 4)
            raise
        took = trio.current_time() - began
        if took > SLOW:
            self.size = max(SMALLEST_PIECE, self.size // 2)
        elif took < QUICK and moved.size * 2 >= self.size:
            self.size = min(LARGEST_PIECE, self.size * 2)


@dataclass(slots=True)
class Moved:
    """The bytes that a statement moved."""

    size: int = 0


@dataclass(slots=True)
class _Upload:
    run_id: str
    name: str
    source: BinaryIO
    size: int
    position: int = 0


class Transfers:
    """The transfers of all runs of a dispatcher.

    One piece is on its way at a time: several would be late together, and would hold the connections that heartbeats
    need. Transfers take turns, so a small file arrives before a large one that began earlier. To cancel a transfer
    takes as long as one piece at most.
    """

    def __init__(self, store: Store) -> None:
        self._store = store
        self._turn = trio.Lock()
        self._down = Pace()
        self._up = Pace()

    async def inputs(self, task_id: str) -> list[InputFile]:
        """List the input files of a task, the smallest ones with their content."""

        async def ask(size: int) -> tuple[list[InputFile], int]:
            files = await self._store.call(dispatcher_calls.input_files_of(task_id, size))
            return files, sum(len(file.content or b"") for file in files)

        return await self._store.patiently("fetching inputs", partial(_timed, self._down, ask))

    async def fetch_input(self, run_id: str, path: str, take: Callable[[bytes], object]) -> None:
        """Give ``take`` an input file, piece by piece, in a thread."""
        read = partial(dispatcher_calls.read_input, self._store.dispatcher_id, run_id, path)
        await self._fetch("fetching an input file", read, take)

    async def fetch_prompt(self, run_id: str, take: Callable[[bytes], object]) -> None:
        """Give ``take`` the prompt of a run, piece by piece, in a thread."""
        read = partial(dispatcher_calls.read_prompt, self._store.dispatcher_id, run_id)
        await self._fetch("fetching a prompt", read, take)

    async def take_wanted(self, run_id: str, path: str, start: int) -> bytes:
        """Return what was sent of a file of another host from a byte on, as much as fits; empty if nothing was."""

        async def ask(size: int) -> tuple[bytes, int]:
            call = dispatcher_calls.take_wanted(self._store.dispatcher_id, run_id, path, start, size)
            piece = await self._store.call(call)
            return piece, len(piece)

        async def take_turn() -> bytes:
            async with self._turn:
                return await _timed(self._down, ask)

        return await self._store.patiently("fetching a file of another host", take_turn)

    async def send_wanted(self, file: WantedFile, source: BinaryIO) -> None:
        """Send the next piece of a file that a run on another host waits for."""
        upload = _Upload(str(file.run_id), file.path, source, file.size_bytes, file.sent)

        async def send(size: int) -> tuple[None, int]:
            piece = await _read(upload, min(size, upload.size - upload.position))
            await self._store.call(
                dispatcher_calls.send_wanted(
                    self._store.dispatcher_id, upload.run_id, upload.name, upload.position, piece
                )
            )
            return None, len(piece)

        async def take_turn() -> None:
            async with self._turn:
                await _timed(self._up, send)

        await self._store.patiently("sending a file to another host", take_turn)

    @property
    def size_of_sent(self) -> int:
        """How many bytes a piece has that is sent now."""
        return self._up.size

    async def store_file(self, run_id: str, file: OutputFile) -> None:
        """Store an output file."""
        source = BytesIO(file.content) if file.content is not None else file.copy
        if source is None:
            await self._store.patiently("storing an output file", self._store_output(run_id, file, None))
            return
        upload = _Upload(run_id, file.path, source, file.size)
        step = partial(self._store_some, upload, file)
        while not await self._store.patiently("storing an output file", step):
            pass

    async def store_answer(self, run_id: str, answer: bytes) -> None:
        """Send an answer that is too large for a report."""
        upload = _Upload(run_id, "", BytesIO(answer), len(answer))
        while upload.position < upload.size:
            await self._store.patiently("storing an answer", partial(self._send_piece, upload))

    async def _store_some(self, upload: _Upload, file: OutputFile) -> bool:
        """Store the whole file if it fits into a statement, or else its next piece; returns whether that was all."""
        if not upload.position and upload.size <= self._up.size:

            async def send(_: int) -> tuple[None, int]:
                content = file.content if file.content is not None else await _read(upload, upload.size)
                await self._store.call(self._store_output(upload.run_id, file, content))
                return None, upload.size

            await _timed(self._up, send)
            return True
        if upload.position < upload.size:
            await self._send_piece(upload)
            return False
        try:
            await self._store.call(
                dispatcher_calls.keep_pieces(
                    self._store.dispatcher_id,
                    upload.run_id,
                    file.path,
                    size_bytes=file.size,
                    sha256=file.sha256,
                    mode=file.mode,
                )
            )
        except psycopg.DatabaseError as error:
            if error.sqlstate != INCOMPLETE:
                raise
            upload.position = 0
            return False
        return True

    def _store_output(self, run_id: str, file: OutputFile, content: bytes | None) -> Call[None]:
        return dispatcher_calls.store_output(
            self._store.dispatcher_id,
            run_id,
            file.path,
            content=content,
            storage_url=file.storage_url,
            size_bytes=file.size,
            sha256=file.sha256,
            mode=file.mode,
        )

    async def _send_piece(self, upload: _Upload) -> None:
        async def send(size: int) -> tuple[int, int]:
            piece = await _read(upload, size)
            call = dispatcher_calls.store_piece(
                self._store.dispatcher_id, upload.run_id, upload.name, upload.position, piece, upload.size
            )
            await self._store.call(call)
            return len(piece), len(piece)

        async with self._turn:
            upload.position += await _timed(self._up, send)

    async def _fetch(
        self, what: str, read: Callable[[int, int], Call[bytes]], take: Callable[[bytes], object]
    ) -> None:
        position = 0
        whole = False

        async def ask(size: int) -> tuple[tuple[bytes, bool], int]:
            piece = await self._store.call(read(position, size))
            return (piece, len(piece) < size), len(piece)

        async def take_turn() -> tuple[bytes, bool]:
            async with self._turn:
                return await _timed(self._down, ask)

        while not whole:
            piece, whole = await self._store.patiently(what, take_turn)
            await in_thread(take, piece)
            position += len(piece)


async def _timed(pace: Pace, call: Callable[[int], Awaitable[tuple[Answer, int]]]) -> Answer:
    """Call with the number of bytes that fit now; ``call`` returns its result and how many bytes it moved."""
    with pace.measured() as moved:
        answer, moved.size = await call(pace.size)
    return answer


async def _read(upload: _Upload, size: int) -> bytes:
    def read() -> bytes:
        upload.source.seek(upload.position)
        return upload.source.read(size)

    return await in_thread(read)
