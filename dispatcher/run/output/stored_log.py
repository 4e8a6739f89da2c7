"""One log of a run, and how much of it the database has."""

import contextlib

from dispatcher.run.output.log_file import LogFile
from dispatcher.run.output.masking import MASK, Masking
from sql.rows.dispatchers import OutputChunk, Stream

LARGEST_CHUNK = 2**20


class StoredLog:
    """``stored`` is the position up to which the database has it; None while only the database knows that."""

    def __init__(self, stream: Stream, log: LogFile, stored: int | None) -> None:
        self.stream = stream
        self.log = log
        self.stored = stored
        self._released = 0

    def chunk(self, bound: int, masking: Masking, most: int, *, ended: bool) -> OutputChunk | None:
        """Return what is to be stored next, if anything; what begins like a secret waits for what follows it."""
        if self.stored is None:
            return None
        end = min(self.log.written, bound, self.stored + most)
        raw, begun = self.log.read(self.stored, end)
        content, length = masking.beginning(raw, final=ended and end == self.log.written)
        if raw and end == bound and length < len(raw):
            content, length = content + MASK.encode(), len(raw)  # what follows is never stored
        if not length:
            return None
        return OutputChunk(
            stream=self.stream,
            starts_at=self.stored,
            ends_at=begun + length,
            content=content,
        )

    def tail(self, masking: Masking, characters: int) -> str:
        """Return so many characters of its end, masked. Raises OSError when this host has no descriptors."""
        start = max(0, self.log.written - 4 * characters)
        raw, begun = self.log.read(max(0, start - masking.longest), self.log.written)
        return as_text(masking.end(raw, max(0, start - begun)))[-characters:]

    def release(self, kept: int) -> None:
        """Give the middle back to the disk: it is beyond what is stored, and the parser has seen it."""
        start, end = max(kept, self._released), self.log.written - kept
        if end - start > LARGEST_CHUNK:
            with contextlib.suppress(OSError):  # without a descriptor: the next call does it
                self._released = self.log.release(start, end)


def as_text(content: bytes) -> str:
    """Decode what an agent printed; a text column can hold neither invalid UTF-8 nor NUL."""
    return content.decode(errors="replace").replace("\0", "\N{REPLACEMENT CHARACTER}")
