"""What the database answers, a struct for each function's row. Lengths of time are seconds, sizes bytes."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from uuid import UUID

from msgspec import Struct


class Submitted(Struct, frozen=True):
    """One row of submit_tasks(). ``created`` is False for a known key, and ``same`` False if it asked for else."""

    id: UUID
    number: int
    status: str
    created: bool
    same: bool


class TaskRow(Struct, frozen=True):
    """One row of list_tasks()."""

    number: int
    id: UUID
    status: str
    wait_reason: str | None
    why: str | None
    waits_s: float | None
    tool: str
    model: str | None
    group_name: str | None
    tenant_id: str
    queue: str
    priority: int
    name: str | None
    attempt: int
    max_attempts: int
    age_s: float
    elapsed_s: float | None
    tokens: int | None
    cost_usd: Decimal | None
    permission: str
    created_at: datetime
    started_at: datetime | None
    finished_at: datetime | None
    error_class: str | None
    error_message: str | None
    activity: str | None
    silent_s: float | None


class TaskState(Struct, frozen=True):
    """One row of task_states()."""

    number: int
    status: str
    error_message: str | None

    @property
    def ended(self) -> bool:
        return self.status in ("succeeded", "failed", "canceled")


class StateCount(Struct, frozen=True):
    """One row of count_tasks(): ``state`` is the status, or what a queued task waits for."""

    state: str
    tasks: int


class RunRow(Struct, frozen=True):
    """One row of list_runs()."""

    run_no: int
    id: UUID
    attempt: int
    status: str
    group_name: str
    host: str
    pid: int | None
    claimed_at: datetime
    started_at: datetime | None
    finished_at: datetime | None
    latency_ms: int | None
    exit_code: int | None
    signal: str | None
    error_class: str | None
    error_message: str | None
    session_id: str | None
    input_tokens: int | None
    cached_input_tokens: int | None
    output_tokens: int | None
    cost_usd: Decimal | None
    auth_mode: str | None
    resumed: bool
    denials: Sequence[str]

    @property
    def is_notional(self) -> bool:
        """Whether the cost is a list price only, since a subscription paid."""
        return self.auth_mode in ("token", "login")


class FileRow(Struct, frozen=True):
    """One row of list_files(): ``stored`` is "database" or the URL of a file that is kept elsewhere."""

    path: str
    is_input: bool
    size_bytes: int
    sha256: str
    mode: int
    run_no: int | None
    stored: str


class StoredFile(Struct, frozen=True):
    """The answer of read_file(): either ``content`` or ``storage_url``."""

    content: bytes | None
    storage_url: str | None
    size_bytes: int
    sha256: str
    mode: int


class Task(Struct, frozen=True):
    """The answer of show_task(), as far as it is shown to people; ``-o json`` prints all of it."""

    id: UUID
    number: int
    status: str
    wait_reason: str | None
    why: str | None
    activity: str | None
    tool: str
    model: str | None
    account: str | None
    group_name: str | None
    tenant_id: str
    queue: str
    priority: int
    name: str | None
    labels: Mapping[str, object]
    prompt: str
    permission: str
    workdir: str | None
    timeout_s: int | None
    stall_timeout_s: int | None
    attempt: int
    max_attempts: int
    idempotency_key: str | None
    session_id: str | None
    cancel_requested_at: datetime | None
    created_at: datetime
    scheduled_at: datetime | None
    started_at: datetime | None
    finished_at: datetime | None
    error_class: str | None
    error_message: str | None
    result: Mapping[str, object] | None
    output_files: Sequence[str]
    runs: Sequence[RunRow]
    files: Sequence[FileRow]
    run_count: int = 0
    """All that there were; ``runs`` are the last ones."""


class GroupRow(Struct, frozen=True):
    """One row of list_groups(): ``state`` is open, full, paused, cooling, budget or probing; ``env_vars`` holds no
    secrets. ``spent_usd`` is what the runs of today (UTC) cost.
    """

    group_name: str
    tool: str
    account_name: str
    current_concurrent: int
    max_concurrent: int
    queued: int
    state: str
    cooldown_s: float | None
    reason: str | None
    hosts: Sequence[str] | None
    config_home: str | None
    env_vars: Mapping[str, str]
    failover: bool
    daily_budget_usd: Decimal | None
    task_budget_usd: Decimal | None
    spent_usd: Decimal


class StatsRow(Struct, frozen=True):
    """One row of stats(): ``notional_usd`` is the list price of what subscriptions covered."""

    key: str | None
    runs: int
    succeeded: int
    failed: int
    limited: int
    ran_s: float | None
    input_tokens: int | None
    cached_input_tokens: int | None
    output_tokens: int | None
    cost_usd: Decimal | None
    notional_usd: Decimal | None


class Pruned(Struct, frozen=True):
    """The row of prune_tasks() and count_prunable(); ``bytes`` is about what the tasks took."""

    tasks: int
    runs: int
    bytes: int


class LimitRow(Struct, frozen=True):
    """One row of list_limits()."""

    scope: str
    current_concurrent: int
    max_concurrent: int


class DispatcherRow(Struct, frozen=True):
    """One row of list_dispatchers(): ``lease_left_s`` is negative once it is away."""

    id: UUID
    host: str
    pid: int
    version: str
    groups: Sequence[str] | None
    started_at: datetime
    heartbeat_age_s: float
    lease_left_s: float
    alive: bool
    active: int
