"""Files of Git LFS as git-lfs records them: a pointer in the tree, and the content in the store of the source.

Nothing of git-lfs runs here. Its docs/spec.md says what a pointer looks like; where contents lie was measured with
git-lfs 3.6. What it would take for a pointer already is left as it is.
"""

import contextlib
import hashlib
import os
import re
import stat
import uuid
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from dispatcher.repositories import plain_files
from dispatcher.repositories.agent_work.workshop import Workshop, is_unreadable
from dispatcher.repositories.failures import RepositoryError
from dispatcher.repositories.git import GitError

_BLOCK = 2**20
_LONGEST_POINTER = 1023
_POINTER = re.compile(
    rb"version https://git-lfs\.github\.com/spec/v1\r?\n(ext-\d-\S+ sha256:[0-9a-f]{64}\r?\n)*"
    rb"oid sha256:[0-9a-f]{64}\r?\nsize \d+\s*"
)
_OID = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True)
class _Content:
    """What a file holds: its SHA-256 and its size in bytes."""

    oid: str
    size: int

    @property
    def pointer(self) -> bytes:
        head = "version https://git-lfs.github.com/spec/v1"
        return f"{head}\noid sha256:{self.oid}\nsize {self.size}\n".encode()


@dataclass(frozen=True)
class _LargeFile:
    path: bytes
    mode: bytes
    pointer: bytes


def record_pointers(
    shop: Workshop, root: Path, index: Path, attributes: Sequence[bytes], untracked: Sequence[bytes]
) -> None:
    """Put pointers to the changed files of Git LFS below ``root`` into ``index``, where `git add` leaves them alone.

    ``attributes`` are the .gitattributes files of the tree: where none speaks of LFS, this costs nothing. The files
    wait in the workshop for :func:`keep_files`. Raises :class:`GitError` and OSError.
    """
    if not any(b"lfs" in (plain_files.read_plain(root / os.fsdecode(path)) or b"") for path in attributes):
        return
    asked = ("diff-files", "-z", "--name-only", "--ignore-submodules=all")
    paths = shop.run(*asked, work_tree=root, index=index).split(b"\0")[:-1]
    paths += (path for path in untracked if not path.endswith(b"/"))
    large = [
        file
        for path in _given_to_lfs(shop, root, paths)
        if (file := _described(shop, root, path)) is not None
    ]
    if large:
        oids = _written(shop, [file.pointer for file in large])
        _put(shop, root, index, [(file.mode, oid, file.path) for file, oid in zip(large, oids, strict=True)])
        shop.large_files[root] = [root / os.fsdecode(file.path) for file in large]


def _given_to_lfs(shop: Workshop, root: Path, paths: Sequence[bytes]) -> Iterator[bytes]:
    """Yield those of the paths that git would give to git-lfs. The .gitattributes that are recorded decide."""
    none = shop.scratch / "no-index"  # an index would stand in for what the agent deleted
    asked = b"".join(path + b"\0" for path in paths)
    told = shop.run("check-attr", "--stdin", "-z", "filter", work_tree=root, index=none, stdin=asked)
    fields = told.split(b"\0")
    given = (path for path, value in zip(fields[::3], fields[2::3], strict=False) if value == b"lfs")
    # `* filter=lfs` names these, too, but as pointers they would say nothing any more.
    return (path for path in given if os.path.basename(path) not in plain_files.GIT_READS)  # noqa: PTH119


def _described(shop: Workshop, root: Path, path: bytes) -> _LargeFile | None:
    """Return what is recorded of a file; None if git-lfs would leave it alone, or if it is not to be read."""
    place = root / os.fsdecode(path)
    file = plain_files.open_plain(place) if plain_files.no_link_leads_to(place, root) else None
    if file is None:
        return None
    with file:
        start = file.read(_LONGEST_POINTER + 1)
        if not start or (len(start) <= _LONGEST_POINTER and _POINTER.fullmatch(start)):
            return None
        file.seek(0)
        is_executable = os.fstat(file.fileno()).st_mode & stat.S_IXUSR
        return _LargeFile(path, b"100755" if is_executable else b"100644", _copy(shop, file).pointer)


def _copy(shop: Workshop, file: BinaryIO, target: BinaryIO | None = None) -> _Content:
    """Read a file to its end, write it to the ``target``, and return what it holds."""
    digest, size = hashlib.sha256(), 0
    while block := file.read(_BLOCK):
        shop.git.require_running()
        digest.update(block)
        size += len(block)
        if target is not None:
            target.write(block)
    return _Content(digest.hexdigest(), size)


def _written(shop: Workshop, pointers: Sequence[bytes]) -> list[bytes]:
    """Write the pointers as blobs and return their ids."""
    directory = shop.scratch / f"pointers-{uuid.uuid4().hex[:12]}"
    directory.mkdir()
    for number, pointer in enumerate(pointers):
        (directory / str(number)).write_bytes(pointer)
    names = "".join(f"{number}\n" for number in range(len(pointers))).encode()
    asked = ("hash-object", "-w", "--no-filters", "--stdin-paths")
    return shop.run(*asked, work_tree=directory, stdin=names).split()


