"""What is recorded of tasks, and where it can go."""

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from cli.input.completers import live
from cli.show.output import say
from dispatcher.errors import NotFoundError, WrongStateError

if TYPE_CHECKING:
    from cli.database.connection import Database
    from cli.repositories.checkouts import Recorded
    from dispatcher.configuration.sections.repositories import RepositorySettings
    from dispatcher.configuration.settings import Settings
    from sql.rows.changes import ChangeRow

PATCH = ".llmctl/changes.patch"
"""The output file of a run that holds what it changed."""

_MASKED = b"\nllmctl: "
"""How the last line of a patch begins in which keys are masked."""

_LONGEST_NOTE = 1_000

READ_TOGETHER = 500
"""So many tasks are read by one call."""

ChangeArgument = Annotated[
    str,
    typer.Argument(
        metavar="TASK",
        help="Number of a task with a recorded change, or the beginning of its uuid.",
        autocompletion=live("change"),
    ),
]
ChangesArgument = Annotated[
    list[str] | None,
    typer.Argument(
        metavar="[TASK]…",
        help="Numbers of tasks, ranges such as 61-70, or beginnings of uuids.",
        show_default=False,
        autocompletion=live("change"),
    ),
]


def changes_of(db: "Database", tasks: Sequence[str], *, with_stat: bool = False) -> "list[ChangeRow]":
    """Return the newest change of each task, lowest number first. Raises NotFoundError."""
    from sql import change_calls

    rows: list[ChangeRow] = []
    for begin in range(0, len(tasks), READ_TOGETHER):
        rows += db.call(change_calls.list_changes(tasks[begin : begin + READ_TOGETHER], with_stat=with_stat))
    return sorted(rows, key=lambda row: row.number)


def change_of(db: "Database", task: str) -> "ChangeRow":
    """Return the newest change of one task. Raises NotFoundError, and WrongStateError where nothing is recorded."""
    [row] = changes_of(db, [task])
    if why := why_none(row):
        raise WrongStateError(*why[:1], hint=why[1])
    return row


def why_none(row: "ChangeRow") -> tuple[str, str | None] | None:
    """Return why a task has no change to show, and what to do; None if it has one."""
    if row.ref is not None:
        return None if row.files else (f"task {row.number} changed nothing", None)
    if row.problem:
        kept = f"its work is in {row.kept_in}" if row.kept_in else None
        return f"the change of task {row.number} could not be recorded: {row.problem}", kept
    if row.repository is None:
        return f"task {row.number} works on no repository", "`llmctl submit … --repo .` makes one that does"
    if row.status in ("queued", "leased", "running"):
        return f"no run of task {row.number} has ended yet", f"`llmctl wait {row.number}` waits for it"
    return f"no change of task {row.number} is recorded", f"`llmctl show {row.number}` says how it ended"


def recorded(row: "ChangeRow") -> "Recorded":
    """Return where the change of a task is, of which :func:`why_none` knows nothing."""
    from cli.repositories.checkouts import Recorded

    assert row.source is not None
    assert row.ref is not None
    assert row.base_commit is not None
    assert row.head_commit is not None
    return Recorded(row.number, Path(row.source), row.ref, row.base_commit, row.head_commit)


def continued_by(db: "Database", row: "ChangeRow") -> "Sequence[Recorded]":
    """Return the recorded changes that a change goes on with, the nearest first: those of the replied-to tasks."""
    from sql import change_calls

    numbers = db.call(change_calls.continued_tasks(str(row.number)))
    rows = {found.number: found for found in changes_of(db, [str(number) for number in numbers])}
    return [recorded(rows[number]) for number in numbers if why_none(rows[number]) is None]


def patch_of(db: "Database", row: "ChangeRow") -> Iterable[bytes]:
    """Return the patch of a change: the stored one or, if that is gone, the same from its repository."""
    from cli.download import content_of
    from cli.repositories.places import repository_of
    from sql import calls

    try:
        return content_of(db.call(calls.read_file(str(row.number), PATCH, row.run_no)), PATCH)
    except NotFoundError:
        change = recorded(row)
        git = repository_of(change, Path.cwd()).git
        options = ("--no-ext-diff", "--no-textconv", "--no-color", "--binary", "--full-index")
        return [git.run("diff-tree", "-p", *options, change.base, change.head).out]


def told_of_masks(patch: Iterable[bytes]) -> Iterator[bytes]:
    """Pass a patch on, and say at its end if keys are masked in it."""
    end = b""
    for chunk in patch:
        end = (end + chunk)[-_LONGEST_NOTE:]
        yield chunk
    if end.rpartition(_MASKED)[1]:
        say("note that " + end.rpartition(_MASKED)[2].decode(errors="replace").strip())


def why_unproven(row: "ChangeRow") -> str | None:
    """Return why a change is not one to go on with unless somebody insists; None if it is."""
    match row.approval, row.status:
        case "waiting", _:
            return f"it waits for an approval: `llmctl approve {row.number}`"
        case "denied", _:
            return "somebody denied it"
        case _, "succeeded":
            return None
    if row.check_verdict not in (None, "passed"):
        return "its check is red"
    return {"failed": "it failed", "canceled": "it was canceled"}.get(row.status, f"it is {row.status}")


def named_repository(row: "ChangeRow", settings: "Settings") -> "RepositorySettings | None":
    """Return what config.yaml says of the repository of a task, which has its name or is at its path."""
    from dispatcher.configuration.paths import expanded

    if named := settings.repositories.get(row.repository or ""):
        return named
    places = [(Path(row.source).resolve(), one) for one in settings.repositories.values() if row.source]
    return next((one for place, one in places if expanded(one.path).resolve() == place), None)
