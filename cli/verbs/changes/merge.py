"""`llmctl merge`: changes onto a branch, one on top of the other."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from cli.input.selectors import Selector, selecting
from cli.registry import family
from cli.show.output import Format, FormatOption, interrupts_say, say, show_rows
from cli.show.progress import progress
from cli.verbs.changes.branch import AnyStateOption
from cli.verbs.changes.recorded import ChangesArgument, changes_of
from cli.verbs.tasks.selected import selected
from dispatcher.errors import ExitCode, NotFoundError, UsageError, WrongStateError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from cli.repositories.checkouts import Repository
    from cli.show.changes.merges import MergeRow
    from sql.rows.changes import ChangeRow

app = family()


@app.command()
@selecting(arguments=ChangesArgument)
def merge(
    selector: Selector,
    check: Annotated[
        str | None,
        typer.Option(metavar="COMMAND", help="Check with this command instead of the one of each task."),
    ] = None,
    no_check: Annotated[bool, typer.Option("--no-check", help="Merge without checks.")] = False,
    into: Annotated[
        str | None,
        typer.Option(metavar="BRANCH", help="Merge into this branch; the current one unless given."),
    ] = None,
    any_state: AnyStateOption = False,
    output: FormatOption = Format.TABLE,
) -> ExitCode:
    """Merge what tasks changed into a branch, one after the other, in the order in which they are named.

    Each is merged on top of those before it, and the check of its task (after its setup) runs there, in a directory of
    its own. What conflicts or whose check fails is left, and the next one is tried. At the end the branch, and the
    checkout that is on it, move once. Ctrl-C leaves both as they were, and so does SIGTERM.

    Exit code 1: a check failed. 5: something conflicts or was left for another reason, or the branch cannot be moved.
    """
    if no_check and check is not None:
        raise UsageError("--check names a check, and --no-check wants none: give one of them")
    tasks = selected(selector)
    if not tasks:
        return ExitCode.OK
    from cli.database.connection import opened
    from cli.repositories.merging import Branch
    from cli.repositories.signals import ended_like_ctrl_c
    from cli.show.changes.merges import MERGES, MergeRow, summary_of
    from cli.verbs.changes.merging import Merging, Wanted
    from dispatcher.host import own_environment

    with opened() as db:
        own_environment.conceal()  # checks run code of agents, as our own user
        rows = _in_order(changes_of(db, tasks), selector.tasks)
        repository = _target(rows)
        branch = Branch(repository, _ref(repository, into))
        untouched = f"nothing was merged, {branch.name} is as it was"
        with (
            ended_like_ctrl_c(),
            interrupts_say(lambda: untouched),
            progress(len(rows), "merging") as bar,
            Merging(db, branch, Wanted(check, no_check, any_state)) as merging,
        ):
            merged: list[MergeRow] = []
            for row in rows:
                bar.show(f"task {row.number}", len(merged), len(rows))
                bar.draw()
                merged.append(merging.merge(row))
        branch.move(f"llmctl merge: {', '.join(str(row.number) for row in merged if row.result == 'merged')}")
    show_rows(MergeRow, merged, MERGES, output, empty="no task is selected")
    say(summary_of(merged, branch.name, branch.begin, branch.tip))
    return _code(merged)


def _in_order(rows: "Sequence[ChangeRow]", named: "Sequence[str]") -> "Sequence[ChangeRow]":
    """Return the changes in the order in which their tasks were named; others follow in that of their numbers."""
    places = {task: place for place, task in enumerate(named)}
    return sorted(rows, key=lambda row: places.get(str(row.number), len(places)))


def _target(rows: "Sequence[ChangeRow]") -> "Repository":
    """Return the repository of the current directory, or else the one of all tasks."""
    from cli.repositories.checkouts import repository_at

    here = repository_at(Path.cwd())
    if here is not None:
        return here
    sources = {row.source for row in rows if row.source is not None}
    if len(sources) > 1:
        raise WrongStateError(
            f"these tasks changed different repositories: {', '.join(sorted(sources))}",
            hint="go to the one that you mean, or select the tasks of one",
        )
    found = repository_at(Path(next(iter(sources)))) if sources else None
    if found is None:
        raise NotFoundError(
            f"{Path.cwd()} is no checkout, and {''.join(sources) or 'the repository'} is not on this host",
            hint="go to a clone of it, and try again",
        )
    return found


def _ref(repository: "Repository", into: str | None) -> str:
    from cli.repositories.branches import require_branch_name

    if into is not None:
        return require_branch_name(repository, into)
    current = repository.branch()
    if current is None:
        raise WrongStateError(
            f"{repository.place} is on no branch (its HEAD is detached)",
            hint="`git switch BRANCH`, or name one with --into",
        )
    return current


def _code(rows: "Sequence[MergeRow]") -> ExitCode:
    results = {row.result for row in rows}
    if results & {"conflict", "left"}:
        return ExitCode.WRONG_STATE
    return ExitCode.FAILED if "red" in results else ExitCode.OK
