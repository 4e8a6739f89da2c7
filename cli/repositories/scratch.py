"""Trees of their own in which commands prove commits, before any branch has them."""

import contextlib
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from cli.repositories.checkouts import Repository
from cli.repositories.signals import deferred
from dispatcher.errors import DispatchError
from dispatcher.repositories.clones import Clone, make_clone
from dispatcher.repositories.failures import RepositoryError
from dispatcher.repositories.git import Git
from dispatcher.repositories.sources import Source
from dispatcher.run.commands.by_hand import CommandsByHand, is_over

_PREFIX = "llmctl-merge-"


@dataclass(frozen=True)
class Commands:
    """What proves a change: ``check`` must exit with 0, after ``setup`` if there is one. Timeouts are in seconds."""

    check: str
    setup: str | None = None
    check_timeout: float = 600.0
    setup_timeout: float = 600.0


@dataclass(frozen=True)
class Failure:
    """How a command ended, in words, and the end of what it printed."""

    command: str
    how: str
    tail: str


class Scratch:
    """Proves commits of a repository, whose objects it shares: each in a tree that no command has seen before.

    A tree, its ``.git`` and what is ignored in it are gone before the next one is made. So nothing that the check of
    one change leaves there can decide on another change. No git of the user runs there: the tree is made as that of a
    run is, and what checks do with it is theirs.
    """

    def __init__(self, source: Source, remark: Callable[[str], None], commands: CommandsByHand) -> None:
        self._source = source
        self._remark = remark
        self._commands = commands
        self._remarked: set[str] = set()

    def prove(self, commit: str, number: int, commands: Commands) -> Failure | None:
        """Return how the commands of a task failed on a commit, or None if they did not."""
        prefix = f"{_PREFIX}{self._commands.mark}-"
        with tempfile.TemporaryDirectory(prefix=prefix, ignore_cleanup_errors=True) as directory:
            place = Path(directory)
            work = self._tree(commit, number, place)
            if commands.setup:
                failure = self._run(commands.setup, number, commands.setup_timeout, work, place / "setup")
                if failure is not None:
                    return failure
            return self._run(commands.check, number, commands.check_timeout, work, place / "check")

    def _tree(self, commit: str, number: int, place: Path) -> Path:
        clone = Clone(place / "work", place / "repository", self._source, commit)
        try:
            remarks = make_clone(clone, number, Git())
        except RepositoryError as error:
            raise DispatchError(f"no tree for checks can be made in {place}: {error}") from error
        for remark in remarks:
            if remark not in self._remarked:
                self._remarked.add(remark)
                self._remark(remark)
        return clone.work

    def _run(self, command: str, number: int, timeout: float, work: Path, own: Path) -> Failure | None:
        own.mkdir(mode=0o700)
        ended = self._commands.run(command, number, timeout, work, own)
        return None if ended.exit_code == 0 else Failure(command, ended.how, ended.tail)


@contextlib.contextmanager
def scratch_of(repository: Repository, remark: Callable[[str], None]) -> Iterator[Scratch]:
    """Yield what proves commits of a repository, which does not notice it. ``remark`` says what people should know."""
    common = Path(repository.git.run("rev-parse", "--path-format=absolute", "--git-common-dir").text)
    source = Source(repository.place, common, common / "objects", None)
    with CommandsByHand(deferred) as commands:
        _remove_leftovers()
        yield Scratch(source, remark, commands)


def _remove_leftovers() -> None:
    """Remove the trees of programs like this one that were killed."""
    for place in Path(tempfile.gettempdir()).glob(f"{_PREFIX}*"):
        mark = place.name.removeprefix(_PREFIX).rpartition("-")[0]
        if place.lstat().st_uid == os.geteuid() and mark and is_over(mark):
            shutil.rmtree(place, ignore_errors=True)
