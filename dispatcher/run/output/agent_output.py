"""What one agent prints: taken in as it comes, shown to the parser, and bounded in every respect.

Nothing is kept in memory but positions: the log files stay on disk while the run lives. So a database that is away
costs nothing, and a dispatcher that adopts the run reads them once more from their beginning, which spares the
parsers any state that could be kept. Of a log longer than twice ``Bounds.kept`` the middle is given back to the disk;
the parser of an adopter then sees its beginning, a line end, and its end.
"""

import contextlib
import math
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import trio

from dispatcher.database.rows import Output, OutputChunk, Stream
from dispatcher.host.host_trouble import when_there_is_room
from dispatcher.host.threads import in_thread
from dispatcher.run.output.log_file import LogFile
from dispatcher.run.output.masking import MASK, Masking
from dispatcher.workspaces.run_record import StopReason
from dispatcher.workspaces.work_directory import Workspace
from wrappers.base import Activity, Ending, Event, Finished, Outcome, Parser, Waits

KEPT_CHARACTERS = 10_000
LINGER = 5.0
"""Seconds that a process may live on after its final event, counted from the last that it printed on stdout."""
WORTH_A_SLOT, NOT_WORTH_A_SLOT = 60.0, 10.0
"""Seconds that an agent may wait in its slot for a service that asked it to slow down: with work that would be lost,
which is as long as limits by the minute last, and without. codex would sleep for ten minutes if it is told to."""
INLINE = 64 * 2**10
"""Bytes that are parsed on the event loop (measured: 0.2 to 2 ms, 10 for the tiniest lines); more at a time, or a
longer line, is parsed in a thread."""
LARGEST_CHUNK = 2**20


@dataclass(frozen=True, slots=True, kw_only=True)
class Bounds:
    """``stored``: bytes of each stream that go to the database. ``written``: bytes of both that end the run.

    ``stall_timeout``: seconds without any output that end the run, None for never.
    """

    stored: int
    written: int
    stall_timeout: float | None

    @property
    def kept(self) -> int:
        """Bytes at the beginning and at the end of each log that stay on disk."""
        return max(self.stored, 8 * KEPT_CHARACTERS)


class StoredLog:
    """One of the two logs, and how far the database has it: ``stored`` is None while only the database knows."""

    def __init__(self, stream: Stream, log: LogFile, stored: int | None) -> None:
        self.stream = stream
        self.log = log
        self.stored = stored
        self._released = 0

    def chunk(self, bound: int, masking: Masking, most: int, *, ended: bool) -> OutputChunk | None:
        """What is to be stored next, if anything; what begins like a secret waits for what follows it."""
        if self.stored is None:
            return None
        end = min(self.log.written, bound, self.stored + most)
        raw, begun = self.log.read(self.stored, end)
        content, length = masking.beginning(raw, final=ended and end == self.log.written)
        if raw and end == bound and length < len(raw):
            content, length = content + MASK.encode(), len(raw)  # nobody will ever see what follows
        if not length:
            return None
        return OutputChunk(
            stream=self.stream,
            starts_at=self.stored,
            ends_at=begun + length,
            content=content,
        )

    def release(self, kept: int) -> None:
        """Give the middle back to the disk: it is beyond what is stored, and the parser has seen it."""
        start, end = max(kept, self._released), self.log.written - kept
        if end - start > LARGEST_CHUNK:
            with contextlib.suppress(OSError):  # no descriptor: the next time will do
                self._released = self.log.release(start, end)


