"""Branches for changes: in a repository, and at a remote."""

from cli.repositories.checkouts import Recorded, Repository
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


def push(repository: Repository, remote: str, name: str, change: Recorded) -> None:
    """Push the change to a branch of a remote, never over another commit, as `git push` with the hooks of the user."""
    ref = require_branch_name(repository, name)
    code = repository.git.watched("push", "--no-follow-tags", "--", remote, f"{change.head}:{ref}")
    if code:
        raise DispatchError(f"git push to {remote} failed: nothing was pushed")
