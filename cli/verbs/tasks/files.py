"""`llmctl files`: the input files and the output files of tasks."""

import re
import sys
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from fnmatch import fnmatchcase
from itertools import takewhile
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, NamedTuple

import typer

from cli.download import Destination, DirectoryOption, ForceOption, content_of
from cli.input.completers import live
from cli.input.selectors import Selector, selecting
from cli.registry import family
from cli.show.output import Format, FormatOption, complain, interrupts_say, say, show_rows
from cli.show.progress import progress
from cli.verbs.changes.recorded import PATCH
from cli.verbs.tasks.selected import is_single, selected
from dispatcher.errors import ExitCode, NotFoundError, UsageError
from dispatcher.quantities import plural
from dispatcher.terminal import harmless

if TYPE_CHECKING:
    from cli.database.connection import Database
    from sql.rows.output import StoredFile

app = family("List and fetch the files of tasks.")

TasksAndPaths = Annotated[
    list[str] | None,
    typer.Argument(
        metavar="[TASK]… [PATH]…",
        help="Numbers of tasks, ranges such as 61-70, or beginnings of uuids; behind them files, or patterns such as"
        " '*.md'. All that the tasks wrote unless given, without patches.",
        show_default=False,
        autocompletion=live("task"),
    ),
]
_NAMES_A_TASK = re.compile(r"\d{1,18}(-\d{1,18})?|[0-9a-fA-F]{8}[0-9a-fA-F-]*", re.ASCII)


class Wanted(NamedTuple):
    """A file to fetch."""

    task: str
    path: str
    size_bytes: int
    target: str
    """Where it is written, below the directory."""


@app.command("list", hidden=True)
@app.command("ls")
@selecting()
def list_files(selector: Selector, output: FormatOption = Format.TABLE) -> None:
    """List the files of tasks: what they were given and what they wrote."""
    tasks = selected(selector)
    from cli.database.connection import opened
    from cli.show.task_tables import FILES
    from sql import calls
    from sql.rows.output import TaskFileRow
    from sql.rows.people import FileRow

    with opened() as db:
        if is_single(selector):
            [task] = tasks
            rows = db.call(calls.list_files(task))
            show_rows(FileRow, rows, FILES, output, empty=f"task {task} has no files")
        elif tasks:
            of_tasks = [
                TaskFileRow.of(int(task), row) for task in tasks for row in db.call(calls.list_files(task))
            ]
            show_rows(TaskFileRow, of_tasks, FILES, output, empty="these tasks have no files")


@app.command()
@selecting(arguments=TasksAndPaths)
def get(
    selector: Selector,
    paths: Annotated[
        list[str] | None,
        typer.Option(
            "--path",
            metavar="PATH",
            help="Fetch this file, also if its name looks like the number of a task. Repeatable.",
        ),
    ] = None,
    directory: DirectoryOption = None,
    flat: Annotated[
        bool, typer.Option("--flat", help="Write all files into DIR itself, as NUMBER-PATH.")
    ] = False,
    output: Annotated[
        str | None, typer.Option("-o", metavar="-", help="Print a single file to standard output instead.")
    ] = None,
    force: ForceOption = False,
) -> ExitCode:
    """Write the files of tasks below a directory, with their modes.

    Of several tasks, each has a directory NUMBER of its own below DIR. Nothing is written outside of DIR, and no link
    in it is followed.
    """
    if output not in (None, "-"):
        raise UsageError(
            f"{output!r} is not a valid -o: expected -, for standard output; -d DIR names a directory"
        )
    selector, patterns = _split(selector)
    patterns += paths or []
    tasks = selected(selector)
    if not tasks:
        return ExitCode.OK
    from cli.database.connection import opened

    with opened() as db:
        wanted, code = _find(db, tasks, patterns, alone=is_single(selector), flat=flat)
        if output == "-":
            if len(wanted) > 1:
                named = ", ".join(file.path for file in wanted)
                raise UsageError(f"-o - prints a single file; name one of {named}")
            for file in wanted:
                _print(content_of(_stored(db, file), file.path))
        else:
            _write(db, wanted, Destination(directory or Path(), force=force), alone=is_single(selector))
    return code


