"""`llmctl workflow`: tasks that have a name together, as a list, as a graph, and all at once."""

from collections.abc import Sequence
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated

import typer

from cli.input.completers import live
from cli.input.confirmation import YesOption
from cli.input.selectors import Selector
from cli.registry import family
from cli.show.output import (
    Format,
    FormatOption,
    TextOrJson,
    TextOrJsonOption,
    WriteFormat,
    WriteFormatOption,
    say,
    show_rows,
    show_table,
    to_json,
    write,
)
from cli.verbs.tasks.acting import Action, ActOptions, DryRunOption, act
from dispatcher.errors import ExitCode, UsageError

if TYPE_CHECKING:
    from dispatcher.graphs.folding import Folded
    from sql.rows.workflows import Graph

app = family("See and change tasks that belong together: `llmctl submit --workflow NAME`.")

NameArgument = Annotated[
    str,
    typer.Argument(metavar="NAME", help="Name of the workflow.", autocompletion=live("workflow")),
]
TenantOption = Annotated[
    str | None,
    typer.Option(metavar="NAME", help="Mean the workflow of this tenant.", autocompletion=live("tenant")),
]


class GraphFormat(StrEnum):
    TEXT = "text"
    SVG = "svg"
    DOT = "dot"
    MERMAID = "mermaid"
    JSON = "json"


@app.command("list", hidden=True)
@app.command("ls")
def list_workflows(
    tenant: TenantOption = None,
    limit: Annotated[
        int, typer.Option("-n", "--limit", metavar="N", min=1, max=1000, help="List at most N workflows.")
    ] = 50,
    output: FormatOption = Format.TABLE,
) -> None:
    """List workflows with their states, cost and limits.

    Those in which something was submitted last come first.
    """
    from cli.database.connection import opened
    from cli.show.workflows.tables import WORKFLOWS
    from sql import workflow_calls
    from sql.rows.workflows import WorkflowRow

    with opened() as db:
        rows = db.call(workflow_calls.list_workflows(tenant, limit))
    show_rows(WorkflowRow, rows, WORKFLOWS, output, empty="no workflows")


@app.command()
def show(name: NameArgument, tenant: TenantOption = None, output: TextOrJsonOption = TextOrJson.TEXT) -> None:
    """List the tasks of a workflow in their order.

    Each stands below those that it comes after. What keeps others from starting for ever comes first.
    """
    from cli.database.connection import opened
    from cli.show.workflows.tables import Steps, columns, trouble
    from dispatcher.graphs.order import through_trees, topological
    from sql import workflow_calls

    with opened() as db:
        graph = db.call(workflow_calls.show_workflow(name, tenant))
    if output is TextOrJson.JSON:
        write(to_json(graph))
        return
    for line in trouble(graph):
        say(line)
    show_table(topological(graph.nodes, through_trees(graph.edges)), columns(Steps(graph)))
    _say_cut(graph)


@app.command()
def graph(
    name: Annotated[
        str,
        typer.Argument(
            metavar="NAME|TASK",
            help="Name of a workflow, or the number of a task: then all that is connected with it.",
            autocompletion=live("workflow"),
        ),
    ],
    tenant: TenantOption = None,
    every: Annotated[bool, typer.Option("--all", help="Draw each task, also where many are alike.")] = False,
    output: Annotated[
        GraphFormat, typer.Option("-o", "--format", help="Print in this format.")
    ] = GraphFormat.TEXT,
) -> None:
    """Draw which tasks come after which.

    A task has a line, with a rail down to those that come after it. Of four or more tasks that are alike, in
    one state and at one place, a large graph shows the first.
    """
    from cli.database.connection import opened
    from dispatcher.graphs.folding import folded, whole
    from sql import workflow_calls

    with opened() as db:
        if name.isascii() and name.isdecimal():
            told = db.call(workflow_calls.show_graph(name))
        else:
            told = db.call(workflow_calls.show_workflow(name, tenant))
    if output is GraphFormat.JSON:
        write(to_json(told))
    else:
        _draw(whole(told) if every else folded(told), output)
    _say_cut(told)


@app.command()
def cancel(
    name: NameArgument,
    tenant: TenantOption = None,
    dry_run: DryRunOption = False,
    yes: YesOption = False,
    output: WriteFormatOption = WriteFormat.TEXT,
) -> ExitCode:
    """Cancel the tasks of a workflow that have not ended.

    Running ones are asked to stop. You are asked before.
    """
    selector = Selector(workflow=name, tenant=_tenant_of(name, tenant), states=("waiting", "active"))
    return act(Action.CANCEL, selector, ActOptions(yes, dry_run, output))


@app.command()
def retry(
    name: NameArgument,
    tenant: TenantOption = None,
    dry_run: DryRunOption = False,
    yes: YesOption = False,
    output: WriteFormatOption = WriteFormat.TEXT,
) -> ExitCode:
    """Queue what failed or was canceled again.

    You are asked before. Those that were given up because of them are queued again, too. What was skipped
    stays skipped otherwise.
    """
    from cli.database.connection import opened
    from sql import workflow_calls

    with opened() as db:
        told = db.call(workflow_calls.show_workflow(name, tenant, workflow_calls.MOST_NODES))
    if told.is_cut:
        raise UsageError(
            f"workflow {name!r} has more than {workflow_calls.MOST_NODES:,} tasks",
            hint=f"`llmctl retry --workflow {name} --failed`",
        )
    numbers = [node.number for node in told.nodes if node.is_to_retry]
    if not numbers:
        say("there is no task to retry")
        return ExitCode.OK
    # Named by ranges: those that are named one by one are changed without a question.
    ranges = [f"{number}-{number}" for number in numbers]
    return act(Action.RETRY, Selector(tasks=ranges), ActOptions(yes, dry_run, output))


def _tenant_of(name: str, tenant: str | None) -> str:
    """Return the tenant whose workflow is meant. Raises NotFoundError, and UsageError where several have one."""
    from cli.database.connection import opened
    from sql import workflow_calls

    with opened() as db:
        return db.call(workflow_calls.show_workflow(name, tenant, 1)).tenant_id


def _draw(told: "Folded", output: GraphFormat) -> None:
    from dispatcher.graphs import languages
    from dispatcher.graphs.svg import svg

    match output:
        case GraphFormat.SVG:
            write(svg(told).rstrip())
        case GraphFormat.DOT:
            write(languages.dot(told))
        case GraphFormat.MERMAID:
            write(languages.mermaid(told))
        case _:
            _draw_lines(told)


def _draw_lines(told: "Folded") -> None:
    import sys

    from cli.show.workflows.graph import drawn

    ascii_only = (sys.stdout.encoding or "").lower().replace("-", "") not in ("utf8", "utf16")
    if not sys.stdout.isatty():
        write("\n".join(line.plain for line in drawn(told, ascii_only=ascii_only)))
        return
    from rich.console import Console

    console = Console(highlight=False)
    for line in drawn(told, console.width, ascii_only=ascii_only):
        console.print(line, soft_wrap=True, markup=False)


def _say_cut(told: "Graph") -> None:
    if told.is_cut:
        inside: Sequence[object] = [node for node in told.nodes if not node.is_outside]
        say(f"there are more tasks than these {len(inside):,}")
