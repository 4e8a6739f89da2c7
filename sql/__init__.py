"""The schema and its functions as package data, and the typed client of these functions.

Other packages call a function with ``calls`` (a dispatcher also with ``dispatcher_calls``) and hold no SQL of their own
but what concerns a connection, such as LISTEN.
"""

from importlib.resources import files
from importlib.resources.abc import Traversable


def migrations() -> list[tuple[int, Traversable]]:
    """Numbered migrations in order: ``0001_name.sql`` is number 1. Each runs once in its own transaction."""
    found = [entry for entry in (files(__name__) / "migrations").iterdir() if entry.name.endswith(".sql")]
    return sorted((int(entry.name.split("_", 1)[0]), entry) for entry in found)


def definitions() -> list[Traversable]:
    """Functions and triggers, in the order in which they are re-created after every migration."""
    themes = (files(__name__) / "functions").iterdir()
    functions = [entry for theme in themes for entry in theme.iterdir() if entry.name.endswith(".sql")]
    return [*sorted(functions, key=lambda entry: entry.name), files(__name__) / "triggers.sql"]


def grants() -> bytes:
    """Who may call which function; applied after :func:`definitions`."""
    return (files(__name__) / "grants.sql").read_bytes()


def bookkeeping() -> bytes:
    """The tables in which `dispatcher migrate` notes what it has done."""
    return (files(__name__) / "bookkeeping.sql").read_bytes()


def query(name: str) -> bytes:
    """The text of ``queries/<name>.sql``."""
    return (files(__name__) / "queries" / f"{name}.sql").read_bytes()
