"""`llmctl apply`: stage what a task changed in a checkout."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from cli.registry import family
from cli.show.output import TextOrJson, TextOrJsonOption, say, to_json, write
from cli.verbs.changes.recorded import (
    ChangeArgument,
    change_of,
    continued_by,
    patch_of,
    recorded,
    told_of_masks,
    why_unproven,
)
from dispatcher.quantities import plural

if TYPE_CHECKING:
    from cli.database.connection import Database
    from sql.rows.changes import ChangeRow

app = family()


@app.command()
def apply(
    task: ChangeArgument,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Say whether it would fit, but change nothing.")
    ] = False,
    output: TextOrJsonOption = TextOrJson.TEXT,
) -> None:
    """Stage what a task changed on top of HEAD, in the checkout of the current directory, or else of its repository.

    Nothing is committed. Exit code 5: the checkout has uncommitted changes, or a file of yours would be overwritten,
    or the change conflicts; the checkout is as it was then.
    """
    from cli.database.connection import opened
    from cli.repositories.applying import apply as stage
    from cli.repositories.places import checkout_for
    from cli.repositories.trees import ConflictError
    from cli.show.changes.lists import counted

    with opened() as db:
        row = change_of(db, task)
        change = recorded(row)
        checkout = checkout_for(change.source, Path.cwd())
        head, picked = checkout.head(), _picked_instead(db, row)
        try:
            differs = stage(
                checkout,
                change,
                lambda: told_of_masks(patch_of(db, row)),
                continued=continued_by(db, row),
                dry_run=dry_run,
            )
        except ConflictError as error:
            error.hint = (
                f"the checkout is as it was; `llmctl branch {row.number}` and `git merge llmctl/{row.number}`"
                " let you resolve it by hand"
            )
            raise
    if why := why_unproven(row):
        say(f"note that task {row.number} is not proven: {why}")
    if picked is not None:
        say(f"note that task {row.number} is one of several tries, of which task {picked} was picked")
    if row.check_verdict == "passed" and head != change.base and differs.paths:
        say(
            f"note that its check was green on {change.base[:12]}, and not on {head[:12]} that it is staged on: run"
            f" {row.check_command!r} here before you commit, or use `llmctl merge {row.number}`"
        )
    if row.problem:
        say(f"note on what was recorded: {row.problem}")
    if output is TextOrJson.JSON:
        files = sorted(path.decode(errors="replace") for path in differs.paths)
        write(
            to_json(
                {"number": row.number, "checkout": str(checkout.place), "files": files, "staged": not dry_run}
            )
        )
    elif not differs.paths:
        write(f"{checkout.place} has all of task {row.number} already")
    elif dry_run:
        write(f"task {row.number} fits {checkout.place}: {plural(len(differs.paths), 'file')}")
    else:
        size = f"{plural(len(differs.paths), 'file')}, {counted(row.insertions, row.deletions)}"
        write(f"task {row.number} is staged in {checkout.place}: {size}")
        say("`git diff --cached` shows it, `git commit` keeps it, `git reset --merge` takes it back")


def _picked_instead(db: "Database", row: "ChangeRow") -> int | None:
    """Return the try that was picked in the place of this one; None if it is no try, or nothing else was picked."""
    from sql import calls

    tries = db.call(calls.show_task(str(row.number), with_output=False)).tries
    if tries is None or tries.picked in (None, row.number):
        return None
    return tries.picked
