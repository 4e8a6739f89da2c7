"""The work directory: its id, its one lock holder, and a workspace for each run.

<work_dir>/.id                                 identifies the directory, wherever it is mounted
<work_dir>/<database id>/.lock                 held by the one dispatcher that may judge these runs
<work_dir>/<database id>/<number>-<run_no>/    run · prompt · pipe · report/ · stdout.log · stderr.log · tmp/ · work/ ·
                                               repository/ (of a clone in work/) · setup/ and check/: run · output.log
                                               or, kept for a later run of the session: kept · work/ · repository/ ·
                                               before (what was where its agent is to write down tasks)
<work_dir>/<database id>/trash/                discarded workspaces, which are deleted soon
"""

import contextlib
import errno
import fcntl
import hashlib
import os
import re
import stat
import time
import uuid
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property
from io import BytesIO
from pathlib import Path
from typing import BinaryIO, Self

from dispatcher.errors import DispatchError, UsageError
from dispatcher.host import linux
from dispatcher.host.host_trouble import SCARCE
from dispatcher.host.regaining import regain, regaining
from dispatcher.workspaces.lock_holder import IDENTITY, LOCK
from dispatcher.workspaces.trash import Trash
from sql import calls
from sql.call import Call
from sql.rows.dispatchers import InputFile

KEPT = "kept"
BEFORE = "before"
PRIVATE = "repository"
TRASH = "trash"
LARGEST_REPORT = 16 * 2**20
"""Bytes of the file in which a CLI reports how its run went."""
_BLOCK = 2**20
_LOOKS, _LOOK = 20, 0.01
"""How often, and after how many seconds again, we try to get the lock: those who look at it hold it for a moment."""


@dataclass(frozen=True)
class Workspace:
    """The files of one run. Only ``work`` is the agent's; everything else in ``directory`` is ours.

    ``work`` is the agent's current directory. It is below ``directory``, unless the task chose an existing one.
    """

    directory: Path
    work: Path

    @property
    def has_own_work(self) -> bool:
        """Whether the agent works in this run's own directory, and not in one of the task or of an earlier run."""
        return self.work.parent == self.directory

    @property
    def kept_until(self) -> float | None:
        """When the directory kept for a session is removed, in seconds since the epoch; None if it is not kept."""
        try:
            kept = self.directory / KEPT
            return regaining(kept, kept.lstat).st_mtime
        except FileNotFoundError:
            return None

    @property
    def private(self) -> Path:
        """Our directory beside a clone. It belongs to ``work``, and so to the run in which the session began."""
        return self.work.parent / PRIVATE

    @cached_property
    def prompt(self) -> Path:
        return self.directory / "prompt"

    @cached_property
    def pipe(self) -> Path:
        """The named pipe from which the agent reads its prompt, if its CLI needs one."""
        return self.directory / "pipe"

    @cached_property
    def report(self) -> Path:
        """The directory in which the CLI reports how its run went, if it does that."""
        return self.directory / "report"

    @cached_property
    def tmp(self) -> Path:
        """The agent's directory for temporary files, which is removed with the workspace."""
        return self.directory / "tmp"

    @cached_property
    def stdout(self) -> Path:
        return self.directory / "stdout.log"

    @cached_property
    def stderr(self) -> Path:
        return self.directory / "stderr.log"

    @property
    def _discarded(self) -> Path:
        """A new path in the trash. A rename moves the workspace there, and never moves what is mounted in it."""
        return self.directory.parent / TRASH / f"{self.directory.name}-{uuid.uuid4()}"

    def regain(self) -> None:
        """Open it to ourselves again, if its agent closed it: its logs, its report and the directory that is kept.

        A directory that the task chose stays as it is. Raises OSError when this host has no descriptors.
        """
        regain(self.report)
        regain(self.tmp)
        if self.work.parent.parent == self.directory.parent:
            regain(self.work)

    def discard_entry(self, name: str) -> None:
        """Move something of it to the trash. Raises OSError, such as FileNotFoundError."""
        _move(self.directory / name, self._discarded)

    def discard(self) -> None:
        """Move it to the trash with one rename; :attr:`WorkDirectory.trash` deletes it. Raises OSError."""
        with contextlib.suppress(FileNotFoundError):
            _move(self.directory, self._discarded)

    def strip(self) -> None:
        """Discard all except the directory that its agent worked in, our own beside it, and the mark that keeps them.

        If an entry cannot be moved, because the agent mounted something there, the others are moved nevertheless.
        Raises OSError.
        """
        if not self.has_own_work:
            self.discard()
            return
        with _opened(self.directory):
            pass  # fails if an agent put a link in its place
        discarded = self._discarded
        discarded.mkdir(mode=0o700)
        failure: OSError | None = None
        for entry in self.directory.iterdir():
            if entry.name not in (self.work.name, PRIVATE, KEPT, BEFORE):
                try:
                    _move(entry, discarded / entry.name)
                except OSError as error:
                    failure = error
        if failure is not None:
            raise failure

    def lay_out(self, prompt: str | None, inputs: Iterable[InputFile], *, with_work: bool = True) -> None:
        """Create the directory, the one for temporary files, the prompt, and the input files that have content.

        :meth:`place` adds the other input files later. Without ``with_work`` the work directory is made later, too.

        Raises OSError: FileExistsError when this run was laid out before, or when an input file would replace another
        file of a directory that the task chose; PermissionError when a link leads out of that directory.
        """
        self.directory.mkdir(mode=0o700)
        self.tmp.mkdir(mode=0o700)
        if self.has_own_work and with_work:
            self.work.mkdir(mode=0o700)
        if prompt is not None:
            _write(self.prompt, [prompt.encode()], 0o600)
        self.place_all(inputs)

    def make_pipe(self) -> None:
        """Create :attr:`pipe`, if it is not there. Raises OSError."""
        with contextlib.suppress(FileExistsError):
            os.mkfifo(self.pipe, 0o600)

    def make_report(self) -> None:
        """Create :attr:`report`, if it is not there. Raises OSError."""
        with contextlib.suppress(FileExistsError):
            self.report.mkdir(mode=0o700)

    def read_report(self, name: str) -> bytes:
        """Return a file of :attr:`report`; empty if there is none, or one that is no regular file or too large.

        The agent may have put links or special files anywhere. Raises OSError when this host has no descriptors.
        """
        try:
            with _opened(self.report) as directory:
                return _read_regular(name, directory)
        except OSError as error:
            if error.errno in SCARCE:
                raise
            return b""

    def read_prompt(self) -> str:
        """Return the prompt. Raises OSError."""
        with _opened(self.directory) as directory:
            return _read_regular(self.prompt.name, directory).decode(errors="replace")

    def place_all(self, inputs: Iterable[InputFile]) -> None:
        """Create the input files that have content. Raises OSError as :meth:`lay_out` does."""
        for file in inputs:
            if file.content is not None:
                self.place(file.path, BytesIO(file.content), file.mode)

    def place(self, path: str, content: BinaryIO, mode: int) -> None:
        """Create an input file. Raises OSError as :meth:`lay_out` does."""
        target = self.work / path
        if not Path(os.path.realpath(target.parent)).is_relative_to(os.path.realpath(self.work)):
            raise PermissionError(errno.EPERM, "a link leads out of the work directory", path)
        target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        try:
            _write(target, _blocks(content), mode & 0o777)
        except FileExistsError:
            # An earlier attempt may have left the same file in a directory that the task chose.
            if target.is_symlink() or not target.is_file() or not _holds(target, content):
                raise


