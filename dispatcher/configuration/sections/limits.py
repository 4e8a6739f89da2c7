"""The section about limits."""

from typing import Annotated

from msgspec import Meta, Struct

from dispatcher.configuration.sections.values import MOST_SLOTS, Money

# What stands below a field is its line in docs/configuration.md, which `just docs` writes.

SlotsOrNone = Annotated[int, Meta(ge=0, le=MOST_SLOTS)]
Tokens = Annotated[int, Meta(ge=1, le=10**15)]


class LimitSettings(Struct, frozen=True, forbid_unknown_fields=True):
    """A limit of a workflow with a budget. When its ended runs have taken that much, none of its tasks starts any more.

    What the file does not name stays as it is in the database.
    """

    max_concurrent: SlotsOrNone | None = None
    """How many of its agents run at a time."""
    budget_usd: Money | None = None
    """What its runs may cost together."""
    token_budget: Tokens | None = None
    """How many input and output tokens its runs may take together."""

    def __post_init__(self) -> None:
        if self.max_concurrent is None and self.budget_usd is None and self.token_budget is None:
            raise ValueError("max_concurrent, budget_usd or token_budget is missing")

    @property
    def has_budget(self) -> bool:
        return self.budget_usd is not None or self.token_budget is not None
