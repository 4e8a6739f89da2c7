"""Bringing a database to the schema of this program.

Migrations are numbered and run once. The first one creates the whole schema as it was at its number. A database that
already has an older schema gets a bridge instead. It is refused if there is no bridge for its number.

Functions and triggers ("definitions") are all created again when their text differs from what the database has. So
each has one file that shows it as it is now. ``CREATE OR REPLACE`` keeps the owner of a function and every GRANT that
a database administrator gave. Two changes are beyond it:

* A return type cannot be replaced. Then the function that the file is named after is dropped first, and
  ``grants.sql`` grants it again to our roles.
* Other parameters make a second function beside the old one. What an earlier migrate created and this one did not is
  dropped at the end.

Nothing is dropped with CASCADE: what still needs a function does not vanish unseen, and functions that are not ours
stay.
"""

import hashlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from importlib.resources.abc import Traversable

import psycopg
from psycopg.sql import SQL, Identifier

import sql
from dispatcher.configuration.settings import Settings
from dispatcher.database.connection import (
    MAINTENANCE_DATABASES,
    BoundedConnection,
    Connection,
    NoSuchDatabaseError,
    connect,
    execute,
    server_name,
    translated,
)
from dispatcher.database.pooler import require_session
from dispatcher.errors import DatabaseError
from sql import calls

_ADVISORY_LOCK = 0x6C6C6D63746C  # "llmctl"; advisory locks are per database


class Schema:
    """The schema that a program wants: its migrations and definitions, read when they are needed."""

    def __init__(
        self,
        migrations: Sequence[tuple[int, Traversable]] | None = None,
        definitions: Sequence[Traversable] | None = None,
        bridges: Mapping[int, Traversable] | None = None,
    ) -> None:
        self.migrations = sql.migrations() if migrations is None else migrations
        self.bridges = sql.bridges() if migrations is None else bridges or {}
        """What a database at that schema needs instead of the first migration."""
        self._definitions = definitions

    @property
    def number(self) -> int:
        """The number of the last migration, 0 without any."""
        return max((number for number, _ in self.migrations), default=0)

    def can_upgrade(self, number: int) -> bool:
        """Say whether a database at this schema (0: none yet) can be brought to ours."""
        first = min((known for known, _ in self.migrations), default=0)
        return number == 0 or number in self.bridges or first <= number <= self.number

    @cached_property
    def definitions(self) -> Sequence[tuple[str, bytes]]:
        """Name (``show_task`` of ``show_task.sql``) and text, in the order in which they are created."""
        files = sql.definitions() if self._definitions is None else self._definitions
        return [(file.name.removesuffix(".sql"), file.read_bytes()) for file in files]

    @cached_property
    def grants(self) -> bytes:
        """Who may call which of the functions; empty where the functions are not this program's."""
        return sql.grants() if self._definitions is None else b""

    @cached_property
    def digest(self) -> str:
        """Changes with every change of a definition."""
        digest = hashlib.sha256(self.grants)
        for name, text in self.definitions:
            digest.update(f"{name} {len(text)}\n".encode() + text)
        return digest.hexdigest()


@dataclass(frozen=True)
class Migrated:
    """What :func:`migrate` did: the files that it applied, and whether it created the definitions again."""

    applied: tuple[str, ...] = ()
    redefined: bool = False


def migrate(
    settings: Settings, schema: Schema | None = None, tell: Callable[[str], None] = lambda _: None
) -> Migrated:
    """Create the database where it is missing, and bring it to ``schema`` (default: this program's).

    It tells the name of each migration that is done: one of a large table can take minutes.
    Many processes may call it at once. Each migration has a transaction of its own: after an error those before it
    stay, and the next call goes on. Raises :class:`DatabaseError` when a file fails, and when the database is newer
    than the program or too old for it: then nothing is changed.
    """
    schema = schema or Schema()
    with _connect_creating(settings) as connection, translated():
        require_session(settings, connection)  # which keeps the lock
        connection.execute("select pg_advisory_lock(%s)", [_ADVISORY_LOCK])
        # Waiting behind a long transaction would make everybody else wait behind us.
        connection.execute("set lock_timeout = '30s'")
        if connection.execute("select to_regclass('schema_definitions')").fetchone() == (None,):
            connection.execute(sql.bookkeeping())
        known: dict[int, str] = dict(
            connection.execute("select number, name from schema_migrations").fetchall()
        )
        _refuse_unusable(max(known, default=0), schema)
        applied = []
        for number, file, source in _to_apply(schema, known):
            applied.append(_apply(connection, number, file.name, source))
            tell(source.name)
        row = connection.execute("select digest, functions from schema_definitions").fetchone()
        digest, functions = row or (None, [])
        redefined = bool(applied) or digest != schema.digest
        if redefined:
            _redefine(connection, schema, functions)
        else:
            # Roles may have been created since: they are the server's, and not everybody may create them.
            _grant(connection, schema)
    return Migrated(tuple(applied), redefined)


