"""`llmctl ls`, `show` and `runs`: look at tasks."""

from collections.abc import Iterator, Sequence
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated

import typer

from cli.input.completers import live, task_columns
from cli.input.selectors import Selector, selecting
from cli.registry import family
from cli.show.output import (
    Format,
    FormatOption,
    TextOrJson,
    TextOrJsonOption,
    has_screen,
    say,
    show_rows,
    show_table,
    to_json,
    write,
    write_rows,
)
from dispatcher.errors import UsageError

if TYPE_CHECKING:
    from cli.database.connection import Database
    from cli.show.task_columns import Choice
    from sql.rows.people import TaskRow
    from sql.selection import Selection

app = family()

FIRST = 50
"""How many tasks a table shows unless somebody asks for more."""
MOST = 2**31 - 1

TaskArgument = Annotated[
    str,
    typer.Argument(
        metavar="TASK",
        help="Number of the task, or the beginning of its uuid.",
        autocompletion=live("task"),
    ),
]


class TaskFormat(StrEnum):
    TABLE = "table"
    WIDE = "wide"
    NAME = "name"
    JSON = "json"
    JSONL = "jsonl"
    CSV = "csv"

    @property
    def is_table(self) -> bool:
        return self in (TaskFormat.TABLE, TaskFormat.WIDE)


@app.command("ls")
@selecting()
def list_tasks(
    selector: Selector,
    limit: Annotated[
        int | None,
        typer.Option(
            "-n", "--limit", metavar="N", min=1, max=MOST, help=f"List at most N tasks; a table has {FIRST}."
        ),
    ] = None,
    sort: Annotated[
        str | None,
        typer.Option(
            metavar="COLUMN",
            help="Sort all selected tasks by this column; -COLUMN begins with the largest.",
            autocompletion=task_columns,
        ),
    ] = None,
    reverse: Annotated[bool, typer.Option("--reverse", help="Turn the order around.")] = False,
    columns: Annotated[
        str | None,
        typer.Option(
            metavar="NAME,…",
            help="Print these columns: titles, fields of the JSON, or label:KEY, in this order.",
            autocompletion=task_columns,
        ),
    ] = None,
    output: Annotated[
        TaskFormat, typer.Option("-o", "--format", help="Print in this format; name is the numbers alone.")
    ] = TaskFormat.TABLE,
) -> None:
    """List tasks: what runs, what waits and why, what has ended.

    A table shows the first tasks: those that run, then those that wait, then those that ended last. Other formats have
    all selected tasks, the newest first, unless -n is given.
    """
    from cli.show.task_columns import choose, chosen

    if output is TaskFormat.NAME:
        if columns is not None:
            raise UsageError("-o name prints only numbers: it has no --columns")
        columns = "number"
    shown = None if columns is None else chosen(columns)
    descending = (sort or "").startswith("-")
    by = None if sort is None else choose(sort.removeprefix("-"))
    if limit is None and output.is_table and not selector.all_:
        limit = FIRST
    if by is None and reverse and limit is None and not output.is_table:
        by, descending = choose("number"), True  # which --reverse turns around: the oldest first
    from cli.database.connection import opened

    with opened() as db:
        select = selector.selection()
        pages = _pages(db, select, limit, by, descending != reverse, output)
        if by is None and reverse:
            pages = (page[::-1] for page in pages)  # it is one
        if not output.is_table:
            _print_for_programs(pages, shown, output)
            return
        tasks = [task for page in pages for task in page]
        _print_table(tasks, shown, output)
        if tasks and (has_screen() or len(tasks) == limit):
            _say_totals(db, select, tasks, limit)


def _pages(
    db: "Database",
    select: "Selection",
    limit: int | None,
    by: "Choice | None",
    descending: bool,
    output: TaskFormat,
) -> "Iterator[Sequence[TaskRow]]":
    from cli.database.task_pages import pages
    from cli.show.task_columns import first_by
    from sql import calls

    if by is not None:
        everything = (task for page in pages(db, select) for task in page)
        yield first_by(by, everything, limit, descending=descending)
    elif limit is not None or output.is_table:
        yield db.call(calls.list_tasks(select, limit or MOST))
    else:
        yield from pages(db, select)


def _print_for_programs(
    pages: "Iterator[Sequence[TaskRow]]", shown: "Sequence[Choice] | None", output: TaskFormat
) -> None:
    from sql.rows.people import TaskRow

    if output is TaskFormat.NAME:
        for page in filter(None, pages):
            write("\n".join(str(task.number) for task in page))
    elif shown is None:
        write_rows(TaskRow.__struct_fields__, pages, Format(output.value))
    else:
        cut = ([{one.key: one.value(task) for one in shown} for task in page] for page in pages)
        write_rows([one.key for one in shown], cut, Format(output.value))


def _print_table(tasks: "Sequence[TaskRow]", shown: "Sequence[Choice] | None", output: TaskFormat) -> None:
    from cli.show.task_columns import wide
    from cli.show.task_tables import TASKS

    if not tasks:
        say("no tasks")
    elif shown is not None:
        show_table(tasks, [one.column for one in shown], wide=output is TaskFormat.WIDE)
    elif output is TaskFormat.WIDE:
        show_table(tasks, wide(), wide=True)
    else:
        show_table(tasks, TASKS)


def _say_totals(db: "Database", select: "Selection", tasks: "Sequence[TaskRow]", limit: int | None) -> None:
    """Say how many tasks there are: to people at a terminal always, else only where some are left out."""
    from cli.show.task_totals import cut_hint, totals
    from sql import calls

    # A count is exact and costs a query, so only a list that may be cut asks for it.
    counts = (
        {row.state: row.tasks for row in db.call(calls.count_tasks(select))} if len(tasks) == limit else None
    )
    is_cut = counts is not None and sum(counts.values()) > len(tasks)
    if is_cut:
        say(f"{totals(tasks, counts)} ({cut_hint(len(tasks))})")
    elif has_screen():
        say(totals(tasks))


@app.command()
@selecting()
def show(selector: Selector, output: TextOrJsonOption = TextOrJson.TEXT) -> None:
    """Show everything about tasks: their state, why they wait, their runs with their errors, their files.

    In JSON a single task that is named is an object, and several are a list.
    """
    from msgspec import structs

    from cli.database.connection import opened
    from cli.input.task_fields import facts_of
    from cli.show.task_tables import describe
    from cli.verbs.tasks.selected import is_single, selected
    from sql import calls

    tasks = selected(selector)
    with opened() as db:
        if output is TextOrJson.JSON:
            whole = [db.call(calls.show_whole_task(task)) for task in tasks]
            write(to_json(whole[0] if is_single(selector) else whole))
            return
        for place, task in enumerate(tasks):
            told = db.call(calls.show_task(task, with_output=False))
            write(("\n\n" if place else "") + describe(told, facts_of(structs.asdict(told))))


@app.command()
def runs(task: TaskArgument, output: FormatOption = Format.TABLE) -> None:
    """List the runs of a task from first to last: one for each time that it was started."""
    from cli.database.connection import opened
    from cli.show.task_tables import RUNS
    from sql import calls
    from sql.rows.people import RunRow

    with opened() as db:
        rows = db.call(calls.list_runs(task))
    show_rows(RunRow, rows, RUNS, output, empty=f"task {task} has not been started yet")
