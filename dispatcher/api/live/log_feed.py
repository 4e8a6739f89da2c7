"""The log of one run, read from a position on, and told as events."""

from base64 import b64encode
from collections.abc import AsyncIterator, Callable, Sequence

from msgspec import Struct

from dispatcher.api.caller import Caller
from dispatcher.api.live.changes import News
from dispatcher.api.live.streams import Reading, TokenLife, event
from dispatcher.host.threads import in_thread
from dispatcher.log_views import View, remarks
from sql import calls
from sql.rows.output import LogState, OutputPiece

END = "-end"
"""Behind the position in the id of the last event."""


class Bytes(Struct, frozen=True):
    """The data of an event `output`."""

    base64: str


class Text(Struct, frozen=True):
    """The data of an event `output` with `view=text`."""

    text: str


class End(Struct, frozen=True):
    """The data of the event `end`. ``text`` is what was left of a text, such as a last line without an end."""

    status: str
    remarks: Sequence[str]
    text: str = ""


def from_event_id(given: str | None) -> int | None:
    """Return the position that an id stands for: None for that of the event `end`, and 0 for one that is not ours."""
    if given is None or not (position := given.removesuffix(END)).isdecimal() or len(position) > 18:
        return 0
    return None if given.endswith(END) else int(position)


class RunLog:
    """One stream of one run."""

    def __init__(self, caller: Caller, number: int, run_no: int, stdio: str) -> None:
        self.stdio = stdio
        self._caller = caller
        self._task = str(number)
        self._run_no = run_no

    async def state(self) -> LogState:
        return await self._caller.call(calls.log_state(self._task, self._run_no))

    async def pieces(self, start: int) -> Sequence[OutputPiece]:
        """Read some pieces from a position on; none when there are no more."""
        return await self._caller.call(calls.read_output(self._task, self._run_no, self.stdio, start))

    async def contents(self, start: int, end: int) -> AsyncIterator[bytes]:
        """Read the bytes between two positions."""
        while start < end and (pieces := await self.pieces(start)):
            yield b"".join(piece.content for piece in pieces if piece.starts_at < end)
            start = pieces[-1].ends_at


class LogFeed:
    """Tells what a run prints from a position on, as bytes or as a view of it, until all of it is told.

    ``view_of`` makes the view for a tool and a stream.
    """

    def __init__(
        self, log: RunLog, position: int, life: TokenLife, view_of: Callable[[str, str], View] | None = None
    ) -> None:
        self._log = log
        self._position = position
        self._life = life
        self._view_of = view_of
        self._view: View | None = None

    async def read(self, _: News) -> Reading:
        """Raises :class:`dispatcher.errors.NotFoundError` when there is no such run."""
        await self._life.begin()
        # The state first: when it says that a run has ended, all of its output is there.
        state = await self._log.state()
        if self._view_of is not None and self._view is None:
            self._view = await self._replayed(self._view_of(state.tool, self._log.stdio))
        pieces = await self._log.pieces(self._position)
        events = []
        for piece in pieces:
            if data := await self._told(piece):
                events.append(event("output", data, str(piece.ends_at)))
            self._position = piece.ends_at
        stored = state.printed(self._log.stdio)[1]
        if pieces and self._position < stored:
            return Reading(b"".join(events), holds_for=0)
        if state.run_ended:
            events.append(event("end", self._end(state), f"{self._position}{END}"))
        return Reading(b"".join(events), self._life.left(), last=state.run_ended)

    async def _told(self, piece: OutputPiece) -> Bytes | Text | None:
        """Return the data for a piece; None when it is no text yet."""
        if self._view is None:
            return Bytes(b64encode(piece.content).decode())
        text = (await in_thread(self._view.feed, piece.content)).decode()
        return Text(text) if text else None

    def _end(self, state: LogState) -> End:
        other = f"with stream={'stdout' if self._log.stdio == 'stderr' else 'stderr'}"
        said = list(remarks(state, self._log.stdio, shown_by=other))
        return End(state.run_status or "", said, self._view.end().decode() if self._view is not None else "")

    async def _replayed(self, view: View) -> View:
        """Return a new view as it was when everything before our position had been told."""
        at = 0
        while at < self._position and (pieces := await self._log.pieces(at)):
            for piece in pieces:
                if before := _before(piece, self._position):
                    await in_thread(view.feed, before)
            at = pieces[-1].ends_at
        return view


def _before(piece: OutputPiece, position: int) -> bytes:
    """Return what of a piece lies before a position: nothing if it is not known, see read_output()."""
    if piece.ends_at <= position:
        return piece.content
    known = len(piece.content) == piece.ends_at - piece.starts_at
    return piece.content[: max(0, position - piece.starts_at)] if known else b""
