"""Reads live streams of the application in process. (What httpx offers for that waits for the end of a response.)"""

from base64 import b64decode
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import partial
from urllib.parse import urlsplit

import httpx
import msgspec
import trio
from msgspec import structs

from dispatcher.api.application import application
from dispatcher.api.gateway import open_gateway
from dispatcher.api.live.changes import Changes
from dispatcher.database.connection import connect
from tests.dispatcher.api.conftest import Api, Site

PATIENCE = 30.0
"""Seconds until a test gives up on an event. Nothing that works takes nearly as long."""


@dataclass(frozen=True)
class Event:
    name: str
    id: str | None
    data: dict[str, object]

    @property
    def content(self) -> bytes:
        return b64decode(str(self.data["base64"]))


def parsed(block: str) -> Event | None:
    """Read what stands between two empty lines; None for a comment, or what is only for the client."""
    fields = dict(line.split(": ", 1) for line in block.split("\n") if line and not line.startswith(":"))
    if "event" not in fields:
        return None
    return Event(
        fields["event"], fields.get("id"), msgspec.json.decode(fields["data"], type=dict[str, object])
    )


class Following:
    """The events of one stream."""

    def __init__(self, pieces: trio.MemoryReceiveChannel[bytes]) -> None:
        self._pieces = pieces
        self._read = ""
        self.status = 0
        self.headers: dict[str, str] = {}

    async def next(self, name: str | None = None) -> Event:
        """Return the next event, or the next of this name. Raises trio.EndOfChannel at the end."""
        with trio.fail_after(PATIENCE):
            while True:
                while "\n\n" not in self._read:
                    self._read += (await self._pieces.receive()).decode()
                block, _, self._read = self._read.partition("\n\n")
                event = parsed(block)
                if event is not None and name in (None, event.name):
                    return event

    async def rest(self) -> list[Event]:
        """Return all events up to the end of the stream."""
        events = []
        while True:
            try:
                events.append(await self.next())
            except trio.EndOfChannel:
                return events


@asynccontextmanager
async def following(
    api: Api, url: str, role: str = "admin", *tenants: str, headers: Mapping[str, str] | None = None
) -> AsyncIterator[Following]:
    """Open a stream; the client hangs up at the end of the block."""
    path, query = urlsplit(url).path, urlsplit(url).query
    token = api.site.token(role, *tenants)
    given = {"host": "127.0.0.1:8000", "authorization": f"Bearer {token}", **(headers or {})}
    scope = {
        "type": "http",
        "http_version": "1.1",
        "method": "GET",
        "scheme": "http",
        "path": path,
        "raw_path": path.encode(),
        "query_string": query.encode(),
        "root_path": "",
        "headers": [(name.lower().encode(), value.encode()) for name, value in given.items()],
        "client": ("127.0.0.1", 1),
        "server": ("127.0.0.1", 8000),
        "state": {},
        "extensions": {},
    }
    send_piece, pieces = trio.open_memory_channel[bytes](0)
    stream, started, hung_up = Following(pieces), trio.Event(), trio.Event()
    requested = False

    async def receive() -> dict[str, object]:
        nonlocal requested
        if requested:
            await hung_up.wait()
            return {"type": "http.disconnect"}
        requested = True
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message: dict[str, object]) -> None:
        if message["type"] == "http.response.start":
            stream.status = int(message["status"])  # type: ignore[call-overload]
            stream.headers = {name.decode(): value.decode() for name, value in message["headers"]}  # type: ignore[attr-defined]
            started.set()
        elif body := message["body"]:
            await send_piece.send(body)  # type: ignore[arg-type]

    async def run() -> None:
        async with send_piece:
            await api.app(scope, receive, send)  # type: ignore[arg-type]

    async with trio.open_nursery() as nursery:
        nursery.start_soon(run)
        with trio.fail_after(PATIENCE):
            await started.wait()
        yield stream
        hung_up.set()
        async with pieces:
            pass
        nursery.cancel_scope.cancel()


@asynccontextmanager
async def own_api(site: Site, **settings: object) -> AsyncIterator[Api]:
    """Serve a test's own application, with such settings."""
    own = structs.replace(site.settings, api=structs.replace(site.settings.api, **settings))
    changes = Changes(partial(connect, own), lease_s=60)
    async with open_gateway(own) as gateway, trio.open_nursery() as nursery:
        nursery.start_soon(changes.run)
        app = application(own, gateway, changes)
        transport = httpx.ASGITransport(app)  # type: ignore[arg-type]
        async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1:8000") as client:
            yield Api(app, site, client, changes)
        nursery.cancel_scope.cancel()
