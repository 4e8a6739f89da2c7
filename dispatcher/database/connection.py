"""Connects to the database of the settings, and turns errors of PostgreSQL into messages that people can act on."""

import math
import os
import re
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, TypeVar, cast
from urllib.parse import quote, urlencode

import psycopg
from psycopg import conninfo as libpq
from psycopg.abc import PQGen
from psycopg.rows import TupleRow

from dispatcher.configuration import paths
from dispatcher.configuration.settings import Settings
from dispatcher.database.embedded.server import EmbeddedServer
from dispatcher.errors import (
    DatabaseError,
    DispatchError,
    ForbiddenError,
    NotFoundError,
    UnauthorizedError,
    UsageError,
    WrongStateError,
)
from dispatcher.host import own_environment
from sql.call import Call

Connection = psycopg.Connection[TupleRow]
Result = TypeVar("Result")

LAST_PATIENCE = 5.0
"""Seconds after the statement_timeout in which a server has to report that it gave up."""

MAINTENANCE_DATABASES = ("postgres", "template1")
"""Databases to connect to in order to create or find another one. Some providers drop the first."""

_DEFAULTS = {
    "client_encoding": "UTF8",
    "connect_timeout": "10",
    # A peer that vanished silently is noticed after a minute, and with unsent data after half a minute.
    "keepalives": "1",
    "keepalives_idle": "30",
    "keepalives_interval": "10",
    "keepalives_count": "3",
    "tcp_user_timeout": "30000",
}

_BY_SQLSTATE: dict[str, type[DispatchError]] = {
    "LD400": UsageError,
    "LD401": UnauthorizedError,
    "LD404": NotFoundError,
    "LD409": WrongStateError,
}

_MEANINGS = {
    "42501": "the database does not permit this",
    "42703": "the database has another schema: upgrade this program, or run `dispatcher migrate`",
    "42883": "the database has another schema: upgrade this program, or run `dispatcher migrate`",
    "42P01": "the database has another schema: upgrade this program, or run `dispatcher migrate`",
    "57014": "the database took too long",
    "": "the connection to the database broke",
    "08": "the connection to the database broke",
    "28": "the database refuses this login",
    "53": "the database has no room left",
    "57": "the database is not available now",
    "58": "the database's system failed",
    "XX": "the database is damaged",
}
"""What an SQLSTATE or its class (the first two characters) means, for the beginning of a sentence."""

_OF_INPUT = ("22P02", "22P05", "22003", "22007", "22008", "22021", "54")
"""SQLSTATEs, or their classes, of texts, numbers and times that no database can hold."""

_OF_PASSWORDS = re.compile(r"pass|auth?enti|SASL", re.IGNORECASE)
"""Matches messages about a wrong password in most languages, because libpq does not return the SQLSTATE."""


class SilentServerError(psycopg.OperationalError):
    """The server did not answer a statement. ``since`` is when it was sent, on time.monotonic()."""

    def __init__(self, message: str, since: float) -> None:
        super().__init__(message)
        self.since = since


class BoundedConnection(psycopg.Connection[TupleRow]):
    """Gives up on a server that does not answer a statement for ``patience`` seconds.

    The server itself ends a statement after the statement_timeout. If not even that is heard, something between us
    drops what is sent but acknowledges it, so that TCP notices nothing.

    ``server_pid`` is the server process that we talk to. Behind a pooler it differs from the one that the protocol
    names, and each transaction may have another one. Then the connection is ``shared``, and settings last only for a
    transaction. :func:`prepare` sets all three.
    """

    patience = math.inf
    statement_timeout: float | None = None
    server_pid = 0
    shared = False
    heard_at = math.inf
    """When the server last said something to the present statement, or that was sent; on time.monotonic()."""
    on_condemned: Callable[[], None] | None = None
    """Ends the wait of somebody who waits for answers in another way than :meth:`wait`."""
    _is_condemned = False

    def condemn(self) -> None:
        """Give up the present statement: the server does not work on it. Any thread may call this."""
        self._is_condemned = True
        if self.on_condemned is not None:
            self.on_condemned()

    def bound_transaction(self) -> None:
        """Set the statement_timeout for the current transaction, if the session does not keep it."""
        if self.shared and self.statement_timeout is not None:
            self.execute(
                "SELECT set_config('statement_timeout', %s, true)", [_milliseconds(self.statement_timeout)]
            )

    def wait(self, gen: PQGen[Result], *arguments: Any, **keywords: Any) -> Result:
        return super().wait(self._bounded(gen), *arguments, **keywords)

    def _bounded(self, gen: PQGen[Result]) -> PQGen[Result]:
        began = self.heard_at = time.monotonic()
        self._is_condemned = False
        try:
            state = next(gen)
            while True:
                ready = yield state
                now = time.monotonic()
                if ready:
                    self.heard_at = now
                elif self._is_condemned or now > began + self.patience:
                    self.close()
                    raise SilentServerError(f"the server did not answer for {now - began:.1f} s", began)
                state = gen.send(ready)
        except StopIteration as end:
            return cast(Result, end.value)
        finally:
            self.heard_at = math.inf


