"""A clean checkout takes a tree over, whole or not at all."""

import contextlib
import os
import stat
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from cli.repositories.checkouts import Repository
from cli.repositories.signals import uninterrupted
from cli.repositories.user_git import GitFailedError, UserGit, listed
from dispatcher.errors import WrongStateError

_AT_ONCE = 500
"""Paths in the arguments of one call."""


@dataclass(frozen=True)
class Difference:
    """How the tree ``new`` differs from ``old``. ``added`` maps each new path to its mode and blob."""

    old: str
    new: str
    added: dict[bytes, tuple[int, str]]
    others: Sequence[bytes]

    @property
    def paths(self) -> Sequence[bytes]:
        return [*self.added, *self.others]


def difference(git: UserGit, old: str, new: str) -> Difference:
    """Compare two trees, or the trees of commits."""
    words = git.run("diff-tree", "-r", "-z", "--no-renames", old, new).words
    added: dict[bytes, tuple[int, str]] = {}
    others: list[bytes] = []
    for about, path in zip(words[::2], words[1::2], strict=True):
        _, mode, _, blob, kind = about.split(b" ")
        if kind == b"A":
            added[path] = int(mode, 8), blob.decode()
        else:
            others.append(path)
    return Difference(old, new, added, others)


def take_over(checkout: Repository, differs: Difference) -> None:
    """Turn the index and the files of a clean checkout from the old tree into the new one; HEAD stays.

    Raises WrongStateError if a file in the way would be lost, and GitFailedError; then the checkout is as it was.
    """
    require_room(checkout, differs)
    with uninterrupted():
        # Without this, a file that was only touched counts as changed.
        checkout.git.run("update-index", "-q", "--refresh", accepts=(0, 1))
        checkout.git.run("read-tree", "-m", "-u", "-n", differs.old, differs.new)
        try:
            checkout.git.run("read-tree", "-m", "-u", differs.old, differs.new)
        except GitFailedError as error:  # such as a full disk, in the middle
            left = list(_undo(checkout, differs))
            if left:
                error.hint = f"remove what is left of it: {listed(left)}"
            raise


def require_room(checkout: Repository, differs: Difference) -> None:
    """Raise WrongStateError that names what no commit has and new files would replace; git spares no ignored ones."""
    suspects = {place for path in differs.added if (place := _in_the_way(checkout, path)) is not None}
    if obstacles := list(_untracked(checkout.git, sorted(suspects))):
        raise WrongStateError(
            f"{listed(obstacles)} would be overwritten in {checkout.place}, and is in no commit",
            hint="move it away, or commit it",
        )


def _in_the_way(checkout: Repository, path: bytes) -> bytes | None:
    """Return what exists at a path, or at one of its parents without being a directory."""
    parts = path.split(b"/")
    for depth in range(1, len(parts) + 1):
        place = b"/".join(parts[:depth])
        try:
            mode = _file(checkout, place).lstat().st_mode
        except FileNotFoundError:
            return None
        if depth == len(parts) or not stat.S_ISDIR(mode):
            return place
    return None


def _untracked(git: UserGit, places: Sequence[bytes]) -> Iterator[bytes]:
    for begin in range(0, len(places), _AT_ONCE):
        some = map(os.fsdecode, places[begin : begin + _AT_ONCE])
        yield from git.run(
            "ls-files", "--others", "-z", "--", *some, variables={"GIT_LITERAL_PATHSPECS": "1"}
        ).words


def _undo(checkout: Repository, differs: Difference) -> Iterator[bytes]:
    """Restore what the index has; yield new files that cannot be removed since their content is not that of the change.

    Git writes the index last, so it is still the old one.
    """
    for path, (mode, blob) in differs.added.items():
        file = _file(checkout, path)
        with contextlib.suppress(FileNotFoundError, NotADirectoryError):
            if _is_ours(checkout.git, file, mode, blob):
                file.unlink()
                _remove_empty(file, checkout.place)
            else:
                yield path
    again = b"".join(path + b"\0" for path in differs.others)
    checkout.git.run("checkout-index", "-f", "-q", "-z", "--stdin", stdin=again, accepts=(0, 1, 128))


def _is_ours(git: UserGit, file: Path, mode: int, blob: str) -> bool:
    """Whether a file holds just what was to be written: another program may have made one there meanwhile."""
    found = file.lstat().st_mode
    if stat.S_ISLNK(mode) or stat.S_ISLNK(found):
        wanted = git.run("cat-file", "blob", blob).out
        return stat.S_ISLNK(mode) and stat.S_ISLNK(found) and os.fsencode(file.readlink()) == wanted
    return stat.S_ISREG(found) and git.run("hash-object", "--", str(file)).text == blob


def _remove_empty(file: Path, top: Path) -> None:
    with contextlib.suppress(OSError):  # the first one that is not empty
        while (file := file.parent) != top:
            file.rmdir()


def _file(checkout: Repository, path: bytes) -> Path:
    return checkout.place / os.fsdecode(path)
