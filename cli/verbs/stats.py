"""`llmctl stats`: sums over the runs that have ended."""

from datetime import datetime
from typing import Annotated

import typer

from cli.input.completers import summed_by
from cli.input.selectors import Selector, selecting
from cli.input.times import parse_past
from cli.registry import family
from cli.show.output import Format, FormatOption, show_rows, show_table

app = family()


@app.command()
@selecting(without={"since", "until"})
def stats(
    selector: Selector,
    by: Annotated[
        str,
        typer.Option(
            metavar="WHAT",
            help="By group (unless given), tool, model, tenant, queue, workflow, day (in UTC) or label:KEY.",
            show_default=False,
            autocompletion=summed_by("group", "tool", "model", "tenant", "queue", "workflow", "day"),
        ),
    ] = "group",
    since: Annotated[
        datetime | None,
        typer.Option(
            parser=parse_past,
            metavar="WHEN",
            help="Count only runs that ended since 24h, 7d, … ago or a time.",
        ),
    ] = None,
    output: FormatOption = Format.TABLE,
) -> None:
    """Sum up the runs that have ended: how they ended, their tokens and costs.

    COST is what API keys paid. NOTIONAL is the list price of what subscriptions covered. "$12.40 + 3 unknown" means
    that 3 more runs cost something which nobody knows, mostly since their agents were stopped. Of tools that report
    no cost at all nothing is added up. OK, FAILED, LIMITED, CANCELED and INTERRUPTED are all RUNS together.
    """
    from cli.database.connection import opened
    from cli.show.group_tables import cost_remark, stats_by, total_of
    from cli.show.output import has_screen, say
    from sql import calls
    from sql.rows.sums import StatsRow

    with opened() as db:
        rows = db.call(calls.stats(by, since, None if selector.is_empty else selector.selection()))
    if output is Format.TABLE and len(rows) > 1 and has_screen():
        show_table([*rows, total_of(rows)], stats_by(by))
    else:
        show_rows(StatsRow, rows, stats_by(by), output, empty="no runs have ended")
    if output is Format.TABLE and (remark := cost_remark(rows)):
        say(remark)
