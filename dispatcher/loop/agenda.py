"""What the next round trips to the database have to do: report how runs began and ended, and claim new ones."""

import math
import random
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field

import msgspec
import trio
from msgspec.structs import replace

from dispatcher.backoff import Backoff
from dispatcher.host.auto_reset_event import AutoResetEvent
from sql.rows.dispatchers import Report, Started

LARGEST_BATCH = 256 * 2**10
"""Bytes of reports in one statement, and of agents' answers sent before them; a larger report goes alone."""
START_DELAY = 0.25
"""Seconds that the news of a start may wait to travel with others: only people wait for it."""
START_RETRY = 5.0
"""Seconds until a start is reported again whose task somebody held."""


@dataclass
class _Held:
    """A report whose task somebody's open transaction holds; ``due`` is when it is sent again, inf while it is sent."""

    report: Report
    since: float
    due: float = math.inf
    pauses: Backoff = field(default_factory=lambda: Backoff(0.05, 1.0))


class Agenda:
    """Everybody with news writes here, and :class:`dispatcher.loop.refill.Refill` works it off.

    ``news`` is set whenever something is added. ``claim_returned`` is set while no claim is on its way, so everything
    that the last one returned is known then.
    """

    def __init__(self) -> None:
        self.news = AutoResetEvent()
        self.claim_at = math.inf
        """When to claim, on trio's clock."""
        self.claim_returned = trio.Event()
        self.claim_returned.set()
        self._started: dict[str, tuple[Started, float, float]] = {}
        self._ended: list[Report] = []
        self._held: dict[str, _Held] = {}

    def started(self, started: Started, within: float = START_DELAY) -> None:
        now = trio.current_time()
        self._started[started.run_id] = (started, now, now + within)
        self.news.set()

    def ended(self, report: Report) -> None:
        """Add a report; the start of the same run need not be reported any more."""
        self._started.pop(report.run_id, None)
        self._ended.append(report)
        self.news.set()

    def held(self, reports: Sequence[Report]) -> None:
        """Take reports back whose tasks somebody holds: they are sent again after growing pauses of at most 1 s.

        The pauses are random, since it may be another dispatcher that holds them for a report of its own.
        """
        now = trio.current_time()
        for report in reports:
            held = self._held.setdefault(report.run_id, _Held(report, now))
            held.report, held.due = report, now + held.pauses.next() * random.uniform(0.5, 1.0)  # noqa: S311

    def taken(self, reports: Sequence[Report]) -> None:
        """Forget that reports were held: the database has taken them."""
        for report in reports if self._held else ():
            self._held.pop(report.run_id, None)

    def held_for(self, seconds: float) -> Collection[str]:
        """Return the runs whose reports have been held for so long."""
        until = trio.current_time() - seconds
        return [run_id for run_id, held in self._held.items() if held.since <= until]

    def claim_now(self) -> None:
        """Claim as soon as possible: something changed."""
        self.claim_at = -math.inf
        self.news.set()

    def claim_within(self, seconds: float | None) -> None:
        """Claim in so many seconds at the latest; None: no claim succeeds only because time passes.

        Callers have asked the database later than the last claim did: somebody may have set its clock meanwhile.
        """
        at = math.inf if seconds is None else trio.current_time() + seconds
        if at < self.claim_at:
            self.claim_at = at
            self.news.set()

    @property
    def has_reports(self) -> bool:
        return bool(self._ended or self._held)

    @property
    def reports_due_at(self) -> float:
        """When a report can be sent, on trio's clock: at once, unless all of them are held."""
        return -math.inf if self._ended else min((held.due for held in self._held.values()), default=math.inf)

    def take_reports(self) -> list[Report]:
        """Take off the first reports that one statement can carry, also over a slow line."""
        now = trio.current_time() if self._held else math.inf
        for held in self._held.values():
            if held.due <= now:
                held.due = math.inf
                self._ended.append(held.report)
        size = 0
        for count, report in enumerate(self._ended):
            size += len(msgspec.json.encode(report)) + (report.answer_bytes or 0)
            if count and size > LARGEST_BATCH:
                taken, self._ended = self._ended[:count], self._ended[count:]
                return taken
        taken, self._ended = self._ended, []
        return taken

    @property
    def starts_due_at(self) -> float:
        """When the starts have waited long enough, on trio's clock."""
        return min((due for _, _, due in self._started.values()), default=math.inf)

    def take_starts(self) -> list[Started]:
        """Take off all starts, with their age as of now."""
        started, self._started = self._started, {}
        now = trio.current_time()
        return [replace(start, ago_s=start.ago_s + now - at) for start, at, _ in started.values()]