def require_schema(connection: Connection, schema: Schema | None = None) -> None:
    """Raise :class:`DatabaseError` unless the database has all migrations of this program and no newer one.

    Costs one statement. The definitions may be those of a neighbouring version of the program.
    """
    schema = schema or Schema()
    number, _ = schema_state(connection)
    _refuse_unusable(number, schema)
    if number < schema.number:
        state = f"has schema {number}, this program needs {schema.number}" if number else "has no schema yet"
        raise DatabaseError(f"the database {connection.info.dbname!r} {state}; run `dispatcher migrate`")


def open_database(
    settings: Settings,
    *,
    application_name: str = "llmctl",
    statement_timeout: float | None = None,
    schema: Schema | None = None,
) -> BoundedConnection:
    """Connect for a command: the schema is checked, and on the embedded server brought up to date by itself.

    Raises :class:`DatabaseError`. The connection is in autocommit mode; ``statement_timeout`` is in seconds.
    """
    schema = schema or Schema()
    ours = settings.database.url is None
    try:
        connection = connect(settings, application_name=application_name, statement_timeout=statement_timeout)
    except NoSuchDatabaseError:
        if not ours:
            raise
        migrate(settings, schema)
        return connect(settings, application_name=application_name, statement_timeout=statement_timeout)
    try:
        if ours and schema_state(connection) != (schema.number, schema.digest):
            migrate(settings, schema)
        require_schema(connection, schema)
    except BaseException:
        connection.close()
        raise
    return connection


def _connect_creating(settings: Settings) -> BoundedConnection:
    try:
        return connect(settings, application_name="llmctl migrate")
    except NoSuchDatabaseError:
        _create_database(settings)
        return connect(settings, application_name="llmctl migrate")


def _create_database(settings: Settings) -> None:
    """Create it from template0: nobody can be connected to that, and it holds nothing of the site's own."""
    for maintenance in MAINTENANCE_DATABASES:
        try:
            connection = connect(settings, database=maintenance)
        except DatabaseError:
            continue
        with connection, translated():
            statement = SQL("create database {} template template0 encoding 'UTF8'")
            try:
                connection.execute(statement.format(Identifier(settings.database.name)))
            except (psycopg.errors.DuplicateDatabase, psycopg.errors.UniqueViolation):
                pass  # another migrate was faster
            except psycopg.errors.InsufficientPrivilege:
                raise DatabaseError(
                    f"we may not create the database {settings.database.name!r} on {server_name(settings)};"
                    " let its administrator create it, or set database.name to one that exists"
                ) from None
            return
    raise DatabaseError(f"{server_name(settings)} lets us into none of {', '.join(MAINTENANCE_DATABASES)}")


def _to_apply(schema: Schema, known: dict[int, str]) -> list[tuple[int, Traversable, Traversable]]:
    """List what is missing: the migration with its number, and the file to run, which may be a bridge to it."""
    missing: list[tuple[int, Traversable, Traversable]] = []
    for number, file in schema.migrations:
        if number not in known:
            bridge = None if missing else schema.bridges.get(max(known, default=0))
            missing.append((number, file, bridge or file))
        elif known[number] != file.name:
            raise DatabaseError(
                f"migration {number} of this program is {file.name}, but the database has run {known[number]};"
                " it belongs to another version of the program"
            )
    return missing


def _apply(connection: Connection, number: int, name: str, source: Traversable) -> str:
    text = source.read_bytes()
    with _failure_names(source.name, text), connection.transaction():
        connection.execute(text)
        connection.execute("insert into schema_migrations (number, name) values (%s, %s)", [number, name])
    return source.name


@dataclass(frozen=True)
class _Function:
    name: str
    signature: str
    written_by: str
    """The transaction that wrote the catalogue's row; CREATE OR REPLACE always writes it again."""


