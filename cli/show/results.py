"""The results of tasks, for people and scripts."""

from collections.abc import Collection

from cli.show.output import TextOrJson, say, to_json, write
from dispatcher.errors import ExitCode
from sql.rows import Task

MOST_NAMED = 50
"""A message names at most this many tasks, and counts more."""


def show_result(task: Task, output: TextOrJson) -> ExitCode:
    """Print the answer on standard output, or on standard error why there is none."""
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
    """Say that tasks go on, and how to wait for them again."""
    if len(tasks) > MOST_NAMED:
        return "they go on; `llmctl ls` shows them"
    named = " ".join(str(task) for task in tasks)
    return f"{'it goes' if len(tasks) == 1 else 'they go'} on; `llmctl wait {named}` waits again"


def complain_of_timeout(pending: Collection[int]) -> None:
    """Say which tasks have not ended in time."""
    left = sorted(pending)
    if len(left) > MOST_NAMED:
        late = f"{len(left):,} tasks have not ended in time"
    else:
        late = f"not ended in time: {' '.join(map(str, left))}"
    say(f"error: {late}\nhint: {waits_again(left)}")
