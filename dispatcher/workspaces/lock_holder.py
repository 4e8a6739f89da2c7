"""The dispatcher that holds the lock of a work directory, and how to signal it. The database is not needed."""

import fcntl
import os
import signal
from pathlib import Path

from dispatcher.errors import DispatchError
from dispatcher.host import mounts, pidfd

IDENTITY, LOCK = ".id", ".lock"
"""The file with the id of a work directory; and the lock, in the directory of each database that works there."""


def recorded_pid(runs: Path) -> int | None:
    """Return the pid that the holder of ``<work_dir>/<database id>`` wrote into the lock; None when nobody holds it.

    It is the pid in the holder's own container, and 0 while nothing is written yet. Raises OSError when the lock
    cannot be read.
    """
    try:
        is_held, written = read_lock(runs / LOCK)
    except FileNotFoundError:
        return None
    if not is_held:
        return None
    # Pids of Linux have up to 7 digits. Agents can write there, too.
    return int(written) if written.isdigit() and len(written) <= 7 else 0


def read_lock(lock: Path) -> tuple[bool, bytes]:
    """Return whether somebody holds a lock, and what stands in the file, at most 20 bytes of it. Raises OSError.

    For this moment we hold it ourselves, shared with others who look.
    """
    # O_NONBLOCK: an agent may have put a pipe there, which would wait for a writer.
    descriptor = os.open(lock, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    try:
        is_held = not _shares(descriptor)
        return is_held, os.pread(descriptor, 20, 0).strip()
    finally:
        os.close(descriptor)


def _shares(lock: int) -> bool:
    """Hold the lock together with others who look; return False if a dispatcher holds it."""
    try:
        fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


class LockHolder:
    """The living process that holds a work directory, by its pidfd: its pid may be reused, the pidfd is not."""

    def __init__(self, pid: int, descriptor: int) -> None:
        self.pid = pid
        self._descriptor = descriptor

    def signal(self, number: signal.Signals) -> None:
        """Signal it. Raises ProcessLookupError when it has ended, PermissionError when it is another user's."""
        signal.pidfd_send_signal(self._descriptor, number)

    def wait(self) -> None:
        """Return when it has ended."""
        pidfd.has_ended(self._descriptor, within=None)


def find_lock_holder(runs: Path) -> LockHolder | None:
    """Return the process that has the lock, and not another one that has its pid by now; None if nobody has it.

    Raises :class:`DispatchError` when we cannot see the holder, because of its container or its user.
    """
    try:
        pid = recorded_pid(runs)
        if pid is None:
            return None
        descriptor = os.pidfd_open(pid)
    except OSError as error:
        raise _unseen(runs, str(error)) from error
    why = f"process {pid} is a different one here"
    try:
        with (runs / LOCK).open("rb") as lock:
            if _has_locked(pid, lock.fileno()):
                return LockHolder(pid, descriptor)
    except OSError as error:
        why = str(error)
    os.close(descriptor)
    raise _unseen(runs, why)


def find_by_pid(pid: int, since_s: float) -> LockHolder | None:
    """Return the process that registered with this pid so many seconds ago, if it lives and holds a lock.

    For a dispatcher whose work directory was deleted, and its lock with that. A process that began later only has its
    pid; so has one in another container, which holds no lock.
    """
    from dispatcher.host import linux  # it imports trio, and the command line is to be quick

    try:
        descriptor = os.pidfd_open(pid)
        began = linux.place_of(pid).began
        locks = Path("/proc/locks").read_text().splitlines()
    except OSError:
        return None
    wanted = ["FLOCK", "ADVISORY", "WRITE", str(pid)]
    if began <= linux.seconds_since_boot() - since_s and any(line.split()[1:5] == wanted for line in locks):
        return LockHolder(pid, descriptor)
    os.close(descriptor)
    return None


def _has_locked(pid: int, lock: int) -> bool:
    """Return whether the kernel's list of locks names that process for the open file ``lock``. Raises OSError.

    Only root can read the descriptors of a dispatcher, so they cannot show it.
    """
    # 1: FLOCK  ADVISORY  WRITE 1234 08:01:5678 0 EOF
    wanted = ["FLOCK", "ADVISORY", "WRITE", str(pid), _kernel_name(lock)]
    return any(line.split()[1:6] == wanted for line in Path("/proc/locks").read_text().splitlines())


def _kernel_name(descriptor: int) -> str:
    """Return the name of an open file in /proc/locks: its file system and inode.

    On btrfs and overlayfs stat(2) returns other numbers. The kernel uses those of fdinfo and of the table of mounts.
    """
    lines = Path(f"/proc/self/fdinfo/{descriptor}").read_text().splitlines()
    opened = {name: value.strip() for name, _, value in (line.partition(":") for line in lines)}
    devices = [mount.device for mount in mounts.table() if str(mount.id) == opened["mnt_id"]]
    major, minor = map(int, devices[0].split(":")) if devices else (0, 0)
    inode = opened.get("ino", str(os.fstat(descriptor).st_ino))  # there since Linux 5.14
    return f"{major:02x}:{minor:02x}:{inode}"


def _unseen(runs: Path, why: str) -> DispatchError:
    return DispatchError(
        f"a dispatcher holds {runs}, but we cannot see it ({why});"
        " stop it in its own container, or as the user who runs it"
    )
