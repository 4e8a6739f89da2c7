"""What one agent prints: read as it comes, shown to the parser, and bounded.

Memory holds only positions, because the log files stay on disk until the run is over. So it costs nothing when the
database is away. A dispatcher that adopts the run reads the logs again from their beginning, so no state of a parser
has to be stored. If a log is longer than twice ``Bounds.kept``, its middle is given back to the disk; the parser of an
adopter then sees its beginning, a line end, and its end.
"""

import math
import time
from collections.abc import Callable
from dataclasses import dataclass

import trio

from dispatcher.host.auto_reset_event import AutoResetEvent
from dispatcher.host.host_trouble import when_there_is_room
from dispatcher.host.threads import in_thread
from dispatcher.run.output.log_file import LogFile
from dispatcher.run.output.masking import Masking
from dispatcher.run.output.silence import Silence
from dispatcher.run.output.stored_log import LARGEST_CHUNK, StoredLog, as_text
from dispatcher.workspaces.run_record import StopReason
from dispatcher.workspaces.work_directory import Workspace
from sql.rows.dispatchers import Output
from wrappers.base import Activity, Ending, Event, Outcome, Parser

KEPT_CHARACTERS = 10_000
INLINE = 64 * 2**10
"""Bytes that are parsed on the event loop (measured: 0.2 to 2 ms, and 10 ms for the shortest lines). More at a time,
or a longer line, is parsed in a thread."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Bounds:
    """``stored``: bytes of each stream that go to the database. ``written``: bytes of both that stop the run.

    ``stall_timeout``: seconds without output that stop the run, None for no bound.
    """

    stored: int
    written: int
    stall_timeout: float | None

    @property
    def kept(self) -> int:
        """Bytes at the beginning and at the end of each log that stay on disk."""
        return max(self.stored, 8 * KEPT_CHARACTERS)


class AgentOutput:
    """The logs of a run, its parser, and how long it may be silent.

    ``began`` is when the agent was started, on trio's clock. ``on_news`` is called when there is something to store.
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
        """Whether the output can be stored; False once reading it has failed unexpectedly."""
        self._stdout = StoredLog("stdout", LogFile(workspace.stdout), None if adopted else 0)
        self._stderr = StoredLog("stderr", LogFile(workspace.stderr), None if adopted else 0)
        self._read_to = (0, 0)
        self._stored_state: tuple[tuple[int, int], str | None] = (self._read_to, None)
        self._sent_state: tuple[tuple[int, int], str | None] = self._stored_state
        self._parser = parser
        self._stdout_parsed = 0
        self._stderr_parsed = 0
        self._open_line = 0
        self._masking = masking
        self._bounds = bounds
        self._on_news = on_news
        self._changed = AutoResetEvent()
        self._changed.set()
        self._activity: str | None = None
        self._silence = Silence(
            _last_written(self._stdout.log, began) if adopted else began,
            _last_written(self._stderr.log, began) if adopted else began,
            bounds.stall_timeout,
        )
        if adopted:
            self._measure()

    def begins(self) -> None:
        """Note that the agent is started now: its silence counts from here."""
        now = trio.current_time()
        self._silence = Silence(now, now, self._bounds.stall_timeout)

    def show(self, activity: str) -> None:
        """Show people what the run does while its agent says nothing, such as what checks its work."""
        self._activity = activity
        self._on_news(self)

    def changed(self) -> None:
        """Look at the logs: something was written."""
        self._changed.set()

    async def follow(self, stop: Callable[[StopReason], None]) -> None:
        """Read output as it comes, until cancelled; call ``stop`` when a bound is passed."""
        deadline = self._silence.next_deadline()
        while True:
            await self._changed.wait(until=deadline)
            self._look()
            if self._is_too_large:  # to read so much takes longer than to print it
                stop("output_too_large")
            await self.catch_up()
            reason = self._why_stop()
            if reason is not None:
                stop(reason)
            deadline = math.inf if reason else self._silence.next_deadline()

    def measure(self) -> None:
        """Measure how much is written, and show none of it to the parser: for a run whose parser failed."""
        self._measure()
        self._read_to = self._written

    async def catch_up(self) -> None:
        """Read everything that is written by now."""
        self._look()
        unread = sum(self._written) - self._stdout_parsed - self._stderr_parsed
        if unread:
            much = unread + self._open_line > INLINE
            await when_there_is_room("reading output", self._parse, thread=much)
        for log in (self._stdout, self._stderr):
            log.release(self._bounds.kept)
        self._read_to = self._written
        if self.incomplete:
            self._on_news(self)

    @property
    def final_event_seen(self) -> bool:
        """Whether the CLI said that it is done, and has not gone on since."""
        return self._silence.final_event_seen

    @property
    def failure_file(self) -> str | None:
        """The file that the parser asks for, see :meth:`wrappers.base.Parser.failure_file`."""
        return self._parser.failure_file()

    async def outcome(self, exit_code: int | None, failure_file: bytes = b"", report: bytes = b"") -> Outcome:
        """Return how the run ended. Call it once, after the last :meth:`catch_up`."""
        stderr_tail = await when_there_is_room("reading output", self.stderr_tail)
        ending = Ending(
            exit_code=exit_code, stderr_tail=stderr_tail, failure_file=failure_file, report=report
        )
        if self._stdout_parsed + len(report) > INLINE:
            return await in_thread(self._parser.finish, ending)
        return self._parser.finish(ending)

    def excerpts(self) -> tuple[str, str]:
        """Return :meth:`stdout_head` and :meth:`stderr_tail`."""
        return self.stdout_head(), self.stderr_tail()

    def stdout_head(self) -> str:
        """Return the first 10,000 characters of stdout, masked."""
        log = self._stdout.log
        raw, begun = log.read(0, min(log.written, 4 * KEPT_CHARACTERS))
        head, _ = self._masking.beginning(raw, final=begun + len(raw) >= log.written)
        return as_text(head)[:KEPT_CHARACTERS]

    def stderr_tail(self) -> str:
        """Return the last 10,000 characters of stderr, masked."""
        return self._stderr.tail(self._masking, KEPT_CHARACTERS)

    def to_store(self, now: float, most: int = LARGEST_CHUNK) -> Output | None:
        """Read what the database does not have yet, or a part of it; return None if there is nothing.

        ``now`` is on trio's clock, which threads cannot read. ``most`` bounds the bytes of each stream.
        """
        # A piece that is not longer than a secret might wait for ever for the rest of the secret.
        most = min(LARGEST_CHUNK, max(most, 2 * self._masking.longest))
        (stdout, stderr), activity = state = self._read_to, self._activity
        chunks = tuple(
            chunk
            for log in (self._stdout, self._stderr)
            if (chunk := log.chunk(self._bounds.stored, self._masking, most, ended=self.ended))
        )
        if not chunks and state == self._stored_state:
            return None
        self._sent_state = state
        return Output(
            run_id=self.run_id,
            ago_s=max(0.0, now - self._silence.last_output),
            activity=None if activity is None else self._masking.text(activity),
            stdout_bytes=stdout,
            stderr_bytes=stderr,
            live=not self.ended,
            chunks=chunks,
        )

    def stored(self, stdout: int, stderr: int) -> bool:
        """Note how much the database has after it got what :meth:`to_store` returned; return whether that is more."""
        before = self._stdout.stored, self._stderr.stored
        self._stored_state = self._sent_state
        self._stdout.stored, self._stderr.stored = stdout, stderr
        return before != (stdout, stderr)

    @property
    def incomplete(self) -> bool:
        """Whether the database lacks something that it should have."""
        return (self._read_to, self._activity) != self._stored_state or self.backlog > 0

    @property
    def backlog(self) -> float:
        """Bytes that are still to be stored; infinity while only the database knows."""
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

    def _look(self) -> None:
        stdout, stderr = self._measure()
        if stdout:
            self._silence.last_stdout = trio.current_time()
        if stderr:
            self._silence.last_stderr = trio.current_time()

    def _parse(self) -> None:
        end = min(self._stdout.log.written, self._bounds.written)  # what is beyond has no say in the outcome
        for piece in self._stdout.log.pieces(self._stdout_parsed, end):
            for event in self._parser.feed_stdout(piece):
                self._note(event)
            line_end = piece.rfind(b"\n")
            self._open_line = len(piece) - line_end - 1 + (self._open_line if line_end < 0 else 0)
        self._stdout_parsed = end
        end = min(self._stderr.log.written, self._bounds.written)
        for piece in self._stderr.log.pieces(self._stderr_parsed, end):
            for event in self._parser.feed_stderr(piece):
                self._note(event)
        self._stderr_parsed = end

    def _note(self, event: Event) -> None:
        if isinstance(event, Activity):
            self._activity = event.text
        self._silence.note(event)

    @property
    def _is_too_large(self) -> bool:
        return sum(self._written) > self._bounds.written

    def _why_stop(self) -> StopReason | None:
        if self._is_too_large:
            return "output_too_large"
        return self._silence.why_stop()


def _last_written(log: LogFile, began: float) -> float:
    """Return when the log was last written to, on trio's clock; ``began`` if it never was."""
    written_at = log.last_write()
    return began if written_at is None else trio.current_time() - max(0.0, time.time() - written_at)
