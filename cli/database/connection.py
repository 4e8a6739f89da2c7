"""Calls of the SQL functions. The functions hold the logic and the SQL; here are only names and arguments."""

import os
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import TypeVar

import msgspec
import psycopg
from psycopg.rows import dict_row
from psycopg.sql import SQL, Composed, Identifier

from dispatcher.configuration import settings
from dispatcher.database.connection import LAST_PATIENCE, BoundedConnection, translate
from dispatcher.database.migrate import open_database

Row = TypeVar("Row", bound=msgspec.Struct)

STATEMENT_SECONDS = 60.0
"""No call of ours is slow; one that is waits behind somebody's lock, and a person wants to know."""
LARGEST_TEXT = 64 * 2**20
"""Bytes that a prompt or an answer may have."""
SLOWEST_LINE = 32 * 2**10
"""Bytes a second: what is large may take so long as well."""


class Database:
    """One connection, for the length of a command."""

    def __init__(self, connection: BoundedConnection) -> None:
        self.connection = connection

    def rows(self, kind: type[Row], function: str, *, binary: bool = False, **arguments: object) -> list[Row]:
        """Call ``function`` with its parameters named (``tool=`` is ``p_tool``); each row as a ``kind``.

        ``binary`` is for rows with a bytea, which as text takes twice as many bytes.
        Raises the :class:`dispatcher.errors.DispatchError` that fits what the database says.
        """
        self.allow(_size(arguments))
        with self._bounded(), self.connection.cursor(row_factory=dict_row) as cursor:
            cursor.execute(_call(function, arguments), list(arguments.values()), binary=binary)
            return [msgspec.convert(row, kind) for row in cursor]

    def one(self, kind: type[Row], function: str, **arguments: object) -> Row:
        """Call a ``function`` that answers one object of JSON."""
        return msgspec.convert(self.value(function, **arguments), kind)

    def value(self, function: str, **arguments: object) -> object:
        """Call a ``function`` that answers one value."""
        with self._bounded():
            row = self.connection.execute(_call(function, arguments), list(arguments.values())).fetchone()
        assert row is not None
        return row[0]

    def allow(self, size: int) -> None:
        """Give the next statements the time in which a slow line moves so many bytes."""
        if size < 2**20:
            return  # which it does anyway
        seconds = STATEMENT_SECONDS + size / SLOWEST_LINE
        self.connection.patience = seconds + LAST_PATIENCE
        self.connection.statement_timeout = seconds
        with told_to_people():
            # Of a shared connection it holds in this transaction, if there is one, and then in each of ours.
            self.connection.execute(
                "SELECT set_config('statement_timeout', %s, %s)",
                [str(round(seconds * 1000)), self.connection.shared],
            )

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """All of the block or nothing; inside of another one, a savepoint. Raises as :meth:`rows` does."""
        with told_to_people(), self.connection.transaction():
            self.connection.bound_transaction()
            yield

    @contextmanager
    def _bounded(self) -> Iterator[None]:
        """The block's statement, under the statement_timeout also where only a transaction keeps it."""
        if self.connection.shared:
            with self.transaction():
                yield
        else:
            with told_to_people():
                yield


@contextmanager
def opened(*, application_name: str = "llmctl") -> Iterator[Database]:
    """The database of the configuration; the embedded server is started on need."""
    # Times are shown in the zone of who reads them, and printed for programs in UTC.
    os.environ["PGTZ"] = "UTC"
    with told_to_people():
        connection = open_database(
            settings.load(), application_name=application_name, statement_timeout=STATEMENT_SECONDS
        )
    with connection:
        yield Database(connection)


@contextmanager
def told_to_people() -> Iterator[None]:
    """Raise errors of the driver as errors whose message, hint and exit code are meant for people."""
    try:
        yield
    except psycopg.Error as error:
        told = translate(error)
        hint = error.diag.message_hint
        if hint is None:
            raise told from error
        raise type(told)(str(told).removesuffix(f" ({hint})"), hint=hint) from error


def _size(arguments: Mapping[str, object]) -> int:
    return sum(len(value) for value in arguments.values() if isinstance(value, str | bytes))


def _call(function: str, arguments: Iterable[str]) -> Composed:
    named = SQL(", ").join(SQL("{} => %s").format(Identifier(f"p_{argument}")) for argument in arguments)
    return SQL("SELECT * FROM {}({})").format(Identifier(function), named)
