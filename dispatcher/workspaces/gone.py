"""Dispatchers of this host that died: the kernel has dropped their lock, and the database still takes them for alive.

Their lease would say so only when it ends. Whoever looks on their host knows at once.
"""

import contextlib
from collections.abc import Iterator
from pathlib import Path
from uuid import UUID

import psycopg

from dispatcher.database.connection import Connection, execute
from dispatcher.workspaces.lock_holder import IDENTITY, LOCK, read_lock
from sql import calls


class GoneDispatchers:
    """Those of a work directory. A look takes a stat and a flock for each database that works there."""

    def __init__(self, work_dir: Path) -> None:
        self._work_dir = work_dir
        self._noted: frozenset[str] = frozenset()

    def note(self, connection: Connection) -> bool:
        """Tell the database of those that died since the last call; returns whether this was news to it.

        As a rule there are none, and this is no statement. A login that may not do this, and a directory that this user
        may not read, change nothing. Raises psycopg.Error.
        """
        abandoned = frozenset(_abandoned(self._work_dir))
        news = [self._tell(connection, database_id) for database_id in sorted(abandoned - self._noted)]
        self._noted = abandoned
        return any(news)

    def _tell(self, connection: Connection, database_id: str) -> bool:
        from dispatcher.host import linux  # it imports trio, which a short command does not need

        with contextlib.suppress(OSError, ValueError, psycopg.errors.InsufficientPrivilege):
            work_dir_id = UUID((self._work_dir / IDENTITY).read_text().strip())
            return execute(connection, calls.note_gone(str(work_dir_id), database_id, linux.boot_id()))
        return False


def note_gone(connection: Connection, work_dir: Path) -> None:
    """Do the same for a program that looks only once."""
    GoneDispatchers(work_dir).note(connection)


def _abandoned(work_dir: Path) -> Iterator[str]:
    """Yield the ids of the databases whose dispatcher died: nobody holds its lock, and the lock still names it.

    What somebody else put there is left out: agents can write there, too.
    """
    with contextlib.suppress(OSError):
        for lock in work_dir.glob(f"*/{LOCK}"):
            with contextlib.suppress(OSError, ValueError):
                is_held, written = read_lock(lock)
                if written and not is_held:
                    yield str(UUID(lock.parent.name))
