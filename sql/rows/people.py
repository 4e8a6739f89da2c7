"""The rows that the SQL functions return, a struct for each. Lengths of time are in seconds, sizes in bytes."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from uuid import UUID

from msgspec import Struct

from sql.rows.changes import Change, CommandResult, Decision, TrySet, Verdict
from sql.rows.workflows import FileOfTask, Need, Tree


class Submitted(Struct, frozen=True):
    """One row of submit_tasks() and of reply_task().

    ``created`` is False when the idempotency key is known already. ``same`` is False when that first task has another
    tool, model or prompt.
    """

    id: UUID
    number: int
    status: str
    created: bool
    same: bool


class TaskRow(Struct, frozen=True):
    """One row of list_tasks(). ``actions`` are what one may do with the task now.

    ``attempt`` is the one that runs, comes next, or was the last; ``failures`` are the attempts used up.
    ``check_verdict`` and the change are of the last run; None where nothing was checked or recorded. ``proven`` says
    whether anything shows a success: the output of the tool, or a check.
    """

    number: int
    id: UUID
    status: str
    wait_reason: str | None
    why: str | None
    waits_s: float | None
    tool: str
    account: str | None
    model: str | None
    group_name: str | None
    tenant_id: str
    queue: str
    priority: int
    name: str | None
    labels: Mapping[str, object]
    attempt: int
    failures: int
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
    actions: Sequence[str]
    check_verdict: Verdict | None
    changed_files: int | None
    insertions: int | None
    deletions: int | None
    proven: bool | None = None
    workflow: str | None = None
    title: str = ""
    """Its name, or else the first line of its prompt that says something: what screens show, and a search looks at."""


class TaskPage(Struct, frozen=True):
    """The row of list_page(). ``next`` is the ``before`` of the next page; None at the end."""

    items: Sequence[TaskRow]
    next: int | None


class Refused(Struct, frozen=True):
    """A task that act_on_tasks() was told to act on by its number, and whose state does not allow it."""

    number: int
    message: str
    hint: str | None


class BulkResult(Struct, frozen=True):
    """The row of act_on_tasks(): how many tasks it was about, their numbers, and those that it refused."""

    matched: int
    numbers: Sequence[int]
    refused: Sequence[Refused]


class KnownValue(Struct, frozen=True):
    """One row of known_values(): something that people may type, and what it is about."""

    value: str
    about: str | None


class TokenRow(Struct, frozen=True):
    """One row of list_tokens(). ``tenants`` None: all those of the login. ``last_used_at`` is true to the hour.

    ``sessions``: how many browsers are logged in with it.
    """

    name: str
    role: str
    tenants: Sequence[str] | None
    created_at: datetime
    expires_at: datetime | None
    last_used_at: datetime | None
    expired: bool
    sessions: int


class TaskState(Struct, frozen=True):
    """One row of task_states()."""

    number: int
    id: UUID
    status: str
    error_message: str | None
    wait_reason: str | None = None

    @property
    def ended(self) -> bool:
        return self.status in ("succeeded", "failed", "canceled")


class StateCount(Struct, frozen=True):
    """One row of count_tasks(). ``state`` is the status, or what a queued task waits for."""

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
    change: Change | None
    commands: Sequence[CommandResult]

    @property
    def is_notional(self) -> bool:
        """Whether the cost is only a list price, since a subscription paid."""
        return self.auth_mode in ("token", "login")

    @property
    def has_unknown_cost(self) -> bool:
        """Whether its agent started and ended without saying what it cost."""
        return self.started_at is not None and self.finished_at is not None and self.cost_usd is None


class FileRow(Struct, frozen=True):
    """One row of list_files(). ``stored`` is "database", or the URL of a file that is kept elsewhere."""

    path: str
    is_input: bool
    size_bytes: int
    sha256: str
    mode: int
    run_no: int | None
    stored: str


class Task(Struct, frozen=True):
    """What show_task() returns of a task, its runs and its files, without the output of the runs.

    ``wait_reason`` and ``why`` say what a queued task waits for, and ``waits_s`` for how long if that is known.
    ``actions`` are what one may do with the task now. ``attempt`` is the one that runs, comes next, or was the last;
    ``failures`` are the attempts used up, of ``max_attempts``. ``continues`` is the run of another task whose session
    it continues, and ``resumes`` its own last run that was cut short. A time that is None has not come.

    ``source`` is the repository as its first run found it, and ``base_commit`` what all of its runs begin with.
    ``question`` is what its agent asks, while nobody has answered; ``follow_up`` what its next run is told.
    """

    id: UUID
    number: int
    status: str
    proven: bool | None
    wait_reason: str | None
    why: str | None
    waits_s: float | None
    actions: Sequence[str]
    activity: str | None
    tool: str
    model: str | None
    fallback_model: str | None
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
    repository: str | None
    ref: str | None
    no_changes: str | None
    setup_command: str | None
    check_command: str | None
    setup_timeout_s: int | None
    check_timeout_s: int | None
    approve: bool
    source: str | None
    base_commit: str | None
    question: str | None
    follow_up: str | None
    timeout_s: int | None
    stall_timeout_s: int | None
    attempt: int
    failures: int
    max_attempts: int
    backoff_s: float
    retry_on: Sequence[str] | None
    idempotency_key: str | None
    asked_session: str | None
    session_id: str | None
    continues: UUID | None
    resumes: UUID | None
    cancel_requested_at: datetime | None
    created_at: datetime
    updated_at: datetime
    scheduled_at: datetime | None
    next_attempt_at: datetime | None
    started_at: datetime | None
    finished_at: datetime | None
    output_pruned_at: datetime | None
    error_class: str | None
    error_message: str | None
    result: Mapping[str, object] | None
    output_files: Sequence[str]
    runs: Sequence[RunRow]
    files: Sequence[FileRow]
    decisions: Sequence[Decision] = ()
    """What people decided of it, the first one first."""
    tries: TrySet | None = None
    """The tries beside it, if it is one of several or their judge."""
    run_count: int = 0
    """How many runs there were; ``runs`` holds the last ones."""
    workflow: str | None = None
    after: Sequence[Need] = ()
    on_unmet: str | None = None
    input_from: Sequence[FileOfTask] | None = None
    dependents: Sequence[Need] = ()
    """The tasks that come after it: the first 50."""
    dependent_count: int = 0
    """How many tasks come after it."""
    parent: int | None = None
    spawns: str | None = None
    children: int = 0
    """How many tasks it spawned."""
    spawn_draft: int | None = None
    """How many it spawns when somebody approves."""
    tree: Tree | None = None
    title: str = ""
    """Its name, or else the first line of its prompt that says something."""


class Pruned(Struct, frozen=True):
    """The row of prune_tasks() and of count_prunable(). ``bytes`` is about what the tasks took."""

    tasks: int
    runs: int
    bytes: int


class LimitRow(Struct, frozen=True):
    """One row of list_limits(). Money in US dollars; what was spent is None without a budget."""

    scope: str
    current_concurrent: int
    max_concurrent: int | None
    budget_usd: Decimal | None = None
    spent_usd: Decimal | None = None
    token_budget: int | None = None
    spent_tokens: int | None = None
    unknown_cost_runs: int | None = None


class CappedTool(Struct, frozen=True):
    """One row of capped_tools(): the groups of the tool have more slots than its limit allows."""

    tool: str
    slots: int
    max_concurrent: int


class DispatcherRow(Struct, frozen=True):
    """One row of list_dispatchers(). ``lease_left_s`` is negative once the dispatcher is away.

    One that is ``draining`` starts nothing more and will end.
    """

    id: UUID
    host: str
    pid: int
    version: str
    groups: Sequence[str] | None
    heartbeat_age_s: float
    lease_left_s: float
    alive: bool
    draining: bool
    active: int


class FoundDispatcher(Struct, frozen=True):
    """One row of find_dispatchers(): a process id, and the seconds since that process registered."""

    pid: int
    since_s: float


class ActiveTask(Struct, frozen=True):
    """One row of list_active(): a task in the hands of a dispatcher."""

    dispatcher_id: UUID
    number: int
    status: str
    tool: str
    group_name: str
    name: str | None
    pid: int | None
    elapsed_s: float
    activity: str | None
    stops: bool
    title: str = ""


class DriftedCounter(Struct, frozen=True):
    """One row of check_counters(): ``stored`` should be what was ``counted``."""

    scope: str
    counted: int
    stored: int


class DriftedTally(Struct, frozen=True):
    """One row of check_tallies(): ``stored`` should be what was ``counted``."""

    kind: str
    counted: int
    stored: int


class UnservedTasks(Struct, frozen=True):
    """One row of unserved_tasks(): how many queued tasks of a tool, and perhaps of an account, no group can take."""

    tool: str
    account: str | None
    tasks: int


class SchemaVersion(Struct, frozen=True):
    """The row of schema_version(): the last migration, or 0, and the digest of the functions."""

    number: int
    digest: str | None
