"""`llmctl stats`: sums over the runs that have ended."""

from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Annotated

import typer

from cli.input.times import duration_option
from cli.registry import family
from cli.show.output import Format, FormatOption, show_rows

app = family()


class By(StrEnum):
    GROUP = "group"
    TOOL = "tool"
    MODEL = "model"
    TENANT = "tenant"
    DAY = "day"


@app.command()
def stats(
    by: Annotated[By, typer.Option(help="Sum up by this; days are in UTC.")] = By.GROUP,
    since: Annotated[int | None, duration_option("Count only runs of the last 24h, 7d, …")] = None,
    output: FormatOption = Format.TABLE,
) -> None:
    """Sum up the runs that have ended: how they ended, their tokens and costs.

    COST is what API keys paid. NOTIONAL is the list price of what subscriptions covered. A cell is empty where no tool
    reports the number.
    """
    from cli.database.connection import opened
    from cli.show.group_tables import stats_by
    from sql import calls
    from sql.rows import StatsRow

    start = None if since is None else datetime.now(UTC) - timedelta(seconds=since)
    with opened() as db:
        rows = db.call(calls.stats(by.value, start))
    show_rows(StatsRow, rows, stats_by(by.value), output, empty="no runs have ended")
