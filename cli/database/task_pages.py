"""Reading all tasks of a selection in constant memory."""

from collections.abc import Iterator, Sequence

from cli.database.connection import Database
from sql import calls
from sql.rows.people import TaskRow
from sql.selection import Selection

PAGE = 500
"""Tasks; the database returns at most 1,000."""


def pages(db: Database, select: Selection) -> Iterator[Sequence[TaskRow]]:
    """Yield the tasks of a selection, newest first: each that is selected throughout exactly once."""
    before: int | None = None
    while True:
        page = db.call(calls.list_page(select, before, PAGE))
        if page.items:
            yield page.items
        if page.next is None:
            return
        before = page.next
