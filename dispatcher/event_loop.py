"""The event loop: wakes on notifications, deadlines, ended runs and cancels; nothing in it polls.

Who may outlive whom: services (listener, heartbeat, reporter, clean-up) live in the outer nursery, runs in the inner
one. When the claims have stopped and the last run has ended, its report is delivered, and only then services end.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path

import psycopg
import structlog
import trio
from psycopg import Notify

from dispatcher import linux
from dispatcher.cleanup import Cleanup
from dispatcher.database.connection import will_pass
from dispatcher.database.listener import Connect, Listener
from dispatcher.exchange import Exchange
from dispatcher.large_files import LargeFiles
from dispatcher.retention import Retention
from dispatcher.run.following import Following
from dispatcher.run.life import Run, Surroundings
from dispatcher.run.run_record import StopReason
from dispatcher.run.sweeping import Sweeper
from dispatcher.run.transfers import Transfers
from dispatcher.settings import Settings
from dispatcher.store import ClaimedRun, OpenRun, Report, Store
from dispatcher.threads import SerialThread
from dispatcher.work_directory import WorkDirectory
from wrappers.base import Wrapper

log = structlog.get_logger()

CHANNELS = ("task_ready", "task_cancel", "dispatcher_heartbeat")
STOP_SECONDS = 30.0
"""Time that all agents together get to be stopped and reported; their gentle stops take at most a third of it."""
LAST_WORDS = 5.0
"""Seconds to tell the database of the last ends, and then to delete what is done with; the next start does the rest."""
LEASE_MARGIN = 0.25
"""The part of the lease that must be left for a new process to be started under it."""


class EventLoop:
    """One dispatcher at work. Registered before, and closed at the end of :meth:`run`."""

    def __init__(
        self,
        settings: Settings,
        wrappers: Mapping[str, Wrapper],
        store: Store,
        listen: Connect,
        work_directory: WorkDirectory,
        sweeper: Sweeper,
        launching: SerialThread,
        files: LargeFiles,
        open_files: int | None = None,
    ) -> None:
        self._store = store
        self._sweeper = sweeper
        self._work_directory = work_directory
        self._exchange = Exchange(store, self._take, self._delivered)
        self._listener = Listener(listen, CHANNELS, self._on_connected, self._hear)
        self._following = Following(store, lambda: self._settings.execution)
        self._retention = Retention(store, lambda: self._settings.retention, files)
        self._around = Surroundings(
            settings=settings,
            wrappers=wrappers,
            store=store,
            following=self._following,
            transfers=Transfers(store),
            files=files,
            sweeper=sweeper,
            open_files=open_files,
            may_launch=self._may_launch,
            launching=launching,
            on_started=self._exchange.started,
        )
        self._active: dict[str, Run] = {}
        self._draining = False
        self._runs: trio.Nursery
        self._runs_scope = trio.CancelScope()
        self._claims_scope = trio.CancelScope()
        self._adopted = trio.Event()
        self._cleanup = Cleanup(
            work_directory,
            lambda: self._settings.execution,
            lambda: list(self._active.values()),
            self._adopted,
        )
        self._stopping: StopReason | None = None
        self._cancels: set[str] = set()
        self._cancel_heard = trio.Event()
        self._cancels_obeyed = trio.Event()
        self._cancels_obeyed.set()
        self._echo_due = False
        self._proven_alive = linux.seconds_since_boot()

    async def run(self, *, until_empty: bool = False) -> None:
        """Dispatch until :meth:`drain` is called or, with ``until_empty``, nothing runs or will run without a person.

        Raises :class:`SupersededError` when somebody else took our runs over; no agent is touched then.
        """
        async with trio.open_nursery() as services:
            for service in (
                self._listener.run,
                self._beat,
                self._obey_cancels,
                self._exchange.run,
                self._following.run,
                self._cleanup.run,
                self._sweeper.run,
                self._give_up_lost_hosts,
                self._retention.run,
            ):
                services.start_soon(service)
            async with trio.open_nursery() as runs:
                runs.cancel_scope.deadline = self._runs_scope.deadline
                self._runs, self._runs_scope = runs, runs.cancel_scope
                await self._adopt()
                with self._claims_scope:
                    async with self._exchange.claiming():
                        if until_empty:
                            await self._until_empty()
                        else:
                            await trio.sleep_forever()
            await self._sweeper.finish()
            with trio.move_on_after(LAST_WORDS) as patience:
                await self._exchange.delivered()
            if self._active:
                log.warning("leaving agents running for the next start", tasks=self._numbers())
            with trio.move_on_after(LAST_WORDS):
                await self._cleanup.empty_trash()
            services.cancel_scope.cancel()
        # Not before: a heartbeat after it would be told that this dispatcher is closed, as if others had done so.
        if not patience.cancelled_caught:
            with trio.move_on_after(LAST_WORDS):
                await self._store.patiently("saying goodbye", self._store.close_dispatcher)
        log.info("dispatcher ended")

    def drain(self) -> None:
        """Claim nothing more; :meth:`run` returns when the active runs have ended, or at the end of the grace.

        Agents that still run then are left running: the next holder of the work directory adopts them.
        """
        self._draining = True
        self._claims_scope.cancel()
        grace = self._settings.dispatcher.grace
        self._runs_scope.deadline = trio.current_time() + grace
        log.info("draining", waiting_for=self._numbers(), at_most_s=grace)

    def reload(self, settings: Settings, wrappers: Mapping[str, Wrapper]) -> None:
        """Use these settings for runs that begin from now on."""
        self._around = replace(self._around, settings=settings, wrappers=wrappers)
        self._exchange.ring()

    @property
    def _settings(self) -> Settings:
        return self._around.settings

    def stop_all(self, reason: StopReason = "interrupted") -> None:
        """Stop the agents too; their tasks are queued again with the attempt given back.

        Where the database does not even hear of that in time, the next start tells it.
        """
        self._stopping = reason
        self._runs_scope.deadline = trio.current_time() + STOP_SECONDS
        for run in self._active.values():
            run.stop(reason)

    def _numbers(self) -> list[int]:
        return sorted(run.claimed.number for run in self._active.values())

    async def _adopt(self) -> None:
        """Take over what the last holder of our work directory left: it is dead, since we hold the lock."""
        for known in await self._store.patiently("adopting runs", self._store.adopt_runs):
            self._begin(known.run, known)
        self._sweeper.look_for_leftovers()
        self._adopted.set()

    async def _until_empty(self) -> None:
        while True:
            round_over = self._exchange.round_over
            if not self._active and not await self._store.patiently("looking for work", self._store.has_work):
                log.info("nothing runs, and nothing is queued but what waits for a person")
                return
            await round_over.wait()

    def _take(self, claimed: ClaimedRun, *, cancel: bool) -> None:
        if claimed.run_id not in self._active:
            run = self._begin(claimed)
            if cancel:
                run.stop("canceled")

    def _begin(self, claimed: ClaimedRun, adopted: OpenRun | None = None) -> Run:
        chosen = Path(claimed.workdir) if claimed.workdir else None
        workspace = self._work_directory.workspace(claimed.number, claimed.run_no, chosen, claimed.directory)
        run = self._active[claimed.run_id] = Run(claimed, workspace, self._around)
        if self._stopping is not None:
            run.stop(self._stopping)
        self._sweeper.begin(claimed.run_id)
        self._runs.start_soon(self._live, run, adopted)
        return run

    async def _live(self, run: Run, adopted: OpenRun | None) -> None:
        report = await (run.live() if adopted is None else run.resume(adopted))
        self._sweeper.over(report.run_id, contained=run.contained)
        self._cleanup.ended(run, report)
        self._exchange.ended(report)

    def _delivered(self, reports: Sequence[Report], *, ours: bool) -> None:
        """Let go of runs whose end the database knows.

        Of runs that are not ours any more the files stay: they may be all that is left of the result.
        """
        for report in reports:
            run = self._active.pop(report.run_id)
            if ours:
                self._cleanup.reported(run, report)

    def _on_connected(self) -> None:
        """Look for what nobody heard while we did not listen: work, and cancels of what runs."""
        self._exchange.ring()
        self._heed_cancels(str(run.claimed.number) for run in self._active.values())

    def _heed_cancels(self, numbers: Iterable[str]) -> None:
        self._cancels.update(numbers)
        self._cancel_heard.set()
        if self._cancels_obeyed.is_set():
            self._cancels_obeyed = trio.Event()

    def _hear(self, notification: Notify) -> None:
        match notification.channel:
            # What a claim of ours changed, that claim has seen.
            case "task_ready" if notification.pid != self._store.claiming_backend:
                self._exchange.ring()
            case "task_cancel":
                self._heed_cancels([notification.payload])
            case "dispatcher_heartbeat" if notification.payload == self._store.dispatcher_id:
                self._echo_due = False

    async def _beat(self) -> None:
        """Prove life, hear of cancels that were missed, and find out whether the listener is deaf.

        Also notices that the machine was suspended: trio's clock stood still, so the deadline is late.
        """
        awake, since_boot = trio.current_time(), linux.seconds_since_boot()
        while True:
            await trio.sleep(self._settings.dispatcher.heartbeat_interval)
            if self._echo_due:
                log.warning("the listening connection is deaf and is replaced")
                self._listener.replace()
            try:
                await self._prove_alive()
            except psycopg.DatabaseError as error:
                if not will_pass(error):
                    raise
                log.warning("heartbeat failed", error=str(error).strip())
            slept = (linux.seconds_since_boot() - since_boot) - (trio.current_time() - awake)
            if slept > 1:
                log.info("the machine was suspended", seconds=round(slept))
                self._exchange.ring()
                for run in self._active.values():
                    run.look_at_clock()
                awake, since_boot = trio.current_time(), linux.seconds_since_boot()

    async def _give_up_lost_hosts(self) -> None:
        """Once at the start, and once in the time after which a host counts as lost: one statement an hour.

        What our own predecessor left is not lost, however long ago: it is adopted first.
        """
        await self._adopted.wait()
        while True:
            after, timeout = self._settings.dispatcher.host_lost_after, self._settings.execution.timeout
            lost = await self._store.patiently(
                "giving up lost hosts", partial(self._store.recover_lost, after, timeout)
            )
            if lost:
                log.warning("gave up runs of hosts that did not come back", tasks=lost)
            await trio.sleep(after)

    async def _prove_alive(self) -> None:
        before = linux.seconds_since_boot()
        self._echo_due = True
        try:
            canceled = await self._store.heartbeat()
        except psycopg.DatabaseError:
            self._echo_due = False
            raise
        self._proven_alive = before
        self._stop_canceled(canceled)

    async def _obey_cancels(self) -> None:
        """Stop runs as soon as somebody asks for it.

        A notification is a hint, and the database the proof: everybody who can connect to it can send one, also those
        to whom the task is none of their business.
        """
        while True:
            await self._cancel_heard.wait()
            self._cancel_heard = trio.Event()
            await self._exchange.claim_answered()
            numbers, self._cancels = self._cancels, set()
            if any(str(run.claimed.number) in numbers for run in self._active.values()):
                self._stop_canceled(await self._store.patiently("looking for cancels", self._store.heartbeat))
            if not self._cancel_heard.is_set():
                self._cancels_obeyed.set()

    def _stop_canceled(self, run_ids: Sequence[str]) -> None:
        for run_id in run_ids:
            if run_id in self._active:
                self._active[run_id].stop("canceled")

    async def _may_launch(self) -> bool:
        """Whether a process may be started now. Without a recent proof of life somebody may have taken our runs.

        Returns when it is known whether a cancel that was heard is one of this run.
        """
        lease = self._settings.dispatcher.lease_interval
        if linux.seconds_since_boot() - self._proven_alive >= lease * (1 - LEASE_MARGIN):
            await self._store.patiently("renewing the lease", self._prove_alive)
        await trio.lowlevel.checkpoint()  # what is there to be heard is heard now
        while not self._cancels_obeyed.is_set():
            await self._cancels_obeyed.wait()
        return not self._draining
