"""Who holds a work directory, and how to ask it to stop. None of this needs the database."""

import fcntl
import os
import select
import signal
from contextlib import suppress
from pathlib import Path

from dispatcher.errors import DispatchError


def recorded_holder(runs: Path) -> int | None:
    """The process that holds ``<work_dir>/<database id>``, as it wrote down itself; None when nobody holds it.

    The number is that of its own container, 0 when it is not written down yet. Raises OSError when the lock cannot
    be looked at.
    """
    try:
        lock = os.open(runs / ".lock", os.O_RDONLY | os.O_CLOEXEC)
    except FileNotFoundError:
        return None
    try:
        fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        written = os.pread(lock, 20, 0).strip()
        return int(written) if written.isdigit() else 0
    finally:
        os.close(lock)
    return None


class Holder:
    """The living process that holds a work directory, by a descriptor that no other process can inherit."""

    def __init__(self, pid: int, descriptor: int) -> None:
        self.pid = pid
        self._descriptor = descriptor

    def signal(self, number: signal.Signals) -> None:
        """Raises ProcessLookupError when it has ended, PermissionError when it is another user's."""
        signal.pidfd_send_signal(self._descriptor, number)

    def wait(self) -> None:
        """Return when it has ended."""
        poll = select.poll()
        poll.register(self._descriptor, select.POLLIN)
        poll.poll()


def find_holder(runs: Path) -> Holder | None:
    """Find the process that has the lock open; its number alone might be another's by now.

    Raises :class:`DispatchError` when somebody holds it whom we cannot see: in another container, or of another user.
    """
    try:
        pid = recorded_holder(runs)
        if pid is None:
            return None
        descriptor = os.pidfd_open(pid)
    except OSError as error:
        raise _unseen(runs, str(error)) from error
    if not _has_open(pid, runs / ".lock"):
        os.close(descriptor)
        raise _unseen(runs, f"process {pid} here is another one, or another user's")
    return Holder(pid, descriptor)


def _has_open(pid: int, file: Path) -> bool:
    try:
        wanted = file.stat()
        for number in os.listdir(f"/proc/{pid}/fd"):  # noqa: PTH208
            with suppress(FileNotFoundError):  # it was closed since the list was made
                if os.path.samestat(wanted, os.stat(f"/proc/{pid}/fd/{number}")):  # noqa: PTH116
                    return True
    except OSError:
        pass
    return False


def _unseen(runs: Path, why: str) -> DispatchError:
    return DispatchError(
        f"a dispatcher holds {runs}, but we cannot see it ({why});"
        " stop it in its own container, or as the user who runs it"
    )
