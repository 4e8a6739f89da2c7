"""A tree of its own in which commands prove a commit, before any branch has it."""

import contextlib
import os
import signal
import subprocess
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from cli.repositories.checkouts import Repository
from cli.repositories.signals import deferred
from cli.repositories.user_git import UserGit, environment
from dispatcher.errors import DispatchError
from dispatcher.repositories.clones import Clone, make_clone
from dispatcher.repositories.failures import RepositoryError
from dispatcher.repositories.git import Git
from dispatcher.repositories.sources import Source

_TAIL = 4_000
"""Bytes of what a command printed last that are shown."""

_GRACE = 5.0
"""Seconds that a command has to end after SIGTERM."""


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
    """Trees of commits of a repository, whose objects it shares. What is ignored stays from one to the next."""

    def __init__(self, work: Path, remarks: Sequence[str] = ()) -> None:
        self.remarks = remarks
        """What people should know, such as submodules that are not there."""

        self._work = work
        self._git = UserGit(work)
        self._set_up: str | None = None

    def prove(self, commit: str, number: int, commands: Commands) -> Failure | None:
        """Return how the commands of a task failed on a commit, or None if they did not.

        The setup runs once; again before a check is believed to fail, since a change may need another one.
        """
        if commands.setup and commands.setup != self._set_up:
            return self._set_up_and_check(commit, number, commands)
        self._put(commit)
        failure = self._run(commands.check, number, commands.check_timeout)
        if failure and commands.setup:
            return self._set_up_and_check(commit, number, commands)
        return failure

    def _set_up_and_check(self, commit: str, number: int, commands: Commands) -> Failure | None:
        """Run both in a tree that is new but for what is ignored: what the setup made is there for the check."""
        self._set_up = None
        self._put(commit)
        failure = self._run(commands.setup or "", number, commands.setup_timeout)
        if failure is None:
            self._set_up = commands.setup
            failure = self._run(commands.check, number, commands.check_timeout)
        return failure

    def _put(self, commit: str) -> None:
        """Make the tree that of a commit, whatever a command left there."""
        self._git.run("checkout", "--quiet", "--force", "--detach", commit)
        self._git.run("clean", "--quiet", "-ffd")

    def _run(self, command: str, number: int, timeout: float) -> Failure | None:
        variables = {
            **environment(),
            "LLMCTL_TASK": str(number),
            "GIT_CEILING_DIRECTORIES": str(self._work.parent),
        }
        with tempfile.TemporaryFile() as printed:
            process = None
            try:
                with deferred():
                    process = subprocess.Popen(
                        ["/bin/sh", "-c", command],
                        cwd=self._work,
                        env=variables,
                        stdin=subprocess.DEVNULL,
                        stdout=printed,
                        stderr=subprocess.STDOUT,
                        start_new_session=True,  # Ctrl-C is ours: we end it with all that it started
                    )
                code = process.wait(timeout)
                how = f"exited with {code}" if code >= 0 else f"was ended by {signal.Signals(-code).name}"
            except subprocess.TimeoutExpired:
                code, how = -1, f"took longer than {timeout:g} s"
            finally:
                if process is not None:
                    _end(process)
            if code == 0:
                return None
            size = printed.seek(0, os.SEEK_END)
            printed.seek(max(0, size - _TAIL))
            return Failure(command, how, printed.read().decode(errors="replace"))


def _end(process: "subprocess.Popen[bytes]") -> None:
    """End what is left of the command; at another Ctrl-C at once."""
    try:
        with contextlib.suppress(ProcessLookupError, subprocess.TimeoutExpired):
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGTERM)
                process.wait(_GRACE)
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()


@contextlib.contextmanager
def scratch_of(repository: Repository, commit: str) -> Iterator[Scratch]:
    """Yield a scratch tree of a repository, which is removed at the end. The repository does not notice it.

    It is made as the tree of a run is. From then on the git of the user works in it, so that its filters have their
    programs and their passwords.
    """
    with tempfile.TemporaryDirectory(prefix="llmctl-merge-", ignore_cleanup_errors=True) as directory:
        common = _path_of(repository, "--git-common-dir")
        source = Source(repository.place, common, common / "objects", None)
        clone = Clone(Path(directory, "work"), Path(directory, "repository"), source, commit)
        try:
            remarks = make_clone(clone, 0, Git())
        except RepositoryError as error:
            raise DispatchError(f"no tree for checks can be made in {directory}: {error}") from error
        # Large files that the repository has are not fetched again.
        UserGit(clone.work).run("config", "lfs.storage", str(common / "lfs"))
        yield Scratch(clone.work, remarks)


def _path_of(repository: Repository, what: str) -> Path:
    return Path(repository.git.run("rev-parse", "--path-format=absolute", what).text)
