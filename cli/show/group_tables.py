"""Worker groups, limits and statistics for people: pure functions of what the database returned."""

from collections.abc import Sequence
from decimal import Decimal
from typing import Any

from cli.show.tables import Column
from dispatcher.durations import duration
from dispatcher.quantities import count, money, plural
from sql.rows.groups import GroupRow
from sql.rows.people import LimitRow
from sql.rows.sums import StatsRow

STYLES = {
    "paused": "blue",
    "cooling": "magenta",
    "overloaded": "magenta",
    "full": "yellow",
    "open": "green",
    "budget": "magenta",
    "probing": "yellow",
}


def state_of(group: GroupRow) -> str:
    """Return ``open``, ``full``, or what stops the group, for how long and why; a pause hides no cool-down."""
    cooling = group.cooldown_s is not None and group.cooldown_s > 0
    words = group.state
    if group.cooldown_s is not None and group.state == "cooling":
        words = f"cooling for {duration(group.cooldown_s)}"
    elif group.cooldown_s is not None and group.state == "overloaded":
        words = f"overloaded, next try in {duration(group.cooldown_s)}"
    if group.reason:
        words += f" ({group.reason})"
    if group.cooldown_s and cooling and group.state == "paused":
        words += f"; cools down for {duration(group.cooldown_s)}"
    return words


def spending(group: GroupRow) -> str | None:
    """Return what the group's runs of today cost, and what they may cost."""
    if group.daily_budget_usd is not None:
        return f"{money(float(group.spent_usd))} of {money(float(group.daily_budget_usd))}"
    return money(float(group.spent_usd)) if group.spent_usd else None


GROUPS: Sequence[Column[GroupRow]] = (
    Column("GROUP", lambda group: group.group_name),
    Column("TOOL", lambda group: group.tool),
    Column("ACCOUNT", lambda group: group.account_name),
    Column("SLOTS", lambda group: f"{group.current_concurrent}/{group.max_concurrent}", right=True),
    Column("QUEUE", lambda group: str(group.queued), right=True),
    Column("TODAY", spending, right=True, shown=lambda groups: any(spending(g) for g in groups)),
    Column("STATE", state_of, elastic=True, style=lambda group: STYLES.get(group.state, "")),
    Column(
        "HOSTS", lambda group: ", ".join(group.hosts or ()), shown=lambda groups: any(g.hosts for g in groups)
    ),
    Column(
        "HOME",
        lambda group: group.config_home,
        elastic=True,
        spare=1,
        shown=lambda groups: any(g.config_home for g in groups),
    ),
    Column(
        "ENV",
        lambda group: ", ".join(f"{name}={value}" for name, value in group.env_vars.items()),
        elastic=True,
        spare=2,
        shown=lambda groups: any(g.env_vars for g in groups),
    ),
)
WATCHED_GROUPS = [column for column in GROUPS if column.title in ("GROUP", "SLOTS", "QUEUE", "STATE")]


def stats_by(what: str) -> Sequence[Column[StatsRow]]:
    """Return the columns of stats; the first one shows ``what`` the sums are grouped by."""
    return (
        Column(what if ":" in what else what.upper(), lambda row: row.key or "-"),
        Column("RUNS", lambda row: str(row.runs), right=True),
        Column("OK", lambda row: str(row.succeeded), right=True),
        Column("FAILED", lambda row: str(row.failed), right=True),
        Column("LIMITED", lambda row: str(row.limited), right=True),
        Column("CANCELED", lambda row: str(row.canceled), right=True, spare=3),
        Column("INTERRUPTED", lambda row: str(row.interrupted), right=True, spare=2),
        Column("RAN", lambda row: None if row.ran_s is None else duration(row.ran_s), right=True),
        Column("IN", lambda row: _tokens(row.input_tokens), right=True),
        Column("CACHED", lambda row: _tokens(row.cached_input_tokens), right=True, spare=1),
        Column("OUT", lambda row: _tokens(row.output_tokens), right=True),
        Column("COST", lambda row: cost_of(row.cost_usd, row.unknown_cost_runs), right=True),
        Column("NOTIONAL", lambda row: cost_of(row.notional_usd, row.unknown_notional_runs), right=True),
        Column(
            "NOT REPORTED BY",
            lambda row: ", ".join(row.cost_not_reported_by),
            shown=lambda rows: any(row.cost_not_reported_by for row in rows),
        ),
    )


def total_of(rows: Sequence[StatsRow]) -> StatsRow:
    """Return the row that sums up all others; a sum of which nothing is known is unknown."""
    sums: dict[str, Any] = {"key": "total"}
    for name in StatsRow.__struct_fields__:
        known = [value for row in rows if (value := getattr(row, name)) is not None]
        if name == "cost_not_reported_by":
            sums[name] = sorted({tool for tools in known for tool in tools})
        elif name != "key":
            sums[name] = sum(known) if known else None
    return StatsRow(**sums)


def cost_remark(rows: Sequence[StatsRow]) -> str | None:
    """Return the line below the table that says how many runs its costs leave out; None if that is none."""
    unknown = sum(row.unknown_cost_runs + row.unknown_notional_runs for row in rows)
    if not unknown:
        return None
    return f"not in the sums: the unknown cost of {plural(unknown, 'run')}, mostly stopped or lost"


def _tokens(number: int | None) -> str | None:
    return None if number is None else count(number)


def cost_of(amount: Decimal | None, unknown: int) -> str | None:
    """Return a sum in dollars and how many runs are missing in it: ``$12.40 + 3 unknown``."""
    known = None if amount is None else money(float(amount))
    return " + ".join(filter(None, (known, f"{unknown} unknown" if unknown else None))) or None


def budget_of(limit: LimitRow) -> str | None:
    """Return what is spent of a budget: ``$20.04 of $30.00 + 1 unknown, 1.2M of 5M tokens``."""
    spent = []
    if limit.budget_usd is not None:
        of = f"{cost_of(limit.spent_usd, limit.unknown_cost_runs or 0)} of {money(float(limit.budget_usd))}"
        spent.append(of)
    if limit.token_budget is not None:
        spent.append(f"{count(limit.spent_tokens or 0)} of {count(limit.token_budget)} tokens")
    return ", ".join(spent) or None


LIMITS: Sequence[Column[LimitRow]] = (
    Column("SCOPE", lambda limit: limit.scope),
    Column(
        "SLOTS",
        lambda limit: (
            str(limit.current_concurrent)
            if limit.max_concurrent is None
            else f"{limit.current_concurrent}/{limit.max_concurrent}"
        ),
        right=True,
    ),
    Column("BUDGET", budget_of, shown=lambda limits: any(budget_of(limit) for limit in limits)),
)
