"""The values that a shell offers: asked of the database within a second, or not at all."""

import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager

from cli.database.light_query import rows_of
from dispatcher.configuration import settings
from dispatcher.configuration.paths import expanded, home
from dispatcher.database.embedded.place import place_of
from dispatcher.errors import DispatchError
from sql import calls

SECONDS = 1.0
"""Nobody waits longer for a suggestion."""


def known_values(kind: str, prefix: str, config: str | None) -> list[tuple[str, str]]:
    """Return values of a kind that begin with ``prefix``, and a word about each, as known_values() in SQL does.

    ``config`` is what ``--config`` names. Whatever goes wrong, there are no values: a shell has no place for errors.
    After :data:`SECONDS` the process ends.
    """
    if "\0" in prefix:
        return []
    call = calls.known_values(kind, prefix)
    statement = call.statement
    for place in range(len(call.values)):
        statement = statement.replace(b"%s", b"$%d" % (place + 1), 1)
    try:
        with _bounded():
            rows = rows_of(_parameters(config), statement, [str(value) for value in call.values])
    except (DispatchError, OSError, UnicodeError):
        return []
    return [(value, about or "") for value, about in rows if value]


def _parameters(config: str | None) -> list[tuple[str, str]]:
    database = settings.load(None if config is None else expanded(config)).database
    usual = [("client_encoding", "UTF8"), ("connect_timeout", "2"), ("application_name", "llmctl completion")]
    if database.url is None:
        return [*usual, *place_of(home()).parameters(database.name).items()]
    return [*usual, ("dbname", database.url), ("dbname", database.name)]


@contextmanager
def _bounded() -> Iterator[None]:
    """End the process after :data:`SECONDS`. libpq may wait for a name server or for a silent one, and cannot be asked
    to stop.
    """
    end = threading.Timer(SECONDS, os._exit, [1])
    end.daemon = True
    end.start()
    try:
        yield
    finally:
        end.cancel()
