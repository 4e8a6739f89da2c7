"""Output files too large for the database: each content once, named by its SHA-256, in a directory for each database.

The rows in ``task_files`` say which are needed; a file that no row names is removed some time later. That is safe
because of one lock, that of the directory. Whoever keeps a file shares it from before the file is written until its row
is there (:meth:`LargeFiles.in_use`); whoever removes files has it alone from before he asks which are needed until the
others are gone (:meth:`LargeFiles.alone`). So no file is taken away between its writing and its row, not even where the
same content was there before, unneeded. The kernel drops the lock of a process that dies. Then a file may be there
whose row is still to come: it is young, and the next dispatcher, which collects that run anew, writes it once more.
"""

import contextlib
import fcntl
import hashlib
import os
import re
import time
import uuid
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from dispatcher.host import mounts

_DIGEST = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True, slots=True)
class Kept:
    """A file that was written: where it is and what it holds."""

    url: str
    digest: str
    size: int


class LargeFiles:
    """The files below ``directory``, which is made when there is one. All methods raise OSError."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory

    @contextlib.contextmanager
    def in_use(self) -> Iterator[None]:
        """Nothing is removed meanwhile; waits for who removes."""
        self._directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        with self._lock(fcntl.LOCK_SH):
            yield

    @contextlib.contextmanager
    def alone(self) -> Iterator[bool]:
        """Nothing is kept meanwhile. Waits for nobody: answers False when the lock is taken, or nothing is there."""
        with contextlib.ExitStack() as held:
            try:
                held.enter_context(self._lock(fcntl.LOCK_EX | fcntl.LOCK_NB))
            except (BlockingIOError, FileNotFoundError):
                yield False
            else:
                yield True

    def put(self, content: Iterable[bytes]) -> Kept:
        """Write the file, under the lock of :meth:`in_use`. The content is read once: it may change all the time."""
        drafts = self._directory / "00"
        drafts.mkdir(mode=0o700, exist_ok=True)
        draft = drafts / str(uuid.uuid4())
        size, sum_of_all = 0, hashlib.sha256()
        try:
            with open(draft, "xb", opener=_private) as target:
                for piece in content:
                    target.write(piece)
                    sum_of_all.update(piece)
                    size += len(piece)
            digest = sum_of_all.hexdigest()
            file = self._directory / digest[:2] / digest
            file.parent.mkdir(mode=0o700, exist_ok=True)
            draft.replace(file)
        finally:
            draft.unlink(missing_ok=True)
        return Kept(file.as_uri(), digest, size)

    def older_than(self, seconds: float) -> list[str]:
        """List the digests of files that were written so long ago, and remove drafts that nobody finished since."""
        before = time.time() - seconds
        old = []
        elsewhere = set(mounts.below(self._directory))
        for file in self._directory.resolve().glob("[0-9a-f][0-9a-f]/*"):
            if not elsewhere.isdisjoint((file, file.parent)):
                continue  # what is mounted there is not ours
            with contextlib.suppress(FileNotFoundError):
                if file.stat().st_mtime >= before:
                    continue
                if _DIGEST.fullmatch(file.name):
                    old.append(file.name)
                else:
                    file.unlink()
        return old

    def remove(self, digest: str) -> None:
        """Remove a file, under the lock of :meth:`alone`."""
        (self._directory / digest[:2] / digest).unlink(missing_ok=True)

    @contextlib.contextmanager
    def _lock(self, how: int) -> Iterator[None]:
        descriptor = os.open(self._directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            fcntl.flock(descriptor, how)
            yield
        finally:
            os.close(descriptor)


def _private(path: str, flags: int) -> int:
    return os.open(path, flags, 0o600)
