"""`dispatcher run`: from settings to a running event loop, and its answer to signals."""

import os
import signal
import socket
from collections.abc import AsyncIterator

import psycopg
import structlog
import trio
from psycopg_pool import ConnectionPool

from dispatcher import __version__, linux, logs, paths
from dispatcher.apply_settings import apply_settings
from dispatcher.database.connection import connect, conninfo, translated
from dispatcher.database.migrate import open_database
from dispatcher.errors import DispatchError, UsageError
from dispatcher.event_loop import EventLoop
from dispatcher.settings import Settings
from dispatcher.store import Registration, Store, register
from dispatcher.work_directory import WorkDirectory
from wrappers.base import Wrapper
from wrappers.registry import configured

log = structlog.get_logger()

STATEMENT_TIMEOUT = 10.0
"""Seconds. A statement that takes longer is given up and tried again: better late than never."""


def run(settings: Settings, *, until_empty: bool = False) -> None:
    """Dispatch until a signal ends it. Raises :class:`DispatchError` when it cannot start."""
    logs.configure(settings.logging)
    try:
        trio.run(_serve, settings, until_empty)
    except* DispatchError as group:
        raise _first(group) from group


def _first(group: BaseExceptionGroup[DispatchError]) -> DispatchError:
    first = group.exceptions[0]
    return _first(first) if isinstance(first, BaseExceptionGroup) else first


async def _serve(settings: Settings, until_empty: bool) -> None:
    with trio.open_signal_receiver(signal.SIGINT, signal.SIGTERM, signal.SIGHUP) as signals:
        wrappers = _wrappers(settings)
        with open_database(settings, application_name="dispatcher") as connection:
            for group in apply_settings(connection, settings):
                log.info("made a worker group for a program found on PATH", group=group)
            with translated():
                row = connection.execute("SELECT database_id()::text").fetchone()
            assert row is not None
            work_directory = WorkDirectory.hold(settings.execution.work_directory(), str(row[0]))
            with translated():
                dispatcher_id = register(connection, _registration(settings, work_directory.id))
        log.info("dispatcher started", id=dispatcher_id, work_dir=str(settings.execution.work_directory()))

        def listen() -> psycopg.Connection:
            return connect(settings, application_name="dispatcher listener")

        pool = ConnectionPool(
            conninfo(settings, application_name="dispatcher", statement_timeout=STATEMENT_TIMEOUT),
            kwargs={"autocommit": True},
            min_size=1,
            max_size=settings.database.pool_size,
            timeout=5,
            open=False,
        )
        with pool:
            loop = EventLoop(
                settings, wrappers, Store(pool, dispatcher_id), listen, work_directory, paths.home() / "files"
            )
            async with trio.open_nursery() as nursery:
                nursery.start_soon(_obey, signals, loop)
                await loop.run(until_empty=until_empty)
                nursery.cancel_scope.cancel()
        work_directory.release()


async def _obey(signals: AsyncIterator[int], loop: EventLoop) -> None:
    """First signal: let the agents end. Second: stop them. A hang-up drains, as a closed terminal asks no question."""
    told = False
    async for number in signals:
        log.info("received signal", signal=signal.Signals(number).name)
        if told:
            loop.stop_all()
        else:
            loop.drain()
        told = True


def _wrappers(settings: Settings) -> dict[str, Wrapper]:
    try:
        return configured(settings.tools)
    except ValueError as error:
        raise UsageError(str(error)) from error


def _registration(settings: Settings, work_directory_id: str) -> Registration:
    return Registration(
        host=settings.dispatcher.host or socket.gethostname(),
        boot_id=linux.boot_id(),
        pid=os.getpid(),
        version=__version__,
        work_dir_id=work_directory_id,
        lease_s=settings.dispatcher.lease_interval,
        groups=settings.dispatcher.groups,
    )
