"""Trees that a change makes of a commit: three-way, without a look at any index or file of the user."""

import tempfile
from collections.abc import Sequence
from pathlib import Path

from cli.repositories.checkouts import Recorded, Repository
from cli.repositories.user_git import Answer, GitFailedError, UserGit, listed, shown
from dispatcher.errors import WrongStateError

_OURS = {
    f"GIT_{who}_{what}": value
    for who in ("AUTHOR", "COMMITTER")
    for what, value in (("NAME", "llmctl"), ("EMAIL", "llmctl@localhost"), ("DATE", "@0 +0000"))
}


class ConflictError(WrongStateError):
    """A change does not fit; ``files`` are the paths that conflict."""

    def __init__(self, number: int, files: Sequence[bytes]) -> None:
        super().__init__(f"task {number} conflicts in {listed(files)}")
        self.files = files


def merged_tree(
    repository: Repository, onto: str, change: Recorded, continued: Sequence[Recorded] = ()
) -> str:
    """Return the tree that the change makes of the commit ``onto``. Raises ConflictError.

    ``continued`` are the changes that it goes on with, the nearest first. It holds them, so where ``onto`` has one of
    them already, however it came there, only what followed it counts.
    """
    base = _base(repository, onto, change)
    if base == change.base:
        base = next((one.head for one in continued if _has(repository, onto, one)), base)
    return _three_way(repository.git, base, onto, change)


def _has(repository: Repository, onto: str, change: Recorded) -> bool:
    """Whether a commit has a change already: merging it makes no difference. Its text counts, and not its commits."""
    if not repository.has(change.head):
        return False
    try:
        tree = _three_way(repository.git, _base(repository, onto, change), onto, change)
    except ConflictError:
        return False
    return tree == repository.git.run("rev-parse", f"{onto}^{{tree}}").text


def _three_way(git: UserGit, base: str, onto: str, change: Recorded) -> str:
    # Two commits with one parent: what they have in common is the base, also for a git before 2.40, which cannot be
    # told so, and where the agent began another history.
    ours, theirs = (
        git.run("commit-tree", f"{commit}^{{tree}}", "-p", base, "-m", "llmctl", variables=_OURS).text
        for commit in (onto, change.head)
    )
    merged = git.run(
        "merge-tree", "--write-tree", "-z", "--name-only", "--no-messages", ours, theirs, accepts=(0, 1)
    )
    tree, *files = merged.words
    if merged.code:
        raise ConflictError(change.number, list(dict.fromkeys(filter(None, files))))
    return tree.decode()


def _base(repository: Repository, onto: str, change: Recorded) -> str:
    """Return the base of the change, or a later commit of it that ``onto`` has already."""
    common = repository.git.run("merge-base", onto, change.head, accepts=(0, 1))
    if common.code == 0 and repository.is_ancestor(change.base, common.text):
        return common.text
    return change.base


def patched_tree(git: UserGit, onto: str, number: int, patch: Path) -> str:
    """Return the tree that a patch makes of the commit ``onto``. Raises ConflictError."""
    with tempfile.TemporaryDirectory(prefix="llmctl-") as directory:
        ours = {"GIT_INDEX_FILE": f"{directory}/index"}
        git.run("read-tree", onto, variables=ours)
        applied = git.run(
            *("apply", "--3way", "--cached", "--whitespace=nowarn", "--no-ignore-whitespace", str(patch)),
            accepts=(0, 1, 128),
            variables=ours,
        )
        unmerged = git.run("ls-files", "--unmerged", "-z", variables=ours).words
        if unmerged:
            files = dict.fromkeys(entry.split(b"\t", 1)[1] for entry in unmerged)
            raise ConflictError(number, list(files))
        if applied.code:
            raise _does_not_fit(number, onto, applied)
        return git.run("write-tree", variables=ours).text


def _does_not_fit(number: int, onto: str, applied: Answer) -> Exception:
    """Return the error for a patch whose blobs are not here, so that no three-way merge can be tried."""
    said = [line.removeprefix("error: ") for line in applied.err.splitlines() if line.startswith("error: ")]
    refused = [line for line in said if "patch does not apply" in line or "patch failed" not in line]
    if not refused:
        return GitFailedError(f"git apply failed: {applied.err}")
    return WrongStateError(
        f"the patch of task {number} does not fit {onto[:12]}: {shown('; '.join(refused[:10]).encode())}"
    )
