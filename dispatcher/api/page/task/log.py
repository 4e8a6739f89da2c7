"""A part of what an agent printed, as text for the page. Without scripts one turns its pages; with them it follows."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import get_args

from litestar import get
from litestar.types import ASGIApp
from markupsafe import Markup

from dispatcher.api.caller import ApiRequest, Caller
from dispatcher.api.live.log_feed import LogFeed, RunLog, from_event_id
from dispatcher.api.live.streams import EVENT_STREAM, TokenLife, nothing_more, streams_of
from dispatcher.api.page.task.ansi import html_view_of
from dispatcher.api.routes.logs import From, LastEventId, RunNumber, Stdio
from dispatcher.api.routes.tasks import Number
from dispatcher.errors import UsageError
from dispatcher.log_views import remarks
from sql import calls
from sql.rows.changes import CommandKind
from sql.rows.output import LogState, OutputPiece

WINDOW = 200_000
"""Bytes of a log on one page; it ends with the last line of the piece that reaches so far."""
AGENT = ("stdout", "stderr")
STREAMS: tuple[str, ...] = (*AGENT, *get_args(CommandKind))


@dataclass(frozen=True)
class Log:
    """What of a run's log is shown: from the position ``begin`` to ``end``.

    ``follows``: more may come, and a stream of its own brings it all to the script, which so needs no ``text``.
    """

    state: LogState
    stream: str
    begin: int
    end: int
    text: Markup
    has_more: bool
    follows: bool
    remarks: Sequence[str]

    @property
    def streams(self) -> Sequence[str]:
        """Those that can be chosen: the agent's, and of its commands those that printed something."""
        return [one for one in STREAMS if one in (*AGENT, self.stream) or self.state.printed(one)[0]]

    @property
    def earlier(self) -> int | None:
        """Where the part before begins, if there is one."""
        return max(0, self.begin - WINDOW) if self.begin else None


async def log_of(
    caller: Caller, number: int, run_no: int | None, stream: str, begin: int | None, *, is_refresh: bool
) -> Log | None:
    """Return a part of the log of a run, of the last one if none is named: without ``begin`` the end of it.

    Returns None before the first run. Raises :class:`UsageError` and what the calls raise.
    """
    if stream not in STREAMS:
        raise UsageError(f"{stream!r} is not a valid stream: expected {', '.join(STREAMS)}")
    state = await caller.call(calls.log_state(str(number), run_no))
    if state.run_no is None:
        return None
    follows = begin is None and not state.run_ended
    if begin is None:
        begin = max(0, state.printed(stream)[1] - WINDOW)
    said = remarks(state, stream, shown_by=f"under {'stdout' if stream == 'stderr' else 'stderr'}")
    shown = list(said) if state.run_ended else []
    if follows and is_refresh:
        return Log(state, stream, begin, begin, Markup(), False, follows, shown)
    content, end, has_more = await _read(caller, state, stream, begin)
    view = html_view_of(state.tool, stream)
    text = Markup((view.feed(content) + view.end()).decode())  # noqa: S704 - HTML already
    return Log(state, stream, begin, end, text, has_more, follows, [] if has_more else shown)


@get("/tasks/{number:int}/runs/{run_no:int}/log", media_type=EVENT_STREAM)
async def follow_log(
    request: ApiRequest,
    caller: Caller,
    number: Number,
    run_no: RunNumber,
    stdio: Stdio = "stdout",
    start: From = 0,
    last_event_id: LastEventId = None,
) -> ASGIApp:
    """Send what a run prints as `/tasks/N/runs/R/log/events` does, but as HTML."""
    resumed = from_event_id(last_event_id)
    if resumed is None:
        return nothing_more
    position = start if last_event_id is None else resumed
    feed = LogFeed(RunLog(caller, number, run_no, stdio), position, TokenLife(caller), html_view_of)
    return streams_of(request).respond(feed.read, number)


async def _read(caller: Caller, state: LogState, stream: str, begin: int) -> tuple[bytes, int, bool]:
    """Return the whole lines behind a position, the position of their end, and whether more is stored.

    A position within a line belongs to the line before, which is on the page before.
    """
    found: list[OutputPiece] = []
    end = max(0, begin - 1)
    while pieces := await caller.call(calls.read_output(str(state.number), state.run_no, stream, end)):
        for piece in pieces:
            if end - begin >= WINDOW:
                return _whole_lines(found, begin)
            found.append(piece)
            end = piece.ends_at
    content = b"".join(piece.content for piece in found)
    return content.partition(b"\n")[2] if begin else content, end, False


def _whole_lines(pieces: Sequence[OutputPiece], begin: int) -> tuple[bytes, int, bool]:
    """Return what :func:`_read` does for pieces behind which there are more, with the end of the last line."""
    content = b"".join(piece.content for piece in pieces)
    last = pieces[-1]
    rest = len(content) - content.rfind(b"\n") - 1
    known = len(last.content) == last.ends_at - last.starts_at
    if not known or rest > len(last.content) or rest == len(content):
        rest = 0  # masked secrets moved the positions, or a line is longer than the page
    lines = content[: len(content) - rest]
    return lines.partition(b"\n")[2] if begin else lines, last.ends_at - rest, True


ROUTES = (follow_log,)
