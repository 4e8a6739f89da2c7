"""`llmctl result` and `wait`: what came of tasks."""

from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated

import typer

from cli.output import TextOrJson, TextOrJsonOption, say, to_json, write
from cli.registry import family
from cli.times import parse_duration
from cli.verbs.tasks import TaskArgument, TasksArgument, shown
from dispatcher.errors import ExitCode

if TYPE_CHECKING:
    from cli.records import Task

MOST_NAMED = 50
"""Tasks that a message names, rather than counts."""

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
    from cli import database

    with database.opened() as db:
        return show_result(shown(db, task), output_format)


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
    return wait_for(tasks, timeout, TextOrJson.TEXT, any_=any_)


def wait_for(
    tasks: Sequence[str], timeout: float | None, output: TextOrJson, *, any_: bool = False
) -> ExitCode:
    """Print a line for each task as it ends, in words or as JSON. The exit code is the worst."""
    from cli.waiting import Waiter

    worst = ExitCode.OK
    waiter = Waiter(tasks, timeout)
    try:
        with interrupts_say(lambda: waits_again(sorted(waiter.pending) or tasks)):
            for state in waiter.ended():
                error = f": {state.error_message}" if state.error_message else ""
                if output is TextOrJson.JSON:
                    write(to_json(state, indent=False))
                else:
                    write(f"task {state.number} {state.status}{error}")
                if state.status != "succeeded":
                    worst = ExitCode.FAILED
                if any_:
                    break
    except TimeoutError:
        return _gave_up(waiter.pending)
    return worst


def wait_for_result(number: int, timeout: float | None, output: TextOrJson) -> ExitCode:
    """The second half of ``submit --wait``."""
    from cli import database
    from cli.waiting import Waiter

    waiter = Waiter([str(number)], timeout)
    try:
        with interrupts_say(lambda: waits_again([number])):
            for _ in waiter.ended():
                pass
    except TimeoutError:
        return _gave_up(waiter.pending)
    with database.opened() as db:
        return show_result(shown(db, str(number)), output)


def show_result(task: "Task", output: TextOrJson) -> ExitCode:
    """The text on standard output, or on standard error why there is none."""
    if output is TextOrJson.JSON:
        write(
            to_json(
                {
                    "number": task.number,
                    "id": task.id,
                    "status": task.status,
                    "result": task.result,
                    "error_class": task.error_class,
                    "error_message": task.error_message,
                }
            )
        )
    elif task.status == "succeeded":
        text = str((task.result or {}).get("text", ""))
        write(text.removesuffix("\n"))
    if task.status == "succeeded":
        return ExitCode.OK
    if task.status in ("failed", "canceled"):
        why = f": {task.error_message or task.error_class}" if task.status == "failed" else ""
        say(f"error: task {task.number} {'was ' if task.status == 'canceled' else ''}{task.status}{why}")
        return ExitCode.FAILED
    say(f"task {task.number} is {task.status}{f': {task.why}' if task.why else ''}")
    return ExitCode.PENDING


@contextmanager
def interrupts_say(what: Callable[[], str]) -> Iterator[None]:
    """Ctrl-C ends the waiting only, and those who are used to other programs want to be told."""
    try:
        yield
    except KeyboardInterrupt:
        say(f"interrupted: {what()}")
        raise


def waits_again(tasks: Collection[int | str]) -> str:
    """That tasks go on, and how to wait for them again."""
    if len(tasks) > MOST_NAMED:
        return "they go on; `llmctl ls` shows them"
    named = " ".join(str(task) for task in tasks)
    return f"{'it goes' if len(tasks) == 1 else 'they go'} on; `llmctl wait {named}` waits again"


def _gave_up(pending: set[int]) -> ExitCode:
    left = sorted(pending)
    if len(left) > MOST_NAMED:
        late = f"{len(left):,} tasks have not ended in time"
    else:
        late = f"not ended in time: {' '.join(map(str, left))}"
    say(f"error: {late}\nhint: {waits_again(left)}")
    return ExitCode.TIMEOUT
