"""The conversation with the database about runs: how they began and ended, and which ones come next.

One round tells every end that is known and, in the same transaction, takes what fits into the slots that are free then.
What happens while a round is under way makes the next one: single ends when there is little to do, batches under load.
"""

import contextlib
import math
from collections.abc import AsyncIterator, Sequence
from typing import Protocol

import msgspec
import psycopg
import structlog
import trio
from msgspec.structs import replace

from dispatcher.database.store import UNSTORABLE, Store
from sql import dispatcher_calls
from sql.dispatcher_rows import ClaimedRun, OpenRun, Report, Started, UnreadableRun

log = structlog.get_logger()

CLAIM_BATCH = 16
LARGEST_BATCH = 256 * 2**10
"""Bytes of reports in one statement, and of the answers that were sent before them; a larger report goes alone."""
START_DELAY = 0.25
"""Seconds that the news of a start may wait for company: only people wait for it."""


class Claimed(Protocol):
    def __call__(self, claimed: ClaimedRun | UnreadableRun, *, cancel: bool) -> None: ...


class Delivered(Protocol):
    def __call__(self, reports: Sequence[Report], *, ours: bool) -> None: ...


class Exchange:
    """Tells ends at once, starts within START_DELAY, and claims inside of :meth:`claiming`.

    ``on_claimed`` hears of each run that is ours now, more than once if an answer was lost; ``cancel``: somebody asked
    to stop it already. ``on_delivered`` hears which reports the database has taken, which is when their slots are free
    and their files are not needed any more; and with ``ours`` false, which it refused for good.
    """

    def __init__(self, store: Store, on_claimed: Claimed, on_delivered: Delivered) -> None:
        self._store = store
        self._on_claimed = on_claimed
        self._on_delivered = on_delivered
        self._started: dict[str, tuple[Started, float]] = {}
        self._ended: list[Report] = []
        self._news = trio.Event()
        self._claiming = False
        self._claim_at = math.inf
        self._claim_answered = trio.Event()
        self._claim_answered.set()
        self._an_answer_was_lost = False
        self._delivering = False
        self.round_over = trio.Event()
        """Set at the end of the round that is under way, or else of the next one; then there is another event."""

    def started(self, started: Started) -> None:
        self._started[started.run_id] = (started, trio.current_time())
        self._news.set()

    def ended(self, report: Report) -> None:
        """Take a report; the start of the same run need not be told any more."""
        self._started.pop(report.run_id, None)
        self._ended.append(report)
        self._news.set()

    def ring(self) -> None:
        """Claim as soon as possible: something changed."""
        self._claim_at = -math.inf
        self._news.set()

    def due_in(self, seconds: float | None) -> None:
        """Claim in so many seconds at the latest; None: time alone makes no claim succeed.

        For who asks the database later than the last claim did: somebody may have set its clock meanwhile.
        """
        at = math.inf if seconds is None else trio.current_time() + seconds
        if at < self._claim_at:
            self._claim_at = at
            self._news.set()

    @contextlib.asynccontextmanager
    async def claiming(self) -> AsyncIterator[None]:
        """Claim runs inside, at each ring and each deadline; at the end no claim is on its way any more."""
        self._claiming = True
        self._news.set()
        try:
            yield
        finally:
            self._claiming = False
            with trio.CancelScope(shield=True):
                await self._claim_answered.wait()

    async def claim_answered(self) -> None:
        """Return when no claim is on its way: what it gave us is known by then."""
        await self._claim_answered.wait()

    async def delivered(self) -> None:
        """Return when the database knows of every end that was reported here."""
        while self._ended or self._delivering:
            await self.round_over.wait()

    async def run(self) -> None:
        while True:
            with trio.move_on_at(min(self._next_claim, self._next_starts)):
                await self._news.wait()
            self._news = trio.Event()
            if self._ended or self._next_claim <= trio.current_time():
                await self._round()
            if self._next_starts <= trio.current_time():
                await self._tell_starts()

    @property
    def _next_claim(self) -> float:
        return self._claim_at if self._claiming else math.inf

    @property
    def _next_starts(self) -> float:
        return min((at + START_DELAY for _, at in self._started.values()), default=math.inf)

    async def _round(self) -> None:
        reports, self._ended = _batch(self._ended)
        self._delivering = bool(reports)
        try:
            verdicts = await self._store.patiently(
                "reporting and claiming runs", lambda: self._report_and_claim(reports)
            )
        except UNSTORABLE:
            if not reports:
                raise
            await self._deliver_singly(reports)
        else:
            self._hear_verdicts(reports, verdicts)
        self._delivering = False
        if self._ended:
            self._news.set()
        self.round_over.set()
        self.round_over = trio.Event()

    async def _report_and_claim(self, reports: Sequence[Report]) -> dict[str, str]:
        """Answers the verdicts on ``reports``.

        When the answer to an earlier claim was lost, what that one gave us is taken, too. It is asked for after the new
        claim, which had to wait for the old one to end.
        """
        if not self._claiming:
            return await self._store.call(dispatcher_calls.finish_runs(self._store.dispatcher_id, reports))
        self._claim_at = math.inf
        self._claim_answered = trio.Event()
        lost, self._an_answer_was_lost = self._an_answer_was_lost, True
        try:
            answer = await self._store.report_and_claim(reports, CLAIM_BATCH)
            verdicts = answer.verdicts
            if answer.shared:
                answer = await self._store.report_and_claim((), CLAIM_BATCH)
            for run in answer.runs:
                self._on_claimed(run, cancel=False)
            for known in await self._store.open_runs() if lost else ():
                if isinstance(known, OpenRun):
                    self._on_claimed(known.run, cancel=known.cancel_requested)
                else:
                    self._on_claimed(known, cancel=False)
        finally:
            self._claim_answered.set()
        self._an_answer_was_lost = False
        if len(answer.runs) == CLAIM_BATCH:
            self.ring()
        else:
            self.due_in(answer.next_deadline_s)
        return verdicts

    async def _deliver_singly(self, reports: Sequence[Report]) -> None:
        """Deliver reports of which the database cannot take one: that must not hold up the others."""
        for report in reports:
            try:
                verdicts = await self._deliver(report)
            except UNSTORABLE as error:
                log.exception("a result could not be stored", run=report.run_id)
                verdicts = await self._deliver(_without_details(report, error))
            self._hear_verdicts([report], verdicts)
        self.ring()

    async def _deliver(self, report: Report) -> dict[str, str]:
        call = dispatcher_calls.finish_runs(self._store.dispatcher_id, [report])
        return await self._store.patiently("reporting a run", call)

    def _hear_verdicts(self, reports: Sequence[Report], verdicts: dict[str, str]) -> None:
        stale = [report for report in reports if verdicts.get(report.run_id) == "stale"]
        for report in stale:
            log.error("result refused: the run is not ours any more", run=report.run_id)
        self._on_delivered(stale, ours=False)
        self._on_delivered([report for report in reports if report not in stale], ours=True)

    async def _tell_starts(self) -> None:
        """Best effort: a start that is never told is known from the end of its run."""
        started, self._started = self._started, {}
        now = trio.current_time()
        aged = [replace(start, ago_s=start.ago_s + now - at) for start, at in started.values()]
        try:
            await self._store.call(dispatcher_calls.start_runs(self._store.dispatcher_id, aged))
        except psycopg.DatabaseError as error:
            log.warning("starts not told", runs=len(aged), error=str(error).strip())


def _batch(reports: list[Report]) -> tuple[list[Report], list[Report]]:
    """Take the first reports that one statement brings, also over a slow line; returns them and the others."""
    size = 0
    for count, report in enumerate(reports):
        size += len(msgspec.json.encode(report)) + (report.answer_bytes or 0)
        if count and size > LARGEST_BATCH:
            return reports[:count], reports[count:]
    return reports, []


def _without_details(report: Report, error: Exception) -> Report:
    """Reduce a report to what any database takes."""
    said = error.diag.message_primary if isinstance(error, psycopg.Error) else None
    message = f"the result could not be stored: {said or type(error).__name__}"
    return Report(
        run_id=report.run_id, error_class="agent_error", error_message=message, exit_code=report.exit_code
    )
