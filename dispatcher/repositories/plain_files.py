"""What an agent left, taken as plain files: no link is followed, nothing is opened that blocks, nothing runs.

Its processes are dead, so that nothing changes while we look.
"""

import contextlib
import hashlib
import os
import shutil
import stat
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO

from dispatcher.host.host_trouble import is_host_trouble

_BLOCK = 2**20
GIT_READS = frozenset({b".gitignore", b".gitattributes", b".gitmodules"})
"""Files of a tree that git opens by itself, so that a FIFO of this name would make it wait for ever."""


@dataclass
class Survey:
    """What git would trip over in a tree: ``special`` files, and paths that stay ``closed`` to us. Also where
    ``attributes`` of files are written.
    """

    special: list[bytes] = field(default_factory=list)
    closed: list[bytes] = field(default_factory=list)
    attributes: list[bytes] = field(default_factory=list)


def survey(root: Path) -> Survey:
    """Look at each entry of a tree, and make readable what is not. A special file that git would open is removed."""
    found, top = Survey(), os.fsencode(root)
    pending = [top]
    while pending:
        directory = pending.pop()
        try:
            _make_readable(directory, os.R_OK | os.X_OK, 0o500)
            with os.scandir(directory) as entries:
                pending += [path for path in _look_at(entries, found, top) if path is not None]
        except OSError:
            found.closed.append(os.path.relpath(directory, top))
    return found


def _look_at(entries: Iterator[os.DirEntry[bytes]], found: Survey, top: bytes) -> Iterator[bytes | None]:
    for entry in entries:
        if entry.is_dir(follow_symlinks=False):
            yield entry.path if entry.name != b".git" else None
        elif entry.is_file(follow_symlinks=False):
            if entry.name == b".gitattributes":
                found.attributes.append(os.path.relpath(entry.path, top))
            try:
                _make_readable(entry.path, os.R_OK, 0o400)
            except OSError:
                found.closed.append(os.path.relpath(entry.path, top))
        elif not entry.is_symlink():
            found.special.append(os.path.relpath(entry.path, top))
            if entry.name in GIT_READS:
                Path(os.fsdecode(entry.path)).unlink()


def _make_readable(path: bytes | Path, access: int, mode: int) -> None:
    if not os.access(path, access):  # root may read everything
        file = Path(os.fsdecode(path))
        file.chmod(stat.S_IMODE(file.lstat().st_mode) | mode)


def is_directory(path: Path) -> bool:
    """Return whether it is a directory, and not a link to one."""
    try:
        return stat.S_ISDIR(path.lstat().st_mode)
    except OSError:
        return False


def kind_of(path: Path) -> str | None:
    """Return what it is, for people; None if it is not there."""
    try:
        mode = path.lstat().st_mode
    except (FileNotFoundError, NotADirectoryError):
        return None
    kinds = {stat.S_IFDIR: "a directory", stat.S_IFLNK: "a link", stat.S_IFREG: "a file"}
    return kinds.get(stat.S_IFMT(mode), "a special file")


def git_dir_within(top: Path, root: Path) -> Path | None:
    """Return the git directory of ``root``, if it is below ``top`` and no link leads there."""
    found = root / ".git"
    if not is_directory(found):
        content = read_plain(found, 4096)
        if content is None or not content.startswith(b"gitdir: "):
            return None
        found = Path(os.path.normpath(root / os.fsdecode(content[8:].rstrip(b"\n"))))
    if not found.is_relative_to(top) or found == top:
        return None
    return found if is_directory(found) and no_link_leads_to(found, top) else None


def no_link_leads_to(place: Path, top: Path) -> bool:
    """Return whether all that is between ``top`` and a place below it are directories."""
    parts = place.relative_to(top).parts
    return all(is_directory(top.joinpath(*parts[:depth])) for depth in range(1, len(parts)))


def take(source: Path, target: Path) -> int:
    """Make ``target`` another name of a regular file, or a copy of it. Return its size; 0 if it is no regular file.

    Raises OSError.
    """
    try:
        status = source.lstat()
    except (FileNotFoundError, NotADirectoryError):
        return 0
    if not stat.S_ISREG(status.st_mode):
        return 0
    _make_readable(source, os.R_OK, 0o400)
    try:
        os.link(source, target, follow_symlinks=False)
    except OSError:
        shutil.copy2(source, target, follow_symlinks=False)  # another file system, or one without such names
    return status.st_size


def take_all(source: Path, target: Path, wanted: Callable[[str], bool] = lambda _: True) -> int:
    """Do the same for all regular files below a directory whose names are ``wanted``. Return the sum of their sizes.

    Raises OSError.
    """
    size, pending = 0, [(source, target)]
    while pending:
        directory, copy = pending.pop()
        if not is_directory(directory):
            continue
        _make_readable(directory, os.R_OK | os.X_OK, 0o500)
        copy.mkdir(parents=True, exist_ok=True)
        with os.scandir(directory) as entries:
            for entry in entries:
                if entry.is_dir(follow_symlinks=False):
                    pending.append((directory / entry.name, copy / entry.name))
                elif wanted(entry.name):
                    size += take(directory / entry.name, copy / entry.name)
    return size


def digest(path: Path) -> str | None:
    """Return the SHA-256 of a plain file; None if it is none, or cannot be read."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError:
        return None
    with os.fdopen(descriptor, "rb") as file:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            return None
        return hashlib.file_digest(file, "sha256").hexdigest()


def is_whole_index(path: Path, hash_name: str) -> bool:
    """Return whether a file is an index of git that ends with its own checksum. git itself does not look at that."""
    digest_size = hashlib.new(hash_name, usedforsecurity=False).digest_size
    try:
        if not stat.S_ISREG(path.lstat().st_mode):
            return False
        left = path.stat().st_size - digest_size
        digest = hashlib.new(hash_name, usedforsecurity=False)
        with path.open("rb") as file:
            if left < 12 or file.read(4) != b"DIRC":
                return False
            file.seek(0)
            while left > 0 and (block := file.read(min(_BLOCK, left))):
                digest.update(block)
                left -= len(block)
            written = file.read()
    except OSError:
        return False
    return written in (digest.digest(), bytes(digest_size))


def remove(path: Path) -> None:
    """Remove a file, a link or a directory of ours, if it is there. Raises OSError."""
    if is_directory(path):
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


def write_durably(path: Path, content: bytes) -> None:
    """Replace a file, so that it is there with its content or as before, also after a crash of the machine."""
    draft = path.with_name(f"{path.name}.new")
    remove(draft)
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    if is_directory(path):
        remove(path)
    draft.rename(path)
    sync_directory(path.parent)


def sync_directory(path: Path) -> None:
    """Make the names in a directory survive a crash of the machine."""
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    with contextlib.suppress(OSError):
        os.fsync(descriptor)
    os.close(descriptor)


def open_plain(path: Path) -> BinaryIO | None:
    """Return a file to be read; None if it is not there, not a plain file, or closed to us.

    Raises OSError when this host has trouble with it.
    """
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError as error:
        if is_host_trouble(error):
            raise
        return None
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        return None
    return os.fdopen(descriptor, "rb")


def read_plain(path: Path, longest: int = 2**24) -> bytes | None:
    """Return the beginning of a file; None if it is not there, or not a plain file."""
    try:
        file = open_plain(path)
    except OSError:
        return None
    if file is None:
        return None
    with file:
        return file.read(longest)
