"""The event loop: wakes on notifications, deadlines, ended runs and cancels; nothing in it polls.

Lifetimes: services (listener, heartbeat, refill, clean-up) live in the outer nursery, and runs in the inner
one. When the claims have stopped and the last run has ended, its report is delivered, and only then services end.

What fails in a run, or in a service that can begin again, stays behind a wall (`dispatcher.wall`).
"""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from functools import partial

import structlog
import trio

from dispatcher.configuration.current import CurrentConfiguration
from dispatcher.configuration.settings import Settings
from dispatcher.database.silence import Silence
from dispatcher.database.store import Store
from dispatcher.hooks.service import Hooks
from dispatcher.loop.active_runs import ActiveRuns
from dispatcher.loop.agenda import Agenda
from dispatcher.loop.automation.schedules import Schedules
from dispatcher.loop.cancels import Cancels
from dispatcher.loop.cleanup import Cleanup
from dispatcher.loop.lease import Lease, give_up_lost_hosts
from dispatcher.loop.notifications import Notifications
from dispatcher.loop.refill import Refill
from dispatcher.loop.retention import Retention
from dispatcher.loop.served_groups import ServedGroups
from dispatcher.loop.supervisor import Supervisor
from dispatcher.run.output.output_store import OutputStore
from dispatcher.run.process.starter import Starter
from dispatcher.run.sweeping import Sweeper
from dispatcher.wall import Wall, persist
from dispatcher.workspaces import short_paths
from dispatcher.workspaces.run_record import StopReason
from dispatcher.workspaces.shared_files import SharedFiles
from dispatcher.workspaces.work_directory import WorkDirectory
from sql import dispatcher_calls
from wrappers.base import Wrapper

log = structlog.get_logger()

STOP_SECONDS = 30.0
"""Time in which all agents together are stopped and reported; their gentle stops take at most a third of it."""
LAST_WORDS = 5.0
"""Seconds to report the last ends, and then to delete workspaces that are done with; the next start does the rest."""


@dataclass(kw_only=True)
class EventLoop:
    """One dispatcher at work. It is registered before, and closed at the end of :meth:`run`."""

    configuration: CurrentConfiguration
    store: Store
    work_directory: WorkDirectory
    agenda: Agenda
    active: ActiveRuns
    cancels: Cancels
    notifications: Notifications
    lease: Lease
    supervisor: Supervisor
    refill: Refill
    output_store: OutputStore
    cleanup: Cleanup
    served: ServedGroups
    sweeper: Sweeper
    starter: Starter
    hooks: Hooks
    shared_files: SharedFiles
    retention: Retention
    schedules: Schedules
    silence: Silence
    _draining: trio.Event = field(init=False, default_factory=trio.Event)
    _runs_scope: trio.CancelScope = field(init=False, default_factory=trio.CancelScope)
    _claims_scope: trio.CancelScope = field(init=False, default_factory=trio.CancelScope)

    async def run(self, *, until_empty: bool = False) -> None:
        """Dispatch until :meth:`drain` is called or, with ``until_empty``, nothing runs or will run without a person.

        Raises :class:`SupersededError` when somebody else took our runs over; no agent is touched then.
        """
        async with trio.open_nursery() as services:
            self._start_services(services)
            async with trio.open_nursery() as runs:
                runs.cancel_scope.deadline = self._runs_scope.deadline
                self.supervisor.nursery, self._runs_scope = runs, runs.cancel_scope
                await self.supervisor.adopt()
                self.cancels.note_all()  # a cancel may have been heard before its run was known
                await self.served.look()
                with self._claims_scope:
                    async with self.refill.claiming():
                        if until_empty:
                            await self._until_empty()
                        else:
                            await trio.sleep_forever()
            with Wall("killing leftovers"):
                await self.sweeper.finish()
            with trio.move_on_after(LAST_WORDS) as patience:
                await self.refill.delivered()
            if self.active:
                log.warning("leaving agents running for the next start", tasks=self.active.numbers())
            else:
                with Wall("cleaning up workspaces"):
                    short_paths.forget(self.work_directory.mark)
            with Wall("cleaning up workspaces"), trio.move_on_after(LAST_WORDS):
                await self.cleanup.empty_trash()
            services.cancel_scope.cancel()
        # Not before: the next heartbeat would learn that this dispatcher is closed, as if others had closed it.
        if not patience.cancelled_caught:
            with trio.move_on_after(LAST_WORDS):
                closing = dispatcher_calls.close_dispatcher(self.store.dispatcher_id)
                await self.store.patiently("saying goodbye", closing)
        log.info("dispatcher ended")

    def _start_services(self, services: trio.Nursery) -> None:
        # If one of these fails, the dispatcher ends, and the next start goes on from what the database knows.
        for vital in (
            self.notifications.run,  # without them tasks and cancels would wait for ever
            self.lease.run,  # without heartbeats the lease ends, and others may take our runs over
            self.refill.run,  # has results in its hands, and only it knows which claim returned
        ):
            services.start_soon(vital)
        persistent: Mapping[str, Callable[[], Awaitable[None]]] = {
            "hearing the shim": self.starter.run,
            "finding out what is not heard": self.silence.run,
            "obeying cancels": self.cancels.run,
            "finding out who holds up reports": self.refill.watch,
            "storing output": self.output_store.run,
            "cleaning up workspaces": self.cleanup.run,
            "killing leftovers": self.sweeper.run,
            "giving up lost hosts": partial(
                give_up_lost_hosts, self.store, self.configuration, self.active.adopted
            ),
            "telling others": self.hooks.run,
            "sending files to other hosts": self.shared_files.run,
            "deleting old data": self.retention.run,
            "firing schedules": self.schedules.run,
            "looking for what groups lack": self.served.run,
            "saying that nothing more starts": self._say_draining,
        }
        for what, service in persistent.items():
            services.start_soon(persist, what, service)

    def drain(self) -> None:
        """Claim nothing more; :meth:`run` returns when the active runs have ended, or at the end of the grace.

        Agents that still run then are left running: the next holder of the work directory adopts them.
        """
        self.active.draining = True
        self._draining.set()
        self._claims_scope.cancel()
        grace = self.configuration.settings.dispatcher.grace
        self._runs_scope.deadline = trio.current_time() + grace
        log.info("draining", waiting_for=self.active.numbers(), at_most_s=grace)

    def reload(self, settings: Settings, wrappers: Mapping[str, Wrapper]) -> None:
        """Use these settings for runs that begin from now on."""
        self.configuration.settings, self.configuration.wrappers = settings, wrappers
        self.served.reloaded()
        self.hooks.wake()
        self.schedules.reloaded()
        self.agenda.claim_now()

    def stop_all(self, reason: StopReason = "interrupted") -> None:
        """Stop the agents too; their tasks are queued again with the attempt given back.

        What cannot be reported in time is reported by the next start.
        """
        self._runs_scope.deadline = trio.current_time() + STOP_SECONDS
        self.active.stop_all(reason)

    async def _say_draining(self) -> None:
        """Tell people and other dispatchers that nothing more starts here."""
        await self._draining.wait()
        draining = dispatcher_calls.drain_dispatcher(self.store.dispatcher_id)
        await self.store.patiently("saying that nothing more starts", draining)

    async def _until_empty(self) -> None:
        while True:
            round_over = self.refill.round_over
            has_work = dispatcher_calls.has_work(self.store.dispatcher_id)
            if not self.active and not await self.store.patiently("looking for work", has_work):
                await self.cleanup.caught_up.wait()
                log.info("nothing runs, and every queued task waits for a person")
                return
            await round_over.wait()
