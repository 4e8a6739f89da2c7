"""Taking an agent's output files out of its work directory, without following a link out of it."""

import contextlib
import hashlib
import os
import stat
import tempfile
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import BinaryIO

from dispatcher.database.transfers import OutputFile
from dispatcher.host.host_trouble import is_host_trouble
from dispatcher.run.output.masking import Masking
from dispatcher.workspaces.large_files import LargeFiles
from sql.calls import INLINE_BYTES

IN_MEMORY_BYTES = 256 * 2**10
_PIECE = 2**20
_STEP = os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC


class CollectError(Exception):
    """An output file is missing, too large or not a file. ``error_class`` says which."""

    def __init__(self, error_class: str, message: str) -> None:
        super().__init__(message)
        self.error_class = error_class


def collect(
    work: Path, paths: Iterable[str], max_bytes: int, store: LargeFiles, masking: Masking, ours: Path
) -> Iterator[OutputFile]:
    """Yield the files that exist, in order, then raise :class:`CollectError` for all that are missing.

    ``max_bytes`` bounds the sum of their sizes. A file above 256 KiB is copied to an unnamed file in the directory
    ``ours``, so that memory never holds it; a file above 16 MiB goes to ``store``. A copy exists until the caller asks
    for the next file: by then its row must be written. ``masking`` is applied to their content. Links and special
    files are refused in every part of a path: the agent may have put them there. Raises OSError when this host cannot
    read or keep a file.
    """
    missing = []
    left = max_bytes
    for path in paths:
        with contextlib.ExitStack() as in_use:
            try:
                with open_beneath(work, path) as descriptor:
                    file = _take(descriptor, path, left, store, masking, ours, in_use)
            except FileNotFoundError:
                missing.append(path)
                continue
            left -= file.size
            yield file
    if missing:
        raise CollectError("output_missing", f"the agent did not write {', '.join(missing)}")


@contextlib.contextmanager
def open_beneath(work: Path, path: str) -> Iterator[int]:
    """Open a file below ``work``. Raises FileNotFoundError, and :class:`CollectError` for a link on the way."""
    with contextlib.ExitStack() as opened:
        place = os.open(work, _STEP | os.O_DIRECTORY)
        opened.callback(os.close, place)
        *parents, name = path.split("/")
        try:
            for parent in parents:
                place = os.open(parent, _STEP | os.O_DIRECTORY, dir_fd=place)
                opened.callback(os.close, place)
            # O_NONBLOCK: opening a FIFO without a writer would wait for ever.
            descriptor = os.open(name, _STEP | os.O_NONBLOCK, dir_fd=place)
        except FileNotFoundError:
            raise
        except OSError as error:
            if is_host_trouble(error):
                raise
            raise CollectError(
                "output_missing", f"{path} is not a plain file below the work directory ({error.strerror})"
            ) from error
        opened.callback(os.close, descriptor)
        yield descriptor


def _take(
    descriptor: int,
    path: str,
    left: int,
    store: LargeFiles,
    masking: Masking,
    ours: Path,
    in_use: contextlib.ExitStack,
) -> OutputFile:
    status = os.fstat(descriptor)
    if not stat.S_ISREG(status.st_mode):
        raise CollectError("output_missing", f"{path} is not a plain file")
    if status.st_size > left:
        raise CollectError(
            "output_too_large",
            f"{path} has {status.st_size} bytes, and only {left} are left of execution.max_output_bytes",
        )
    mode = stat.S_IMODE(status.st_mode) & 0o777
    with os.fdopen(os.dup(descriptor), "rb") as file:
        if status.st_size <= IN_MEMORY_BYTES:
            content, _ = masking.beginning(file.read(status.st_size), final=True)
            digest = hashlib.sha256(content).hexdigest()
            return OutputFile(path=path, size=len(content), sha256=digest, mode=mode, content=content)
        if status.st_size <= INLINE_BYTES:
            copy = in_use.enter_context(tempfile.TemporaryFile(dir=ours))  # noqa: SIM115
            size, digest = _copy(masking.stream(_pieces(file, status.st_size)), copy)
            return OutputFile(path=path, size=size, sha256=digest, mode=mode, copy=copy)
        in_use.enter_context(store.in_use())
        kept = store.put(masking.stream(_pieces(file, status.st_size)))
        return OutputFile(path=path, size=kept.size, sha256=kept.digest, mode=mode, storage_url=kept.url)


def _copy(content: Iterable[bytes], target: BinaryIO) -> tuple[int, str]:
    """Write ``content``; return its size and its SHA-256."""
    size, digest = 0, hashlib.sha256()
    for piece in content:
        target.write(piece)
        digest.update(piece)
        size += len(piece)
    target.flush()
    return size, digest.hexdigest()


def _pieces(file: BinaryIO, left: int) -> Iterator[bytes]:
    """Read at most ``left`` bytes: a process that the agent left running may still write."""
    while piece := file.read(min(_PIECE, left)):
        left -= len(piece)
        yield piece
