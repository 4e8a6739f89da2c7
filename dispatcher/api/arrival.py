"""How the body of a request arrives: once the door has admitted it, in time, and within bounds of its size.

Until then nothing of it is kept, so a client that nobody knows costs what one read of its connection holds.
"""

from http import HTTPStatus
from typing import cast

import trio
from litestar.enums import ScopeType
from litestar.types import ASGIApp, HTTPReceiveMessage, Message, Receive, Scope, Send, WebSocketReceiveMessage

from dispatcher.api.problems import HttpError

BODY_SECONDS = 30.0
"""Seconds in which a body has to be there."""
SLOWEST_LINE = 16 * 2**10
"""Bytes a second: a body gets as much more time as this line needs for what has come."""
SMALL = 256 * 2**10
"""Bytes of a body that takes no room, and the most of one that holds no task."""
ROOM_SECONDS = 10.0
"""Seconds in which there is room for a large body, or its client learns that there are too many."""
LINGER_SECONDS = 2.0
"""Seconds in which a client that is refused may send on: it would not read the answer if its connection broke."""
GLANCE_SECONDS = 0.05
"""Seconds in which a small body that no handler reads is likely to be there. Then its connection goes on."""


class Room:
    """The bytes that large bodies may hold in memory at a time, all of them together."""

    def __init__(self, most: int) -> None:
        self._free = most
        self._more = trio.lowlevel.ParkingLot()

    async def take(self, size: int) -> None:
        """Take so many bytes, and wait until there are as many. Raises :class:`HttpError` if that takes too long."""
        with trio.move_on_after(ROOM_SECONDS) as waiting:
            while size > self._free:
                await self._more.park()
        if waiting.cancelled_caught:
            raise HttpError(
                HTTPStatus.SERVICE_UNAVAILABLE,
                "busy",
                "too many large requests are under way: try again later",
                headers={"Retry-After": "10"},
            )
        self._free -= size

    def give_back(self, size: int) -> None:
        self._free += size
        self._more.unpark_all()


class Arrivals:
    """ASGI middleware around the whole application."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != ScopeType.HTTP:
            await self._app(scope, receive, send)
            return
        arrival = Arrival(scope, receive)
        scope.setdefault("state", {})["arrival"] = arrival
        try:
            await self._app(scope, arrival.receive, _Answer(arrival, send).send)
        finally:
            arrival.forget()


class Arrival:
    """The body of one request as it comes."""

    def __init__(self, scope: Scope, receive: Receive) -> None:
        headers = dict(scope["headers"])
        self._receive = receive
        self._until = trio.current_time() + BODY_SECONDS
        self._most: int | None = None
        self._room: Room | None = None
        self._come = 0
        self._taken = 0
        self.announced = int(length) if (length := headers.get(b"content-length", b"")).isdigit() else None
        """The bytes of the body, if the client says it."""
        self.is_one_of_many = not scope["http_version"].startswith("1")
        """Whether the connection goes on with other requests, whatever becomes of this one, as in HTTP/2."""
        self.complete = not (self.announced or b"transfer-encoding" in headers or self.is_one_of_many)
        """Whether nothing more of it comes."""

    def admit(self, most: int, room: Room) -> None:
        """Let a body of so many bytes in. Raises :class:`HttpError` if it announces more."""
        self._most, self._room = most, room
        self._require_size(self.announced or 0)

    async def receive(self) -> HTTPReceiveMessage | WebSocketReceiveMessage:
        """Raises :class:`HttpError` when the body takes too long, is too large, or finds no room."""
        if self.complete:
            return await self._receive()
        with trio.move_on_at(self._until):
            message = await self._receive()
            if message["type"] != "http.request":
                self.complete = True
                return message
            self._until += len(message["body"]) / SLOWEST_LINE
            self.complete = not message["more_body"]
            if self._most is None:
                message["body"] = b""
            await self._make_room(len(message["body"]))
            return message
        raise HttpError(
            HTTPStatus.REQUEST_TIMEOUT,
            "request-timeout",
            f"the body of the request took more than {BODY_SECONDS:.0f} s, "
            f"and more than a line of {SLOWEST_LINE // 2**10} KiB a second needs",
        )

    async def drop_rest(self) -> None:
        """Receive what still comes, and keep nothing of it."""
        while not self.complete:
            message = await self._receive()
            self.complete = message["type"] != "http.request" or not message["more_body"]

    def forget(self) -> None:
        """The request has ended: its body is in memory no more."""
        if self._room is not None:
            self._room.give_back(self._taken)
        self._taken = 0

    async def _make_room(self, size: int) -> None:
        self._come += size
        self._require_size(self._come)
        needed = self._come - SMALL - self._taken
        if needed > 0 and self._room is not None:
            await self._room.take(needed)
            self._taken += needed

    def _require_size(self, size: int) -> None:
        if self._most is not None and size > self._most:
            raise HttpError(
                HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
                "request-entity-too-large",
                f"the body is too large: expected at most {self._most:,} bytes for this request and token",
            )


class _Answer:
    """Sends an answer. If the request has not arrived by then, its connection ends, once the answer can be read."""

    def __init__(self, arrival: Arrival, send: Send) -> None:
        self._arrival = arrival
        self._send = send

    async def send(self, message: Message) -> None:
        arrival = self._arrival
        if message["type"] == "http.response.start" and not arrival.complete:
            if arrival.announced is not None and arrival.announced <= SMALL:
                with trio.move_on_after(GLANCE_SECONDS):
                    await arrival.drop_rest()
            if not (arrival.complete or arrival.is_one_of_many):
                message["headers"] = [*message.get("headers", ()), (b"connection", b"close")]
        is_last = message["type"] == "http.response.body" and not message.get("more_body")
        if not is_last or arrival.complete:
            await self._send(message)
            return
        await self._send(cast(Message, {**message, "more_body": True}))
        with trio.move_on_after(LINGER_SECONDS):
            await arrival.drop_rest()
        # The server waits until the request is told that its connection ends, and so until what came before is read.
        async with trio.open_nursery() as nursery:
            nursery.start_soon(arrival.drop_rest)
            await self._send({"type": "http.response.body", "body": b"", "more_body": False})
            nursery.cancel_scope.cancel()


def arrival_of(scope: Scope) -> Arrival:
    """Return how the body of a request arrives."""
    arrival: Arrival = scope["state"]["arrival"]
    return arrival
