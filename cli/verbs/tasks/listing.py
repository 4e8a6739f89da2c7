"""`llmctl ls`, `show` and `runs`: look at tasks."""

from enum import StrEnum
from typing import TYPE_CHECKING, Annotated

import typer

from cli.registry import family
from cli.show.output import (
    Format,
    FormatOption,
    TextOrJson,
    TextOrJsonOption,
    show_rows,
    to_json,
    write,
)

if TYPE_CHECKING:
    from sql.rows import State, StateWord

app = family()

TaskArgument = Annotated[
    str, typer.Argument(metavar="TASK", help="Number of the task, or the beginning of its uuid.")
]
TasksArgument = Annotated[
    list[str], typer.Argument(metavar="TASK…", help="Numbers of the tasks, or the beginnings of their uuids.")
]


class Status(StrEnum):
    QUEUED = "queued"
    LEASED = "leased"
    RUNNING = "running"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    CANCELED = "canceled"


_STATES: dict[Status, "State | StateWord"] = {
    Status.QUEUED: "waiting",
    Status.LEASED: "leased",
    Status.RUNNING: "running",
    Status.SUCCEEDED: "succeeded",
    Status.FAILED: "failed",
    Status.CANCELED: "canceled",
}


@app.command("ls")
def list_tasks(
    status: Annotated[
        list[Status] | None, typer.Option(help="List only tasks in this state. Repeatable.")
    ] = None,
    tool: Annotated[str | None, typer.Option(help="List only tasks of this tool.")] = None,
    tenant: Annotated[str | None, typer.Option(help="List only tasks of this tenant.")] = None,
    queue: Annotated[str | None, typer.Option(help="List only tasks of this queue.")] = None,
    group: Annotated[
        str | None, typer.Option(help="List only tasks that this worker group runs or ran.")
    ] = None,
    name: Annotated[str | None, typer.Option(help="List only tasks whose name contains this.")] = None,
    limit: Annotated[int, typer.Option(metavar="N", min=1, max=2**31 - 1, help="List at most N tasks.")] = 50,
    output: FormatOption = Format.TABLE,
) -> None:
    """List tasks: what runs, what waits and why, what has ended."""
    from cli.database.connection import opened
    from cli.show.task_tables import TASKS
    from sql import calls
    from sql.rows import Selection, TaskRow

    with opened() as db:
        rows = db.call(
            calls.list_tasks(
                Selection(
                    states=[_STATES[one] for one in status or ()] or None,
                    tool=tool,
                    tenant=tenant,
                    queue=queue,
                    group=group,
                    name=name,
                ),
                limit,
            )
        )
    show_rows(TaskRow, rows, TASKS, output, empty="no tasks")


@app.command()
def show(task: TaskArgument, output: TextOrJsonOption = TextOrJson.TEXT) -> None:
    """Show everything about one task: its state, why it waits, its runs with their errors, its files."""
    from msgspec import convert

    from cli.database.connection import opened
    from cli.input.task_fields import facts_of
    from cli.show.task_tables import describe
    from sql import calls
    from sql.rows import Task

    with opened() as db:
        told = db.call(calls.show_task_as_json(task))
    if output is TextOrJson.JSON:
        write(to_json(told))
    else:
        write(describe(convert(told, Task), facts_of(told)))


@app.command()
def runs(task: TaskArgument, output: FormatOption = Format.TABLE) -> None:
    """List the runs of a task from first to last: one for each time that it was started."""
    from cli.database.connection import opened
    from cli.show.task_tables import RUNS
    from sql import calls
    from sql.rows import RunRow

    with opened() as db:
        rows = db.call(calls.list_runs(task))
    show_rows(RunRow, rows, RUNS, output, empty=f"task {task} has not been started yet")
