"""Changes for a branch, one on top of the other. The branch moves once, at the end."""

from collections.abc import Callable, Sequence

from cli.repositories.checkouts import Recorded, Repository
from cli.repositories.signals import uninterrupted
from cli.repositories.takeover import difference, require_room, take_over
from cli.repositories.trees import merged_tree
from cli.repositories.user_git import GitFailedError
from dispatcher.errors import UsageError, WrongStateError

Prove = Callable[[str], bool]
"""Whether a commit is good."""


class Branch:
    """A branch as it will be: ``tip`` is its commit with all changes that were merged by now."""

    def __init__(self, repository: Repository, ref: str) -> None:
        """Look at the branch. Raises WrongStateError where it cannot be moved at the end."""
        self.repository = repository
        self.ref = ref
        self.begin = self.tip = _commit_of(repository, ref)
        self._is_checked_out = repository.top is not None and repository.branch() == ref
        if self._is_checked_out:
            repository.require_clean()
        elif place := _other_checkout(repository, ref):
            raise WrongStateError(f"{self.name} is checked out in {place}", hint="go there, and try again")
        identity = repository.git.run("var", "GIT_COMMITTER_IDENT", accepts=(0, 128))
        if identity.code:
            raise UsageError(
                "git does not know who commits",
                hint="git config --global user.name NAME; git config --global user.email ADDRESS",
            )
        signs = repository.git.run("config", "--type=bool", "commit.gpgSign", accepts=(0, 1)).text == "true"
        self._options = ("-S",) if signs else ()

    @property
    def name(self) -> str:
        return self.ref.removeprefix("refs/heads/")

    def has(self, change: Recorded) -> bool:
        return self.repository.is_ancestor(change.head, self.tip)

    def fits(self, change: Recorded) -> bool:
        """Whether the branch has the base of the change: otherwise its history would come along."""
        return self.repository.is_ancestor(change.base, self.tip)

    def merge(
        self, change: Recorded, message: str, proves: Prove | None, continued: Sequence[Recorded] = ()
    ) -> bool:
        """Put a change on top if it is proven there; return whether it is.

        ``continued`` are the changes that it goes on with, the nearest first.

        Raises ConflictError, and WrongStateError where a file in the way would be lost at the end.
        """
        tree = merged_tree(self.repository, self.tip, change, continued)
        if self._is_checked_out:
            require_room(self.repository, difference(self.repository.git, self.begin, tree))
        commit = self.repository.git.run(
            *("commit-tree", *self._options, "-p", self.tip, "-p", change.head, "-F", "-", tree),
            stdin=message.encode(errors="replace"),
        ).text
        if proves is not None and not proves(commit):
            return False
        self.tip = commit
        return True

    def move(self, why: str) -> None:
        """Move the branch, and the checkout that is on it. Raises WrongStateError if either changed meanwhile."""
        if self.tip == self.begin:
            return
        with uninterrupted():
            if not self._is_checked_out:
                if place := _other_checkout(self.repository, self.ref):
                    raise WrongStateError(f"{self.name} is checked out in {place} by now: it stays as it is")
                self._move_ref(why)
                return
            if self.repository.branch() != self.ref or self.repository.head() != self.begin:
                raise self._moved()
            self.repository.require_clean()
            take_over(self.repository, difference(self.repository.git, self.begin, self.tip))
            try:
                self._move_ref(why)
            except WrongStateError:
                take_over(self.repository, difference(self.repository.git, self.tip, self.begin))
                raise

    def _move_ref(self, why: str) -> None:
        try:
            self.repository.git.run("update-ref", "-m", why, self.ref, self.tip, self.begin)
        except GitFailedError as error:
            if _commit_of(self.repository, self.ref) != self.begin:
                raise self._moved() from error
            raise WrongStateError(f"{self.name} cannot be moved: {error}") from error

    def _moved(self) -> WrongStateError:
        return WrongStateError(
            f"{self.name} moved meanwhile: it stays as it is, and nothing is merged",
            hint=f"try again; what was merged here is commit {self.tip[:12]}",
        )


def _commit_of(repository: Repository, ref: str) -> str:
    answer = repository.git.run("rev-parse", "--verify", "--quiet", f"{ref}^{{commit}}", accepts=(0, 1, 128))
    if answer.code:
        raise WrongStateError(
            f"{repository.place} has no branch {ref.removeprefix('refs/heads/')} with a commit"
        )
    return answer.text


def _other_checkout(repository: Repository, ref: str) -> str | None:
    """Return the work tree that is on the branch."""
    place = None
    for line in repository.git.run("worktree", "list", "--porcelain").text.splitlines():
        key, _, value = line.partition(" ")
        if key == "worktree":
            place = value
        elif key == "bare":
            place = None
        elif key == "branch" and value == ref:
            return place
    return None
