"""The rows of the SQL functions that only the HTTP API calls. Lengths of time are in seconds, sizes in bytes."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Literal

from msgspec import Struct

from sql.rows import TaskRow

State = Literal[
    "queued", "scheduled", "retry", "limit", "dependency", "held", "budget", "leased", "running", "succeeded",
    "failed", "canceled",
]  # fmt: skip
"""The states of count_tasks(): a status, or what a queued task waits for. "queued" waits for a slot."""

TaskItem = TaskRow
"""A task of a page is a row of list_tasks()."""


class Acting(Struct, frozen=True):
    """The row of act_as(): the token that acts in this transaction. ``tenants`` None: all those of the login."""

    name: str
    role: str
    tenants: Sequence[str] | None


class Selection(Struct, frozen=True, omit_defaults=True, forbid_unknown_fields=True):
    """Which tasks a list or an action is about: all that is given must fit.

    ``name`` is a part of the name, in any case. ``since`` and ``until`` are about the submission; a task of ``until``
    itself does not fit.
    """

    numbers: Sequence[int] | None = None
    states: Sequence[State] | None = None
    tool: str | None = None
    tenant: str | None = None
    queue: str | None = None
    group: str | None = None
    name: str | None = None
    labels: Mapping[str, str] | None = None
    since: datetime | None = None
    until: datetime | None = None


class TaskPage(Struct, frozen=True):
    """The row of list_page(). ``next`` is the ``before`` of the next page; None at the end."""

    items: Sequence[TaskItem]
    next: int | None


class BulkResult(Struct, frozen=True):
    """The row of act_on_tasks(): how many tasks it was about, and the first 1,000 numbers."""

    matched: int
    numbers: Sequence[int]
