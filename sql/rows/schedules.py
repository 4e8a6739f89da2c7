"""What the SQL functions about schedules return."""

from collections.abc import Mapping
from datetime import datetime
from typing import Literal

from msgspec import Struct

Overlap = Literal["skip", "queue", "replace"]
CatchUp = Literal["one", "all", "none"]


class ScheduleRow(Struct, frozen=True, kw_only=True):
    """A schedule. ``next_at`` is None while it is paused, and until a dispatcher has computed it.

    ``failures`` are its last tasks that failed or could not be submitted, one after the other.
    """

    tenant_id: str
    name: str
    cron: str
    zone: str
    task: Mapping[str, object]
    overlap: Overlap
    catch_up: CatchUp
    within_s: float | None
    max_failures: int
    pause_class: Literal["person", "failures", "unreadable"] | None
    pause_reason: str | None
    paused_at: datetime | None
    failures: int
    skipped: int
    next_at: datetime | None
    last_at: datetime | None
    last_task: int | None
    last_status: str | None
    last_error: str | None
    configured_on: str | None
    created_at: datetime
    updated_at: datetime


class DueSchedule(Struct, frozen=True, kw_only=True):
    """A schedule with an instant that may have come by ``now``. All until ``done_until`` are dealt with.

    ``is_computed`` is false while its next instant is to be computed.
    """

    tenant_id: str
    name: str
    revision: int
    cron: str
    zone: str
    catch_up: CatchUp
    within_s: float | None
    is_computed: bool
    done_until: datetime
    now: datetime
