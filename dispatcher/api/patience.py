"""Bounds how long a request may take to arrive: a client that sends a byte a minute must not hold memory for hours."""

from http import HTTPStatus

import trio
from litestar.enums import ScopeType
from litestar.types import ASGIApp, HTTPReceiveMessage, Receive, Scope, Send, WebSocketReceiveMessage

from dispatcher.api.problems import HttpError

BODY_SECONDS = 30.0
"""Seconds in which a body has to be there."""
SLOWEST_LINE = 16 * 2**10
"""Bytes a second: a body gets as much more time as this line needs for what has come."""


class Patience:
    """ASGI middleware around the whole application."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == ScopeType.HTTP:
            receive = _Arrival(receive).receive
        await self._app(scope, receive, send)


class _Arrival:
    """The body of one request as it comes."""

    def __init__(self, receive: Receive) -> None:
        self._receive = receive
        self._until = trio.current_time() + BODY_SECONDS
        self._complete = False

    async def receive(self) -> HTTPReceiveMessage | WebSocketReceiveMessage:
        """Raises :class:`HttpError` when the body takes too long."""
        if self._complete:
            return await self._receive()
        with trio.move_on_at(self._until):
            message = await self._receive()
            if message["type"] == "http.request":
                self._until += len(message["body"]) / SLOWEST_LINE
                self._complete = not message["more_body"]
            return message
        raise HttpError(
            HTTPStatus.REQUEST_TIMEOUT,
            "request-timeout",
            f"the body of the request took more than {BODY_SECONDS:.0f} s, "
            f"and more than a line of {SLOWEST_LINE // 2**10} KiB a second needs",
        )
