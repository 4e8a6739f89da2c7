"""Sends a batch of tasks to the database, and finds the bad task of a batch that the database refuses."""

import msgspec
import psycopg

from cli.database.connection import Database
from cli.input.bulk.spool import Batch
from dispatcher.errors import DispatchError, UsageError
from sql import calls
from sql.rows import Submitted


def send(db: Database, batch: Batch, name: str) -> list[Submitted]:
    """Call submit_tasks() and return a row for each task. ``name`` is the name of the file, for errors.

    Raises the :class:`DispatchError` of the first bad task, with its line, or an error that no task caused. Either way
    a transaction around the call can go on.
    """
    try:
        with db.transaction():
            return db.call(calls.submit_tasks(batch.json()))
    except DispatchError as error:
        if not _blames_a_task(error):
            raise
        position, complaint = _first_refused(db, batch, error)
        raise type(complaint)(f"{name}:{batch.lines[position]}: {complaint}", hint=complaint.hint) from error


def _blames_a_task(error: DispatchError) -> bool:
    """Whether a task caused the error: bad input, or a foreign tenant, which comes with a hint at our own tenants."""
    return isinstance(error, UsageError) or (
        isinstance(error.__cause__, psycopg.errors.InsufficientPrivilege) and error.hint is not None
    )


def _first_refused(db: Database, batch: Batch, error: DispatchError) -> tuple[int, DispatchError]:
    """Return the place of the first task that the database refuses, and why.

    Not every refusal names a task: one of an unknown tool or a forbidden tenant does not. So the database is asked
    about shorter and shorter beginnings of the batch: 13 times for 5,000 tasks. What it accepts is rolled back.
    """
    accepted, refused = 0, len(batch.tasks)
    while refused - accepted > 1:
        middle = (accepted + refused) // 2
        if _refusal(db, batch.json(0, middle)) is None:
            accepted = middle
        else:
            refused = middle
    return accepted, _refusal(db, batch.json(accepted, refused)) or error


def _refusal(db: Database, tasks: msgspec.Raw) -> DispatchError | None:
    try:
        with db.transaction():
            db.call(calls.submit_tasks(tasks))
            raise psycopg.Rollback
    except DispatchError as error:
        if not _blames_a_task(error):
            raise
        return error
    return None
