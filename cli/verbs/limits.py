"""`llmctl limit`: limits on how many agents run at a time for a tool, model, tenant or queue."""

from typing import Annotated

import typer

from cli.input.completers import limit_scopes
from cli.registry import family
from cli.show.output import Format, FormatOption, show_rows, write

app = family("Limit how many agents run at a time for a tool, model, tenant or queue.")

ScopeArgument = Annotated[
    str,
    typer.Argument(
        metavar="SCOPE",
        help="tool:NAME, model:NAME, tenant:NAME or queue:NAME.",
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
    from sql.rows import LimitRow

    with opened() as db:
        rows = db.call(calls.list_limits())
    show_rows(LimitRow, rows, LIMITS, output, empty="no limits")


@app.command("add", hidden=True)
@app.command("set")
def put(
    scope: ScopeArgument,
    most: Annotated[
        int,
        typer.Argument(metavar="N", min=0, max=2**31 - 1, help="Run at most N agents; 0 stops the scope."),
    ],
) -> None:
    """Set a limit at once. Agents that run above a lowered limit go on.

    A dispatcher that starts or reloads config.yaml sets the limits that the file names.
    """
    from cli.database.connection import opened
    from sql import calls

    with opened() as db:
        db.call(calls.set_limit(scope, most))
    write(f"limit {scope} is {most}")


@app.command("rm")
def remove(scope: ScopeArgument) -> None:
    """Remove a limit. A dispatcher that starts brings it back if config.yaml names it."""
    from cli.database.connection import opened
    from sql import calls

    with opened() as db:
        db.call(calls.remove_limit(scope))
    write(f"limit {scope} removed")
