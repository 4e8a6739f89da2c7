"""Repositories of the user, and what is known of them."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from cli.repositories.user_git import GitFailedError, UserGit, listed
from dispatcher.errors import WrongStateError
from dispatcher.repositories.clones import clone_around


@dataclass(frozen=True)
class Recorded:
    """A change that is recorded: ``head`` at ``ref`` of the repository ``source``, against ``base``."""

    number: int
    source: Path
    ref: str
    base: str
    head: str


@dataclass(frozen=True)
class Repository:
    """A repository; ``git`` runs at the top of its work tree ``top``, or in a bare one, which has none."""

    git: UserGit
    top: Path | None

    @property
    def place(self) -> Path:
        return self.git.directory

    def has(self, commit: str) -> bool:
        """Whether the commit is here, without asking a remote."""
        return self.git.succeeds("cat-file", "-e", f"{commit}^{{commit}}")

    def is_ancestor(self, ancestor: str, commit: str) -> bool:
        return self.git.succeeds("merge-base", "--is-ancestor", ancestor, commit)

    def head(self) -> str:
        """Return the commit of HEAD. Raises WrongStateError where there is none yet."""
        answer = self.git.run("rev-parse", "--verify", "--quiet", "HEAD^{commit}", accepts=(0, 1, 128))
        if answer.code:
            raise WrongStateError(f"{self.place} has no commit yet: commit something first")
        return answer.text

    def branch(self) -> str | None:
        """Return the ref of the current branch; None with a detached HEAD."""
        answer = self.git.run("symbolic-ref", "--quiet", "HEAD", accepts=(0, 1))
        return None if answer.code else answer.text

    def uncommitted(self) -> Sequence[bytes]:
        """Return the paths that differ from HEAD in the index or the files."""
        answer = self.git.run(
            *("status", "--porcelain=v1", "-z", "--no-renames", "--ignore-submodules=dirty"),
            "--untracked-files=no",
        )
        return [entry[3:] for entry in answer.words]

    def require_clean(self) -> None:
        """Raise WrongStateError that names what is not committed."""
        if changed := self.uncommitted():
            raise WrongStateError(
                f"{self.place} has uncommitted changes, which would mix with this one: {listed(changed)}",
                hint="commit them, or put them aside with `git stash`",
            )


def repository_at(directory: Path) -> Repository | None:
    """Return the repository that a directory belongs to, or None.

    Raises GitFailedError if git refuses to look, and WrongStateError for the clone of a run: an agent wrote its
    configuration, so no git of the user runs in it.
    """
    git = UserGit(directory)
    if not directory.is_dir():
        return None
    if (clone := clone_around(directory)) is not None:
        raise WrongStateError(
            f"{clone} is the clone of a run, whose agent may have written what git runs there",
            hint=f"go to a repository of yours; `git fetch {clone} HEAD` there gets the commits of the clone",
        )
    answer = git.run("rev-parse", "--is-inside-work-tree", "--absolute-git-dir", accepts=(0, 128))
    if answer.code:
        if "not a git repository" in answer.err:
            return None
        raise GitFailedError(answer.err.removeprefix("fatal: "))
    inside, _, git_dir = answer.text.partition("\n")
    if inside != "true":
        return Repository(UserGit(Path(git_dir)), None)
    top = Path(git.run("rev-parse", "--show-toplevel").text)
    return Repository(UserGit(top), top)