def _redefine(connection: Connection, schema: Schema, recorded: Sequence[str]) -> None:
    with connection.transaction():
        # So that a function which somebody else creates at this moment is not taken for one of ours.
        connection.execute("set transaction isolation level repeatable read")
        # Functions call each other, and files come in the order of their names.
        connection.execute("set local check_function_bodies = off")
        before = _functions(connection)
        for name, text in schema.definitions:
            with _failure_names(f"{name}.sql", text):
                _define(connection, name, text, recorded)
        after = _functions(connection)
        ours = sorted(found.signature for oid, found in after.items() if before.get(oid) != found)
        for signature in {found.signature for found in after.values()} & set(recorded) - set(ours):
            with _failure_names(f"the former function {signature}"):
                _drop(connection, signature)
        connection.execute("delete from schema_definitions")
        connection.execute(
            "insert into schema_definitions (digest, functions) values (%s, %s)", [schema.digest, ours]
        )
        # In the same transaction: a function that was created again runs with its caller's rights until then.
        _grant(connection, schema)


def _grant(connection: Connection, schema: Schema) -> None:
    if schema.grants:
        with _failure_names("grants.sql", schema.grants):
            connection.execute(schema.grants)


def _define(connection: Connection, name: str, text: bytes, recorded: Sequence[str]) -> None:
    try:
        with connection.transaction():
            connection.execute(text)
    except (psycopg.errors.InvalidFunctionDefinition, psycopg.errors.WrongObjectType):
        # Another return type, other names of parameters, or a function that became a procedure.
        former = [
            found.signature
            for found in _functions(connection).values()
            if found.name == name and found.signature in recorded
        ]
        if not former:
            raise
        for signature in former:
            _drop(connection, signature)
        connection.execute(text)


def _functions(connection: Connection) -> dict[int, _Function]:
    rows = connection.execute(sql.query("site_functions"))
    return {oid: _Function(*rest) for oid, *rest in rows}


def _drop(connection: Connection, signature: str) -> None:
    # A regprocedure's text is quoted where it must be.
    connection.execute(b"drop routine " + signature.encode())


def schema_state(connection: Connection) -> tuple[int, str | None]:
    """Return the last migration of the database and the digest of its definitions; 0 and None without a schema."""
    with translated():
        try:
            version = execute(connection, calls.schema_version())
        except psycopg.errors.UndefinedFunction:
            return _state_without_function(connection)
        except psycopg.errors.InsufficientPrivilege:
            raise DatabaseError(
                f"the database does not permit this: the login {connection.info.user!r} has no role in"
                f" {connection.info.dbname!r}; let an administrator grant it llmctl_producer, llmctl_reader,"
                " llmctl_operator, llmctl_dispatcher or llmctl_admin"
            ) from None
    return version.number, version.digest


def _state_without_function(connection: Connection) -> tuple[int, str | None]:
    """Return the same for a schema that is older than schema_version(): there everybody may read the tables."""
    try:
        row = connection.execute(
            "select (select max(number) from schema_migrations), (select digest from schema_definitions)"
        ).fetchone()
    except psycopg.errors.UndefinedTable:
        return 0, None
    number, digest = row or (None, None)
    return number or 0, digest


def _refuse_unusable(number: int, schema: Schema) -> None:
    if number > schema.number:
        raise DatabaseError(
            f"the database has schema {number}, and this program knows {schema.number} only;"
            " another version of the program has migrated it, so upgrade this one"
        )
    if not schema.can_upgrade(number):
        oldest = min([*schema.bridges, *(known for known, _ in schema.migrations)])
        raise DatabaseError(
            f"the database has schema {number}, and this program can upgrade schema {oldest} or later only;"
            f" first run `dispatcher migrate` of a version of the program with schema {oldest}"
        )


@contextmanager
def _failure_names(what: str, text: bytes = b"") -> Iterator[None]:
    """Name the file that failed, and its line, in the error."""
    try:
        yield
    except psycopg.errors.LockNotAvailable as error:
        raise DatabaseError(
            f"{what}: a table was in use by a long transaction; nothing of it is done, try again"
        ) from error
    except psycopg.Error as error:
        position = error.diag.statement_position
        line = f", line {text.decode()[: int(position)].count(chr(10)) + 1}" if position and text else ""
        raise DatabaseError(f"{what}{line}: {error.diag.message_primary or error}") from error
