"""The API on a socket, served by a thread of the test, for clients that speak HTTP."""

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial

import trio
from hypercorn.config import Config
from hypercorn.trio import serve

from dispatcher.api.application import application
from dispatcher.api.gateway import open_gateway
from dispatcher.api.live.changes import Changes
from dispatcher.configuration.settings import Settings
from dispatcher.database.connection import connect


@contextmanager
def served(settings: Settings) -> Iterator[str]:
    """Serve on a free port of the loopback until the end of the block. Yields the URL.

    Live streams end with their first event.
    """
    began, told_to_end = threading.Event(), trio.Event()
    token: list[trio.lowlevel.TrioToken] = []

    async def run(bound: socket.socket) -> None:
        changes = Changes(partial(connect, settings), lease_s=60)
        changes.end()
        config = Config()
        config.bind = [f"fd://{bound.detach()}"]
        config.errorlog = None
        async with open_gateway(settings) as gateway, trio.open_nursery() as nursery:
            nursery.start_soon(changes.run)
            token.append(trio.lowlevel.current_trio_token())
            began.set()
            await serve(application(settings, gateway, changes), config, shutdown_trigger=told_to_end.wait)  # type: ignore[arg-type]
            nursery.cancel_scope.cancel()

    with socket.create_server(("127.0.0.1", 0)) as bound:
        url = f"http://127.0.0.1:{bound.getsockname()[1]}"
        thread = threading.Thread(target=trio.run, args=[run, bound])
        thread.start()
        began.wait()
        yield url
        token[0].run_sync_soon(told_to_end.set)
        thread.join()