def _split(selector: Selector) -> tuple[Selector, list[str]]:
    """Split what was typed into tasks and, behind them, paths. Without other options the first word is a task."""
    words = list(selector.tasks)
    first = int(replace(selector, tasks=()).is_empty)
    more = list(takewhile(_NAMES_A_TASK.fullmatch, words[first:]))
    tasks = words[: first + len(more)]
    return replace(selector, tasks=tuple(tasks)), words[len(tasks) :]


def _find(
    db: "Database", tasks: Sequence[str], patterns: Sequence[str], *, alone: bool, flat: bool
) -> tuple[Sequence[Wanted], ExitCode]:
    """Return what to fetch, and the exit code: 3 if something is not there. Raises NotFoundError for one task alone."""
    wanted: list[Wanted] = []
    is_complete = True
    with progress(len(tasks), "looking for files", wanted=not alone) as bar:
        for task in tasks:
            try:
                found = _files_of(db, task, patterns)
            except NotFoundError as error:
                if alone:
                    raise
                if patterns:
                    complain(str(error))
                    is_complete = False
                else:
                    say(str(error))  # that one of several tasks wrote nothing is no error
                continue
            finally:
                bar.advance()
            wanted += [
                Wanted(task, path, size_bytes, _target(task, path, alone=alone, flat=flat))
                for path, size_bytes in found.items()
            ]
    return wanted, ExitCode.OK if wanted and is_complete else ExitCode.NOT_FOUND


def _target(task: str, path: str, *, alone: bool, flat: bool) -> str:
    if flat:
        return f"{task}-{path.replace('/', '-')}"
    return path if alone else f"{task}/{path}"


def _files_of(db: "Database", task: str, patterns: Sequence[str]) -> dict[str, int]:
    """Return the paths that fit with their sizes; without patterns those of all outputs but the patch of a change.

    Raises NotFoundError.
    """
    from sql import calls

    # An output comes last, and is what read_file() returns where an input has its name.
    rows = {row.path: row for row in db.call(calls.list_files(task))}
    if not patterns:
        outputs = {path: row.size_bytes for path, row in rows.items() if not row.is_input and path != PATCH}
        if outputs:
            return outputs
        if PATCH in rows:
            raise NotFoundError(
                f"task {task} has no output files but the patch of its change",
                hint=f"`llmctl diff {task}` prints it",
            )
        raise NotFoundError(
            f"task {task} has no output files", hint=f"`llmctl files ls {task}` lists what it was given"
        )
    found: dict[str, int] = {}
    for pattern in patterns:
        paths = [pattern] if pattern in rows else [path for path in rows if fnmatchcase(path, pattern)]
        if not paths:
            db.call(calls.read_file(task, pattern))  # raises: it knows what to say
        found |= {path: rows[path].size_bytes for path in paths}
    return found


def _write(db: "Database", wanted: Sequence[Wanted], destination: Destination, *, alone: bool) -> None:
    if len({file.target for file in wanted}) < len(wanted):
        raise UsageError("two files would have the same name", hint="without --flat each keeps its directory")
    with (
        interrupts_say(lambda: destination.told("file")),
        progress(sum(file.size_bytes for file in wanted), "fetching") as bar,
    ):

        def counted(content: Iterable[bytes]) -> Iterator[bytes]:
            for chunk in content:
                yield chunk
                bar.advance(len(chunk))

        for file in wanted:
            stored = _stored(db, file)
            is_written = destination.write(file.target, counted(content_of(stored, file.path)), stored.mode)
            if alone and is_written:
                say(f"wrote {destination.directory / file.target}")
    if wanted and not alone:
        say(destination.told("file", f" of {plural(len({file.task for file in wanted}), 'task')}"))
    elif destination.unchanged:
        say(destination.told("file"))
    destination.require_all()


def _stored(db: "Database", file: Wanted) -> "StoredFile":
    from sql import calls

    return db.call(calls.read_file(file.task, file.path))


def _print(content: Iterable[bytes]) -> None:
    if sys.stdout.isatty():
        sys.stdout.write(harmless(b"".join(content).decode(errors="replace")))
        return
    for chunk in content:
        sys.stdout.buffer.write(chunk)
