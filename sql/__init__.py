"""The schema and its functions as package data, and the typed client of these functions.

Other packages call a function with ``calls`` (a dispatcher also with ``dispatcher_calls``) and hold no SQL of their own
but what concerns a connection, such as LISTEN.
"""

import re
from importlib.resources import files
from importlib.resources.abc import Traversable

_BRIDGE = re.compile(r"\d+_from_(\d+)\.sql")


def migrations() -> list[tuple[int, Traversable]]:
    """List the numbered migrations in order: ``0014_name.sql`` is number 14. The first one creates a whole schema."""
    found = [entry for entry in _migration_files() if not _BRIDGE.fullmatch(entry.name)]
    return sorted((int(entry.name.split("_", 1)[0]), entry) for entry in found)


def bridges() -> dict[int, Traversable]:
    """List what older schemas need instead of the first migration: ``0013_from_0012.sql`` is that of schema 12."""
    found = [(_BRIDGE.fullmatch(entry.name), entry) for entry in _migration_files()]
    return {int(match[1]): entry for match, entry in found if match}


def _migration_files() -> list[Traversable]:
    return [entry for entry in (files(__name__) / "migrations").iterdir() if entry.name.endswith(".sql")]


def definitions() -> list[Traversable]:
    """List functions and triggers in the order in which they are created again after every migration."""
    themes = (files(__name__) / "functions").iterdir()
    functions = [entry for theme in themes for entry in theme.iterdir() if entry.name.endswith(".sql")]
    return [*sorted(functions, key=lambda entry: entry.name), files(__name__) / "triggers.sql"]


def grants() -> bytes:
    """Return the text that says who may call which function; it is applied after :func:`definitions`."""
    return (files(__name__) / "grants.sql").read_bytes()


def bookkeeping() -> bytes:
    """Return the tables in which `dispatcher migrate` notes what it has done."""
    return (files(__name__) / "bookkeeping.sql").read_bytes()


def query(name: str) -> bytes:
    """Return the text of ``queries/<name>.sql``."""
    return (files(__name__) / "queries" / f"{name}.sql").read_bytes()
