"""Clients that are slow or silent: each costs only itself, and none holds the end of the server up."""

import socket
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager

import h2.connection
import h2.events
import pytest
import trio
from hypercorn.config import Config
from litestar import Litestar, post
from litestar.types import ASGIApp, Receive, Scope, Send

from dispatcher.api import arrival, connections, problems
from dispatcher.api.arrival import Arrivals
from dispatcher.api.connections import serve_connections
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
POST = b"POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: %d\r\n\r\n"


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
    monkeypatch.setattr(arrival, "BODY_SECONDS", 0.2)

    @post("/")
    async def take(data: dict[str, int]) -> None: ...

    app = Litestar([take], exception_handlers={DispatchError: problems.respond_to_error}, openapi_config=None)
    async with served(Arrivals(app), bound) as client:
        head = b"POST / HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: 99\r\n\r\n"
        await client.send_all(head + b'{"a"')
        answer = await rest_of(client)
    assert answer.startswith(b"HTTP/1.1 408")
    assert b"urn:llmctl:request-timeout" in answer


async def refuse(_: Scope, receive: Receive, send: Send) -> None:
    """An application that answers without having read the request."""
    await send({"type": "http.response.start", "status": 401, "headers": [(b"content-length", b"3")]})
    await send({"type": "http.response.body", "body": b"no\n", "more_body": False})


async def without_end(client: trio.SocketStream) -> None:
    while True:
        await client.send_all(b"x" * 2**20)


async def test_a_client_that_sends_what_nobody_wants_gets_its_answer_and_its_connection_ends(
    bound: socket.socket, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(arrival, "LINGER_SECONDS", 0.2)
    async with served(Arrivals(refuse), bound) as client:
        await client.send_all(POST % 2**40)
        answer = b""
        while not answer.endswith(b"no\n"):
            await client.send_all(b"x" * 2**20)
            with trio.move_on_after(0.01):
                answer += await client.receive_some()
        assert b"connection: close" in answer
        with pytest.raises(trio.BrokenResourceError):
            await without_end(client)


async def test_a_small_body_that_no_handler_reads_ends_no_connection(bound: socket.socket) -> None:
    async with served(Arrivals(refuse), bound) as client:
        for _ in range(2):
            await client.send_all(POST % 5 + b"12345")
            answer = b""
            while not answer.endswith(b"no\n"):
                answer += await client.receive_some()
            assert b"connection: close" not in answer


async def test_a_connection_that_breaks_the_protocol_costs_only_itself(bound: socket.socket) -> None:
    """Such as a stream of HTTP/2 that goes on after its answer."""
    connection = h2.connection.H2Connection()
    connection.initiate_connection()
    connection.send_headers(
        1, [(":method", "POST"), (":path", "/"), (":scheme", "http"), (":authority", "localhost")]
    )
    async with served(refuse, bound) as client:
        await client.send_all(connection.data_to_send())
        answered = False
        while not answered:
            events = connection.receive_data(await client.receive_some())
            answered = any(isinstance(event, h2.events.StreamEnded) for event in events)
        connection.send_data(1, b"more")
        await client.send_all(connection.data_to_send())
        await rest_of(client)
        other = await trio.open_tcp_stream(*bound.getsockname())
        await other.send_all(GET)
        assert (await other.receive_some()).startswith(b"HTTP/1.1 401")


async def tell(scope: Scope, receive: Receive, send: Send) -> None:
    """An application that tells what it was asked."""
    headers = dict(scope["headers"])
    told = b"%s %s?%s" % (headers[b"host"], scope["raw_path"], scope["query_string"])
    await send({"type": "http.response.start", "status": 200, "headers": [(b"connection", b"close")]})
    await send({"type": "http.response.body", "body": told, "more_body": False})


@pytest.mark.parametrize(
    ("target", "told"),
    [
        (b"/a%20b?c=d", b"localhost /a%20b?c=d"),
        (b"http://127.0.0.1:8000/a/b?c=d", b"127.0.0.1:8000 /a/b?c=d"),
        (b"HTTPS://other.example/a?u=http://x/", b"other.example /a?u=http://x/"),
        (b"http://127.0.0.1", b"127.0.0.1 /?"),
        (b"http://127.0.0.1?c=d", b"127.0.0.1 /?c=d"),
        (b"/a?u=http://x/", b"localhost /a?u=http://x/"),
    ],
)
async def test_a_target_may_be_a_whole_url(bound: socket.socket, target: bytes, told: bytes) -> None:
    async with served(tell, bound) as client:
        await client.send_all(b"GET %s HTTP/1.1\r\nHost: localhost\r\n\r\n" % target)
        assert told in await rest_of(client)


async def test_an_upgrade_to_http_2_is_not_accepted(bound: socket.socket) -> None:
    offer = b"Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABkAAQAAP__\r\n"
    async with served(tell, bound) as client:
        await client.send_all(b"GET / HTTP/1.1\r\nHost: localhost\r\n%s\r\n" % offer)
        assert (await rest_of(client)).startswith(b"HTTP/1.1 200")
