"""Clients that are slow or silent: each costs only itself, and none holds the end of the server up."""

import socket
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager

import pytest
import trio
from hypercorn.config import Config
from litestar import Litestar, post
from litestar.types import ASGIApp, Receive, Scope, Send

from dispatcher.api import connections, patience, problems
from dispatcher.api.connections import serve_connections
from dispatcher.api.patience import Patience
from dispatcher.errors import DispatchError

PATIENCE = 30.0


@pytest.fixture
def bound() -> Iterator[socket.socket]:
    with socket.socket() as made:
        made.bind(("127.0.0.1", 0))
        made.listen()
        yield made


@asynccontextmanager
async def served(
    app: ASGIApp, bound: socket.socket, keep_alive: float = 30
) -> AsyncIterator[trio.SocketStream]:
    """Serve, and yield a connection. At the end the server is told to end, and has to."""
    config = Config()
    config.keep_alive_timeout = keep_alive
    told_to_end = trio.Event()
    with trio.fail_after(PATIENCE):
        async with trio.open_nursery() as nursery:
            nursery.start_soon(serve_connections, app, config, bound.dup(), told_to_end)  # type: ignore[arg-type]
            client = await trio.open_tcp_stream(*bound.getsockname())
            yield client
            told_to_end.set()


class Pouring:
    """An application that sends without an end, and notes when it had to stop."""

    def __init__(self) -> None:
        self.stopped = trio.Event()

    async def __call__(self, _: Scope, receive: Receive, send: Send) -> None:
        try:
            async with trio.open_nursery() as nursery:
                nursery.start_soon(self._pour, send)
                while (await receive())["type"] != "http.disconnect":
                    pass
                nursery.cancel_scope.cancel()
        finally:
            self.stopped.set()

    async def _pour(self, send: Send) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        while True:
            await send({"type": "http.response.body", "body": b"x" * 2**20, "more_body": True})


async def rest_of(client: trio.SocketStream) -> bytes:
    return b"".join([piece async for piece in client])


GET = b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n"


async def test_a_client_that_reads_nothing_is_dropped(
    bound: socket.socket, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connections, "SEND_TIMEOUT", 0.2)
    app = Pouring()
    async with served(app, bound) as client:
        await client.send_all(GET)
        await app.stopped.wait()


async def test_a_client_that_reads_nothing_does_not_hold_up_the_end(
    bound: socket.socket, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connections, "GRACE", 0.2)
    app = Pouring()
    async with served(app, bound) as client:
        await client.send_all(GET)
        assert await client.receive_some(1)
    assert app.stopped.is_set()


async def test_headers_that_do_not_come_to_an_end_close_the_connection(bound: socket.socket) -> None:
    async with served(Pouring(), bound, keep_alive=0.2) as client:
        await client.send_all(b"GET / HTTP/1.1\r\nHost: loc")
        assert await rest_of(client) == b""


async def test_headers_without_bounds_are_refused(bound: socket.socket) -> None:
    async with served(Pouring(), bound) as client:
        await client.send_all(b"GET / HTTP/1.1\r\nHost: localhost\r\nX: " + b"x" * 2**17)
        assert (await rest_of(client)).startswith(b"HTTP/1.1 431")


async def test_a_body_that_does_not_come_is_answered_with_a_problem(
    bound: socket.socket, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(patience, "BODY_SECONDS", 0.2)

    @post("/")
    async def take(data: dict[str, int]) -> None: ...

    app = Litestar([take], exception_handlers={DispatchError: problems.respond_to_error}, openapi_config=None)
    async with served(Patience(app), bound) as client:
        head = b"POST / HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: 99\r\n\r\n"
        await client.send_all(head + b'{"a"')
        answer = await rest_of(client)
    assert answer.startswith(b"HTTP/1.1 408")
    assert b"urn:llmctl:request-timeout" in answer
