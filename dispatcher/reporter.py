"""Telling the database how runs began and ended: in batches, and again until it has heard."""

from collections.abc import Sequence
from typing import Protocol

import psycopg
import structlog
import trio
from msgspec.structs import replace

from dispatcher.store import Report, Started, Store

log = structlog.get_logger()


class Delivered(Protocol):
    def __call__(self, reports: Sequence[Report], *, ours: bool) -> None: ...


START_DELAY = 0.25
"""Seconds that the news of a start may wait for company: only people wait for it."""


class Reporter:
    """Collects what happened and delivers it in the order: ends at once, starts within START_DELAY.

    What comes while a batch is on its way makes the next one. ``on_delivered`` hears which reports the database
    has taken, which is when their slots are free and their files are not needed any more; and with ``ours`` false,
    which it refused for good.
    """

    def __init__(self, store: Store, on_delivered: Delivered) -> None:
        self._store = store
        self._on_delivered = on_delivered
        self._started: dict[str, tuple[Started, float]] = {}
        self._ended: list[Report] = []
        self._news = trio.Event()
        self._an_end = trio.Event()
        self._delivering = False
        self._round_over = trio.Event()

    def started(self, started: Started) -> None:
        self._started[started.run_id] = (started, trio.current_time())
        self._news.set()

    def ended(self, report: Report) -> None:
        """Take a report; the start of the same run need not be told any more."""
        self._started.pop(report.run_id, None)
        self._ended.append(report)
        self._news.set()
        self._an_end.set()

    async def delivered(self) -> None:
        """Return when the database knows of every end that was reported here."""
        while self._ended or self._delivering:
            self._round_over = trio.Event()
            await self._round_over.wait()

    async def run(self) -> None:
        while True:
            await self._news.wait()
            with trio.move_on_after(START_DELAY):
                await self._an_end.wait()
            self._news, self._an_end = trio.Event(), trio.Event()
            ended, self._ended = self._ended, []
            started, self._started = self._started, {}
            self._delivering = bool(ended)
            if ended:
                await self._deliver(ended)
            self._delivering = False
            self._round_over.set()
            if started:
                await self._tell_starts(list(started.values()))

    async def _deliver(self, reports: list[Report]) -> None:
        try:
            verdicts = await self._store.patiently(
                "reporting finished runs", lambda: self._store.finish_runs(reports)
            )
        except psycopg.DatabaseError as error:
            # One report that the database cannot take must not hold up the others.
            if len(reports) == 1:
                log.exception("a result could not be stored", run=reports[0].run_id)
                reports = [_without_details(reports[0], error)]
            for report in reports:
                await self._deliver([report])
            return
        stale = [report for report in reports if verdicts[report.run_id] == "stale"]
        for report in stale:
            log.error("result refused: the run is not ours any more", run=report.run_id)
        self._on_delivered(stale, ours=False)
        self._on_delivered([report for report in reports if report not in stale], ours=True)

    async def _tell_starts(self, started: list[tuple[Started, float]]) -> None:
        """Best effort: a start that is never told is known from the end of its run."""
        now = trio.current_time()
        aged = [replace(start, ago_s=now - at) for start, at in started]
        try:
            await self._store.start_runs(aged)
        except psycopg.DatabaseError as error:
            log.warning("starts not told", runs=len(aged), error=str(error).strip())


def _without_details(report: Report, error: psycopg.Error) -> Report:
    """Reduce a report to what any database takes."""
    message = f"the result could not be stored: {error.diag.message_primary or type(error).__name__}"
    return Report(
        run_id=report.run_id, error_class="agent_error", error_message=message, exit_code=report.exit_code
    )
