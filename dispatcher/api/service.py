"""The service of `dispatcher serve`: it opens everything, serves until a signal ends it, and ends streams first."""

import contextlib
import errno
import os
import signal
import socket
import stat
import sys
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import TypeVar, cast

import psycopg
import structlog
import trio
from hypercorn.config import Config
from hypercorn.middleware import ProxyFixMiddleware
from hypercorn.typing import ASGIFramework
from litestar.types import ASGIApp

from dispatcher.api.application import application
from dispatcher.api.connections import serve_connections
from dispatcher.api.gateway import STATEMENT_TIMEOUT, open_gateway
from dispatcher.api.live.changes import Changes
from dispatcher.api.page.login import LoginLink
from dispatcher.configuration import logs, paths
from dispatcher.configuration.sections.service import ApiSettings
from dispatcher.configuration.settings import Settings
from dispatcher.database.connection import connect, execute, translate
from dispatcher.database.migrate import open_database
from dispatcher.database.pooler import require_session
from dispatcher.errors import DispatchError, UsageError
from sql import calls

log = structlog.get_logger()

Failure = TypeVar("Failure", bound=Exception)

PASSING = (errno.EADDRINUSE, errno.EADDRNOTAVAIL, errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM)
"""Why an address cannot be had now, but may be had later."""
BACKLOG = 100
"""Connections that wait until they are accepted."""


def serve(settings: Settings, *, while_stdin_is_open: bool = False) -> None:
    """Serve until SIGINT or SIGTERM, or with ``while_stdin_is_open`` until standard input ends.

    Raises :class:`DispatchError` when it cannot start.
    """
    logs.configure(settings.logging)
    try:
        trio.run(_serve, settings, while_stdin_is_open)
    except* DispatchError as group:
        raise _first(group) from group
    except* psycopg.Error as group:
        raise translate(_first(group)) from group


def _first(group: BaseExceptionGroup[Failure]) -> Failure:
    first = group.exceptions[0]
    return _first(first) if isinstance(first, BaseExceptionGroup) else first


async def _serve(settings: Settings, while_stdin_is_open: bool) -> None:
    with open_database(settings, application_name="dispatcher serve") as connection:
        require_session(settings, connection)
        database_id = execute(connection, calls.database_id())
    listen = partial(
        connect,
        settings,
        application_name="dispatcher serve listener",
        statement_timeout=STATEMENT_TIMEOUT,
        own_session=True,
    )
    changes = Changes(listen, settings.dispatcher.lease_interval)
    told_to_end = trio.Event()
    _require_usable_tls(settings.api)
    with _bound_socket(settings.api) as bound:
        async with open_gateway(settings) as gateway, trio.open_nursery() as nursery:
            nursery.start_soon(changes.run)
            nursery.start_soon(_until_signal, told_to_end)
            if while_stdin_is_open:
                nursery.start_soon(_until_stdin_ends, told_to_end)
            log.info("the API is served", url=url_of(settings.api, bound))
            login_link = LoginLink()
            login_link.print_on_terminal(url_of(settings.api, bound))
            nursery.start_soon(_end_streams, told_to_end, changes)
            app = _as_hypercorn_takes_it(
                application(settings, gateway, changes, login_link, database_id), settings.api
            )
            await serve_connections(app, _config(settings.api), bound.dup(), told_to_end)
            nursery.cancel_scope.cancel()


def _require_usable_tls(settings: ApiSettings) -> None:
    """Read the files for a clear error before anything is served. Raises :class:`UsageError`."""
    try:
        _config(settings).create_ssl_context()
    except OSError as error:  # ssl.SSLError is one, too
        raise UsageError(
            f"api.tls_certificate and api.tls_key cannot be used: {error.strerror or error}",
            hint="both are PEM files that belong together, and that the dispatcher's user may read",
        ) from error


def _as_hypercorn_takes_it(app: ASGIApp, settings: ApiSettings) -> ASGIFramework:
    """Return the application as Hypercorn takes it. Headers of a proxy count only where there is one."""
    same = cast(ASGIFramework, app)  # each library has types of its own for the same interface
    return ProxyFixMiddleware(same) if settings.behind_proxy else same


def url_of(settings: ApiSettings, bound: socket.socket) -> str:
    """Return the address of the page for people."""
    if bound.family == socket.AF_UNIX:
        return f"unix:{settings.socket}"
    scheme = "https" if settings.tls_key else "http"
    host = f"[{settings.host}]" if ":" in settings.host else settings.host
    return f"{scheme}://{host}:{bound.getsockname()[1]}"


def _config(settings: ApiSettings) -> Config:
    config = Config()
    config.certfile, config.keyfile = settings.tls_certificate, settings.tls_key
    config.accesslog = None
    config.errorlog = None
    config.include_server_header = False
    config.keep_alive_timeout = 30.0  # seconds until a request has to be there, its headers included
    config.h11_max_incomplete_size = 32 * 2**10
    config.max_app_queue_size = (
        3  # pieces of a body that wait, with the news that it ends, and that its connection does
    )
    config.h2_max_concurrent_streams = 32
    return config


@contextlib.contextmanager
def _bound_socket(settings: ApiSettings) -> Iterator[socket.socket]:
    """Bind and listen before anything else, for a clear error.

    Raises :class:`UsageError`, or another :class:`DispatchError` for what passes, such as another program there.
    """
    where = settings.socket or f"{settings.host}:{settings.port}"
    try:
        bound = _unix_socket(Path(settings.socket)) if settings.socket else _tcp_socket(settings)
        bound.listen(BACKLOG)
    except OSError as error:
        raise (DispatchError if error.errno in PASSING else UsageError)(
            f"cannot serve at {where}: {error.strerror or error}",
            hint="another program may be there; api.port in config.yaml names another port",
        ) from error
    with bound:
        yield bound
    if settings.socket:
        with contextlib.suppress(OSError):
            Path(settings.socket).unlink()


def _tcp_socket(settings: ApiSettings) -> socket.socket:
    family, kind, protocol, _, address = socket.getaddrinfo(
        settings.host, settings.port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
    )[0]
    bound = socket.socket(family, kind, protocol)
    bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    bound.bind(address)
    return bound


def _unix_socket(path: Path) -> socket.socket:
    """Bind a socket that only its owner may open. The file of a server that has ended is replaced."""
    paths.private_directory(path.parent)
    bound = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    if path.exists() and stat.S_ISSOCK(path.stat().st_mode) and not _answers(path):
        path.unlink()
    before = os.umask(0o177)
    try:
        bound.bind(str(path))
    finally:
        os.umask(before)
    return bound


def _answers(path: Path) -> bool:
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as attempt:
        return attempt.connect_ex(str(path)) == 0


async def _end_streams(told_to_end: trio.Event, changes: Changes) -> None:
    await told_to_end.wait()
    changes.end()


async def _until_signal(told_to_end: trio.Event) -> None:
    with trio.open_signal_receiver(signal.SIGINT, signal.SIGTERM) as signals:
        async for number in signals:
            log.info("received signal", signal=signal.Signals(number).name)
            told_to_end.set()


async def _until_stdin_ends(told_to_end: trio.Event) -> None:
    while True:
        await trio.lowlevel.wait_readable(sys.stdin)
        if not os.read(sys.stdin.fileno(), 1024):
            told_to_end.set()
            return
