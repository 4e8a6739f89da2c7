"""The connection on which a command calls the SQL functions."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TypeVar

from dispatcher.configuration import settings
from dispatcher.database.connection import LAST_PATIENCE, BoundedConnection, execute, translated
from dispatcher.database.migrate import open_database
from dispatcher.workspaces.gone import GoneDispatchers
from sql.call import Call

Result = TypeVar("Result")

STATEMENT_SECONDS = 60.0
"""No call of ours is slow: one that takes longer waits for somebody's lock, and a person wants to know."""
SLOWEST_LINE = 32 * 2**10
"""Bytes a second: a large call gets as much more time as this line needs for it."""


class Database:
    """One connection, for the length of a command. ``gone`` are the dispatchers for :meth:`note_gone`."""

    def __init__(self, connection: BoundedConnection, gone: GoneDispatchers | None = None) -> None:
        self.connection = connection
        self._gone = gone

    def call(self, call: Call[Result]) -> Result:
        """Make a call of the SQL interface.

        Raises the :class:`dispatcher.errors.DispatchError` that fits what the database says.
        """
        self._allow(call.size)
        with self._bounded():
            return execute(self.connection, call)

    def note_gone(self) -> bool:
        """Tell the database of dispatchers of this host that died since the last call; returns whether that was news.

        As a rule this is no statement, so that a command that stays open can look each second.
        """
        with translated():
            return self._gone is not None and self._gone.note(self.connection)

    def _allow(self, size: int) -> None:
        """Give the next statements the time in which a slow line moves so many bytes."""
        if size < 2**20:
            return  # it moves these within the usual time
        seconds = STATEMENT_SECONDS + size / SLOWEST_LINE
        self.connection.patience = seconds + LAST_PATIENCE
        self.connection.statement_timeout = seconds
        with translated():
            # On a shared connection it holds in this transaction, if there is one; and from then on in each of ours.
            self.connection.execute(
                "SELECT set_config('statement_timeout', %s, %s)",
                [str(round(seconds * 1000)), self.connection.shared],
            )

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """Commit all of the block or nothing; a savepoint inside another transaction. Raises like :meth:`call`."""
        with translated(), self.connection.transaction():
            self.connection.bound_transaction()
            yield

    @contextmanager
    def _bounded(self) -> Iterator[None]:
        """Run the block's statement under the statement_timeout, also where only a transaction keeps that."""
        if self.connection.shared:
            with self.transaction():
                yield
        else:
            with translated():
                yield


@contextmanager
def opened(*, application_name: str = "llmctl") -> Iterator[Database]:
    """Connect to the database of the configuration; the embedded server is started where it does not run."""
    # People see times in their own zone, and programs in UTC.
    os.environ["PGTZ"] = "UTC"
    configuration = settings.load()
    with translated():
        connection = open_database(
            configuration, application_name=application_name, statement_timeout=STATEMENT_SECONDS
        )
    with connection:
        db = Database(connection, GoneDispatchers(configuration.execution.work_directory()))
        db.note_gone()
        yield db
