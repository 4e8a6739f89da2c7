"""The event loop: wakes on notifications, deadlines, ended runs and cancels; nothing in it polls.

Who may outlive whom: services (listener, heartbeat, reporter, clean-up) live in the outer nursery, runs in the inner
one. When the claims have stopped and the last run has ended, its report is delivered, and only then services end.

What fails in a run, or in a service that can begin anew, stays behind a wall (`dispatcher.wall`).
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path

import psycopg
import structlog
import trio
from psycopg import Notify

from dispatcher.configuration.settings import Settings
from dispatcher.database.connection import will_pass
from dispatcher.database.listener import Connect, Listener
from dispatcher.database.store import Store
from dispatcher.database.transfers import Transfers
from dispatcher.host import linux
from dispatcher.host.host_trouble import when_there_is_room
from dispatcher.host.threads import SerialThread
from dispatcher.loop.cleanup import Cleanup
from dispatcher.loop.refill import Exchange
from dispatcher.loop.retention import Retention
from dispatcher.run import conclusion
from dispatcher.run.life import Run, Surroundings
from dispatcher.run.output.output_store import Following
from dispatcher.run.sweeping import Sweeper
from dispatcher.wall import Wall, in_a_sentence, persist
from dispatcher.workspaces import short_paths
from dispatcher.workspaces.large_files import LargeFiles
from dispatcher.workspaces.run_record import Reading, StopReason
from dispatcher.workspaces.work_directory import WorkDirectory
from sql import calls, dispatcher_calls
from sql.dispatcher_rows import ClaimedRun, OpenRun, Report, UnreadableRun
from wrappers.base import Outcome, Wrapper

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
            store,
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
        store.on_silence = self._suspect_connections
        self._proven_alive = linux.seconds_since_boot()

    async def run(self, *, until_empty: bool = False) -> None:
        """Dispatch until :meth:`drain` is called or, with ``until_empty``, nothing runs or will run without a person.

        Raises :class:`SupersededError` when somebody else took our runs over; no agent is touched then.
        """
        async with trio.open_nursery() as services:
            # If one of these fails, the dispatcher ends, and the next start goes on from what the database knows.
            for vital in (
                self._listener.run,  # deaf, it would let tasks and cancels wait for ever
                self._beat,  # without it the lease ends, and others may take our runs over
                self._exchange.run,  # has results in its hands, and alone knows which claim was answered
            ):
                services.start_soon(vital)
            for what, service in {
                "obeying cancels": self._obey_cancels,
                "storing output": self._following.run,
                "cleaning up workspaces": self._cleanup.run,
                "killing leftovers": self._sweeper.run,
                "giving up lost hosts": self._give_up_lost_hosts,
                "deleting old data": self._retention.run,
            }.items():
                services.start_soon(persist, what, service)
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
            with Wall("killing leftovers"):
                await self._sweeper.finish()
            with trio.move_on_after(LAST_WORDS) as patience:
                await self._exchange.delivered()
            if self._active:
                log.warning("leaving agents running for the next start", tasks=self._numbers())
            else:
                with Wall("cleaning up workspaces"):
                    short_paths.forget(self._work_directory.mark)
            with Wall("cleaning up workspaces"), trio.move_on_after(LAST_WORDS):
                await self._cleanup.empty_trash()
            services.cancel_scope.cancel()
        # Not before: a heartbeat after it would be told that this dispatcher is closed, as if others had done so.
        if not patience.cancelled_caught:
            with trio.move_on_after(LAST_WORDS):
                closing = dispatcher_calls.close_dispatcher(self._store.dispatcher_id)
                await self._store.patiently("saying goodbye", closing)
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
            if isinstance(known, OpenRun):
                self._begin(known.run, known)
            else:
                self._refuse(known)
        with Wall("looking for leftovers"):
            await when_there_is_room("looking for leftovers", self._sweeper.look_for_leftovers)
        self._adopted.set()

    async def _until_empty(self) -> None:
        while True:
            round_over = self._exchange.round_over
            has_work = dispatcher_calls.has_work(self._store.dispatcher_id)
            if not self._active and not await self._store.patiently("looking for work", has_work):
                log.info("nothing runs, and nothing is queued but what waits for a person")
                return
            await round_over.wait()

    def _take(self, claimed: ClaimedRun | UnreadableRun, *, cancel: bool) -> None:
        if isinstance(claimed, UnreadableRun):
            self._refuse(claimed)
        elif claimed.run_id not in self._active:
            self._begin(claimed)
            if cancel:
                self._stop_canceled([claimed.run_id])

    def _begin(self, claimed: ClaimedRun, adopted: OpenRun | None = None) -> None:
        with Wall("taking a run", task=claimed.number) as wall:
            chosen = Path(claimed.workdir) if claimed.workdir else None
            workspace = self._work_directory.workspace(
                claimed.number, claimed.run_no, chosen, claimed.directory
            )
            run = Run(claimed, workspace, self._around)
        if wall.error is not None:
            self._refuse(UnreadableRun(claimed.run_id, claimed.number, in_a_sentence(wall.error)))
            return
        self._active[claimed.run_id] = run
        if self._stopping is not None:
            run.stop(self._stopping)
        self._sweeper.begin(claimed.run_id)
        if adopted is not None:
            self._sweeper.adopt_group(
                claimed.run_id, None
            )  # its record may name another one, if it can be read
        self._runs.start_soon(self._live, run, adopted)

    async def _live(self, run: Run, adopted: OpenRun | None) -> None:
        with Wall("a run", masked=run.masked, task=run.claimed.number) as wall:
            report = await (run.live() if adopted is None else run.resume(adopted))
        if wall.error is not None:
            report = await run.give_up(wall.error)
        with Wall("cleaning up after a run", task=run.claimed.number):
            self._cleanup.ended(run, report)
        with Wall("killing leftovers", task=run.claimed.number):
            self._sweeper.over(report.run_id, contained=run.contained)
        self._exchange.ended(report)

    def _refuse(self, run: UnreadableRun) -> None:
        """Fail a run that cannot begin, whatever made its row so."""
        log.error("a task cannot be read", task=run.number, error=run.why)
        self._sweeper.begin(run.run_id)
        self._sweeper.adopt_group(run.run_id, None)
        self._runs.start_soon(self._end_unread, run)

    async def _end_unread(self, run: UnreadableRun) -> None:
        """Report it once nothing lives of what an earlier dispatcher may have begun."""
        await persist("killing a run", partial(self._sweeper.kill, run.run_id), task=run.number)
        with Wall("killing leftovers", task=run.number):
            self._sweeper.over(run.run_id, contained=False)
        message = f"this dispatcher cannot read the task: {run.why}"
        outcome = Outcome(error_class="invalid_request", error_message=message)
        self._exchange.ended(conclusion.report(run.run_id, outcome, Reading("never_started")))

    def _delivered(self, reports: Sequence[Report], *, ours: bool) -> None:
        """Let go of runs whose end the database knows.

        Of runs that are not ours any more the files stay: they may be all that is left of the result.
        """
        for report in reports:
            run = self._active.pop(report.run_id, None)
            if ours and run is not None:
                with Wall("letting go of a run", task=run.claimed.number):
                    self._cleanup.reported(run, report)

    def _on_connected(self) -> None:
        """Look for what nobody heard while we did not listen: work, and cancels of what runs."""
        self._echo_due = False  # that of before is not heard here
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
                self._replace_connections()
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
            call = calls.recover_lost(None, after, timeout)
            lost = [run.number for run in await self._store.patiently("giving up lost hosts", call)]
            if lost:
                log.warning("gave up runs of hosts that did not come back", tasks=lost)
            await trio.sleep(after)

    async def _prove_alive(self) -> None:
        before = linux.seconds_since_boot()
        was_due, self._echo_due = self._echo_due, True
        try:
            heartbeat = await self._store.call(dispatcher_calls.heartbeat(self._store.dispatcher_id))
        except psycopg.DatabaseError as error:
            # What the server refused it did not send. Where nobody knows, the echo is waited for.
            if error.sqlstate is not None:
                self._echo_due = self._echo_due and was_due
            raise
        self._proven_alive = before
        self._exchange.due_in(heartbeat.next_deadline_s)
        self._stop_canceled(heartbeat.cancel_requested)

    def _suspect_connections(self) -> None:
        log.warning("the database said nothing: all connections to it are replaced")
        self._replace_connections()

    def _replace_connections(self) -> None:
        """What swallows the words of one connection may swallow those of all that were made before now."""
        self._store.replace_connections()
        self._listener.replace()

    async def _obey_cancels(self) -> None:
        """Stop runs as soon as somebody asks for it.

        A notification is a hint, and the database the proof: everybody who can connect to it can send one, also those
        to whom the task is none of their business. Whatever came before this began, or began anew, is looked at first.
        """
        self._heed_cancels(str(run.claimed.number) for run in self._active.values())
        while True:
            await self._cancel_heard.wait()
            self._cancel_heard = trio.Event()
            await self._exchange.claim_answered()
            numbers, self._cancels = self._cancels, set()
            if any(str(run.claimed.number) in numbers for run in self._active.values()):
                call = dispatcher_calls.heartbeat(self._store.dispatcher_id)
                heartbeat = await self._store.patiently("looking for cancels", call)
                self._stop_canceled(heartbeat.cancel_requested)
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
