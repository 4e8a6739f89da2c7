"""What came of tasks, as people and scripts are told it, at once or when it is there."""

from collections.abc import Collection, Sequence

from cli.database.connection import opened
from cli.database.waiting import Waiter
from cli.show.output import TextOrJson, interrupts_say, say, to_json, write
from dispatcher.errors import ExitCode
from dispatcher.terminal import one_line
from sql import calls
from sql.rows import Task

MOST_NAMED = 50
"""Tasks that a message names, rather than counts."""


def wait_for(
    tasks: Sequence[str], timeout: float | None, output: TextOrJson, *, any_: bool = False
) -> ExitCode:
    """Print a line for each task as it ends, in words or as JSON. The exit code is the worst."""
    worst = ExitCode.OK
    waiter = Waiter(tasks, timeout)
    try:
        with interrupts_say(lambda: waits_again(sorted(waiter.pending) or tasks)):
            for state in waiter.ended():
                error = f": {one_line(state.error_message)}" if state.error_message else ""
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
    waiter = Waiter([str(number)], timeout)
    try:
        with interrupts_say(lambda: waits_again([number])):
            for _ in waiter.ended():
                pass
    except TimeoutError:
        return _gave_up(waiter.pending)
    with opened() as db:
        return show_result(db.call(calls.show_task(str(number), 0)), output)


def show_result(task: Task, output: TextOrJson) -> ExitCode:
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
        write(text.removesuffix("\n"), exact=True)
    if task.status == "succeeded":
        return ExitCode.OK
    if task.status in ("failed", "canceled"):
        why = f": {task.error_message or task.error_class}" if task.status == "failed" else ""
        say(f"error: task {task.number} {'was ' if task.status == 'canceled' else ''}{task.status}{why}")
        return ExitCode.FAILED
    say(f"task {task.number} is {task.status}{f': {task.why}' if task.why else ''}")
    return ExitCode.PENDING


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
