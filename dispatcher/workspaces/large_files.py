"""Output files that are too large for the database. Each database has a directory of them.

A file is named by its SHA-256, so each content is stored once. The rows in ``task_files`` say which files are needed. A
file that no row names is removed some time later. A lock on the directory makes that safe:

* A writer shares the lock from before it writes a file until the file's row exists (:meth:`LargeFiles.in_use`).
* A remover holds it alone from before it asks which files are needed until it has removed the others
  (:meth:`LargeFiles.alone`).

So no file is removed between its writing and its row, not even if the same content was there before and not needed. The
kernel drops the lock of a process that dies. Then a file may exist whose row is still to come. It is young, and the
next dispatcher collects that run again and writes the file once more.
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
from typing import BinaryIO

from dispatcher.host import mounts

_DIGEST = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True, slots=True)
class Kept:
    """A file that was written: its URL, SHA-256 and size in bytes."""

    url: str
    digest: str
    size: int


class LargeFiles:
    """The files below ``directory``, which the first file creates. All methods raise OSError."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory

    @contextlib.contextmanager
    def in_use(self) -> Iterator[None]:
        """Keep files from being removed inside the ``with`` block. Wait for a removal that is under way."""
        self._directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        with self._lock(fcntl.LOCK_SH):
            yield

    @contextlib.contextmanager
    def alone(self) -> Iterator[bool]:
        """Keep files from being written inside the ``with`` block.

        Never waits: yields False when the lock is taken, or when there are no files.
        """
        with contextlib.ExitStack() as held:
            try:
                held.enter_context(self._lock(fcntl.LOCK_EX | fcntl.LOCK_NB))
            except (BlockingIOError, FileNotFoundError):
                yield False
            else:
                yield True

    def put(self, content: Iterable[bytes]) -> Kept:
        """Write a file; the caller holds :meth:`in_use`. The content is read only once, because it may change."""
        drafts = self._directory / "00"
        drafts.mkdir(mode=0o700, exist_ok=True)
        draft = drafts / str(uuid.uuid4())
        size, checksum = 0, hashlib.sha256()
        try:
            with open(draft, "xb", opener=_private) as target:
                for piece in content:
                    target.write(piece)
                    checksum.update(piece)
                    size += len(piece)
            digest = checksum.hexdigest()
            file = self._directory / digest[:2] / digest
            file.parent.mkdir(mode=0o700, exist_ok=True)
            draft.replace(file)
        finally:
            draft.unlink(missing_ok=True)
        return Kept(file.as_uri(), digest, size)

    def open(self, digest: str) -> BinaryIO | None:
        """Open the file with this SHA-256; None if there is none here. What it holds is to be checked."""
        try:
            return (self._directory / digest[:2] / digest).open("rb")
        except FileNotFoundError:
            return None

    def url_of(self, digest: str) -> str:
        """Return the URL by which a file of this SHA-256 is known, whether it is there or not."""
        return (self._directory / digest[:2] / digest).as_uri()

    def older_than(self, seconds: float) -> list[str]:
        """Return the digests of files that were written so long ago. Remove unfinished drafts of that age."""
        before = time.time() - seconds
        old = []
        elsewhere = set(mounts.below(self._directory))
        for file in self._directory.resolve().glob("[0-9a-f][0-9a-f]/*"):
            if not elsewhere.isdisjoint((file, file.parent)):
                continue  # something is mounted there, which is not ours
            with contextlib.suppress(FileNotFoundError):
                if file.stat().st_mtime >= before:
                    continue
                if _DIGEST.fullmatch(file.name):
                    old.append(file.name)
                else:
                    file.unlink()
        return old

    def remove(self, digest: str) -> None:
        """Remove a file; the caller holds :meth:`alone`."""
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
