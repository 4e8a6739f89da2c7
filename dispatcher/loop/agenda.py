"""What the next round trips to the database have to do: report how runs began and ended, and claim new ones."""

import math

import msgspec
import trio
from msgspec.structs import replace

from dispatcher.host.auto_reset_event import AutoResetEvent
from sql.rows.dispatchers import Report, Started

LARGEST_BATCH = 256 * 2**10
"""Bytes of reports in one statement, and of agents' answers sent before them; a larger report goes alone."""
START_DELAY = 0.25
"""Seconds that the news of a start may wait to travel with others: only people wait for it."""


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
        self._started: dict[str, tuple[Started, float]] = {}
        self._ended: list[Report] = []

    def started(self, started: Started) -> None:
        self._started[started.run_id] = (started, trio.current_time())
        self.news.set()

    def ended(self, report: Report) -> None:
        """Add a report; the start of the same run need not be reported any more."""
        self._started.pop(report.run_id, None)
        self._ended.append(report)
        self.news.set()

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
        return bool(self._ended)

    def take_reports(self) -> list[Report]:
        """Take off the first reports that one statement can carry, also over a slow line."""
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
        return min((at + START_DELAY for _, at in self._started.values()), default=math.inf)

    def take_starts(self) -> list[Started]:
        """Take off all starts, with their age as of now."""
        started, self._started = self._started, {}
        now = trio.current_time()
        return [replace(start, ago_s=start.ago_s + now - at) for start, at in started.values()]
