"""`/ui/stats`: what was done and what it took."""

from collections.abc import Callable, Sequence
from datetime import UTC, date, datetime, timedelta
from typing import NamedTuple
from urllib.parse import urlencode

from litestar import get
from litestar.response import Template
from markupsafe import Markup

from dispatcher.api.caller import Caller
from dispatcher.api.page.charts import Piece, bar, columns
from dispatcher.api.page.frame.forms import seconds
from dispatcher.api.page.tasks import LIST
from sql import calls
from sql.rows.sums import StatsRow

GROUPINGS = ("day", "group", "tool", "model", "tenant", "queue")
"""Besides the labels that tasks have."""
PERIODS = {"1d": "today", "7d": "7 days", "30d": "30 days", "90d": "90 days", "": "ever"}
USUAL_PERIOD = "30d"
MOST_DAYS = 366
"""A chart has a bar for each day; of a longer time it shows the last year."""
MOST_BARS = 12
"""Bars of one chart, of the keys with most runs; the table has all."""


class Measure(NamedTuple):
    """What a chart shows of each row. ``style`` and ``title`` of a part are in its legend."""

    title: str
    parts: Sequence[tuple[str, str, Callable[[StatsRow], float]]]

    def pieces(self, row: StatsRow) -> list[Piece]:
        return [Piece(size(row), style) for style, _, size in self.parts]

    def total(self, row: StatsRow) -> float:
        return sum(piece.size for piece in self.pieces(row))


MEASURES = {
    "runs": Measure(
        "Runs",
        (
            ("succeeded", "succeeded", lambda row: row.succeeded),
            ("failed", "failed", lambda row: row.failed),
            ("rate_limited", "at a limit", lambda row: row.limited),
            ("canceled", "canceled or interrupted", lambda row: row.canceled + row.interrupted),
        ),
    ),
    "cost": Measure(
        "Cost",
        (
            ("first", "paid", lambda row: float(row.cost_usd or 0)),
            ("second", "list price of what subscriptions covered", lambda row: float(row.notional_usd or 0)),
        ),
    ),
    "tokens": Measure(
        "Tokens",
        (
            ("first", "output", lambda row: row.output_tokens or 0),
            ("second", "input", lambda row: (row.input_tokens or 0) - (row.cached_input_tokens or 0)),
            ("third", "input from a cache", lambda row: row.cached_input_tokens or 0),
        ),
    ),
}


@get("/stats")
async def stats_page(caller: Caller, by: str = "day", since: str = USUAL_PERIOD) -> Template:
    """Show the runs that ended since the beginning of a day (UTC): 7d is today and the six days before."""
    begin = _begin(since)
    rows = await caller.call(calls.stats(by, begin))
    labels = [f"label:{one.value}" for one in await caller.call(calls.known_values("label_key"))]
    most = {name: max((measure.total(row) for row in rows), default=0) for name, measure in MEASURES.items()}
    measures = {name: measure for name, measure in MEASURES.items() if most[name]}
    days = _days(rows, begin) if by == "day" else []
    context = {
        "by": by,
        "since": since,
        "groupings": dict.fromkeys([*GROUPINGS, *labels, by]),
        "tasks_of": lambda row: _tasks_of(by, row.key),
        "periods": PERIODS if since in PERIODS else {**PERIODS, since: since},
        "measures": measures,
        "most": most,
        "rows": rows[::-1] if by == "day" else sorted(rows, key=lambda row: -row.runs),
        "days": days,
        "charts": {name: _chart(measure, rows, days) for name, measure in measures.items()} if days else {},
        "most_bars": MOST_BARS,
        "bar_of": lambda name, row: bar(
            f"{measures[name].title} of {row.key}", measures[name].pieces(row), most[name]
        ),
    }
    return Template("stats.html", context=context)


def _tasks_of(by: str, key: str | None) -> str | None:
    """Return the address of the tasks whose runs a row adds up; None where no filter selects them."""
    kind, _, label = by.partition(":")
    if key is None or by == "day" or "=" in label:
        return None
    return f"{LIST}?{urlencode({kind: f'{label}={key}' if label else key})}"


def _begin(since: str) -> datetime | None:
    if not since:
        return None
    today = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    return today - timedelta(seconds=max(0, seconds(since) - 86_400))


def _days(rows: Sequence[StatsRow], begin: datetime | None) -> Sequence[date]:
    """Return the days of a chart: up to today, also those on which nothing ended."""
    if not rows:
        return []
    last = datetime.now(UTC).date()
    first = begin.date() if begin else date.fromisoformat(min(row.key or "" for row in rows))
    length = min(MOST_DAYS, (last - first).days + 1)
    return [last - timedelta(days=before) for before in reversed(range(length))]


def _chart(measure: Measure, rows: Sequence[StatsRow], days: Sequence[date]) -> Markup:
    by_day = {row.key: measure.pieces(row) for row in rows}
    return columns(
        f"{measure.title} a day",
        f"From {days[0]} to {days[-1]}; the table below has the numbers.",
        [by_day.get(str(day), []) for day in days],
    )


ROUTES = (stats_page,)
