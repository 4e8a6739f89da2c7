"""The conversation with the database about runs: how they began and ended, and which ones come next.

One round reports every end that is known and, in the same transaction, claims as many runs as there are free slots
then. What happens during a round and shortly after it is left for the next one: single ends when there is little to do,
batches under load.
"""

import contextlib
import math
from collections.abc import AsyncIterator, Callable, Sequence

import psycopg
import structlog
import trio
from msgspec.structs import replace

from dispatcher.database.connection import will_pass
from dispatcher.database.holders import Holders
from dispatcher.database.store import UNSTORABLE, Store
from dispatcher.loop.agenda import START_RETRY, Agenda
from dispatcher.loop.supervisor import Supervisor
from sql import dispatcher_calls
from sql.rows.dispatchers import OpenRun, Report, Started

log = structlog.get_logger()

CLAIM_BATCH = 16
REST = 0.004
"""Seconds after a round in which ends wait for each other. A round costs 1.8 ms and 0.2 for each run: so a full load of
short runs is drained 1.15 times as fast. Single ends hardly ever come so soon."""
LATE = 1.0
"""Seconds after which it is asked who holds up a round or a report."""


class Refill:
    """Reports ends at once and starts a little later, and claims inside of :meth:`claiming`.

    The supervisor gets each run that is ours now, more than once if a result was lost. It also learns which reports
    the database has taken, because then their slots are free and their files are no longer needed.
    """

    def __init__(
        self,
        store: Store,
        agenda: Agenda,
        supervisor: Supervisor,
        holders: Holders,
        on_schedules_due: Callable[[], None],
    ) -> None:
        self._store = store
        self._on_schedules_due = on_schedules_due
        self._holders = holders
        self._agenda = agenda
        self._supervisor = supervisor
        self._claiming = False
        self._result_lost = False
        self._delivering = False
        self._reporting_starts = False
        self._rested_at = -math.inf
        self._round_began = math.inf
        self._may_be_held_up = trio.Event()
        self.round_over = trio.Event()
        """Set at the end of the current round, or else of the next one; a new event replaces it then."""

    @contextlib.asynccontextmanager
    async def claiming(self) -> AsyncIterator[None]:
        """Claim runs inside, whenever the agenda says so; at the end no claim is on its way any more."""
        self._claiming = True
        self._agenda.news.set()
        try:
            yield
        finally:
            self._claiming = False
            with trio.CancelScope(shield=True):
                await self._agenda.claim_returned.wait()

    async def delivered(self) -> None:
        """Return when the database knows every end that is on the agenda."""
        while self._agenda.has_reports or self._delivering:
            await self.round_over.wait()

    async def run(self) -> None:
        async with trio.open_nursery() as nursery:
            await self._work_off(nursery)

    async def _work_off(self, nursery: trio.Nursery) -> None:
        while True:
            await self._agenda.news.wait(
                until=min(self._next_claim, self._next_starts, self._agenda.reports_due_at)
            )
            if self._agenda.reports_due_at <= trio.current_time():
                await trio.sleep_until(self._rested_at)
            if min(self._agenda.reports_due_at, self._next_claim) <= trio.current_time():
                await self._round()
                self._rested_at = trio.current_time() + REST
            if self._next_starts <= trio.current_time():
                # Only people wait for this news: a claim must not wait for it.
                self._reporting_starts = True
                nursery.start_soon(self._report_starts)

    async def watch(self) -> None:
        """Find out who holds up a round or a report for longer than ``LATE``, while there is one."""
        while True:
            await self._may_be_held_up.wait()
            await trio.sleep(LATE)
            held = self._agenda.held_for(LATE)
            if held or self._round_began <= trio.current_time() - LATE:
                await self._holders.look(held)
            elif self._round_began == math.inf and not self._agenda.held_for(0):
                self._may_be_held_up = trio.Event()

    @property
    def _next_claim(self) -> float:
        return self._agenda.claim_at if self._claiming else math.inf

    @property
    def _next_starts(self) -> float:
        return math.inf if self._reporting_starts else self._agenda.starts_due_at

    async def _round(self) -> None:
        reports = self._agenda.take_reports()
        self._delivering = bool(reports)
        self._round_began = trio.current_time()
        self._may_be_held_up.set()
        try:
            verdicts = await self._store.patiently(
                "reporting and claiming runs", lambda: self._report_and_claim(reports)
            )
        except UNSTORABLE:
            if not reports:
                raise
            await self._deliver_singly(reports)
        else:
            self._pass_on_verdicts(reports, verdicts)
        self._delivering = False
        self._round_began = math.inf
        if self._agenda.reports_due_at <= trio.current_time():
            self._agenda.news.set()
        self.round_over.set()
        self.round_over = trio.Event()

    async def _report_and_claim(self, reports: Sequence[Report]) -> dict[str, str]:
        """Return the verdicts on ``reports``.

        When the result of an earlier claim was lost, take the runs of that one, too. They are asked for after the new
        claim, which had to wait until the old one had ended.
        """
        if not self._claiming:
            return await self._store.call(dispatcher_calls.finish_runs(self._store.dispatcher_id, reports))
        self._agenda.claim_at = math.inf
        self._agenda.claim_returned = trio.Event()
        lost, self._result_lost = self._result_lost, True
        try:
            claim = await self._store.report_and_claim(reports, CLAIM_BATCH, self._supervisor.foresee)
            verdicts = claim.verdicts
            if claim.shared:
                claim = await self._store.report_and_claim((), CLAIM_BATCH, self._supervisor.foresee)
            if claim.schedules_due:
                self._on_schedules_due()
            for run in claim.runs:
                self._supervisor.take(run, cancel=False)
            for known in await self._store.open_runs() if lost else ():
                if isinstance(known, OpenRun):
                    self._supervisor.take(known.run, cancel=known.cancel_requested)
                else:
                    self._supervisor.take(known, cancel=False)
        finally:
            self._supervisor.forget_foreseen()
            self._agenda.claim_returned.set()
        self._result_lost = False
        if len(claim.runs) == CLAIM_BATCH:
            self._agenda.claim_now()
        else:
            self._agenda.claim_within(claim.next_deadline_s)
        return verdicts

    async def _deliver_singly(self, reports: Sequence[Report]) -> None:
        """Deliver reports one by one: one that the database cannot take must not hold up the others."""
        for report in reports:
            try:
                verdicts = await self._deliver(report)
            except UNSTORABLE as error:
                log.exception("a result could not be stored", run=report.run_id)
                verdicts = await self._deliver(_without_details(report, error))
            self._pass_on_verdicts([report], verdicts)
        self._agenda.claim_now()

    async def _deliver(self, report: Report) -> dict[str, str]:
        call = dispatcher_calls.finish_runs(self._store.dispatcher_id, [report])
        return await self._store.patiently("reporting a run", call)

    def _pass_on_verdicts(self, reports: Sequence[Report], verdicts: dict[str, str]) -> None:
        held = [report for report in reports if verdicts.get(report.run_id) == "held"]
        if held:
            self._agenda.held(held)
            reports = [report for report in reports if report not in held]
        self._agenda.taken(reports)
        stale = [report for report in reports if verdicts.get(report.run_id) == "stale"]
        for report in stale:
            log.error("result refused: the run is not ours any more", run=report.run_id)
        self._supervisor.delivered(stale, ours=False)
        self._supervisor.delivered([report for report in reports if report not in stale], ours=True)

    async def _report_starts(self) -> None:
        """Try, and again later while somebody holds the task or the database is away, until the run has ended."""
        starts, began = self._agenda.take_starts(), trio.current_time()
        unnoted: Sequence[Started] = starts
        try:
            noted = await self._store.call(dispatcher_calls.start_runs(self._store.dispatcher_id, starts))
            unnoted = [start for start in starts if start.run_id not in noted]
        except psycopg.DatabaseError as error:
            log.warning("starts could not be reported", runs=len(starts), error=str(error).strip())
            if not will_pass(error):
                unnoted = ()
        finally:
            for start in unnoted:
                if self._supervisor.has(start.run_id):
                    ago_s = start.ago_s + trio.current_time() - began
                    self._agenda.started(replace(start, ago_s=ago_s), within=START_RETRY)
            self._reporting_starts = False
            self._agenda.news.set()


def _without_details(report: Report, error: Exception) -> Report:
    """Reduce a report to what any database takes."""
    said = error.diag.message_primary if isinstance(error, psycopg.Error) else None
    message = f"the result could not be stored: {said or type(error).__name__}"
    return Report(
        run_id=report.run_id, error_class="agent_error", error_message=message, exit_code=report.exit_code
    )
