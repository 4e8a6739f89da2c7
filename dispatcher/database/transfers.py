"""Prompts, files and answers on their way to and from the database, each in pieces that a slow line brings in time.

A statement that takes longer than its time-out is given up, so what is sent in one must fit the line. How much that is
is learned from each piece. What fits into one piece is one statement, as if there were no pieces.
"""

from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from io import BytesIO
from typing import BinaryIO, TypeVar

import psycopg
import trio

from dispatcher.database.rows import InputFile, OutputFile
from dispatcher.database.store import INCOMPLETE, Store
from dispatcher.host.threads import in_thread

Answer = TypeVar("Answer")

FIRST_PIECE = 256 * 2**10
"""Bytes. At 256 kB/s that is a second."""
SMALLEST_PIECE, LARGEST_PIECE = 8 * 2**10, 4 * 2**20
QUICK, SLOW = 0.5, 2.0
"""Seconds that a piece may take before pieces stop growing, and begin to shrink."""


class Pace:
    """The bytes that go into one statement, by what the last ones took."""

    def __init__(self) -> None:
        self.size = FIRST_PIECE

    @contextmanager
    def measured(self) -> Iterator["Moved"]:
        """Learn from a statement inside, which tells how many bytes it moved; of few that were quick there is nothing
        to learn.
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

    One piece is on its way at a time: more of them would be late together, and would hold the connections that
    heartbeats need. The transfers take turns, so that a small file is there before a large one that began earlier.
    Whoever cancels one waits for a piece at most.
    """

    def __init__(self, store: Store) -> None:
        self._store = store
        self._turn = trio.Lock()
        self._down = Pace()
        self._up = Pace()

    async def inputs(self, task_id: str) -> list[InputFile]:
        """List the input files of a task, the smallest ones with their content."""

        async def ask(size: int) -> tuple[list[InputFile], int]:
            files = await self._store.input_files(task_id, size)
            return files, sum(len(file.content or b"") for file in files)

        return await self._store.patiently("fetching inputs", partial(_timed, self._down, ask))

    async def fetch_input(self, run_id: str, path: str, take: Callable[[bytes], object]) -> None:
        """Give ``take`` an input file, piece by piece, in a thread."""
        await self._fetch("fetching an input file", partial(self._store.read_input, run_id, path), take)

    async def fetch_prompt(self, run_id: str, take: Callable[[bytes], object]) -> None:
        """Give ``take`` the prompt of a run, piece by piece, in a thread."""
        await self._fetch("fetching a prompt", partial(self._store.read_prompt, run_id), take)

    async def store_file(self, run_id: str, file: OutputFile) -> None:
        """Store an output file."""
        source = BytesIO(file.content) if file.content is not None else file.copy
        if source is None:
            await self._store.patiently(
                "storing an output file", partial(self._store.store_output, run_id, file, None)
            )
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
        """Store the whole file if it fits into a statement, else its next piece; returns whether that was all."""
        if not upload.position and upload.size <= self._up.size:

            async def send(_: int) -> tuple[None, int]:
                content = file.content if file.content is not None else await _read(upload, upload.size)
                await self._store.store_output(upload.run_id, file, content)
                return None, upload.size

            await _timed(self._up, send)
            return True
        if upload.position < upload.size:
            await self._send_piece(upload)
            return False
        try:
            await self._store.keep_pieces(upload.run_id, file)
        except psycopg.DatabaseError as error:
            if error.sqlstate != INCOMPLETE:
                raise
            upload.position = 0
            return False
        return True

    async def _send_piece(self, upload: _Upload) -> None:
        async def send(size: int) -> tuple[int, int]:
            piece = await _read(upload, size)
            await self._store.store_piece(upload.run_id, upload.name, upload.position, piece, upload.size)
            return len(piece), len(piece)

        async with self._turn:
            upload.position += await _timed(self._up, send)

    async def _fetch(
        self, what: str, read: Callable[[int, int], Awaitable[bytes]], take: Callable[[bytes], object]
    ) -> None:
        position = 0
        whole = False

        async def ask(size: int) -> tuple[tuple[bytes, bool], int]:
            piece = await read(position, size)
            return (piece, len(piece) < size), len(piece)

        async def take_turn() -> tuple[bytes, bool]:
            async with self._turn:
                return await _timed(self._down, ask)

        while not whole:
            piece, whole = await self._store.patiently(what, take_turn)
            await in_thread(take, piece)
            position += len(piece)


async def _timed(pace: Pace, call: Callable[[int], Awaitable[tuple[Answer, int]]]) -> Answer:
    """Return what ``call`` does with so many bytes; it also tells how many were moved."""
    with pace.measured() as moved:
        answer, moved.size = await call(pace.size)
    return answer


async def _read(upload: _Upload, size: int) -> bytes:
    def read() -> bytes:
        upload.source.seek(upload.position)
        return upload.source.read(size)

    return await in_thread(read)
