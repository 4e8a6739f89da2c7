"""Server-sent events: what changes is told as it changes, for as long as somebody reads.

A stream begins with the whole present state, so nothing is missed between a read and it. It reads again after a change,
at a moment at which time alone changes something, and never otherwise: streams that wait cost the database nothing.
"""

import math
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http import HTTPStatus

import trio
from litestar.types import ASGIApp, Receive, Scope, Send
from msgspec import Struct

from dispatcher.api.caller import ApiRequest, Caller
from dispatcher.api.live.changes import SHORTEST_PAUSE, Changes, News, Subscription
from dispatcher.api.problems import HttpError, problem_of
from dispatcher.errors import DatabaseError, DispatchError, ForbiddenError
from sql.call import as_json

KEEP_ALIVE = 15.0
"""Seconds after which a comment shows the client, and what lies between, that the stream lives."""
RETRY = 2.0
"""Seconds after which a client comes back when its stream breaks, and we read again when the database is away."""
SHARE = 0.1
"""The largest share of its time that a stream has a read under way, if reading takes long."""
EVENT_STREAM = "text/event-stream"
HEADERS = [(b"content-type", EVENT_STREAM.encode()), (b"x-accel-buffering", b"no")]


class SentEvent(Struct, frozen=True):
    """An event as its lines name it, for the description. ``data`` is JSON."""

    event: str
    data: str
    id: str | None = None


@dataclass(frozen=True)
class Reading:
    """What there is to tell now, as events. ``holds_for``: seconds until there may be more, even if nothing changes."""

    events: bytes = b""
    holds_for: float = math.inf
    last: bool = False


Read = Callable[[News], Awaitable[Reading]]
"""Reads what there is to tell after such news. Raises :class:`DispatchError`."""


def event(name: str, data: object, id: str | None = None) -> bytes:  # noqa: A002 - the name in the standard
    """Return one event. JSON has no line ends, so data needs one line only."""
    head = f"id: {id}\n" if id is not None else ""
    return f"{head}event: {name}\ndata: {as_json(data)}\n\n".encode()


class TokenLife:
    """Ends a stream when its token ends: at the next read, and at the moment at which it expires."""

    def __init__(self, caller: Caller) -> None:
        self._caller = caller
        self._until: float | None = None

    async def begin(self) -> None:
        """Learn when it ends; only the first call asks for it. Raises like :meth:`check`."""
        if self._until is None:
            await self.check()

    async def check(self) -> None:
        """Raises :class:`dispatcher.errors.UnauthorizedError` when the token is not valid any more."""
        acting = await self._caller.acting()
        left = math.inf if acting.expires_in_s is None else acting.expires_in_s
        self._until = trio.current_time() + left

    def left(self) -> float:
        """Return the seconds that it has left, once it has begun."""
        assert self._until is not None
        return max(0.01, self._until - trio.current_time())


class Streams:
    """The live streams of this process, at most ``most`` at a time."""

    def __init__(self, changes: Changes, most: int) -> None:
        self._changes = changes
        self._most = most
        self._open = 0

    def respond(self, read: Read, number: int | None = None) -> ASGIApp:
        """Return a response that tells what ``read`` returns, for changes of one task or of everything.

        It raises :class:`HttpError` when there are too many streams, and what the first read raises.
        """

        async def stream(_: Scope, receive: Receive, send: Send) -> None:
            with self._counted(), self._changes.subscribe(number) as subscription:
                first = await read(News())
                async with trio.open_nursery() as nursery:
                    nursery.start_soon(_until_disconnected, receive, nursery.cancel_scope)
                    await _start(send)
                    await _follow(send, read, first, subscription)
                    await send({"type": "http.response.body", "body": b"", "more_body": False})
                    nursery.cancel_scope.cancel()

        return stream

    @contextmanager
    def _counted(self) -> Iterator[None]:
        if self._open >= self._most:
            raise HttpError(
                HTTPStatus.SERVICE_UNAVAILABLE,
                "too-many-streams",
                f"{self._most} live streams are open already: api.max_streams in config.yaml allows no more",
            )
        self._open += 1
        try:
            yield
        finally:
            self._open -= 1


def streams_of(request: ApiRequest) -> Streams:
    streams: Streams = request.app.state.streams
    return streams


async def nothing_more(_: Scope, __: Receive, send: Send) -> None:
    """Respond with 204, which tells a browser to come back no more."""
    await send({"type": "http.response.start", "status": HTTPStatus.NO_CONTENT, "headers": []})
    await send({"type": "http.response.body", "body": b"", "more_body": False})


async def _start(send: Send) -> None:
    await send({"type": "http.response.start", "status": HTTPStatus.OK, "headers": HEADERS})
    await _send(send, f"retry: {RETRY * 1000:.0f}\n\n".encode())


async def _send(send: Send, events: bytes) -> None:
    if events:
        await send({"type": "http.response.body", "body": events, "more_body": True})


async def _until_disconnected(receive: Receive, scope: trio.CancelScope) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
    scope.cancel()


async def _follow(send: Send, read: Read, reading: Reading, subscription: Subscription) -> None:
    """Send a reading, wait until there may be another one, and so on, until it is the last or the server ends."""
    took = 0.0
    while True:
        await _send(send, reading.events)
        if reading.last:
            return
        news = News()
        if reading.holds_for > 0:
            news = await _next(send, subscription, trio.current_time() + reading.holds_for, took / SHARE)
        if news.ended:
            await _send(send, event("bye", {}))
            return
        began = trio.current_time()
        reading = await _safely(read, news)
        took = trio.current_time() - began


async def _next(send: Send, subscription: Subscription, until: float, pause: float) -> News:
    """Wait for news, or until a moment; meanwhile comments keep the stream alive."""
    while True:
        alive_until = trio.current_time() + KEEP_ALIVE
        news = await subscription.next(min(until, alive_until), max(SHORTEST_PAUSE, pause))
        if news or trio.current_time() >= until:
            return news
        await _send(send, b": keep-alive\n\n")


async def _safely(read: Read, news: News) -> Reading:
    """Read. While the database is away the stream waits for it; any other error is its last event."""
    try:
        return await read(news)
    except DispatchError as error:
        passes = isinstance(error, DatabaseError) and not isinstance(error, ForbiddenError)
        problem = event("away" if passes else "error", problem_of(error))
        return Reading(problem, holds_for=RETRY, last=not passes)