class AgentOutput:
    """The logs of a run, its parser, and the clocks that its output winds up.

    ``began`` is when the agent was started, on trio's clock; ``on_news`` hears whenever there is something to store.
    """

    def __init__(
        self,
        run_id: str,
        workspace: Workspace,
        parser: Parser,
        masking: Masking,
        bounds: Bounds,
        on_news: Callable[["AgentOutput"], None],
        *,
        began: float,
        adopted: bool,
    ) -> None:
        self.run_id = run_id
        self.directory = workspace.directory
        self.ended = False
        self.readable = True
        """Whether what it printed can be stored; not once reading it has failed in a way that nobody foresaw."""
        self._stdout = StoredLog("stdout", LogFile(workspace.stdout), None if adopted else 0)
        self._stderr = StoredLog("stderr", LogFile(workspace.stderr), None if adopted else 0)
        self._taken_in = (0, 0)
        self._told: tuple[tuple[int, int], str | None] = (self._taken_in, None)
        self._telling: tuple[tuple[int, int], str | None] = self._told
        self._parser = parser
        self._parsed = 0
        self._heard = 0
        self._open_line = 0
        self._masking = masking
        self._bounds = bounds
        self._on_news = on_news
        self._changed = trio.Event()
        self._changed.set()
        self._activity: str | None = None
        self.final_event_seen = False
        """Whether the CLI said that it is done, and has not gone on since."""
        self._patience: float | None = None
        self._last_stdout = self._last_stderr = began
        if adopted:
            self._last_stdout = _last_written(self._stdout.log, began)
            self._last_stderr = _last_written(self._stderr.log, began)
            self._measure()

    def changed(self) -> None:
        """Have a look at the logs: something was written."""
        self._changed.set()

    async def follow(self, stop: Callable[[StopReason], None]) -> None:
        """Take in output as it comes, until cancelled; call ``stop`` when a bound is passed."""
        clock = self._next_clock()
        while True:
            with trio.move_on_at(clock):
                await self._changed.wait()
            self._changed = trio.Event()
            await self.catch_up()
            reason = self._why_stop()
            if reason is not None:
                stop(reason)
            clock = math.inf if reason else self._next_clock()

    def measure(self) -> None:
        """Take note of how much is written by now, and show none of it to the parser: for a run whose parser failed."""
        self._measure()
        self._taken_in = self._written

    async def catch_up(self) -> None:
        """Take in all that is written by now."""
        stdout, stderr = self._measure()
        if stdout:
            self._last_stdout = trio.current_time()
        if stderr:
            self._last_stderr = trio.current_time()
        unread = sum(self._written) - self._parsed - self._heard
        if unread:
            much = unread + self._open_line > INLINE
            await when_there_is_room("reading output", self._parse, thread=much)
        for log in (self._stdout, self._stderr):
            log.release(self._bounds.kept)
        self._taken_in = self._written
        if self.incomplete:
            self._on_news(self)

    @property
    def evidence(self) -> str | None:
        """The file that the parser asks for, see :meth:`wrappers.base.Parser.failure_file`."""
        return self._parser.failure_file()

    async def outcome(self, exit_code: int | None, evidence: bytes = b"") -> Outcome:
        """What the run came to. Call it once, after the last :meth:`catch_up`."""
        stderr_tail = await when_there_is_room("reading output", self.stderr_tail)
        ending = Ending(exit_code=exit_code, stderr_tail=stderr_tail, failure_file=evidence)
        if self._parsed > INLINE:
            return await in_thread(self._parser.finish, ending)
        return self._parser.finish(ending)

    def excerpts(self) -> tuple[str, str]:
        """Return :meth:`stdout_head` and :meth:`stderr_tail`."""
        return self.stdout_head(), self.stderr_tail()

    def stdout_head(self) -> str:
        """The first 10,000 characters of stdout, masked."""
        log = self._stdout.log
        raw, begun = log.read(0, min(log.written, 4 * KEPT_CHARACTERS))
        head, _ = self._masking.beginning(raw, final=begun + len(raw) >= log.written)
        return as_text(head)[:KEPT_CHARACTERS]

    def stderr_tail(self) -> str:
        """The last 10,000 characters of stderr, masked."""
        log = self._stderr.log
        start = max(0, log.written - 4 * KEPT_CHARACTERS)
        raw, begun = log.read(max(0, start - self._masking.longest), log.written)
        return as_text(self._masking.end(raw, max(0, start - begun)))[-KEPT_CHARACTERS:]

    def to_store(self, now: float, most: int = LARGEST_CHUNK) -> Output | None:
        """What the database does not have yet, or a part of it; None if nothing. Reads the logs.

        ``now`` is on trio's clock, which threads do not have; ``most`` bounds the bytes of each stream.
        """
        # A piece that is no longer than a secret might wait for the rest of it for ever.
        most = min(LARGEST_CHUNK, max(most, 2 * self._masking.longest))
        (stdout, stderr), activity = telling = self._taken_in, self._activity
        chunks = tuple(
            chunk
            for log in (self._stdout, self._stderr)
            if (chunk := log.chunk(self._bounds.stored, self._masking, most, ended=self.ended))
        )
        if not chunks and telling == self._told:
            return None
        self._telling = telling
        return Output(
            run_id=self.run_id,
            ago_s=max(0.0, now - max(self._last_stdout, self._last_stderr)),
            activity=None if activity is None else self._masking.text(activity),
            stdout_bytes=stdout,
            stderr_bytes=stderr,
            live=not self.ended,
            chunks=chunks,
        )

    def stored(self, stdout: int, stderr: int) -> bool:
        """Hear what the database has, after it got what :meth:`to_store` said; answers whether that is more."""
        before = self._stdout.stored, self._stderr.stored
        self._told = self._telling
        self._stdout.stored, self._stderr.stored = stdout, stderr
        return before != (stdout, stderr)

    @property
    def incomplete(self) -> bool:
        """Whether the database misses something that it should have."""
        return (self._taken_in, self._activity) != self._told or self.backlog > 0

    @property
    def backlog(self) -> float:
        """Bytes that are to be stored; infinity while only the database knows."""
        bound = self._bounds.stored
        return sum(
            math.inf if log.stored is None else min(log.log.written, bound) - log.stored
            for log in (self._stdout, self._stderr)
        )

    @property
    def _written(self) -> tuple[int, int]:
        return self._stdout.log.written, self._stderr.log.written

    def _measure(self) -> tuple[bool, bool]:
        return self._stdout.log.measure(), self._stderr.log.measure()

    def _parse(self) -> None:
        end = self._stdout.log.written
        for piece in self._stdout.log.pieces(self._parsed, end):
            for event in self._parser.feed_stdout(piece):
                self._note(event)
            line_end = piece.rfind(b"\n")
            self._open_line = len(piece) - line_end - 1 + (self._open_line if line_end < 0 else 0)
        self._parsed = end
        end = self._stderr.log.written
        for piece in self._stderr.log.pieces(self._heard, end):
            for event in self._parser.feed_stderr(piece):
                self._note(event)
        self._heard = end

    def _note(self, event: Event) -> None:
        match event:
            case Activity():
                self._activity = event.text
                # claude goes on after a final event when work in the background ends.
                self.final_event_seen = False
            case Finished():
                self.final_event_seen = True
        match event:
            case Waits():
                self._patience = WORTH_A_SLOT if event.worked else NOT_WORTH_A_SLOT
            case _:
                self._patience = None

    def _clocks(self) -> Iterator[tuple[float, StopReason]]:
        """When the run is to be stopped if nothing more comes, and why."""
        if self.final_event_seen:
            yield self._last_stdout + LINGER, "lingering"
        elif self._patience is not None:
            yield max(self._last_stdout, self._last_stderr) + self._patience, "throttled"
        if self._bounds.stall_timeout is not None:
            yield max(self._last_stdout, self._last_stderr) + self._bounds.stall_timeout, "stalled"

    def _next_clock(self) -> float:
        return min((moment for moment, _ in self._clocks()), default=math.inf)

    def _why_stop(self) -> StopReason | None:
        if sum(self._written) > self._bounds.written:
            return "output_too_large"
        now = trio.current_time()
        return next((reason for moment, reason in self._clocks() if moment <= now), None)


def as_text(content: bytes) -> str:
    """Decode what agents print; a text column holds neither invalid UTF-8 nor NUL."""
    return content.decode(errors="replace").replace("\0", "\N{REPLACEMENT CHARACTER}")


def _last_written(log: LogFile, began: float) -> float:
    """When the log was last written to, on trio's clock; ``began`` if it never was."""
    written_at = log.last_write()
    return began if written_at is None else trio.current_time() - max(0.0, time.time() - written_at)