class NoSuchDatabaseError(DatabaseError):
    """The server answers, but has no database of this name yet."""


def embedded_server() -> EmbeddedServer:
    """Return the server that is used when ``database.url`` is not set."""
    return EmbeddedServer(paths.home())


def controllable_server(settings: Settings) -> EmbeddedServer:
    """Return the embedded server. Raises :class:`UsageError` when ``database.url`` names another server."""
    if settings.database.url is not None:
        raise UsageError(
            f"database.url names {server_name(settings)}, but this command controls the embedded server only"
        )
    return embedded_server()


def conninfo(
    settings: Settings,
    *,
    database: str | None = None,
    application_name: str = "llmctl",
) -> str:
    """Return the connection string for ``settings``, without connecting.

    ``database`` replaces ``settings.database.name``. Parameters of the URL, such as ``connect_timeout``, have
    precedence over ours. We set no ``options``, because a pooler refuses them. Raises :class:`UsageError` when
    ``database.url`` cannot be parsed.
    """
    parameters = {
        **_DEFAULTS,
        "application_name": application_name,
        **_server_parameters(settings, database or settings.database.name),
    }
    return libpq.make_conninfo("", **parameters)


def prepare(
    connection: BoundedConnection, statement_timeout: float | None, *, own_session: bool = False
) -> None:
    """Ask for the server process of a new connection and set its statement_timeout (in seconds), in one statement.

    ``own_session`` is true if no pooler takes our session away (:func:`dispatcher.database.pooler.keeps_session`).
    If this fails, the connection is closed.
    """
    if statement_timeout is not None:
        connection.patience = statement_timeout + LAST_PATIENCE
    connection.statement_timeout = statement_timeout
    named = connection.info.backend_pid
    try:
        if statement_timeout is None:
            row = connection.execute("SELECT pg_backend_pid()").fetchone()
        else:
            # On a shared server process a setting would stay for the next client.
            row = connection.execute(
                "SELECT pg_backend_pid(), CASE WHEN %s OR pg_backend_pid() = %s"
                " THEN set_config('statement_timeout', %s, false) END",
                [own_session, named, _milliseconds(statement_timeout)],
            ).fetchone()
    except BaseException:
        connection.close()
        raise
    assert row is not None
    connection.server_pid = int(row[0])
    connection.shared = not own_session and connection.server_pid != named
    if connection.shared:
        connection.prepare_threshold = (
            None  # the next statement may run in a process that has not prepared it
        )


def connect(
    settings: Settings,
    *,
    database: str | None = None,
    application_name: str = "llmctl",
    statement_timeout: float | None = None,
    own_session: bool = False,
) -> BoundedConnection:
    """Connect in autocommit mode. Start the embedded server first if it is used, does not run and was not stopped.

    With a ``statement_timeout`` (in seconds) the connection also notices that the server does not answer at all.
    ``own_session`` is the one of :func:`prepare`.
    Raises :class:`DatabaseError`, or :class:`NoSuchDatabaseError` if only the database is missing.
    """

    def attempt() -> BoundedConnection:
        info = conninfo(settings, database=database, application_name=application_name)
        connection = BoundedConnection.connect(info, autocommit=True)
        prepare(connection, statement_timeout, own_session=own_session)
        return connection

    try:
        return attempt()
    except psycopg.OperationalError as error:
        if settings.database.url is not None:
            raise _unreachable(settings, database, error) from error
    embedded_server().start_for_client()
    try:
        return attempt()
    except psycopg.OperationalError as error:
        raise _unreachable(settings, database, error) from error


def server_name(settings: Settings) -> str:
    """Return the name of the server for people, without a password."""
    if settings.database.url is None:
        return f"the embedded server in {embedded_server().place.directory}"
    parameters = _server_parameters(settings, settings.database.name)
    host = (
        parameters.get("host") or parameters.get("hostaddr") or os.environ.get("PGHOST") or "the local socket"
    )
    port = parameters.get("port") or os.environ.get("PGPORT") or "5432"
    user = f" as {parameters['user']}" if "user" in parameters else ""
    return f"PostgreSQL at {host}, port {port}{user}"


def description(settings: Settings, connection: Connection) -> str:
    """Return the database, its server and the server's version, in words for people."""
    version = connection.info.parameter_status("server_version")
    return f"{settings.database.name} on {server_name(settings)} (PostgreSQL {version})"


