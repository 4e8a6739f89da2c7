"""Dispatchers of this host that died: the kernel has dropped their lock, and the database still takes them for alive.

Their lease would say so only when it ends. Whoever looks on their host knows at once.
"""

import contextlib
import fcntl
import os
from collections.abc import Iterator
from pathlib import Path

import psycopg

from dispatcher.database.connection import Connection, execute
from dispatcher.host import linux
from dispatcher.workspaces.work_directory import IDENTITY, LOCK
from sql import calls


def note_gone(connection: Connection, work_dir: Path) -> None:
    """Tell the database of dispatchers of this work directory that died. As a rule there are none, and this is no call.

    A login that may not do this, and a directory that this user may not read, change nothing.
    """
    for database_id in _abandoned(work_dir):
        with contextlib.suppress(OSError, psycopg.errors.InsufficientPrivilege):
            identity = (work_dir / IDENTITY).read_text().strip()
            execute(connection, calls.note_gone(identity, database_id, linux.boot_id()))


def _abandoned(work_dir: Path) -> Iterator[str]:
    """Return the ids of the databases whose dispatcher died: nobody holds its lock, and the lock still names it."""
    with contextlib.suppress(OSError):
        for lock in work_dir.glob(f"*/{LOCK}"):
            if _is_abandoned(lock):
                yield lock.parent.name


def _is_abandoned(lock: Path) -> bool:
    descriptor = os.open(lock, os.O_RDONLY | os.O_CLOEXEC)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
        return os.fstat(descriptor).st_size > 0
    except BlockingIOError:
        return False
    finally:
        os.close(descriptor)
