"""The event loop: wakes on notifications, deadlines, ended runs and cancels; nothing in it polls.

Who may outlive whom: services (listener, heartbeat, reporter, clean-up) live in the outer nursery, runs in the inner
one. When the claims have stopped and the last run has ended, its report is delivered, and only then services end.
"""

import math
from collections.abc import Mapping, Sequence
from pathlib import Path

import psycopg
import structlog
import trio
from psycopg import Notify

from dispatcher import linux
from dispatcher.database.listener import Connect, Listener
from dispatcher.reporter import Reporter
from dispatcher.run import Run, StopReason, Surroundings
from dispatcher.settings import Settings
from dispatcher.store import FENCED, ClaimedRun, Report, Store
from dispatcher.work_directory import WorkDirectory
from wrappers.base import Wrapper

log = structlog.get_logger()

CHANNELS = ("task_ready", "task_cancel", "dispatcher_heartbeat")
CLAIM_BATCH = 16
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
        files: Path,
    ) -> None:
        self._settings = settings
        self._store = store
        self._work_directory = work_directory
        self._listener = Listener(listen, CHANNELS, self._wake, self._hear)
        self._reporter = Reporter(store, self._delivered)
        self._around = Surroundings(
            settings=settings,
            wrappers=wrappers,
            store=store,
            files=files,
            may_launch=self._lease_covers_a_launch,
            on_started=self._reporter.started,
        )
        self._active: dict[str, Run] = {}
        self._draining = False
        self._bell = trio.Event()
        self._idle = trio.Event()
        self._trash = trio.Event()
        # Cancels that were heard while a claim was on its way: its answer may name the tasks they are for.
        self._cancels_heard: set[int] = set()
        self._echo_due = False
        self._proven_alive = linux.seconds_since_boot()

    async def run(self, *, until_empty: bool = False) -> None:
        """Dispatch until :meth:`drain` is called or, with ``until_empty``, nothing is queued or running any more."""
        async with trio.open_nursery() as services:
            for service in (self._listener.run, self._beat, self._reporter.run, self._clean_up):
                services.start_soon(service)
            async with trio.open_nursery() as runs:
                await self._claim(runs, until_empty=until_empty)
            while self._active:
                self._idle = trio.Event()
                await self._idle.wait()
            await self._store.patiently("saying goodbye", self._store.close_dispatcher)
            services.cancel_scope.cancel()
        log.info("dispatcher ended")

    def drain(self) -> None:
        """Claim nothing more; :meth:`run` returns when the runs that are active have ended."""
        self._draining = True
        log.info("draining", waiting_for=sorted(run.claimed.number for run in self._active.values()))
        self._wake()

    def stop_all(self, reason: StopReason = "interrupted") -> None:
        """Stop the agents too; their tasks are queued again with the attempt given back."""
        for run in self._active.values():
            run.stop(reason)

    async def _claim(self, runs: trio.Nursery, *, until_empty: bool) -> None:
        """Make a pass at each ring of the bell (the first comes with LISTEN) and at each deadline."""
        deadline = math.inf
        while not self._draining:
            with trio.move_on_after(deadline):
                await self._bell.wait()
            self._bell = trio.Event()
            if self._draining:
                return
            deadline = await self._pass(runs)
            if (
                until_empty
                and not self._active
                and not await self._store.patiently("looking for work", self._store.has_work)
            ):
                log.info("nothing is queued or running")
                return

    async def _pass(self, runs: trio.Nursery) -> float:
        """Claim until nothing more fits; answers the seconds until time alone makes another pass worth while."""
        while True:
            self._cancels_heard.clear()
            claim = await self._store.patiently("claiming", lambda: self._store.claim(CLAIM_BATCH))
            for claimed in claim.runs:
                self._take(claimed, runs)
            if len(claim.runs) < CLAIM_BATCH:
                return math.inf if claim.next_deadline_s is None else claim.next_deadline_s

    def _take(self, claimed: ClaimedRun, runs: trio.Nursery) -> None:
        chosen = Path(claimed.workdir) if claimed.workdir else None
        workspace = self._work_directory.workspace(claimed.number, claimed.run_no, chosen)
        run = self._active[claimed.run_id] = Run(claimed, workspace, self._around)
        if claimed.number in self._cancels_heard:
            run.stop("canceled")
        runs.start_soon(self._live, run)

    async def _live(self, run: Run) -> None:
        self._reporter.ended(await run.live())

    def _delivered(self, reports: Sequence[Report]) -> None:
        """Let go of runs whose end the database knows, and use the slots that they freed."""
        cleanup = self._settings.execution.cleanup
        for report in reports:
            run = self._active.pop(report.run_id)
            if cleanup == "always" or (cleanup == "on_success" and report.error_class is None):
                self._work_directory.discard(run.workspace)
                self._trash.set()
        self._wake()
        if not self._active:
            self._idle.set()

    async def _clean_up(self) -> None:
        """Delete what was discarded, away from everything that somebody waits for."""
        while True:
            await trio.to_thread.run_sync(self._work_directory.empty_trash)
            await self._trash.wait()
            self._trash = trio.Event()

    def _wake(self) -> None:
        self._bell.set()

    def _hear(self, notification: Notify) -> None:
        match notification.channel:
            case "task_ready":
                self._wake()
            case "task_cancel":
                number = int(notification.payload)
                self._cancels_heard.add(number)
                for run in self._active.values():
                    if run.claimed.number == number:
                        run.stop("canceled")
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
            except psycopg.OperationalError as error:
                log.warning("heartbeat failed", error=str(error).strip())
            slept = (linux.seconds_since_boot() - since_boot) - (trio.current_time() - awake)
            if slept > 1:
                log.info("the machine was suspended", seconds=round(slept))
                self._wake()
                awake, since_boot = trio.current_time(), linux.seconds_since_boot()

    async def _prove_alive(self) -> None:
        before = linux.seconds_since_boot()
        self._echo_due = True
        try:
            canceled = await self._store.heartbeat()
        except psycopg.OperationalError:
            self._echo_due = False
            raise
        self._proven_alive = before
        for run_id in canceled:
            if run_id in self._active:
                self._active[run_id].stop("canceled")

    async def _lease_covers_a_launch(self) -> bool:
        """Whether a process may be started now. Without a recent proof of life somebody may have taken our runs."""
        lease = self._settings.dispatcher.lease_interval
        if linux.seconds_since_boot() - self._proven_alive < lease * (1 - LEASE_MARGIN):
            return True
        try:
            await self._store.patiently("renewing the lease", self._prove_alive)
        except psycopg.DatabaseError as error:
            if error.sqlstate not in FENCED:
                raise
            return False
        return True
