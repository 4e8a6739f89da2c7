"""`llmctl prune`: delete tasks that ended long ago."""

from typing import TYPE_CHECKING, Annotated

import typer

from cli.input.confirmation import YesOption, confirm
from cli.input.times import duration_option
from cli.registry import family
from cli.show.output import TextOrJson, TextOrJsonOption, interrupts_say, to_json, write
from cli.show.progress import progress
from dispatcher.quantities import plural, size

if TYPE_CHECKING:
    from cli.database.connection import Database
    from sql.rows.people import Pruned

app = family()


@app.command()
def prune(
    older_than: Annotated[int, duration_option("Delete tasks that ended 90d, 12h, … ago or earlier.")],
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Show what would be deleted, but delete nothing.")
    ] = False,
    yes: YesOption = False,
    output: TextOrJsonOption = TextOrJson.TEXT,
) -> None:
    """Delete tasks that ended long ago, with their runs, answers, logs and files.

    This cannot be undone, so it asks first; -y is for scripts. Idempotency keys of deleted tasks can be used again. A
    task with a reply stays until the reply is old enough, too. Dispatchers do the same if config.yaml sets
    retention.tasks.
    """
    from cli.database.connection import opened
    from sql import calls

    with opened() as db:
        pruned = db.call(calls.count_prunable(older_than)) if dry_run else _delete(db, older_than, yes=yes)
    if output is TextOrJson.JSON:
        write(to_json(pruned))
    else:
        write(f"{_much(pruned)} {'would be ' if dry_run else ''}deleted")


def _delete(db: "Database", older_than: int, *, yes: bool) -> "Pruned":
    """Delete in batches, each in a transaction of its own, until nothing old is left."""
    from sql import calls
    from sql.rows.people import Pruned

    expected = None
    if not yes:  # a script need not wait for the count, which reads all of it
        counted = db.call(calls.count_prunable(older_than))
        if not counted.tasks:
            return counted
        confirm(f"Delete {_much(counted)} for good?", yes=yes)
        expected = counted.tasks
    total = Pruned(tasks=0, runs=0, bytes=0)
    with interrupts_say(lambda: f"{_much(total)} deleted"), progress(expected, "deleting") as bar:
        while True:
            some = db.call(calls.prune_tasks(older_than))
            if not some.tasks:
                return total
            total = Pruned(total.tasks + some.tasks, total.runs + some.runs, total.bytes + some.bytes)
            bar.show(f"{total.tasks:,} tasks deleted", total.tasks, expected)


def _much(pruned: "Pruned") -> str:
    tasks, runs = plural(pruned.tasks, "task"), plural(pruned.runs, "run")
    return f"{tasks} with {runs} (about {size(pruned.bytes)})"
