"""Writing fetched files of tasks safely below a directory."""

import contextlib
import errno
import os
import secrets
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Annotated

import typer

from dispatcher.errors import DispatchError, UsageError, WrongStateError

_STEP = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_NEW = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC

_WITHOUT_LINKS = (errno.EPERM, errno.EOPNOTSUPP, errno.EMLINK)

MOST_NAMED = 10
"""A message names at most this many files, and counts more."""

DirectoryOption = Annotated[
    Path | None,
    typer.Option(
        "-d",
        "--directory",
        metavar="DIR",
        show_default=False,
        help="Write files below DIR, which is created if missing.",
    ),
]
ForceOption = Annotated[bool, typer.Option("--force", help="Replace files that exist.")]


class Destination:
    """A directory to write to. It may itself be a link; below it no link is followed."""

    def __init__(self, directory: Path, *, force: bool) -> None:
        self.directory = directory
        self._force = force

    def refuse_existing(self, paths: Iterable[str]) -> None:
        """Raise :class:`WrongStateError` if a path exists, before anything is written."""
        there = [] if self._force else [path for path in paths if os.path.lexists(self.directory / path)]
        if there:
            more = f" and {len(there) - MOST_NAMED:,} more" if len(there) > MOST_NAMED else ""
            raise WrongStateError(
                f"{', '.join(there[:MOST_NAMED])}{more} exists already in {self.directory}",
                hint="--force replaces it, -d DIR writes elsewhere",
            )

    def write(self, path: str, content: Iterable[bytes], mode: int | None = None) -> None:
        """Write all of ``content`` or nothing, and create missing directories. Without a mode the umask decides.

        Raises :class:`UsageError` for a name that leads out of the directory, :class:`DispatchError` if something is in
        the way.
        """
        parts = path.split("/")
        if any(part in ("", ".", "..") for part in parts) or "\0" in path:
            raise UsageError(f"the file name {path!r} leads out of the directory; it is not written")
        try:
            self.directory.mkdir(parents=True, exist_ok=True)
            with self._opened(parts[:-1]) as directory:
                self._create(directory, parts[-1], content, mode)
        except OSError as error:
            reason = error.strerror or str(error)
            if error.errno in (errno.ELOOP, errno.ENOTDIR):
                reason = "a link or a file stands where a directory should be"
            raise DispatchError(f"cannot write {path} in {self.directory}: {reason}") from error

    @contextlib.contextmanager
    def _opened(self, parents: list[str]) -> Iterator[int]:
        with contextlib.ExitStack() as opened:
            place = os.open(self.directory, _STEP & ~os.O_NOFOLLOW)
            opened.callback(os.close, place)
            for parent in parents:
                with contextlib.suppress(FileExistsError):
                    os.mkdir(parent, dir_fd=place)
                place = os.open(parent, _STEP, dir_fd=place)
                opened.callback(os.close, place)
            yield place

    def _create(self, directory: int, name: str, content: Iterable[bytes], mode: int | None) -> None:
        """Write to a draft first, so that also a command that is killed leaves no half of a file under its name."""
        draft = f".llmctl-{secrets.token_hex(8)}"
        descriptor = os.open(draft, _NEW, 0o666 if mode is None else 0o600, dir_fd=directory)
        try:
            with os.fdopen(descriptor, "wb") as file:
                for chunk in content:
                    file.write(chunk)
                if mode is not None:
                    os.fchmod(file.fileno(), mode & 0o777)
            if self._force:
                os.replace(draft, name, src_dir_fd=directory, dst_dir_fd=directory)
            else:
                _rename_to_new(directory, draft, name)
        except BaseException:
            with contextlib.suppress(FileNotFoundError):  # an interrupt may come when it has its name already
                os.unlink(draft, dir_fd=directory)
            raise


def _rename_to_new(directory: int, draft: str, name: str) -> None:
    """Rename the draft. Raises FileExistsError where something has the name by now: a plain rename would replace it."""
    try:
        os.link(draft, name, src_dir_fd=directory, dst_dir_fd=directory)
        os.unlink(draft, dir_fd=directory)
    except OSError as error:
        if error.errno not in _WITHOUT_LINKS:
            raise
        # On a file system without links, only a program that writes at the same moment could be in the way.
        if name in os.listdir(directory):
            raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST)) from error
        os.rename(draft, name, src_dir_fd=directory, dst_dir_fd=directory)
