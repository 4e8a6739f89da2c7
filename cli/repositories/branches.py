"""Branches for changes: in a repository, and at a remote."""

from pathlib import Path

from cli.repositories.checkouts import Recorded, Repository
from cli.repositories.user_git import NO_PROGRAMS
from dispatcher.errors import DispatchError, UsageError, WrongStateError


def usual_name(number: int) -> str:
    return f"llmctl/{number}"


def require_branch_name(repository: Repository, name: str) -> str:
    """Return the ref of a branch. Raises UsageError for what cannot be the name of one."""
    if name.startswith("-") or not repository.git.succeeds("check-ref-format", f"refs/heads/{name}"):
        raise UsageError(f"{name!r} is not a valid name of a branch: expected one such as llmctl/12")
    return f"refs/heads/{name}"


def create(repository: Repository, name: str, change: Recorded) -> bool:
    """Make a branch of the change; returns False if it is there already. Raises WrongStateError if it is another's."""
    ref = require_branch_name(repository, name)
    known = repository.git.run("rev-parse", "--verify", "--quiet", ref, accepts=(0, 1))
    if known.code:
        # The empty old value: it must not have come meanwhile.
        repository.git.run("update-ref", "-m", f"llmctl branch {change.number}", ref, change.head, "")
        return True
    if known.text != change.head:
        raise WrongStateError(
            f"branch {name} exists in {repository.place}, at another commit ({known.text[:12]}): it stays",
            hint=f"`llmctl branch {change.number} NAME` takes another name",
        )
    return False


def push(repository: Repository, remote: str, name: str, change: Recorded) -> str | None:
    """Push the change to a branch of a remote, never over another commit, as `git push` with the hooks of the user.

    Returns why no hook ran, if none did: what changes can bring would run as the user, with all keys.
    """
    ref = require_branch_name(repository, name)
    hooks = _hooks_within_files(repository)
    code = repository.git.watched(
        *(() if hooks is None else NO_PROGRAMS),
        "push",
        "--no-follow-tags",
        "--",
        remote,
        f"{change.head}:{ref}",
    )
    if code:
        raise DispatchError(f"git push to {remote} failed: nothing was pushed")
    if hooks is None:
        return None
    return f"no hook ran: those in {hooks} are files that changes of tasks can replace; `git push` runs them"


def _hooks_within_files(repository: Repository) -> Path | None:
    """Return the directory of hooks if it is among the files of the checkout, where changes come to."""
    asked = repository.git.run(
        "rev-parse", "--path-format=absolute", "--git-path", "hooks", "--git-common-dir", hooks=True
    )
    hooks, common = (Path(line).resolve() for line in asked.text.split("\n"))
    top = repository.top
    if top is None or not hooks.is_relative_to(top.resolve()) or hooks.is_relative_to(common):
        return None
    return hooks
