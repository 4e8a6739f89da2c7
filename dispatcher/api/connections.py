"""Serves HTTP connections with Hypercorn's protocols, on sockets that give up on clients that do not read.

Hypercorn shields what it sends from being cancelled, so a client that reads nothing would hold its stream, and the end
of the server, for ever; and its own loop over listeners takes no sockets of ours. (Its ``read_timeout`` would end live
streams as well, since a client sends nothing there.)
"""

import math
import socket
from functools import partial
from weakref import WeakSet

import h11
import structlog
import trio
from hypercorn.app_wrappers import ASGIWrapper
from hypercorn.config import Config
from hypercorn.events import Event, RawData
from hypercorn.protocol import ProtocolWrapper
from hypercorn.protocol.h11 import H11Protocol
from hypercorn.trio.tcp_server import TCPServer
from hypercorn.trio.worker_context import WorkerContext
from hypercorn.typing import ASGIFramework, ConnectionState, LifespanState

log = structlog.get_logger()

SEND_TIMEOUT = 60.0
"""Seconds in which a client has to read some of what waits for it."""
SLICE = 2**16
"""Bytes that it has to read in that time."""
PIECE = 2**15
"""Bytes that are read at a time: of those a connection holds a few, while nobody takes what its client sends."""
GRACE = 5.0
"""Seconds that requests have to end when the server ends."""


class BoundedStream(trio.abc.HalfCloseableStream):
    """A connection that breaks when nothing of what it sends is read, or when ``end_at`` on trio's clock comes."""

    def __init__(self, stream: trio.SocketStream) -> None:
        self._stream = stream
        self._sending = trio.CancelScope()
        self._end_at = math.inf
        self.socket = stream.socket

    async def receive_some(self, max_bytes: int | None = None) -> bytes | bytearray:
        return await self._stream.receive_some(min(max_bytes or PIECE, PIECE))

    async def wait_send_all_might_not_block(self) -> None:
        await self._stream.wait_send_all_might_not_block()

    async def send_eof(self) -> None:
        await self._stream.send_eof()

    async def aclose(self) -> None:
        await self._stream.aclose()

    async def send_all(self, data: bytes | bytearray | memoryview) -> None:
        for start in range(0, len(data), SLICE):
            with trio.CancelScope(deadline=self._deadline()) as self._sending:
                await self._stream.send_all(data[start : start + SLICE])
            if self._sending.cancelled_caught:
                await trio.aclose_forcefully(self._stream)
                raise trio.BrokenResourceError("the client does not read")

    def end_by(self, moment: float) -> None:
        self._end_at = moment
        self._sending.deadline = self._deadline()

    def _deadline(self) -> float:
        return min(trio.current_time() + SEND_TIMEOUT, self._end_at)


class Connection(TCPServer):
    """Sends the head of a response together with what follows it: that saves a system call and a wake-up of the client.

    Something always follows: h11 ends a response without a body with an empty piece.
    """

    _head = b""

    def __setattr__(self, name: str, value: object) -> None:
        """Hypercorn makes its protocols by itself, and takes none of ours."""
        if isinstance(value, ProtocolWrapper) and type(value.protocol) is H11Protocol:
            value.protocol.__class__ = Http1
        super().__setattr__(name, value)

    async def protocol_send(self, event: Event) -> None:
        if isinstance(event, RawData):
            if event.data.startswith(b"HTTP/1.1 ") and not event.data.startswith(b"HTTP/1.1 1"):
                self._head = event.data
                return
            event, self._head = RawData(data=self._head + event.data), b""
        await super().protocol_send(event)


class Http1(H11Protocol):
    """HTTP/1.1 alone: no offer of a client leads to another protocol, and a target may be a whole URL."""

    async def _check_protocol(self, event: h11.Request) -> None:
        """Leave an `Upgrade: h2c` alone, as RFC 9113 wants it, which has removed that. HTTP/2 begins as HTTP/2."""
        if not any(name == b"upgrade" for name, _ in event.headers):
            await super()._check_protocol(event)

    async def _create_stream(self, request: h11.Request) -> None:
        """A target such as `http://host/path` stands for its path; its host stands above the header Host (RFC 9112)."""
        scheme, separator, rest = request.target.partition(b"://")
        if separator and scheme.lower() in (b"http", b"https"):
            host, slash, path = rest.partition(b"/")
            host, mark, query = host.partition(b"?")
            headers = [(name, value) for name, value in request.headers if name != b"host"]
            request = h11.Request(
                method=request.method,
                target=slash + path if slash else b"/" + mark + query,
                headers=[(b"host", host), *headers],
                http_version=request.http_version,
            )
        await super()._create_stream(request)


class BoundedListener(trio.abc.Listener[BoundedStream]):
    """Accepts connections as :class:`BoundedStream`."""

    def __init__(self, listening: socket.socket) -> None:
        self._listener = trio.SocketListener(trio.socket.from_stdlib_socket(listening))
        self._streams: WeakSet[BoundedStream] = WeakSet()

    async def accept(self) -> BoundedStream:
        accepted = BoundedStream(await self._listener.accept())
        self._streams.add(accepted)
        return accepted

    async def aclose(self) -> None:
        await self._listener.aclose()

    def end_by(self, moment: float) -> None:
        """Break what is still sent then."""
        for stream in self._streams:
            stream.end_by(moment)


async def serve_connections(
    app: ASGIFramework, config: Config, listening: socket.socket, told_to_end: trio.Event
) -> None:
    """Serve on a socket until told to end; then requests have :data:`GRACE` seconds. The socket is closed.

    Raises OSError when the TLS files of ``config`` cannot be read, which ssl.SSLError is, too.
    """
    context = WorkerContext(None)
    wrapped = ASGIWrapper(app)

    async def serve(stream: BoundedStream | trio.SSLStream[BoundedStream]) -> None:
        state = ConnectionState(LifespanState({}))
        try:
            await Connection(wrapped, config, context, state, stream)  # type: ignore[arg-type]
        # By what one client sends, such as on a stream of HTTP/2 after its answer, Hypercorn's protocols fail, and
        # others must not feel that.
        except* Exception as group:
            log.warning("a connection has failed", exc_info=group)

    tls = config.create_ssl_context()
    plain = BoundedListener(listening)
    listeners = [plain if tls is None else trio.SSLListener(plain, tls, https_compatible=True)]
    async with trio.open_nursery() as connections:
        async with trio.open_nursery() as accepting:
            accepting.start_soon(partial(trio.serve_listeners, serve, listeners, handler_nursery=connections))
            await told_to_end.wait()
            accepting.cancel_scope.cancel()
        await context.terminated.set()  # connections without a request end now
        end_at = trio.current_time() + GRACE
        plain.end_by(end_at)
        connections.cancel_scope.deadline = end_at
