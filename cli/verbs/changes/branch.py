"""`llmctl branch` and `push`: a branch of what a task changed."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from cli.registry import family
from cli.show.output import TextOrJson, TextOrJsonOption, say, to_json, write
from cli.verbs.changes.recorded import ChangeArgument, change_of, named_repository, recorded, why_unproven
from dispatcher.errors import UsageError, WrongStateError

if TYPE_CHECKING:
    from sql.rows.changes import ChangeRow

app = family()

AnyStateOption = Annotated[
    bool,
    typer.Option("--any-state", help="Take also what did not succeed, or nobody has approved of yet."),
]


@app.command()
def branch(
    task: ChangeArgument,
    name: Annotated[
        str | None,
        typer.Argument(help="The name of the branch; llmctl/NUMBER unless given.", show_default=False),
    ] = None,
    output: TextOrJsonOption = TextOrJson.TEXT,
) -> None:
    """Make a branch at what a task changed, in the repository of the task.

    A branch that is at another commit stays: exit code 5. If the repository is not on this host, a clone of it in the
    current directory gets the branch, as long as it has the commit.
    """
    from cli.database.connection import opened
    from cli.repositories import branches
    from cli.repositories.places import repository_of

    with opened() as db:
        row = change_of(db, task)
    change = recorded(row)
    repository = repository_of(change, Path.cwd())
    name = name or branches.usual_name(row.number)
    created = branches.create(repository, name, change)
    if output is TextOrJson.JSON:
        told = {
            "branch": name,
            "commit": change.head,
            "repository": str(repository.place),
            "created": created,
        }
        write(to_json(told))
    else:
        write(
            f"branch {name} {'is' if created else 'was already'} at {change.head[:12]} in {repository.place}"
        )


@app.command()
def push(
    task: ChangeArgument,
    name: Annotated[
        str | None,
        typer.Option(
            "--branch", metavar="NAME", help="Push to this branch of the remote; llmctl/NUMBER unless given."
        ),
    ] = None,
    any_state: AnyStateOption = False,
) -> None:
    """Push what a task changed to a branch of the remote that config.yaml names for its repository.

    It is `git push` with your hooks and your password, but for hooks that lie among the files of the checkout
    (core.hooksPath), since a change could bring them. It never overwrites another commit.
    """
    from cli.database.connection import opened
    from cli.repositories import branches
    from cli.repositories.places import repository_of

    with opened() as db:
        row = change_of(db, task)
    remote = _remote_of(row)
    if not any_state and (why := why_unproven(row)):
        raise WrongStateError(
            f"the change of task {row.number} is not pushed: {why}", hint="--any-state pushes it nevertheless"
        )
    change = recorded(row)
    name = name or branches.usual_name(row.number)
    remark = branches.push(repository_of(change, Path.cwd()), remote, name, change)
    write(f"task {row.number} is branch {name} of {remote}")
    if remark is not None:
        say(remark)


def _remote_of(row: "ChangeRow") -> str:
    from dispatcher.configuration import settings

    found = named_repository(row, settings.load())
    if found is not None and found.push:
        return found.push
    is_named = row.repository is not None and not row.repository.startswith("/")
    name = row.repository if is_named else Path(row.source or "").name
    raise UsageError(
        f"config.yaml names no remote to which changes of {row.source} may be pushed",
        hint=f"write `repositories: {{{name}: {{path: {row.source}, push: origin}}}}` into it",
    )
