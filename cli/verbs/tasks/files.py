"""`llmctl files`: the input files and the output files of a task."""

import sys
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from cli.registry import family
from cli.show.output import Format, FormatOption, say, show_rows
from cli.verbs.tasks.listing import TaskArgument
from dispatcher.errors import NotFoundError, UsageError
from dispatcher.terminal import harmless

if TYPE_CHECKING:
    from cli.database.connection import Database
    from sql.output_rows import StoredFile

app = family("List and fetch the files of a task.")


@app.command("list", hidden=True)
@app.command("ls")
def list_files(task: TaskArgument, output: FormatOption = Format.TABLE) -> None:
    """List the files of a task. Shows its input files and those that its last run wrote."""
    from cli.database.connection import opened
    from cli.show.task_tables import FILES
    from sql import calls
    from sql.rows import FileRow

    with opened() as db:
        rows = db.call(calls.list_files(task))
    show_rows(FileRow, rows, FILES, output, empty=f"task {task} has no files")


@app.command()
def get(
    task: TaskArgument,
    paths: Annotated[
        list[str] | None,
        typer.Argument(metavar="[PATH…]", help="Fetch these files; all that the task wrote unless given."),
    ] = None,
    directory: Annotated[
        Path,
        typer.Option(
            "-d", "--directory", metavar="DIR", help="Write below DIR, which is created if missing."
        ),
    ] = Path(),
    output: Annotated[
        str | None, typer.Option("-o", metavar="-", help="Print a single file to standard output instead.")
    ] = None,
    force: Annotated[bool, typer.Option("--force", help="Replace files that exist.")] = False,
) -> None:
    """Write the files of a task below a directory, with their modes.

    Nothing is written outside of the directory, and no link in it is followed.
    """
    if output not in (None, "-"):
        raise UsageError(
            f"{output!r} is not a valid -o: expected -, for standard output; -d DIR names a directory"
        )
    from cli.database.connection import opened
    from cli.download import Destination

    with opened() as db:
        wanted = paths or _outputs(db, task)
        if output == "-":
            if len(wanted) > 1:
                raise UsageError(f"-o - prints a single file; name one of {', '.join(wanted)}")
            _print(_content(_stored(db, task, wanted[0]), wanted[0]))
            return
        destination = Destination(directory, force=force)
        destination.refuse_existing(wanted)
        for path in wanted:
            stored = _stored(db, task, path)
            destination.write(path, _content(stored, path), stored.mode)
            say(f"wrote {directory / path}")


def _outputs(db: "Database", task: str) -> Sequence[str]:
    from sql import calls

    outputs = [file.path for file in db.call(calls.list_files(task)) if not file.is_input]
    if not outputs:
        raise NotFoundError(
            f"task {task} has no output files", hint=f"`llmctl files ls {task}` lists what it was given"
        )
    return outputs


def _stored(db: "Database", task: str, path: str) -> "StoredFile":
    from sql import calls

    return db.call(calls.read_file(task, path))


def _content(stored: "StoredFile", path: str) -> Iterable[bytes]:
    from dispatcher.workspaces.stored_files import read_stored, verified

    if stored.storage_url is not None:
        return verified(read_stored(stored.storage_url), stored.sha256, path)
    return verified([stored.content or b""], stored.sha256, path)


def _print(content: Iterable[bytes]) -> None:
    if sys.stdout.isatty():
        sys.stdout.write(harmless(b"".join(content).decode(errors="replace")))
        return
    for chunk in content:
        sys.stdout.buffer.write(chunk)