def _put(shop: Workshop, root: Path, index: Path, entries: Sequence[tuple[bytes, bytes, bytes]]) -> None:
    """Put entries of mode, id and path into the index as unchanged. `git add` gets the names that git does not take."""
    lines = b"".join(b"%b %b\t%b\0" % entry for entry in entries)
    try:
        shop.run("update-index", "-z", "--replace", "--index-info", index=index, stdin=lines)
    except GitError as error:
        if not is_unreadable(error):
            raise
        half = len(entries) // 2
        for part in (entries[:half], entries[half:]) if half else ():
            _put(shop, root, index, part)
        return
    names = b"".join(path + b"\0" for _, _, path in entries)
    shop.run("update-index", "-z", "--assume-unchanged", "--stdin", work_tree=root, index=index, stdin=names)


def keep_files(shop: Workshop, root: Path) -> None:
    """Store the content of the files below ``root`` for which pointers are recorded. Raises OSError."""
    _keep_all(shop, shop.large_files.pop(root, ()))


def take_new(shop: Workshop, source: Path, target: Path) -> int:
    """Take from one git directory to another what its store has and that of the source lacks. Return the size of it.

    Raises OSError.
    """
    if not plain_files.is_directory(source / "lfs"):
        return 0
    store = _store_of(shop)
    return plain_files.take_all(
        source / "lfs" / "objects",
        target / "lfs",
        lambda name: _OID.fullmatch(name) is not None and not _place(store, name).exists(),
    )


def keep_taken(shop: Workshop, directory: Path) -> None:
    """Store what was taken to a git directory: what the agent committed and then changed, too. Raises OSError."""
    _keep_all(shop, sorted(path for path in (directory / "lfs").rglob("*") if path.is_file()))


def _keep_all(shop: Workshop, paths: Sequence[Path]) -> None:
    if not paths:
        return
    store = _store_of(shop)
    for path in paths:
        file = plain_files.open_plain(path)
        if file is None:
            raise RepositoryError("not_recorded", f"{path} was gone when it was to be stored")
        with file:
            _keep(shop, file, store)


def _keep(shop: Workshop, file: BinaryIO, store: Path) -> None:
    """Store a file by its content, so that it is there as a whole or not at all, also after a crash of the machine."""
    content = _copy(shop, file)
    place = _place(store, content.oid)
    if _holds(place, content):
        return
    draft = store / "tmp" / f"{content.oid}-{uuid.uuid4().hex[:12]}"
    _make_directory(shop, draft.parent)
    _make_directory(shop, place.parent)
    file.seek(0)
    try:
        with draft.open("xb") as target:
            copied = _copy(shop, file, target)
            target.flush()
            os.fsync(target.fileno())
        if copied != content:
            raise RepositoryError("not_recorded", f"{file.name} changed while it was stored")
        _share(shop, draft, 0o444)
        draft.rename(place)
    finally:
        draft.unlink(missing_ok=True)
    plain_files.sync_directory(place.parent)


def _holds(place: Path, content: _Content) -> bool:
    try:
        return place.stat().st_size == content.size
    except FileNotFoundError:
        return False


def _place(store: Path, oid: str) -> Path:
    return store / "objects" / oid[:2] / oid[2:4] / oid


def _store_of(shop: Workshop) -> Path:
    """Return where git-lfs of the source stores contents, unless that is outside of its git directory."""
    git_dir = shop.source.git_dir
    usual = git_dir / "lfs"
    asked = ("--file", str(git_dir / "config"), "--default=lfs", "--get", "lfs.storage")
    chosen = git_dir / os.fsdecode(shop.git.run("config", "-z", *asked)[:-1])
    real, top = Path(os.path.realpath(chosen)), Path(os.path.realpath(git_dir))
    if real.is_relative_to(top) and real != top:
        return chosen
    remark = f"lfs.storage is not inside of {git_dir}, so what is new of Git LFS is in {usual}"
    if remark not in shop.remarks:
        shop.remarks.append(remark)
    return usual


def _make_directory(shop: Workshop, directory: Path) -> None:
    """Make a directory in the store of the source, with those above it, durably."""
    if directory.is_dir():
        return
    _make_directory(shop, directory.parent)
    with contextlib.suppress(FileExistsError):
        directory.mkdir()
        _share(shop, directory, 0o7777)
    plain_files.sync_directory(directory.parent)


def _share(shop: Workshop, path: Path, mask: int) -> None:
    """Let those use it who may use the objects of the source."""
    objects = shop.source.objects.stat()
    path.chmod(stat.S_IMODE(objects.st_mode) & mask)
    if os.geteuid() == 0 != objects.st_uid:
        os.chown(path, objects.st_uid, objects.st_gid)
