"""`llmctl result` and `llmctl wait`: print what came of tasks."""

from typing import Annotated

import typer

from cli.input.times import duration_option
from cli.registry import family
from cli.show.output import TextOrJson, TextOrJsonOption
from cli.verbs.tasks.listing import TaskArgument, TasksArgument
from dispatcher.errors import ExitCode

app = family()


@app.command()
def result(task: TaskArgument, output_format: TextOrJsonOption = TextOrJson.TEXT) -> ExitCode:
    """Print the final text of a task.

    Exit code 8: the task has not ended yet. 1: it failed or was canceled; standard error says why.
    """
    from cli.database.connection import opened
    from cli.show.results import show_result
    from sql import calls

    with opened() as db:
        return show_result(db.call(calls.show_task(task, 0)), output_format)


@app.command()
def wait(
    tasks: TasksArgument,
    timeout: Annotated[
        int | None, duration_option("Stop waiting after this time, with exit code 124.")
    ] = None,
    any_: Annotated[
        bool, typer.Option("--any", help="Stop waiting as soon as one of them has ended.")
    ] = False,
) -> ExitCode:
    """Wait until tasks have ended, and print a line for each.

    Exit code 0: all succeeded. 1: one failed or was canceled. 124: --timeout passed first. Ctrl-C ends only
    the waiting; the tasks go on.
    """
    from cli.database.results import wait_for

    return wait_for(tasks, timeout, TextOrJson.TEXT, any_=any_)
