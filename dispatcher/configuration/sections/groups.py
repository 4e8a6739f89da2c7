"""The section about worker groups."""

from collections.abc import Mapping

from msgspec import Struct, field

from dispatcher.configuration.sections.values import Line, Money, Slots, require_absolute, require_no_secrets

# What stands below a field is its line in docs/configuration.md, which `just docs` writes.


class GroupSettings(Struct, frozen=True, forbid_unknown_fields=True):
    """One account of one tool, and how many agents it may run at a time.

    The two budgets work only with a CLI that reports its cost, as claude does. `~` is the home directory on the
    dispatcher's host.
    """

    tool: str
    """`claude`, `codex`, `gemini`, or one of `tools`."""
    account: Line = "default"
    """What `llmctl submit --account` calls it."""
    max_concurrent: Slots = 1
    """How many of its agents run at a time."""
    env: Mapping[str, str] = field(default_factory=dict)
    """Variables of its agents: plain values and references to secrets (`env:NAME`, `file:/path`), never a secret."""
    config_home: str | None = None
    """The directory of its CLI's login and settings, an absolute path; created if it is missing."""
    hosts: tuple[Line, ...] | None = None
    """The hosts whose dispatchers serve it; unless given, all."""
    failover: bool = True
    """Whether a task that the account's usage limit stopped may continue with another account of the tool."""
    daily_budget_usd: Money | None = None
    """Closes the group until midnight UTC when its runs of the day have cost that much."""
    task_budget_usd: Money | None = None
    """Ends a run that has cost that much."""

    def __post_init__(self) -> None:
        require_absolute("config_home", self.config_home)
        require_no_secrets(self.env)
