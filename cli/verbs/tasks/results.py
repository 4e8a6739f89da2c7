"""`llmctl result` and `llmctl wait`: print what came of tasks."""

import re
from collections.abc import Iterable, Iterator, Sequence
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated

import typer

from cli.download import Destination, DirectoryOption, ForceOption
from cli.input.selectors import Selector, selecting
from cli.input.times import duration_option
from cli.registry import family
from cli.show.output import Format, TextOrJson, TextOrJsonOption, interrupts_say, say, write_rows
from cli.show.progress import Progress, progress
from cli.verbs.tasks.selected import is_single, selected
from dispatcher.errors import ExitCode, UsageError
from dispatcher.quantities import plural

if TYPE_CHECKING:
    from sql.rows.output import TaskResult

app = family()


class ResultFormat(StrEnum):
    TEXT = "text"
    JSON = "json"
    JSONL = "jsonl"


@app.command()
@selecting()
def result(
    selector: Selector,
    directory: DirectoryOption = None,
    names: Annotated[
        bool,
        typer.Option("--names", help="With -d: call the files NUMBER-NAME.txt where the task has a name."),
    ] = False,
    force: ForceOption = False,
    output_format: Annotated[
        ResultFormat, typer.Option("-o", "--format", help="Print in this format.")
    ] = ResultFormat.TEXT,
) -> ExitCode:
    """Print the final text of tasks, or with -d write it into a file NUMBER.txt for each.

    Exit code 8: a task has not ended yet. 1: one failed or was canceled. Standard error says which have no answer, and
    why.
    """
    if directory is None and (names or force):
        raise UsageError("--names and --force need -d DIR")
    if directory is not None and output_format is not ResultFormat.TEXT:
        raise UsageError("-o prints results, and -d writes answers into files: give one of them")
    tasks = selected(selector)
    from cli.database.connection import opened
    from cli.database.results import read_results
    from cli.show.results import show_result

    with opened() as db, progress(len(tasks), "reading", wanted=directory is not None) as bar:
        pages = read_results(db, tasks)
        if directory is not None:
            return _write_answers(pages, tasks, Destination(directory, force=force), bar, names=names)
        if is_single(selector) and output_format is not ResultFormat.JSONL:
            [[single]] = pages
            return show_result(single, TextOrJson(output_format))
        return _print_results(pages, output_format)


def _print_results(pages: "Iterable[Sequence[TaskResult]]", output: ResultFormat) -> ExitCode:
    from cli.show.results import explain, heading_of, show_answer
    from sql.rows.output import TaskResult

    worst = ExitCode.OK

    def explained() -> "Iterator[Sequence[TaskResult]]":
        nonlocal worst
        for page in pages:
            yield page
            worst = max(worst, *map(explain, page))

    if output is not ResultFormat.TEXT:
        write_rows(TaskResult.__struct_fields__, explained(), Format(output))
        return worst
    above = ""
    for page in explained():
        for one in page:
            show_answer(one, above + heading_of(one))
            above = "\n"
    return worst


def _write_answers(
    pages: "Iterable[Sequence[TaskResult]]",
    tasks: Sequence[str],
    destination: Destination,
    bar: Progress,
    *,
    names: bool,
) -> ExitCode:
    """Write each answer into a file, and say how many there are, and which tasks have none and why."""
    from cli.show.results import explain

    worst = ExitCode.OK
    with interrupts_say(lambda: destination.told("answer")):
        for page in pages:
            for one in page:
                if one.text is not None:
                    path = f"{one.number}{_suffix(one.name) if names else ''}.txt"
                    destination.write(path, [one.text.removesuffix("\n").encode(), b"\n"])
                worst = max(worst, explain(one))
            bar.advance(len(page))
    say(destination.told("answer", f" of {plural(len(tasks), 'task')}"))
    destination.require_all()
    return worst


def _suffix(name: str | None) -> str:
    """Return the part of a file's name that is the name of the task: nothing if it could not be one everywhere."""
    return f"-{name}" if name and re.fullmatch(r"[\w.+@=-]{1,80}", name) else ""


@app.command()
@selecting()
def wait(
    selector: Selector,
    timeout: Annotated[
        int | None, duration_option("Stop waiting after this time, with exit code 124.")
    ] = None,
    any_: Annotated[
        bool, typer.Option("--any", help="Stop waiting as soon as one of them has ended.")
    ] = False,
    no_block: Annotated[
        bool, typer.Option("--no-block", help="Do not wait: exit code 8 says that tasks have not ended yet.")
    ] = False,
    output_format: TextOrJsonOption = TextOrJson.TEXT,
) -> ExitCode:
    """Wait until tasks have ended, and print a line for each.

    It waits for the tasks that are selected now. Exit code 0: all succeeded. 1: one failed or was canceled. 124:
    --timeout passed first. Ctrl-C ends only the waiting; the tasks go on.
    """
    if no_block and timeout is not None:
        raise UsageError("--no-block does not wait, so it takes no --timeout")
    tasks = selected(selector)
    if not tasks:
        return ExitCode.OK
    from cli.database.results import wait_for

    return wait_for(tasks, timeout, output_format, any_=any_, block=not no_block)
