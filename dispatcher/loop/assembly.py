"""Building the event loop: every part once, each from the parts it needs."""

from collections.abc import Iterator
from contextlib import closing, contextmanager
from functools import partial

import structlog
import trio
from psycopg_pool import ConnectionPool

from dispatcher.configuration.current import CurrentConfiguration
from dispatcher.configuration.settings import Settings
from dispatcher.database.connection import BoundedConnection, Connection, connect, conninfo, prepare
from dispatcher.database.event_loop_connection import EventLoopConnection
from dispatcher.database.holders import Holders
from dispatcher.database.silence import Silence
from dispatcher.database.store import Store
from dispatcher.database.transfers import Transfers
from dispatcher.hooks.service import Hooks
from dispatcher.host import cgroups, linux
from dispatcher.host.threads import require_threads
from dispatcher.loop.active_runs import ActiveRuns
from dispatcher.loop.agenda import Agenda
from dispatcher.loop.automation.schedules import Schedules
from dispatcher.loop.cancels import Cancels
from dispatcher.loop.cleanup import Cleanup
from dispatcher.loop.event_loop import EventLoop
from dispatcher.loop.lease import Lease
from dispatcher.loop.notifications import Notifications
from dispatcher.loop.refill import Refill
from dispatcher.loop.retention import Retention
from dispatcher.loop.served_groups import ServedGroups
from dispatcher.loop.supervisor import Supervisor
from dispatcher.run.context import RunContext
from dispatcher.run.output.output_store import OutputStore
from dispatcher.run.process.starter import starting
from dispatcher.run.sweeping import Sweeper
from dispatcher.workspaces.large_files import LargeFiles
from dispatcher.workspaces.shared_files import SharedFiles
from dispatcher.workspaces.work_directory import WorkDirectory

log = structlog.get_logger()

STATEMENT_TIMEOUT = 10.0
"""Seconds. A statement that takes longer is given up and tried again: better late than never."""
RECONNECT_TIMEOUT = 2.0
"""Seconds. The pool doubles its pauses up to this; with longer ones it would notice late that the server is back."""

FEWEST_THREADS = 2
"""What a dispatcher needs at a time: one for a call of the database, and one for what the host may hold up."""


MOST_GITS = 16
"""Runs that clone or record at a time. Each holds one of trio's 40 threads, and calls of the database need some."""


@contextmanager
def assembled(
    configuration: CurrentConfiguration,
    work_directory: WorkDirectory,
    files: LargeFiles,
    dispatcher_id: str,
) -> Iterator[EventLoop]:
    """Build the event loop of a registered dispatcher; its connections and threads end with the ``with`` block."""
    settings = configuration.settings
    open_files = linux.raise_open_files()
    silence = Silence(partial(_connect, settings))
    with (
        _pool(settings, settings.database.pool_size) as pool,
        closing(EventLoopConnection(partial(_connect, settings), silence)) as claims,
        starting(str(settings.execution.work_directory())) as starter,
    ):
        require_threads(FEWEST_THREADS)
        store = Store(pool, claims, silence, dispatcher_id)
        agenda, active = Agenda(), ActiveRuns()
        cancels = Cancels(store, agenda, active)
        sweeper = Sweeper(work_directory.mark, cgroups.parent_of_runs())
        hooks = Hooks(store, configuration, sweeper)
        transfers = Transfers(store)
        shared_files = SharedFiles(store, transfers, files, settings.dispatcher.name_of_host)
        notifications = Notifications(store, partial(_listen, settings), agenda, cancels, hooks, shared_files)
        lease = Lease(store, configuration, agenda, active, cancels, notifications, work_directory)
        output_store = OutputStore(store, configuration)
        if sweeper.parent is None:
            log.info("no control groups: an agent's processes that clear their environment are not found")
        context = RunContext(
            configuration=configuration,
            store=store,
            output_store=output_store,
            transfers=transfers,
            files=files,
            shared_files=shared_files,
            sweeper=sweeper,
            may_launch=lease.may_launch,
            starter=starter,
            git=trio.CapacityLimiter(MOST_GITS),
            on_started=agenda.started,
            open_files=open_files,
        )
        served = ServedGroups(store, configuration)
        cleanup = Cleanup(work_directory, store, configuration, active)
        schedules = Schedules(store, agenda.claim_now)
        supervisor = Supervisor(context, work_directory, active, agenda, cleanup, served)
        yield EventLoop(
            configuration=configuration,
            store=store,
            work_directory=work_directory,
            agenda=agenda,
            active=active,
            cancels=cancels,
            notifications=notifications,
            lease=lease,
            supervisor=supervisor,
            refill=Refill(store, agenda, supervisor, Holders(store, configuration), schedules.look),
            output_store=output_store,
            cleanup=cleanup,
            served=served,
            sweeper=sweeper,
            starter=starter,
            hooks=hooks,
            shared_files=shared_files,
            retention=Retention(store, configuration, files),
            schedules=schedules,
            silence=silence,
        )


def _listen(settings: Settings) -> Connection:
    return connect(
        settings,
        application_name="dispatcher listener",
        statement_timeout=STATEMENT_TIMEOUT,
        own_session=True,
    )


def _connect(settings: Settings) -> BoundedConnection:
    connection = BoundedConnection.connect(conninfo(settings, application_name="dispatcher"), autocommit=True)
    prepare(connection, STATEMENT_TIMEOUT, own_session=True)
    return connection


def _pool(settings: Settings, size: int) -> ConnectionPool[BoundedConnection]:
    return ConnectionPool(
        conninfo(settings, application_name="dispatcher"),
        connection_class=BoundedConnection,
        kwargs={"autocommit": True},
        configure=partial(prepare, statement_timeout=STATEMENT_TIMEOUT, own_session=True),
        min_size=1,
        max_size=size,
        timeout=5,
        reconnect_timeout=RECONNECT_TIMEOUT,
        open=False,
    )
