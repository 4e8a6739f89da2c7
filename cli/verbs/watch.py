"""`llmctl watch`: a live table of tasks and groups."""

import signal
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated

import typer

from cli.input.selectors import Selector, selecting
from cli.registry import family
from cli.show.output import has_screen, to_json, write
from dispatcher.errors import ExitCode, NotFoundError

if TYPE_CHECKING:
    from cli.database.connection import Database
    from cli.live.following import Take
    from cli.live.snapshot import Snapshot

app = family()


class End(StrEnum):
    DONE = "done"
    FAILED = "failed"


class TableOrLines(StrEnum):
    TABLE = "table"
    JSONL = "jsonl"


@app.command()
@selecting()
def watch(
    selector: Selector,
    limit: Annotated[int, typer.Option(metavar="N", min=1, max=1000, help="List at most N tasks.")] = 200,
    once: Annotated[bool, typer.Option("--once", help="Print the tasks once, and end.")] = False,
    exit_when: Annotated[
        End | None,
        typer.Option(
            help="End when all tasks have ended (done), or when the first fails (failed). Exit with 0 if all "
            "succeeded, with 1 if not."
        ),
    ] = None,
    output: Annotated[
        TableOrLines,
        typer.Option(
            "-o",
            "--format",
            help="Show a table, or print a line of JSON for each task whenever its state changes.",
        ),
    ] = TableOrLines.TABLE,
) -> int:
    """Watch tasks and groups live, and act on them: ? shows the keys, q ends. Tasks go on when it ends.

    The table follows the events of the database and is cut to the window. Without a terminal it is printed once.
    """
    from cli.database.connection import opened
    from cli.live.snapshot import take

    select = selector.selection()

    def look(db: "Database") -> "Snapshot":
        return take(db, select, limit)

    with opened() as db:
        first = look(db)
    if exit_when is not None and not first.total:
        raise NotFoundError("no task is selected: there is nothing to wait for")
    if output is TableOrLines.JSONL:
        return _print_changes(first, look, once, exit_when)
    if once or _end(first, exit_when) is not None:
        return _print(first, exit_when)
    if has_screen():
        return _live(first, look, exit_when)
    return _print(first if exit_when is None else _follow(look, exit_when), exit_when)


def _end(snapshot: "Snapshot", exit_when: End | None) -> ExitCode | None:
    """Return the exit code with which `watch` ends by itself, or None as long as it goes on."""
    failed = snapshot.counts.get("failed", 0)
    if exit_when is None or (snapshot.done < snapshot.total and not (exit_when is End.FAILED and failed)):
        return None
    return ExitCode.FAILED if failed or snapshot.counts.get("canceled") else ExitCode.OK


def _print(snapshot: "Snapshot", exit_when: End | None) -> ExitCode:
    from cli.live.view import everything

    for line in everything(snapshot):
        write(line.plain)
    return _end(snapshot, exit_when) or ExitCode.OK


def _follow(look: "Take", exit_when: End) -> "Snapshot":
    """Wait until `watch` ends by itself; return what it sees then."""
    from cli.live.following import snapshots

    return next(snapshot for snapshot in snapshots(look) if _end(snapshot, exit_when) is not None)


def _print_changes(first: "Snapshot", look: "Take", once: bool, exit_when: End | None) -> ExitCode:
    from cli.live.following import Changes, snapshots

    changes = Changes()
    for snapshot in [first] if once else snapshots(look):
        for task in changes.of(snapshot):
            write(to_json(task, indent=False))
        if (code := _end(snapshot, exit_when)) is not None:
            return code
    return ExitCode.OK


def _live(first: "Snapshot", look: "Take", exit_when: End | None) -> int:
    import trio

    from cli.live.session import Session

    session = Session(first, look, lambda snapshot: _end(snapshot, exit_when) is not None)
    number = trio.run(session.run)
    if number != signal.SIGHUP:  # with it the terminal is gone
        session.print()
    if (code := _end(session.model.snapshot, exit_when)) is not None:
        return code
    if number in (0, signal.SIGINT):
        quits = ExitCode.INTERRUPTED if number else ExitCode.PENDING
        return ExitCode.OK if exit_when is None else quits
    return 128 + number
