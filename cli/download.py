"""Writing fetched files of tasks safely below a directory."""

import contextlib
import errno
import os
import secrets
from collections.abc import Iterable, Iterator
from pathlib import Path

from dispatcher.errors import DispatchError, UsageError, WrongStateError

_STEP = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_NEW = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC


class Destination:
    """A directory to write to. It may itself be a link; below it no link is followed."""

    def __init__(self, directory: Path, *, force: bool) -> None:
        self._directory = directory
        self._force = force

    def refuse_existing(self, paths: Iterable[str]) -> None:
        """Raise :class:`WrongStateError` if a path exists, before anything is written."""
        there = [] if self._force else [path for path in paths if os.path.lexists(self._directory / path)]
        if there:
            raise WrongStateError(
                f"{', '.join(there)} exists already in {self._directory}",
                hint="--force replaces it, -d DIR writes elsewhere",
            )

    def write(self, path: str, content: Iterable[bytes], mode: int) -> None:
        """Write all of ``content`` or nothing, and create missing directories.

        Raises :class:`UsageError` for a name that leads out of the directory, :class:`DispatchError` if something is in
        the way.
        """
        parts = path.split("/")
        if any(part in ("", ".", "..") for part in parts) or "\0" in path:
            raise UsageError(f"the file name {path!r} leads out of the directory; it is not written")
        try:
            self._directory.mkdir(parents=True, exist_ok=True)
            with self._opened(parts[:-1]) as directory:
                self._create(directory, parts[-1], content, mode & 0o777)
        except OSError as error:
            reason = error.strerror or str(error)
            if error.errno in (errno.ELOOP, errno.ENOTDIR):
                reason = "a link or a file stands where a directory should be"
            raise DispatchError(f"cannot write {path} in {self._directory}: {reason}") from error

    @contextlib.contextmanager
    def _opened(self, parents: list[str]) -> Iterator[int]:
        with contextlib.ExitStack() as opened:
            place = os.open(self._directory, _STEP & ~os.O_NOFOLLOW)
            opened.callback(os.close, place)
            for parent in parents:
                with contextlib.suppress(FileExistsError):
                    os.mkdir(parent, dir_fd=place)
                place = os.open(parent, _STEP, dir_fd=place)
                opened.callback(os.close, place)
            yield place

    def _create(self, directory: int, name: str, content: Iterable[bytes], mode: int) -> None:
        draft = f".llmctl-{secrets.token_hex(8)}" if self._force else name
        descriptor = os.open(draft, _NEW, 0o600, dir_fd=directory)
        try:
            with os.fdopen(descriptor, "wb") as file:
                for chunk in content:
                    file.write(chunk)
                os.fchmod(file.fileno(), mode)
            if self._force:
                os.replace(draft, name, src_dir_fd=directory, dst_dir_fd=directory)
        except BaseException:
            os.unlink(draft, dir_fd=directory)
            raise
