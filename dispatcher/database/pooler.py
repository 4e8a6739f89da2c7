"""Finds out whether a pooler such as PgBouncer leaves each connection a session of its own."""

import secrets

import psycopg
from psycopg.sql import SQL, Identifier

from dispatcher.configuration.settings import Settings
from dispatcher.database.connection import BoundedConnection, connect, server_name, translated
from dispatcher.errors import DatabaseError

ECHO_SECONDS = 3.0
"""How long a notification may take through a pooler, which adds one socket to the way."""


def keeps_session(settings: Settings, connection: BoundedConnection) -> bool:
    """Return whether ``connection`` has a server process of its own, so that LISTEN and SET last.

    Without a pooler this costs nothing. In transaction mode two connections share a server process, or one connection
    has two. If chance shows neither, the echo of a notification does not come. Another connection has to send it,
    because a connection hears its own notification in transaction mode, too. Raises :class:`DatabaseError`.
    """
    if not connection.shared:
        return True
    channel = Identifier(f"llmctl_echo_{secrets.token_hex(6)}")
    with (
        connect(settings, application_name="llmctl echo", statement_timeout=ECHO_SECONDS) as other,
        translated(),
    ):
        if not _listens(connection, channel):
            return False
        with other.transaction():
            if _server_pid(other) == connection.server_pid:
                other.execute(SQL("UNLISTEN {}").format(channel))
                return False
            other.execute(SQL("NOTIFY {}").format(channel))
        heard = any(connection.notifies(timeout=ECHO_SECONDS, stop_after=1))
        connection.execute(SQL("UNLISTEN {}").format(channel))
    return heard


def require_session(settings: Settings, connection: BoundedConnection) -> None:
    """Raise :class:`DatabaseError` if a pooler takes the session away."""
    if not keeps_session(settings, connection):
        raise DatabaseError(f"{transaction_mode(settings)}; {REMEDY}")


REMEDY = "point database.url to the server itself, or set pool_mode = session in the pooler"


def transaction_mode(settings: Settings) -> str:
    """Return what is wrong, in words for people."""
    return (
        f"{server_name(settings)} is a connection pooler (such as PgBouncer) in transaction mode,"
        " which loses notifications"
    )


def _listens(connection: BoundedConnection, channel: Identifier) -> bool:
    """Listen on the server process that the connection had before. If it has another one, return False."""
    with connection.transaction():
        if _server_pid(connection) != connection.server_pid:
            raise psycopg.Rollback
        connection.execute(SQL("LISTEN {}").format(channel))
        return True
    return False


def _server_pid(connection: BoundedConnection) -> int:
    row = connection.execute("SELECT pg_backend_pid()").fetchone()
    assert row is not None
    return int(row[0])
