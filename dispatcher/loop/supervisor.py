"""Starting the life of each run that is ours, and letting go of it once the database knows how it ended."""

from collections.abc import Sequence
from functools import partial
from pathlib import Path

import structlog
import trio

from dispatcher.host.host_trouble import when_there_is_room
from dispatcher.loop.active_runs import ActiveRuns
from dispatcher.loop.agenda import Agenda
from dispatcher.loop.cleanup import Cleanup
from dispatcher.loop.served_groups import ServedGroups
from dispatcher.run import conclusion
from dispatcher.run.context import RunContext
from dispatcher.run.life import Run
from dispatcher.wall import Wall, in_a_sentence, persist
from dispatcher.workspaces.run_record import Reading
from dispatcher.workspaces.work_directory import WorkDirectory
from sql.rows.dispatchers import Claim, ClaimedRun, OpenRun, Report, UnreadableRun
from wrappers.base import Outcome

log = structlog.get_logger()


class Supervisor:
    """Each run lives in ``nursery``, behind a wall, and its report goes on the agenda, whatever fails."""

    nursery: trio.Nursery

    def __init__(
        self,
        context: RunContext,
        work_directory: WorkDirectory,
        active: ActiveRuns,
        agenda: Agenda,
        cleanup: Cleanup,
        served: ServedGroups,
    ) -> None:
        self._context = context
        self._sweeper = context.sweeper
        self._work_directory = work_directory
        self._active = active
        self._agenda = agenda
        self._cleanup = cleanup
        self._served = served
        self._foreseen: dict[str, Run] = {}

    async def adopt(self) -> None:
        """Take over what the last holder of our work directory left: it is dead, because we hold the lock."""
        store = self._context.store
        for known in await store.patiently("adopting runs", store.adopt_runs):
            if isinstance(known, OpenRun):
                self._begin(known.run, known)
            else:
                self._refuse(known)
        with Wall("looking for leftovers"):
            await when_there_is_room("looking for leftovers", self._sweeper.look_for_leftovers)
        self._active.adopted.set()

    def foresee(self, claim: Claim) -> None:
        """Prepare the runs of a claim that is being committed: its answer comes 0.4 ms before that is certain."""
        for claimed in claim.runs:
            if isinstance(claimed, ClaimedRun) and claimed.run_id not in self._active:
                with Wall("preparing a run", task=claimed.number):
                    run = self._run(claimed)
                    run.prepare_ahead()
                    self._foreseen[claimed.run_id] = run

    def forget_foreseen(self) -> None:
        """Undo what was prepared for runs that were not taken: nobody knows whether they are ours."""
        while self._foreseen:
            _, run = self._foreseen.popitem()
            with Wall("undoing a preparation", task=run.claimed.number):
                run.workspace.discard()

    def take(self, claimed: ClaimedRun | UnreadableRun, *, cancel: bool) -> None:
        """Begin a run that was claimed, unless it is active already; ``cancel``: somebody asked to stop it."""
        if isinstance(claimed, UnreadableRun):
            self._refuse(claimed)
        elif claimed.run_id not in self._active:
            self._begin(claimed)
            if cancel:
                self._active.stop_canceled([claimed.run_id])

    def has(self, run_id: str) -> bool:
        """Return whether a run is ours and has not ended."""
        return run_id in self._active

    def delivered(self, reports: Sequence[Report], *, ours: bool) -> None:
        """Let go of runs whose end the database knows.

        If the runs are not ours any more, their files stay: they may be all that is left of the result.
        """
        for report in reports:
            run = self._active.pop(report.run_id)
            if ours and run is not None:
                if report.error_class == "throttled":
                    self._served.throttled()
                with Wall("letting go of a run", task=run.claimed.number):
                    self._cleanup.reported(run, report)

    def _begin(self, claimed: ClaimedRun, adopted: OpenRun | None = None) -> None:
        with Wall("taking a run", task=claimed.number) as wall:
            run = self._foreseen.pop(claimed.run_id, None) or self._run(claimed)
        if wall.error is not None:
            self._refuse(UnreadableRun(claimed.run_id, claimed.number, in_a_sentence(wall.error)))
            return
        self._active.add(run)
        self._sweeper.begin(claimed.run_id)
        if adopted is not None:
            # Its record may name another control group, if the record can be read.
            self._sweeper.adopt_group(claimed.run_id, None)
        self.nursery.start_soon(self._live, run, adopted)

    def _run(self, claimed: ClaimedRun) -> Run:
        chosen = Path(claimed.workdir) if claimed.workdir else None
        workspace = self._work_directory.workspace(claimed.number, claimed.run_no, chosen, claimed.directory)
        return Run(claimed, workspace, self._context)

    async def _live(self, run: Run, adopted: OpenRun | None) -> None:
        with Wall("a run", masked=run.masked, task=run.claimed.number) as wall:
            report = await (run.live() if adopted is None else run.resume(adopted))
        if wall.error is not None:
            report = await run.give_up(wall.error)
        with Wall("cleaning up after a run", task=run.claimed.number):
            self._cleanup.ended(run, report)
        with Wall("killing leftovers", task=run.claimed.number):
            self._sweeper.over(report.run_id, contained=run.contained)
        if report.error_class == "unusable_here":
            self._served.closed(run.claimed.group_name)
        self._agenda.ended(report)

    def _refuse(self, run: UnreadableRun) -> None:
        """Fail a run that cannot begin, whatever made its row unreadable."""
        log.error("a task cannot be read", task=run.number, error=run.why)
        self._sweeper.begin(run.run_id)
        self._sweeper.adopt_group(run.run_id, None)
        self.nursery.start_soon(self._end_unread, run)

    async def _end_unread(self, run: UnreadableRun) -> None:
        """Report the run once nothing is alive of what an earlier dispatcher may have begun."""
        await persist("killing a run", partial(self._sweeper.kill, run.run_id), task=run.number)
        with Wall("killing leftovers", task=run.number):
            self._sweeper.over(run.run_id, contained=False)
        message = f"this dispatcher cannot read the task: {run.why}"
        outcome = Outcome(error_class="invalid_request", error_message=message)
        self._agenda.ended(conclusion.report(run.run_id, outcome, Reading("never_started")))
