"""The rows about hooks: who is told of what happens, and what was told."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Literal
from uuid import UUID

from msgspec import Struct

Outcome = Literal["delivered", "failed", "gone"]
"""What came of an attempt. A receiver that is gone wants to hear nothing more."""


class PutHook(Struct, frozen=True, kw_only=True):
    """A hook of config.yaml as put_hooks() takes it: whom it hears of, and nothing that could be run or called."""

    name: str
    kind: Literal["command", "webhook"]
    target: str
    events: Sequence[str]
    selection: Mapping[str, object]
    named: bool
    content: bool


class Delivery(Struct, frozen=True):
    """What take_deliveries() took. ``event`` is its id in all attempts; ``attempt`` counts from 1, and is its fence."""

    number: int
    attempt: int
    hook: str
    event: str
    type: str
    at: datetime
    payload: Mapping[str, object]


class Taken(Struct, frozen=True):
    """What to deliver now, and in how many seconds something is due; None when time alone makes nothing due."""

    deliveries: Sequence[Delivery]
    next_due_s: float | None


class HookRow(Struct, frozen=True):
    """One row of list_hooks(). ``detail`` tells of the last attempt; ``failures`` counts since the last success."""

    name: str
    host: str
    kind: str
    target: str
    events: Sequence[str]
    selection: Mapping[str, object]
    named: bool
    content: bool
    disabled_reason: str | None
    failures: int
    resumes_in_s: float | None
    pending: int
    dead: int
    dropped: int
    detail: str | None


class DeliveryRow(Struct, frozen=True):
    """One row of list_deliveries(). ``state`` is pending, delivered or dead."""

    number: int
    event: UUID
    type: str
    subject: str
    state: str
    attempts: int
    at: datetime
    due_in_s: float | None
    ended_at: datetime | None
    detail: str | None
    payload: Mapping[str, object]
