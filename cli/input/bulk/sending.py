"""Sends a batch of tasks to the database, and names the line of the bad task of a batch that the database refuses."""

from cli.database.connection import Database
from cli.input.bulk.spool import Batch
from dispatcher.database.refusals import blames_a_task, place_of
from dispatcher.errors import DispatchError
from sql import calls
from sql.rows.people import Submitted


def send(db: Database, batch: Batch, name: str) -> list[Submitted]:
    """Call submit_tasks() and return a row for each task. ``name`` is the name of the file, for errors.

    Raises the :class:`DispatchError` of the first bad task, with its line, or an error that no task alone caused.
    Either way a transaction around the call can go on.
    """
    try:
        with db.transaction():
            return db.call(calls.submit_tasks(batch.json()))
    except DispatchError as error:
        if not blames_a_task(error):
            raise
        complaint, place = _explained(db, batch, error)
        where = name if place is None else f"{name}:{batch.lines[place - 1]}"
        raise type(complaint)(f"{where}: {complaint}", hint=complaint.hint) from error


def _explained(db: Database, batch: Batch, error: DispatchError) -> tuple[DispatchError, int | None]:
    try:
        with db.transaction():
            db.call(calls.explain_refusal(batch.json()))
    except DispatchError as complaint:
        if (place := place_of(complaint)) is None:
            raise
        return complaint, place
    if len(batch.tasks) == 1:
        return error, 1
    return error, None  # only all of them together are refused, such as a circle
