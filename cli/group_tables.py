"""Worker groups and limits in words: pure functions of what the database answered."""

from collections.abc import Sequence

from cli.records import GroupRow, LimitRow
from cli.tables import Column
from cli.text import duration

STYLES = {"paused": "blue", "cooling": "magenta", "full": "yellow", "open": "green"}


def state_of(group: GroupRow) -> str:
    """``open``, ``full``, or what stops it, for how long and why."""
    words = group.state
    if group.cooldown_s is not None and group.state == "cooling":
        words = f"cooling for {duration(group.cooldown_s)}"
    return f"{words} ({group.reason})" if group.reason else words


GROUPS: Sequence[Column[GroupRow]] = (
    Column("GROUP", lambda group: group.group_name),
    Column("TOOL", lambda group: group.tool),
    Column("ACCOUNT", lambda group: group.account_name),
    Column("SLOTS", lambda group: f"{group.current_concurrent}/{group.max_concurrent}", right=True),
    Column("QUEUE", lambda group: str(group.queued), right=True),
    Column("STATE", state_of, elastic=True, style=lambda group: STYLES.get(group.state, "")),
    Column(
        "HOSTS", lambda group: ", ".join(group.hosts or ()), shown=lambda groups: any(g.hosts for g in groups)
    ),
    Column("HOME", lambda group: group.config_home, shown=lambda groups: any(g.config_home for g in groups)),
    Column(
        "ENV",
        lambda group: ", ".join(f"{name}={value}" for name, value in group.env_vars.items()),
        elastic=True,
        shown=lambda groups: any(g.env_vars for g in groups),
    ),
)
WATCHED_GROUPS = [column for column in GROUPS if column.title in ("GROUP", "SLOTS", "QUEUE", "STATE")]


LIMITS: Sequence[Column[LimitRow]] = (
    Column("SCOPE", lambda limit: limit.scope),
    Column("SLOTS", lambda limit: f"{limit.current_concurrent}/{limit.max_concurrent}", right=True),
)
