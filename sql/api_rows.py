"""The rows of the SQL functions that only the HTTP API calls. Lengths of time are in seconds, sizes in bytes."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Annotated

from msgspec import Meta, Struct

from sql.rows import TaskRow

TaskItem = TaskRow
"""A task of a page is a row of list_tasks()."""


class Acting(Struct, frozen=True):
    """The row of act_as(): the token that acts in this transaction. ``tenants`` None: all those of the login."""

    name: str
    role: str
    tenants: Sequence[str] | None
    expires_in_s: float | None


class Selection(Struct, frozen=True, omit_defaults=True, forbid_unknown_fields=True):
    """Which tasks a list or an action is about: all that is given must fit.

    ``states`` are statuses, or what queued tasks wait for. ``name`` is a part of the name, in any case. ``since`` and
    ``until`` are about the submission; a task of ``until`` itself does not fit.
    """

    numbers: Sequence[int] | None = None
    states: Sequence[str] | None = None
    tool: str | None = None
    tenant: str | None = None
    queue: str | None = None
    group: str | None = None
    name: str | None = None
    labels: Mapping[str, str] | None = None
    since: Annotated[datetime, Meta(tz=True)] | None = None
    until: Annotated[datetime, Meta(tz=True)] | None = None


class TaskPage(Struct, frozen=True):
    """The row of list_page(). ``next`` is the ``before`` of the next page; None at the end."""

    items: Sequence[TaskItem]
    next: int | None


class FacetCount(Struct, frozen=True):
    """One row of facets(): so many tasks of the selection have this ``value`` of the ``facet``."""

    facet: str
    value: str
    tasks: int