class WorkDirectory:
    """The work directory of one database. We hold its lock until :meth:`release`."""

    def __init__(self, id: str, runs: Path, lock: int) -> None:  # noqa: A002
        self.id = id
        self.root = runs.parent
        # Identifies this directory and database on the host, wherever the directory is mounted.
        self.mark = hashlib.sha256(f"{id}/{runs.name}".encode()).hexdigest()[:16]
        self._runs = runs
        self.trash = Trash(runs / TRASH)
        self._lock = lock

    @classmethod
    def hold(cls, root: Path, database_id: str) -> Self:
        """Create what is missing and take the lock.

        Raises :class:`DispatchError` when another dispatcher holds the lock, :class:`UsageError` when the directory
        cannot be used, and OSError when this host has no room.
        """
        runs = root / database_id
        try:
            runs.mkdir(mode=0o700, parents=True, exist_ok=True)
            Trash(runs / TRASH).make()
            directory_id = _identity(root)
            lock = os.open(runs / LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError as error:
            if error.errno in SCARCE:
                raise
            raise UsageError(
                f"the work directory {root} cannot be used: {error.strerror}; set execution.work_dir"
            ) from error
        if not _locked(lock):
            holder = os.pread(lock, 100, 0).decode(errors="replace").strip()
            os.close(lock)
            raise DispatchError(
                f"another dispatcher (process {holder or 'unknown'}) holds the work directory {root}: "
                "stop it first, or give this one an execution.work_dir of its own"
            )
        os.truncate(lock, 0)
        os.pwrite(lock, str(os.getpid()).encode(), 0)
        return cls(directory_id, runs, lock)

    def release(self) -> None:
        """Let go of the lock. It names nobody then: see :mod:`dispatcher.workspaces.gone`."""
        os.truncate(self._lock, 0)
        os.close(self._lock)

    def is_there(self) -> bool:
        """Return whether our lock is where the next holder looks for it."""
        try:
            return os.path.samestat((self._runs / LOCK).stat(), os.fstat(self._lock))
        except OSError as error:
            return error.errno not in (errno.ENOENT, errno.ENOTDIR, errno.ESTALE)

    @property
    def gone(self) -> Call[bool]:
        """The call that says that we do not hold it any more."""
        return calls.note_gone(self.id, self._runs.name, linux.boot_id())

    def workspace(
        self, number: int, run_no: int, chosen: Path | None = None, session: str | None = None
    ) -> Workspace:
        """Return the workspace of a run, without creating it.

        ``chosen`` is the directory that its task chose to work in. ``session`` is the name of the workspace in which
        the session of its agent began.
        """
        name = f"{number}-{run_no}"
        directory = self._runs / name
        home = directory if session in (None, name) else self._runs / session
        return Workspace(directory, chosen or home / "work")

    def mark_kept(self, workspace: Workspace, seconds: float) -> None:
        """Mark the directory that an agent worked in to be kept so long, for a later run of its session.

        It may be the directory of an earlier run. The agent can replace the mark, or the whole workspace, by a link:
        then no file elsewhere is made or touched. Raises OSError.
        """
        until = time.time() + seconds
        with _opened(workspace.work.parent) as home:
            flags = os.O_WRONLY | os.O_CREAT | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
            kept = os.open(KEPT, flags, 0o600, dir_fd=home)
            try:
                status = os.fstat(kept)
                if not stat.S_ISREG(status.st_mode) or status.st_nlink > 1:
                    raise OSError(
                        errno.EINVAL, "is not a regular file with one name", str(workspace.work.parent / KEPT)
                    )
                os.utime(kept, (until, until))
            finally:
                os.close(kept)

    def workspaces(self) -> list[Workspace]:
        """Return the workspaces that exist, including those of earlier dispatchers. Raises OSError."""
        found = (entry for entry in self._runs.iterdir() if re.fullmatch(r"\d+-\d+", entry.name))
        return [Workspace(directory, directory / "work") for directory in found]


def _locked(lock: int) -> bool:
    """Take the lock; return False if another dispatcher holds it."""
    for _ in range(_LOOKS):
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            time.sleep(_LOOK)
        else:
            return True
    return False


@contextlib.contextmanager
def _opened(directory: Path) -> Iterator[int]:
    """Open a directory that is not a link. Raises OSError."""
    flags = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
    descriptor = regaining(directory, lambda: os.open(directory, flags))
    try:
        yield descriptor
    finally:
        os.close(descriptor)


def _read_regular(name: str, directory: int) -> bytes:
    """Return a regular file with one name that is not too large. Raises OSError."""
    flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
    with os.fdopen(os.open(name, flags, dir_fd=directory), "rb") as file:
        status = os.fstat(file.fileno())
        if not stat.S_ISREG(status.st_mode) or status.st_nlink > 1:
            raise OSError(errno.EINVAL, "is not a regular file with one name", name)
        content = file.read(LARGEST_REPORT + 1)
    if len(content) > LARGEST_REPORT:
        raise OSError(errno.EFBIG, os.strerror(errno.EFBIG), name)
    return content


def _identity(root: Path) -> str:
    """Read the id of the directory, or make one. Two processes at once agree, because only one link succeeds."""
    file = root / IDENTITY
    if not file.exists():
        draft = root / f".id-{uuid.uuid4()}"
        _write(draft, [f"{uuid.uuid4()}\n".encode()], 0o600)
        try:
            file.hardlink_to(draft)
        except FileExistsError:
            pass
        finally:
            draft.unlink()
    content = file.read_text(errors="replace").strip()
    try:
        return str(uuid.UUID(content))
    except ValueError:
        raise UsageError(
            f"{file} must hold a uuid, not {content[:40]!r}: is {root} a work directory?"
        ) from None


def _move(entry: Path, target: Path) -> None:
    """Rename an entry that its agent may have made read-only, or mounted something on. Raises OSError."""
    try:
        try:
            entry.rename(target)
        except PermissionError:
            if entry.is_symlink():
                raise
            entry.chmod(0o700)  # moving a directory needs the right to write in it
            entry.rename(target)
    except OSError as error:
        if error.errno in (errno.EBUSY, errno.EXDEV):
            raise OSError(error.errno, "something is mounted there: unmount it", str(entry)) from error
        raise


def _write(path: Path, content: Iterable[bytes], mode: int) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, mode)
    try:
        os.fchmod(descriptor, mode)
        for piece in content:
            unwritten = memoryview(piece)
            while unwritten:
                unwritten = unwritten[os.write(descriptor, unwritten) :]
    finally:
        os.close(descriptor)


def _blocks(file: BinaryIO) -> Iterator[bytes]:
    file.seek(0)
    while block := file.read(_BLOCK):
        yield block


def _holds(path: Path, content: BinaryIO) -> bool:
    with path.open("rb") as file:
        return all(block == file.read(len(block)) for block in _blocks(content)) and not file.read(1)
