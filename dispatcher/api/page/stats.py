"""`/ui/stats`: what was done and what it took."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

from litestar import get
from litestar.response import Template
from markupsafe import Markup

from dispatcher.api.caller import Caller
from dispatcher.api.page.charts import Piece, bar, columns
from dispatcher.durations import seconds_of
from dispatcher.errors import UsageError
from sql import calls
from sql.rows import StatsRow

GROUPINGS = ("day", "group", "tool", "model", "tenant")
PERIODS = {"": "ever", "1d": "today", "7d": "7 days", "30d": "30 days", "90d": "90 days"}
USUAL_PERIOD = "30d"


@get("/stats")
async def stats_page(caller: Caller, by: str = "day", since: str = USUAL_PERIOD) -> Template:
    """Show the runs that ended in the last days: ``since`` is a length of time such as 7d, or empty for all."""
    rows = await caller.call(calls.stats(by, _begin(since)))
    context = {
        "by": by,
        "since": since,
        "groupings": GROUPINGS,
        "periods": PERIODS if since in PERIODS else {**PERIODS, since: since},
        "rows": list(reversed(rows)) if by == "day" else sorted(rows, key=lambda row: -row.runs),
        "total": _total(rows),
        "measures": MEASURES,
        "charts": [columns(title, _range(rows), [pieces(row) for row in rows]) for title, pieces in MEASURES]
        if by == "day"
        else [],
        "bars": {} if by == "day" else _bars(rows),
        "first": rows[0].key if rows else None,
        "last": rows[-1].key if rows else None,
    }
    return Template("stats.html", context=context)
