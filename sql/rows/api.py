"""The rows of the SQL functions that only the HTTP API calls. Lengths of time are in seconds, sizes in bytes."""

from collections.abc import Sequence
from decimal import Decimal

from msgspec import Struct

from sql.rows.groups import CoolingModel


class Acting(Struct, frozen=True):
    """The row of act_as(): the token that acts in this transaction. ``tenants`` None: all those of the login."""

    name: str
    role: str
    tenants: Sequence[str] | None
    expires_in_s: float | None


class Group(Struct, frozen=True):
    """One row of list_groups(), without what protects an account: its variables, and where its login is.

    ``state`` is open, full, paused, cooling, overloaded, budget or probing.
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
    failover: bool
    daily_budget_usd: Decimal | None
    task_budget_usd: Decimal | None
    spent_usd: Decimal
    cooling_models: Sequence[CoolingModel] = ()
    throttled_runs: int | None = None
    throttled_s: float | None = None


class FacetCount(Struct, frozen=True):
    """One row of facets(): so many tasks of the selection have this ``value`` of the ``facet``."""

    facet: str
    value: str
    tasks: int


class TasksOfState(Struct, frozen=True):
    """How many tasks of a tool and queue are in a state."""

    tool: str
    queue: str
    state: str
    tasks: int


class TasksWaiting(Struct, frozen=True):
    """How many tasks wait for the same."""

    reason: str
    tasks: int


class TasksSubmitted(Struct, frozen=True):
    """How many tasks ever came."""

    tool: str
    queue: str
    tasks: int


class OldestReady(Struct, frozen=True):
    """For how long the oldest ready task of a queue has been ready."""

    queue: str
    age_s: float


class RunsEnded(Struct, frozen=True):
    """How many runs ever ended in one way. ``error_class`` is empty for those that succeeded."""

    tool: str
    group: str
    status: str
    error_class: str
    runs: int


class RunTimes(Struct, frozen=True):
    """How long something took. ``buckets`` are bounds with the number of runs that took at most so long."""

    measure: str
    tool: str
    buckets: Sequence[tuple[float, int]]
    runs: int
    seconds: float


class TokensUsed(Struct, frozen=True):
    """How many tokens of a kind the runs of a group used."""

    tool: str
    group: str
    kind: str
    tokens: int


class MoneySpent(Struct, frozen=True):
    """What the runs of a group cost; ``notional`` is the list price of what a subscription covered."""

    tool: str
    group: str
    notional: bool
    usd: float


class GroupState(Struct, frozen=True):
    """A worker group now. ``budget_used`` is the spent part of the budget of the day; None without one.

    ``overloaded`` and ``throttled`` say that its service is, and that all its runs are for long.
    """

    group: str
    tool: str
    used: int
    max: int
    cooldown_s: float
    paused: bool
    budget_used: float | None
    cooling_models: int = 0
    overloaded: bool = False
    throttled: bool = False


class LimitState(Struct, frozen=True):
    """A limit of a tool, model, queue or workflow."""

    kind: str
    name: str
    used: int
    max: int


class HostState(Struct, frozen=True):
    """Whether the dispatchers of a host live, whether one will end, and how long ago the most silent one was heard."""

    host: str
    up: bool
    draining: bool
    age_s: float


class Build(Struct, frozen=True):
    """The last migration of the database, and the version of its server."""

    schema: int
    postgres: str


class Metrics(Struct, frozen=True):
    """The result of metrics(). What a confined session does not see is empty, and ``build`` None."""

    tasks: Sequence[TasksOfState]
    waiting: Sequence[TasksWaiting]
    submitted: Sequence[TasksSubmitted]
    oldest_ready: Sequence[OldestReady] = ()
    runs: Sequence[RunsEnded] = ()
    times: Sequence[RunTimes] = ()
    tokens: Sequence[TokensUsed] = ()
    cost: Sequence[MoneySpent] = ()
    groups: Sequence[GroupState] = ()
    limits: Sequence[LimitState] = ()
    dispatchers: Sequence[HostState] = ()
    build: Build | None = None
