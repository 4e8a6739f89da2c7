"""Worker groups, as people see them."""

from collections.abc import Mapping, Sequence
from decimal import Decimal

from msgspec import Struct


class CoolingModel(Struct, frozen=True):
    """A model whose own usage limit is reached on an account; ``model`` is empty for tasks that name none."""

    model: str
    cooldown_s: float
    reason: str


class GroupRow(Struct, frozen=True):
    """One row of list_groups().

    ``state`` is open, full, paused, cooling, overloaded, budget or probing. A group is paused until somebody resumes
    it, or while no dispatcher can run it; ``reason`` says which, and of an open one what does not go on there.
    ``cooldown_s`` is how long a cool-down lasts, also while the group is paused, or until the next budget.
    ``env_vars`` holds no secrets.
    ``spent_usd`` is what the runs of today (UTC) cost. ``account_name`` is the ``account`` of tasks. Its last
    ``throttled_runs`` runs were all throttled, for ``throttled_s`` by now; both are None unless that is for long.
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
    cooling_models: Sequence[CoolingModel] = ()
    throttled_runs: int | None = None
    throttled_s: float | None = None
