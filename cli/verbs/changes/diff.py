"""`llmctl diff`: what tasks changed."""

import sys
from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Annotated

import typer

from cli.input.selectors import Selector, selecting
from cli.registry import family
from cli.show.output import Format, FormatOption, has_screen, say, show_table, write, write_rows
from cli.verbs.changes.recorded import ChangesArgument, changes_of, patch_of, told_of_masks, why_none
from cli.verbs.tasks.selected import is_single, selected
from dispatcher.errors import NotFoundError, UsageError, WrongStateError

if TYPE_CHECKING:
    from cli.database.connection import Database
    from sql.rows.changes import ChangeRow

app = family()


@app.command()
@selecting(arguments=ChangesArgument)
def diff(
    selector: Selector,
    stat: Annotated[
        bool,
        typer.Option(
            "--stat", help="Count files and lines instead; of several tasks in a table, with checks."
        ),
    ] = False,
    run: Annotated[
        int | None,
        typer.Option(min=1, max=2**31 - 1, metavar="N", help="Show what run N left instead of the last one."),
    ] = None,
    output: FormatOption = Format.TABLE,
) -> None:
    """Print what tasks changed in their repositories, as a patch, or with --stat in numbers.

    Each patch is complete, as `git apply` takes it. On a terminal it is coloured, and characters that nobody sees are
    written out. Exit code 5: nothing is recorded of a task that was named.
    """
    tasks = selected(selector)
    if not tasks:
        return
    if run is not None and not is_single(selector):
        raise UsageError("--run is about one task: name it alone")
    from cli.database.connection import opened

    with opened() as db:
        rows = changes_of(db, tasks, with_stat=stat or output is not Format.TABLE)
        if run is not None:
            rows = [_of_run(db, rows[0], run)]
        if output is not Format.TABLE:
            from sql.rows.changes import ChangeRow

            write_rows(ChangeRow.__struct_fields__, [rows], output)
        elif is_single(selector):
            _show_one(db, rows[0], stat=stat)
        elif stat:
            _show_table(rows)
        else:
            _show_patches(db, rows)


def _of_run(db: "Database", row: "ChangeRow", run_no: int) -> "ChangeRow":
    """Return what is recorded of one run of a task."""
    from msgspec import structs

    from sql import calls

    runs = {run.run_no: run for run in db.call(calls.list_runs(str(row.number)))}
    if run_no not in runs:
        raise NotFoundError(
            f"task {row.number} has no run {run_no}", hint=f"`llmctl runs {row.number}` lists its runs"
        )
    run = runs[run_no]
    if run.change is None:
        raise WrongStateError(f"nothing is recorded of run {run_no} of task {row.number}")
    check = next((one for one in run.commands if one.kind == "check"), None)
    return structs.replace(
        row,
        run_no=run_no,
        check_command=None if check is None else check.command,
        check_verdict=None if check is None else check.verdict,
        **structs.asdict(run.change),
    )


def _show_one(db: "Database", row: "ChangeRow", *, stat: bool) -> None:
    from cli.show.changes.lists import stat_of

    if why := why_none(row):
        if row.ref is not None:
            say(why[0])
            return
        raise WrongStateError(why[0], hint=why[1])
    if stat:
        from shutil import get_terminal_size

        write(stat_of(row, get_terminal_size().columns))
    else:
        _print_patch(db, row)


def _show_table(rows: "Sequence[ChangeRow]") -> None:
    from cli.show.changes.lists import CHANGES, totals

    show_table(rows, CHANGES)
    write(totals(rows))


def _show_patches(db: "Database", rows: "Sequence[ChangeRow]") -> None:
    """Print one patch after the other. Between them stand headings on a terminal only: `git apply` takes the rest."""
    for row in rows:
        if why := why_none(row):
            say(why[0])
            continue
        if sys.stdout.isatty():
            from dispatcher.terminal import one_line

            heading = f"task {row.number}" + (f": {one_line(row.title)}" if row.title else "")
            write(heading)
        _print_patch(db, row)


def _print_patch(db: "Database", row: "ChangeRow") -> None:
    patch = patch_of(db, row)
    if not sys.stdout.isatty():
        sys.stdout.flush()
        for chunk in told_of_masks(patch):
            sys.stdout.buffer.write(chunk)
        sys.stdout.buffer.flush()
        return
    for line in _on_terminal(patch):
        print(line)  # noqa: T201 - it is harmless, and its colours are ours


def _on_terminal(patch: Iterable[bytes]) -> Iterator[str]:
    import os

    from cli.show.changes.patches import lines_of, shown

    return shown(lines_of(patch), colours=has_screen() and "NO_COLOR" not in os.environ)
