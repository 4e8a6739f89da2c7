"""The row of stats(): what runs took together."""

from collections.abc import Sequence
from decimal import Decimal

from msgspec import Struct


class StatsRow(Struct, frozen=True):
    """One row of stats(). ``notional_usd`` is the list price of what subscriptions covered.

    The costs are sums of what CLIs reported. ``unknown_cost_runs`` and ``unknown_notional_runs`` are missing in them:
    their agents started and did not say what they spent, mostly since they were stopped or lost. Runs of tools that
    never report a cost are in neither; ``cost_not_reported_by`` names these tools.
    """

    key: str | None
    runs: int
    succeeded: int
    failed: int
    limited: int
    canceled: int
    interrupted: int
    ran_s: float | None
    input_tokens: int | None
    cached_input_tokens: int | None
    output_tokens: int | None
    cost_usd: Decimal | None
    notional_usd: Decimal | None
    unknown_cost_runs: int
    unknown_notional_runs: int
    cost_not_reported_by: Sequence[str]
