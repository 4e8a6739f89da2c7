"""`llmctl limit`: limits on how many agents run at a time for a tool, model, tenant, queue or workflow."""

from typing import TYPE_CHECKING, Annotated

import typer

from cli.input.completers import limit_scopes
from cli.registry import family
from cli.show.output import (
    Format,
    FormatOption,
    WriteFormat,
    WriteFormatOption,
    show_rows,
    show_written,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sql.rows.people import LimitRow

app = family("Limit how many agents run at a time for a tool, model, tenant, queue or workflow.")

ScopeArgument = Annotated[
    str,
    typer.Argument(
        metavar="SCOPE",
        help="tool:NAME, model:NAME, tenant:NAME, queue:NAME or workflow:NAME.",
        autocompletion=limit_scopes,
    ),
]


@app.command("ls", hidden=True)
@app.command("list")
def list_limits(output: FormatOption = Format.TABLE) -> None:
    """List the limits and how much of each is in use."""
    from cli.database.connection import opened
    from cli.show.group_tables import LIMITS
    from sql import calls
    from sql.rows.people import LimitRow

    with opened() as db:
        rows = db.call(calls.list_limits())
    show_rows(LimitRow, rows, LIMITS, output, empty="no limits")


@app.command("add", hidden=True)
@app.command("set")
def put(
    scope: ScopeArgument,
    most: Annotated[
        int | None,
        typer.Argument(metavar="[N]", min=0, max=2**31 - 1, help="Run at most N agents; 0 stops the scope."),
    ] = None,
    budget: Annotated[
        float | None,
        typer.Option(
            min=0,
            max=1e9,
            metavar="USD",
            help="Start nothing more of a workflow when its runs cost this much together; 0 for no budget.",
        ),
    ] = None,
    token_budget: Annotated[
        int | None,
        typer.Option(
            min=0,
            max=10**15,
            metavar="TOKENS",
            help="The same for the input and output tokens of its runs; 0 for no budget.",
        ),
    ] = None,
    output: WriteFormatOption = WriteFormat.TEXT,
) -> None:
    """Set a limit at once. Agents that run above a lowered limit go on.

    What you leave out stays as it is. A dispatcher that starts or reloads config.yaml sets the limits that the file
    names.
    """
    from cli.database.connection import opened
    from cli.show.group_tables import budget_of
    from sql import calls

    with opened() as db:
        db.call(calls.set_limit(scope, most, budget_usd=budget, token_budget=token_budget))
        rows = [row for row in db.call(calls.list_limits()) if row.scope == scope]
    words = [
        part
        for row in rows
        for part in (None if row.max_concurrent is None else str(row.max_concurrent), budget_of(row))
        if part
    ]
    _write(rows, f"limit {scope} is {', spent '.join(words)}", output)


@app.command("rm")
def remove(scope: ScopeArgument, output: WriteFormatOption = WriteFormat.TEXT) -> None:
    """Remove a limit. A dispatcher that starts brings it back if config.yaml names it."""
    from cli.database.connection import opened
    from sql import calls

    with opened() as db:
        rows = [row for row in db.call(calls.list_limits()) if row.scope == scope]
        db.call(calls.remove_limit(scope))
    _write(rows, f"limit {scope} removed", output)


def _write(rows: "Sequence[LimitRow]", words: str, output: WriteFormat) -> None:
    show_written(output, words, [row.scope for row in rows], rows)
