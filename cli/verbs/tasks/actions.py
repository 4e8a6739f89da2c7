"""`llmctl cancel` and `retry`: change the state of tasks."""

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from cli.registry import family
from cli.show.output import complain, write
from cli.verbs.tasks.listing import TasksArgument
from dispatcher.errors import DatabaseError, DispatchError, ExitCode

if TYPE_CHECKING:
    from cli.database.connection import Database

app = family()


@app.command()
def cancel(tasks: TasksArgument) -> ExitCode:
    """Cancel waiting tasks, and ask running ones to stop."""
    from sql import calls

    def cancel_one(db: "Database", task: str) -> str:
        status = db.call(calls.cancel_task(task))
        return f"task {task} canceled" if status == "canceled" else f"task {task} is asked to stop ({status})"

    return _each(tasks, cancel_one)


@app.command()
def retry(tasks: TasksArgument) -> ExitCode:
    """Queue failed and canceled tasks again, and start waiting ones before their time."""
    from sql import calls

    def retry_one(db: "Database", task: str) -> str:
        db.call(calls.retry_task(task))
        return f"task {task} queued"

    return _each(tasks, retry_one)


def _each(tasks: Sequence[str], verb: "Callable[[Database, str], str]") -> ExitCode:
    """Handle one task after the other and report each; return the worst exit code."""
    from cli.database.connection import opened

    worst = ExitCode.OK
    with opened() as db:
        for task in tasks:
            try:
                write(verb(db, task))
            except DatabaseError:
                raise
            except DispatchError as error:
                complain(str(error), error.hint)
                worst = max(worst, error.exit_code)
    return worst
