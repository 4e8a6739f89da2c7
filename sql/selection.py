"""Which tasks a list, a count or an action is about."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Annotated, Literal

from msgspec import Meta, Struct

State = Literal[
    "queued", "scheduled", "retry", "limit", "dependency", "held", "question", "approval", "budget", "leased",
    "running", "succeeded", "failed", "canceled",
]  # fmt: skip
"""The states of count_tasks(): a status, or what a queued task waits for. "queued" waits for a slot."""

StateWord = Literal["waiting", "starting", "active", "ended"]
"""Several states in one word, where tasks are selected: all kinds of queued, leased, leased or running, and ended."""

WaitsFor = Literal[
    "slot", "budget", "limit", "paused", "no_group", "dispatcher", "scheduled", "retry", "dependency", "held",
    "question", "approval",
]  # fmt: skip
"""What a queued task waits for: a ready one for a slot, or for what keeps all accounts from it."""


class Selection(Struct, frozen=True, omit_defaults=True, forbid_unknown_fields=True):
    """Which tasks a list or an action is about: all that is given must fit.

    ``tasks`` are numbers, ranges such as ``61-70``, or beginnings of uuids; a single task must exist. ``name`` is a
    part of the name, in any case, or with ``*`` or ``?`` a pattern of the whole name. ``since`` and ``until`` are about
    the submission; a task of ``until`` itself does not fit.
    """

    tasks: Sequence[str] | None = None
    numbers: Sequence[int] | None = None
    states: Sequence[State | StateWord] | None = None
    waiting: WaitsFor | None = None
    tool: str | None = None
    model: str | None = None
    tenant: str | None = None
    queue: str | None = None
    workflow: str | None = None
    group: str | None = None
    name: str | None = None
    labels: Mapping[str, str] | None = None
    since: Annotated[datetime, Meta(tz=True)] | None = None
    until: Annotated[datetime, Meta(tz=True)] | None = None
