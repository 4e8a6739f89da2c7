"""Writing fetched files of tasks safely below a directory."""

import contextlib
import errno
import os
import secrets
import stat
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, BinaryIO

import typer

from dispatcher.errors import DispatchError, UsageError, WrongStateError
from dispatcher.quantities import plural

if TYPE_CHECKING:
    from sql.rows.output import StoredFile

_THERE = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
_STEP = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_NEW = os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC

_WITHOUT_LINKS = (errno.EPERM, errno.EOPNOTSUPP, errno.EMLINK)

_COMPARED = 2**20
"""Bytes that are compared at a time."""

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


def content_of(stored: "StoredFile", path: str) -> Iterable[bytes]:
    """Return the bytes of a stored file, wherever they are kept. Raises if they are not those that were stored."""
    from dispatcher.workspaces.stored_files import read_stored, verified

    if stored.storage_url is not None:
        return verified(read_stored(stored.storage_url), stored.sha256, path)
    return verified([stored.content or b""], stored.sha256, path)


class Destination:
    """A directory to write to. It may itself be a link; below it no link is followed.

    What is there already stays as it is, unless ``force`` replaces it: so what has come since can be collected again.
    """

    def __init__(self, directory: Path, *, force: bool) -> None:
        self.directory = directory
        self._force = force
        self._written = 0
        self.unchanged = 0
        """How many files were there already."""

        self._kept: list[str] = []

    def write(self, path: str, content: Iterable[bytes], mode: int | None = None) -> bool:
        """Write all of ``content`` or nothing, and create missing directories. Without a mode the umask decides.

        Return False where a file is there already; :meth:`require_all` complains if that has other content.
        Raises :class:`UsageError` for a name that leads out of the directory, :class:`DispatchError` if something is in
        the way.
        """
        parts = path.split("/")
        if any(part in ("", ".", "..") for part in parts) or "\0" in path:
            raise UsageError(f"the file name {path!r} leads out of the directory; it is not written")
        try:
            self.directory.mkdir(parents=True, exist_ok=True)
            with self._opened(parts[:-1]) as directory:
                is_written = self._create(directory, parts[-1], content, mode)
        except FileExistsError:
            self._kept.append(path)
            return False
        except OSError as error:
            reason = error.strerror or str(error)
            if error.errno in (errno.ELOOP, errno.ENOTDIR):
                reason = "a link or a file stands where a directory should be"
            raise DispatchError(f"cannot write {path} in {self.directory}: {reason}") from error
        self._written += is_written
        self.unchanged += not is_written
        return is_written

    def told(self, thing: str, of: str = "") -> str:
        """Return what was done by now: ``wrote 2 answers of 4 tasks below out; 1 was there already``."""
        were = "was" if self.unchanged == 1 else "were"
        there = f"; {self.unchanged:,} {were} there already" if self.unchanged else ""
        return f"wrote {plural(self._written, thing)}{of} below {self.directory}{there}"

    def require_all(self) -> None:
        """Raise :class:`WrongStateError` that names the files which were kept although they have other content."""
        if self._kept:
            named, more = self._kept[:MOST_NAMED], len(self._kept) - MOST_NAMED
            exist = "exists" if len(self._kept) == 1 else "exist"
            raise WrongStateError(
                f"{', '.join(named)}{f' and {more:,} more' if more > 0 else ''} {exist} already in {self.directory},"
                " with other content",
                hint="--force replaces what is there, -d DIR writes elsewhere",
            )

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

    def _create(self, directory: int, name: str, content: Iterable[bytes], mode: int | None) -> bool:
        """Write to a draft first, so that also a command that is killed leaves no half of a file under its name.

        Return False if the file is there already. Raises FileExistsError where anything else has its name.
        """
        draft = f".llmctl-{secrets.token_hex(8)}"
        descriptor = os.open(draft, _NEW, 0o666 if mode is None else 0o600, dir_fd=directory)
        try:
            with os.fdopen(descriptor, "w+b") as file:
                for chunk in content:
                    file.write(chunk)
                if mode is not None:
                    os.fchmod(file.fileno(), mode & 0o777)
                is_there = not self._force and _is_there(directory, name, file)
            if is_there:
                os.unlink(draft, dir_fd=directory)
            elif self._force:
                os.replace(draft, name, src_dir_fd=directory, dst_dir_fd=directory)
            else:
                _rename_to_new(directory, draft, name)
        except BaseException:
            with contextlib.suppress(FileNotFoundError):  # an interrupt may come when it has its name already
                os.unlink(draft, dir_fd=directory)
            raise
        return not is_there


def _is_there(directory: int, name: str, draft: BinaryIO) -> bool:
    """Whether a file has this name and the content of the draft. Raises FileExistsError if something else has it."""
    try:
        descriptor = os.open(name, _THERE, dir_fd=directory)
    except FileNotFoundError:
        return False
    except OSError:  # a link, or a file that nobody may read
        raise _exists() from None
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise _exists()
    draft.seek(0)
    with os.fdopen(descriptor, "rb") as there:
        while (expected := draft.read(_COMPARED)) == there.read(_COMPARED):
            if not expected:
                return True
    raise _exists()


def _exists() -> FileExistsError:
    return FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST))


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
            raise _exists() from error
        os.rename(draft, name, src_dir_fd=directory, dst_dir_fd=directory)
