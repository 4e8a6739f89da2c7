"""Leases: ours, which heartbeats extend and without which no agent may be started, and those that hosts let expire."""

import contextlib

import psycopg
import structlog
import trio

from dispatcher.configuration.current import CurrentConfiguration
from dispatcher.database.connection import will_pass
from dispatcher.database.store import Store
from dispatcher.errors import DispatchError
from dispatcher.host import linux
from dispatcher.loop.active_runs import ActiveRuns
from dispatcher.loop.agenda import Agenda
from dispatcher.loop.cancels import Cancels
from dispatcher.loop.notifications import Notifications
from dispatcher.workspaces.work_directory import WorkDirectory
from sql import dispatcher_calls

log = structlog.get_logger()

LAST_WORDS = 5.0
"""Seconds to say that our work directory is gone."""
LOST_MARGIN = 0.5
"""Seconds after the moment in which a host is lost until we look: not before it, and not again and again."""
LEASE_MARGIN = 0.25
"""The part of the lease that must be left when a new process is started."""


class Lease:
    """Begins with the registration of the dispatcher; :meth:`run` extends it."""

    def __init__(
        self,
        store: Store,
        configuration: CurrentConfiguration,
        agenda: Agenda,
        active: ActiveRuns,
        cancels: Cancels,
        notifications: Notifications,
        work_directory: WorkDirectory,
    ) -> None:
        self._store = store
        self._configuration = configuration
        self._agenda = agenda
        self._active = active
        self._cancels = cancels
        self._notifications = notifications
        self._work_directory = work_directory
        self._extended_at = linux.seconds_since_boot()

    async def run(self) -> None:
        """Send heartbeats, learn of cancels that were missed, and find out whether the listener is deaf.

        Also notice that the machine was suspended: trio's clock stood still, so the deadline is late.
        """
        awake, since_boot = trio.current_time(), linux.seconds_since_boot()
        while True:
            await trio.sleep(self._configuration.settings.dispatcher.heartbeat_interval)
            await self._require_work_directory()
            if self._notifications.echo_due:
                log.warning("the listening connection is deaf and is replaced")
                self._notifications.replace_connections()
            try:
                await self._extend()
            except psycopg.DatabaseError as error:
                if not will_pass(error):
                    raise
                log.warning("heartbeat failed", error=str(error).strip())
            slept = (linux.seconds_since_boot() - since_boot) - (trio.current_time() - awake)
            if slept > 1:
                log.info("the machine was suspended", seconds=round(slept))
                self._agenda.claim_now()
                for run in self._active:
                    run.look_at_clock()
                awake, since_boot = trio.current_time(), linux.seconds_since_boot()

    async def _require_work_directory(self) -> None:
        """End without our work directory: what agents write there is lost, and others may hold a new one.

        Raises :class:`DispatchError`. Agents that run are left alone.
        """
        if self._work_directory.is_there():
            return
        log.error("the work directory is gone", leaves_running=self._active.numbers())
        with trio.move_on_after(LAST_WORDS), contextlib.suppress(psycopg.Error):
            await self._store.call(self._work_directory.gone)
        raise DispatchError(
            f"the work directory {self._work_directory.root} was deleted or moved while this dispatcher used it, "
            "so it cannot go on; agents that run were left alone",
            hint="`dispatcher recover --forget-host HOST` gives up what ran; then start it again with `dispatcher run`",
        )

    async def may_launch(self) -> bool:
        """Return whether a process may be started now: without a lease somebody may have taken our runs.

        Wait until it is known whether a cancel that was noted is one of this run.
        """
        lease = self._configuration.settings.dispatcher.lease_interval
        if linux.seconds_since_boot() - self._extended_at >= lease * (1 - LEASE_MARGIN):
            await self._store.patiently("renewing the lease", self._extend)
        await trio.lowlevel.checkpoint()  # notifications that have arrived are read now
        await self._cancels.obeyed()
        return not self._active.draining

    async def _extend(self) -> None:
        before = linux.seconds_since_boot()
        was_due, self._notifications.echo_due = self._notifications.echo_due, True
        try:
            heartbeat = await self._store.call(dispatcher_calls.heartbeat(self._store.dispatcher_id))
        except psycopg.DatabaseError as error:
            # A heartbeat that the server refused has no echo. If nobody knows what became of it, wait for the echo.
            if error.sqlstate is not None:
                self._notifications.echo_due = self._notifications.echo_due and was_due
            raise
        self._extended_at = before
        self._agenda.claim_within(heartbeat.next_deadline_s)
        self._active.stop_canceled(heartbeat.cancel_requested)


async def give_up_lost_hosts(store: Store, configuration: CurrentConfiguration, adopted: trio.Event) -> None:
    """Look at the start, when the next run is due, and once in the time that hosts may be away: two statements an hour.

    What our own predecessor left is not lost, however long ago that was: those runs are ``adopted`` first.
    """
    await adopted.wait()
    while True:
        settings = configuration.settings
        after, timeout = settings.dispatcher.host_lost_after, settings.execution.timeout
        lost = await store.patiently(
            "giving up lost hosts", dispatcher_calls.recover_lost(None, after, timeout)
        )
        if lost:
            log.warning("gave up runs of hosts that did not come back", tasks=[run.number for run in lost])
        due = await store.patiently(
            "looking when a host is lost", dispatcher_calls.seconds_until_lost(after, timeout)
        )
        await trio.sleep(min(due + LOST_MARGIN, after))
