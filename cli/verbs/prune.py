"""`llmctl prune`: delete tasks that ended long ago."""

from typing import TYPE_CHECKING, Annotated

import typer

from cli.input.times import duration_option
from cli.registry import family
from cli.show.output import TextOrJson, TextOrJsonOption, to_json, write
from dispatcher.quantities import size

if TYPE_CHECKING:
    from cli.database.connection import Database
    from sql.rows import Pruned

app = family()


@app.command()
def prune(
    older_than: Annotated[int, duration_option("Delete tasks that ended 90d, 12h, … ago or earlier.")],
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Show what would be deleted, but delete nothing.")
    ] = False,
    output: TextOrJsonOption = TextOrJson.TEXT,
) -> None:
    """Delete tasks that ended long ago, with their runs, answers, logs and files.

    This cannot be undone. Their idempotency keys can be used again. A task with a reply stays until the reply is old
    enough, too. Dispatchers do the same if config.yaml sets retention.tasks.
    """
    from cli.database.connection import opened

    with opened() as db:
        pruned = _would_go(db, older_than) if dry_run else _delete(db, older_than)
    if output is TextOrJson.JSON:
        write(to_json(pruned))
    else:
        verb = "would be deleted" if dry_run else "deleted"
        write(f"{pruned.tasks} tasks with {pruned.runs} runs {verb}: about {size(pruned.bytes)}")


def _would_go(db: "Database", older_than: int) -> "Pruned":
    from sql import calls

    return db.call(calls.count_prunable(older_than))


def _delete(db: "Database", older_than: int) -> "Pruned":
    """Delete in batches, each in a transaction of its own, until nothing old is left."""
    from sql import calls
    from sql.rows import Pruned

    total = Pruned(tasks=0, runs=0, bytes=0)
    while True:
        some = db.call(calls.prune_tasks(older_than))
        if not some.tasks:
            return total
        total = Pruned(total.tasks + some.tasks, total.runs + some.runs, total.bytes + some.bytes)
