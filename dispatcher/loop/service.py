"""The service of `dispatcher run`: it assembles the event loop from the settings, runs it and handles signals."""

import os
import signal
import sys
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import TypeVar

import psycopg
import structlog
import trio
from msgspec.structs import replace

from dispatcher import __version__
from dispatcher.configuration import logs, paths
from dispatcher.configuration.current import CurrentConfiguration
from dispatcher.configuration.settings import Settings
from dispatcher.configuration.settings import config_file as config_in_force
from dispatcher.database.apply_settings import apply_settings
from dispatcher.database.connection import Connection, connect, execute, translate, translated
from dispatcher.database.migrate import open_database
from dispatcher.database.pooler import require_session
from dispatcher.errors import DispatchError, UsageError
from dispatcher.host import linux
from dispatcher.host.threads import in_thread
from dispatcher.loop.api_process import ApiProcess
from dispatcher.loop.assembly import STATEMENT_TIMEOUT, assembled
from dispatcher.loop.event_loop import EventLoop
from dispatcher.wall import Wall, in_a_sentence, persist
from dispatcher.workspaces.large_files import LargeFiles
from dispatcher.workspaces.work_directory import WorkDirectory
from sql import calls, dispatcher_calls
from sql.call import Call
from wrappers.base import Wrapper
from wrappers.registry import configured

log = structlog.get_logger()
Failure = TypeVar("Failure", bound=Exception)

FEWEST_OPEN_FILES = 32
"""What a dispatcher needs: 14 with four short runs at a time (measured), more connections, and room for more runs."""


def serve(
    settings: Settings,
    reread: Callable[[], Settings],
    *,
    until_empty: bool = False,
    config_file: Path | None = None,
) -> None:
    """Dispatch until a signal ends it. SIGHUP calls ``reread`` to read the settings again.

    ``config_file`` is the one of the option --config, for the API, which is a child process.

    Raises :class:`DispatchError` when it cannot start, or when another dispatcher took over; agents keep running then.
    """
    if linux.most_open_files() < FEWEST_OPEN_FILES:
        raise DispatchError(
            f"this process may open only {linux.most_open_files()} files, and a dispatcher needs {FEWEST_OPEN_FILES} "
            "and some for each agent: raise the hard limit (ulimit -Hn)"
        )
    logs.configure(settings.logging)
    # If our parent ignored this signal, we would inherit that, and the kernel would not report how children ended.
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    try:
        trio.run(_run_loop, settings, reread, until_empty, config_file)
    except* DispatchError as group:
        raise _first(group) from group
    except* psycopg.Error as group:
        raise translate(_first(group)) from group


def _first(group: BaseExceptionGroup[Failure]) -> Failure:
    first = group.exceptions[0]
    return _first(first) if isinstance(first, BaseExceptionGroup) else first


async def _run_loop(
    settings: Settings, reread: Callable[[], Settings], until_empty: bool, config_file: Path | None
) -> None:
    with trio.open_signal_receiver(signal.SIGINT, signal.SIGTERM, signal.SIGHUP) as signals:
        wrappers = _wrappers(settings)
        with open_database(
            settings, application_name="dispatcher", statement_timeout=STATEMENT_TIMEOUT
        ) as connection:
            require_session(settings, connection)
            for group in apply_settings(connection, settings):
                log.info("made a worker group for a program found on PATH", group=group)
            _tell_of_low_limits(connection)
            with translated():
                database_id = execute(connection, calls.database_id())
            work_directory = WorkDirectory.hold(settings.execution.work_directory(), database_id)
            with translated():
                dispatcher_id = execute(connection, _registration(settings, work_directory))
        log.info(
            "dispatcher started",
            id=dispatcher_id,
            work_dir=str(settings.execution.work_directory()),
            config=str(config_in_force(config_file) or "none"),
        )
        files = LargeFiles(paths.home() / "files" / database_id)
        configuration = CurrentConfiguration(settings, wrappers)
        with assembled(configuration, work_directory, files, dispatcher_id) as loop:
            async with trio.open_nursery() as nursery:
                api = ApiProcess(config_file)
                nursery.start_soon(_obey, signals, loop, api, settings, reread)
                if settings.api.enabled:
                    nursery.start_soon(persist, "running the API", api.run)
                await loop.run(until_empty=until_empty)
                nursery.cancel_scope.cancel()
        work_directory.release()


async def _obey(
    signals: AsyncIterator[int],
    loop: EventLoop,
    api: ApiProcess,
    settings: Settings,
    reread: Callable[[], Settings],
) -> None:
    """The first signal lets the agents end, the second stops them. SIGHUP reads the configuration file again.

    If we log to a terminal, SIGHUP means that the terminal was closed, and acts like any other signal.
    """
    is_ending = False
    on_terminal = sys.stderr.isatty()  # asked now, because a closed one no longer counts as a terminal
    async for number in signals:
        log.info("received signal", signal=signal.Signals(number).name)
        with Wall("obeying a signal", signal=signal.Signals(number).name):
            if number == signal.SIGHUP and not on_terminal:
                settings = await _reload(loop, settings, reread)
                api.try_again()
            elif is_ending:
                loop.stop_all()
            else:
                is_ending = True
                loop.drain()


async def _reload(loop: EventLoop, settings: Settings, reread: Callable[[], Settings]) -> Settings:
    """Apply the configuration file to the database and to new runs. Return the settings that are in force then.

    If that fails for any reason, the old settings stay in force.
    """

    def apply(new: Settings) -> None:
        with connect(
            settings, application_name="dispatcher", statement_timeout=STATEMENT_TIMEOUT
        ) as connection:
            apply_settings(connection, new)
            _tell_of_low_limits(connection)

    with Wall("reading the configuration again") as wall:
        try:
            new = reread()
            wrappers = _wrappers(new)
            await in_thread(apply, new)
        except DispatchError as error:
            log.error("the configuration is not taken over", error=error.with_hint)
            return settings
    if wall.error is not None:
        log.error("the configuration is not taken over", error=in_a_sentence(wall.error))
        return settings
    fixed = {
        "database": settings.database,
        "dispatcher": replace(
            new.dispatcher,
            host=settings.dispatcher.host,
            groups=settings.dispatcher.groups,
            lease_interval=settings.dispatcher.lease_interval,
        ),
        "execution": replace(new.execution, work_dir=settings.execution.work_dir),
        "logging": settings.logging,
        "api": settings.api,
    }
    in_force = replace(new, **fixed)
    log.info("configuration taken over", needs_a_restart=new != in_force)
    loop.reload(in_force, wrappers)
    return in_force


def _tell_of_low_limits(connection: Connection) -> None:
    with translated():
        for tool in execute(connection, calls.capped_tools()):
            log.warning(
                "the limit of a tool is lower than the slots of its groups",
                tool=tool.tool,
                limit=tool.max_concurrent,
                slots=tool.slots,
                remedy=f"llmctl limit set tool:{tool.tool} {tool.slots}",
            )


def _wrappers(settings: Settings) -> dict[str, Wrapper]:
    try:
        return configured(settings.tools)
    except ValueError as error:
        raise UsageError(str(error)) from error


def _registration(settings: Settings, work_directory: WorkDirectory) -> Call[str]:
    return dispatcher_calls.register_dispatcher(
        host=settings.dispatcher.name_of_host,
        boot_id=linux.boot_id(),
        pid=os.getpid(),
        version=__version__,
        work_dir_id=work_directory.id,
        work_dir=str(work_directory.root.resolve()),
        lease_s=settings.dispatcher.lease_interval,
        groups=settings.dispatcher.groups,
    )
