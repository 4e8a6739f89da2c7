"""Where a change is, and where it can go."""

from pathlib import Path

from cli.repositories.checkouts import Recorded, Repository, repository_at
from cli.repositories.user_git import GitFailedError
from dispatcher.errors import NotFoundError, WrongStateError


def repository_of(change: Recorded, here: Path) -> Repository:
    """Return a repository that has the change: its source or, if that is not on this host, the one of ``here``.

    Raises NotFoundError.
    """
    for directory in (change.source, here):
        repository = repository_at(directory)
        if repository is not None and repository.has(change.head):
            return repository
    source = repository_at(change.source)
    if source is not None:
        raise NotFoundError(
            f"{change.source} has no commit {change.head[:12]} of task {change.number}: {change.ref} is gone",
            hint=f"`llmctl apply {change.number}` takes its patch from the database",
        )
    raise NotFoundError(
        f"{change.source}, where task {change.number} is recorded, is not on this host, and {here} is no clone that"
        " has it",
        hint=f"`llmctl apply {change.number}` in a clone takes its patch from the database",
    )


def checkout_for(source: Path, here: Path) -> Repository:
    """Return the checkout that ``here`` belongs to, or else the source. Raises NotFoundError and WrongStateError."""
    for directory in (here, source):
        found = repository_at(directory)
        if found is not None and found.top is not None:
            return found
    if found is not None:
        raise WrongStateError(
            f"{source} is a bare repository, which has no checkout", hint="go to a clone of it, and try again"
        )
    raise NotFoundError(
        f"{here} is no checkout, and {source} is not on this host", hint="go to a clone of it, and try again"
    )


def fetch(checkout: Repository, change: Recorded) -> bool:
    """Bring the change into a clone of its source; returns False where only its patch can be had."""
    if not checkout.has(change.base):
        return False
    if checkout.has(change.head):
        return True
    if repository_at(change.source) is None:
        return False
    try:
        checkout.git.run(
            *("fetch", "--quiet", "--no-tags", "--no-write-fetch-head", "--no-auto-maintenance"),
            *("--no-recurse-submodules", "--", str(change.source), change.ref),
        )
    except GitFailedError:
        return False
    return checkout.has(change.head)