def url_for_people(settings: Settings) -> str:
    """Return a URL for ``psql``, without the password: every user can see the arguments of programs."""
    if settings.database.url is None:
        return embedded_server().url(settings.database.name)
    parameters = _server_parameters(settings, settings.database.name)
    database = quote(parameters.pop("dbname"), safe="")
    for secret in ("password", "sslpassword", "oauth_client_secret"):
        parameters.pop(secret, None)
    user = f"{quote(parameters.pop('user'), safe='')}@" if "user" in parameters else ""
    query = f"?{urlencode(parameters, quote_via=quote, safe='')}" if parameters else ""
    return f"postgresql://{user}/{database}{query}"


def execute(connection: Connection, call: Call[Result]) -> Result:
    """Make a call of the SQL interface. Raises :class:`psycopg.Error` as it comes."""
    return call.read(connection.execute(call.statement, call.values, binary=call.binary).fetchall())


def translate(error: psycopg.Error) -> DispatchError:
    """Return ``error`` as an error for people: with its message and hint, and with the exit code that fits."""
    state = error.sqlstate or ""
    message = error.diag.message_primary or _joined(str(error))
    hint = error.diag.message_hint
    if state.startswith("LD"):
        return _BY_SQLSTATE.get(state, DispatchError)(message, hint=hint)
    if state.startswith(_OF_INPUT) or (isinstance(error, psycopg.DataError) and not state):
        return UsageError(f"the database cannot hold this value: {message}", hint=hint)
    meaning = _MEANINGS.get(state) or _MEANINGS.get(state[:2])
    if meaning:
        kind = ForbiddenError if state == "42501" else DatabaseError
        return kind(f"{meaning}: {message}", hint=hint)
    return DispatchError(f"{message} ({state})", hint=hint)


def will_pass(error: psycopg.DatabaseError) -> bool:
    """Return whether the same call may succeed later: the server is away, busy, full, or a standby at the moment.

    It may also succeed later if somebody moved a running task by hand into a limit in which a claim had seen room.
    """
    if error.sqlstate in ("25006", "LD429"):  # read-only after a failover; a limit would have been exceeded
        return True
    return isinstance(error, psycopg.OperationalError) and (error.sqlstate or "")[:2] != "54"


@contextmanager
def translated() -> Iterator[None]:
    """Raise each :class:`psycopg.Error` of the block as :func:`translate` returns it."""
    try:
        yield
    except psycopg.Error as error:
        raise translate(error) from error


def _server_parameters(settings: Settings, database: str) -> dict[str, str]:
    if settings.database.url is None:
        return embedded_server().place.parameters(database)
    try:
        given = libpq.conninfo_to_dict(settings.database.url)
    except psycopg.ProgrammingError:
        # libpq quotes the part that it does not understand, which may be the password.
        raise UsageError(
            "database.url (or LLMCTL_DATABASE_URL) is not a valid connection string:"
            " expected postgresql://USER@HOST:PORT or host=HOST user=USER"
        ) from None
    # libpq would look for it in the environment, from which it was removed.
    password = own_environment.concealed("PGPASSWORD")
    found = {"password": password} if password else {}
    return found | {key: str(value) for key, value in given.items()} | {"dbname": database}


def _unreachable(settings: Settings, database: str | None, error: psycopg.OperationalError) -> DatabaseError:
    name = database or settings.database.name
    where = server_name(settings)
    # Only a message of the server names the database, in any language.
    if name in str(error) and name not in MAINTENANCE_DATABASES and _is_missing(settings, name):
        return NoSuchDatabaseError(f"{where} has no database {name!r} yet; run `dispatcher migrate`")
    return DatabaseError(f"cannot connect to {where}: {_joined(str(error))}; {_remedy(settings, error)}")


def _remedy(settings: Settings, error: psycopg.OperationalError) -> str:
    """Return what to do. It mentions the password only if the server asked for one and refused it."""
    if settings.database.url is None:
        return "`dispatcher db status` shows more"
    message = str(error)
    if "startup parameter" in message:  # PgBouncer's message, which is always English
        return (
            "a connection pooler refuses this parameter: remove it from database.url and PGOPTIONS,"
            " or add it to the pooler's ignore_startup_parameters"
        )
    remedy = "check database.url in config.yaml (or LLMCTL_DATABASE_URL)"
    attempt = error.pgconn
    if attempt is None:
        return remedy
    if attempt.needs_password:
        return f"{remedy}, and put the password into ~/.pgpass or PGPASSWORD"
    if attempt.used_password and _OF_PASSWORDS.search(message):
        return f"{remedy}, and the password in ~/.pgpass or PGPASSWORD"
    return remedy


def _milliseconds(seconds: float) -> str:
    return str(round(seconds * 1000))


def _is_missing(settings: Settings, name: str) -> bool:
    for maintenance in MAINTENANCE_DATABASES:
        try:
            with psycopg.connect(conninfo(settings, database=maintenance)) as connection:
                found = connection.execute("select from pg_database where datname = %s", [name])
                return found.rowcount == 0
        except psycopg.OperationalError:
            continue
    return False


def _joined(message: str) -> str:
    return "; ".join(" ".join(line.split()) for line in message.splitlines() if line.strip())
