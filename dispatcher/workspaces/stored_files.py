"""Reading files of tasks: copies that a dispatcher keeps beside the database, and checks of what was read."""

import hashlib
import os
import stat
from collections.abc import Iterable, Iterator
from typing import BinaryIO
from urllib.parse import unquote, urlsplit

from dispatcher.errors import DispatchError


class FileElsewhereError(DispatchError):
    """A file is kept where this program cannot read it."""


class DamagedFileError(DispatchError):
    """What was read of a file is not what was stored."""


_CHUNK_BYTES = 2**20


def open_stored(url: str) -> BinaryIO:
    """Open a file that a dispatcher keeps beside the database. Raises :class:`FileElsewhereError`."""
    parts = urlsplit(url)
    if parts.scheme != "file" or parts.netloc not in ("", "localhost"):
        raise FileElsewhereError(f"the file is kept at {url}, which this program cannot read")
    try:
        descriptor = os.open(unquote(parts.path), os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError as error:
        raise FileElsewhereError(
            f"the file is too large for the database and kept at {url}, which cannot be read here:"
            f" {error.strerror}",
            hint="fetch it on the dispatcher's host, which `llmctl runs TASK` names, as the user of the dispatcher",
        ) from error
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise FileElsewhereError(f"{url} is not a regular file")
    return os.fdopen(descriptor, "rb")


def read_stored(url: str) -> Iterator[bytes]:
    """Yield the content of a file that a dispatcher keeps beside the database. Raises :class:`DispatchError`."""
    with open_stored(url) as file:
        try:
            while chunk := file.read(_CHUNK_BYTES):
                yield chunk
        except OSError as error:
            raise DispatchError(f"{url} cannot be read: {error.strerror}") from error


def verified(content: Iterable[bytes], sha256: str, path: str) -> Iterator[bytes]:
    """Yield ``content`` as it is; raise :class:`DamagedFileError` at its end if it is not what was stored."""
    digest = hashlib.sha256()
    for chunk in content:
        digest.update(chunk)
        yield chunk
    if digest.hexdigest() != sha256:
        raise DamagedFileError(f"{path} is damaged: its content is not what was stored")
