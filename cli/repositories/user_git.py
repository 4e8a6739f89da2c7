"""The user's own git: with the identity, the filters and the credential helpers of whoever types the command."""

import os
import subprocess
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

from dispatcher.errors import DispatchError
from dispatcher.host import own_environment

NO_PROGRAMS = ("-c", "core.hooksPath=/dev/null", "-c", "core.fsmonitor=false")
"""What keeps programs that a repository names from running, but for the filters and signers of the user."""

_OF_ANOTHER_REPOSITORY = (
    *("GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE", "GIT_COMMON_DIR", "GIT_OBJECT_DIRECTORY", "GIT_PREFIX"),
    *("GIT_ALTERNATE_OBJECT_DIRECTORIES", "GIT_NAMESPACE", "GIT_GRAFT_FILE", "GIT_SHALLOW_FILE"),
    *("GIT_QUARANTINE_PATH", "GIT_REPLACE_REF_BASE", "GIT_INTERNAL_SUPER_PREFIX"),
)
"""What git sets for a hook, from which somebody may call us. It would lead each call to that repository."""

# A look at a checkout must not write its index, and messages must be those that we know.
_USUAL = {"GIT_OPTIONAL_LOCKS": "0", "GIT_NO_LAZY_FETCH": "1", "LC_ALL": "C.UTF-8", "LANGUAGE": ""}

_USAGE = 129
"""The exit code of git for an option that it does not know."""


class GitFailedError(DispatchError):
    """The user's git refused something; the message is its own."""


@dataclass(frozen=True)
class Answer:
    code: int
    out: bytes
    err: str

    @property
    def text(self) -> str:
        """What it printed, without the last line end; names that are not UTF-8 can be passed on."""
        return os.fsdecode(self.out.removesuffix(b"\n"))

    @property
    def words(self) -> list[bytes]:
        """What it printed with ``-z``."""
        return self.out.split(b"\0")[:-1]


@dataclass(frozen=True)
class UserGit:
    """Runs git in a directory."""

    directory: Path

    def run(
        self,
        *arguments: str,
        stdin: bytes = b"",
        accepts: Collection[int] = (0,),
        variables: Mapping[str, str] = MappingProxyType({}),
        hooks: bool = False,
    ) -> Answer:
        """Return what git printed. No hook runs, unless ``hooks``.

        Raises :class:`GitFailedError` for an exit code that is not in ``accepts``.
        """
        try:
            done = subprocess.run(
                ["git", "-C", self.directory, *(() if hooks else NO_PROGRAMS), *arguments],
                input=stdin,
                capture_output=True,
                check=False,
                env={**environment(), **_USUAL, **variables},
            )
        except FileNotFoundError as error:
            raise _missing() from error
        answer = Answer(done.returncode, done.stdout, done.stderr.decode(errors="replace").strip())
        if answer.code not in accepts:
            raise GitFailedError(self._complaint(arguments, answer))
        return answer

    def succeeds(self, *arguments: str) -> bool:
        """Whether a question of yes or no is answered with yes."""
        return self.run(*arguments, accepts=range(_USAGE)).code == 0

    def watched(self, *arguments: str) -> int:
        """Run git with its hooks as if the user had typed it: it prints, and may ask for a password."""
        try:
            return subprocess.run(
                ["git", "-C", self.directory, *arguments], check=False, env=environment()
            ).returncode
        except FileNotFoundError as error:
            raise _missing() from error

    def _complaint(self, arguments: tuple[str, ...], answer: Answer) -> str:
        if answer.code == _USAGE:
            return (
                f"git {arguments[0]} does not know what is needed here: expected git 2.38 or newer,"
                f" but this is {self.run('version').text}"
            )
        said = answer.err.removeprefix("fatal: ").removeprefix("error: ")
        return f"git {arguments[0]} failed in {self.directory}: {said or f'exit code {answer.code}'}"


def ignored_everywhere() -> str:
    """Return the file that says what the user ignores in all repositories. No repository is asked."""
    known = UserGit(Path("/")).run(
        "config", "--global", "--type=path", "core.excludesFile", accepts=range(_USAGE)
    )
    if known.code == 0 and known.text:
        return known.text
    given = environment()
    folder = given.get("XDG_CONFIG_HOME") or f"{given.get('HOME', '')}/.config"
    return f"{folder}/git/ignore"


def environment() -> dict[str, str]:
    """Return the environment that the user gave us, for a program that works in a repository of its own."""
    return {
        name: value for name, value in own_environment.whole().items() if name not in _OF_ANOTHER_REPOSITORY
    }


def _missing() -> DispatchError:
    return DispatchError("git is not installed here, or not in PATH: install git 2.38 or newer")


def shown(path: bytes) -> str:
    """Return a path for a message; one with a line end or other bytes that nobody sees is quoted."""
    text = path.decode(errors="surrogateescape")
    return text if text.isprintable() else ascii(text)


MOST_NAMED = 10
"""A message names at most this many files, and counts more."""


def listed(paths: Collection[bytes]) -> str:
    """Return paths for a message."""
    names = sorted(map(shown, paths))
    more = len(names) - MOST_NAMED
    return ", ".join(names[:MOST_NAMED]) + (f" and {more:,} more" if more > 0 else "")
