"""`llmctl result` and `wait`: what came of tasks."""

from typing import Annotated

import typer

from cli.input.times import parse_duration
from cli.registry import family
from cli.show.output import TextOrJson, TextOrJsonOption
from cli.verbs.tasks import TaskArgument, TasksArgument
from dispatcher.errors import ExitCode

app = family()

TimeoutOption = Annotated[
    int | None,
    typer.Option(
        "--timeout", parser=parse_duration, metavar="DURATION", help="Then give up, with exit code 124."
    ),
]


@app.command()
def result(task: TaskArgument, output_format: TextOrJsonOption = TextOrJson.TEXT) -> ExitCode:
    """Print the final text of a task.

    Exit code 8: it has not ended yet. 1: it failed or was canceled; the error is on standard error.
    """
    from cli.database.connection import LARGEST_TEXT, opened
    from cli.show.records import Task
    from cli.show.results import show_result

    with opened() as db:
        db.allow(LARGEST_TEXT)
        return show_result(db.one(Task, "show_task", task=task, prompt_characters=0), output_format)


@app.command()
def wait(
    tasks: TasksArgument,
    timeout: TimeoutOption = None,
    any_: Annotated[bool, typer.Option("--any", help="Until one of them has ended.")] = False,
) -> ExitCode:
    """Wait until tasks have ended, and print a line for each.

    Exit code 0: all succeeded. 1: one failed or was canceled. 124: --timeout passed first. Ctrl-C ends the
    waiting only; the tasks go on.
    """
    from cli.database.results import wait_for

    return wait_for(tasks, timeout, TextOrJson.TEXT, any_=any_)
