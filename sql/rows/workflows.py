"""How tasks belong together: what one comes after, what it spawned, and workflows with their nodes and edges."""

from collections.abc import Sequence
from decimal import Decimal
from typing import Literal

from msgspec import Struct

NeedKind = Literal["succeeded", "ended", "failed", "tree"]
NeedState = Literal["open", "met", "unmet", "waived"]


class Need(Struct, frozen=True, kw_only=True):
    """A task that another one comes after, or one that comes after it, and how it is with that need."""

    number: int
    """The number of the other task."""
    name: str | None
    status: str
    wait_reason: str | None
    kind: NeedKind
    """What is needed: that it succeeded, failed, or ended, or that its tree succeeded."""
    state: NeedState
    """Open while that may come, then met, or unmet; or waived by somebody."""
    step: str | None
    """What the dependent calls the other one, if not by its number."""


class Tree(Struct, frozen=True, kw_only=True):
    """What all tasks that one task spawned may take, and what they have taken."""

    root: int
    """The task at the root."""
    max_depth: int
    """How deep it may get: children have depth 1."""
    max_children: int
    """How many tasks one task may spawn."""
    max_tasks: int
    """How many tasks there may be below the root."""
    max_cost_usd: Decimal | None
    """What all runs may cost; null: not bounded."""
    max_tokens: int | None
    """How many tokens all runs may use; null: not bounded."""
    tools: Sequence[str] | None
    """The tools that its tasks may use; null: that of the root alone."""
    tasks: int
    """How many tasks there are below the root."""
    cost_usd: Decimal
    """What all runs that have ended cost, with those of the root."""
    tokens: int
    """What they used."""


class FileOfTask(Struct, frozen=True, kw_only=True):
    """A file that a task is given by another one."""

    task: int | str
    """The other task: its number, or its step."""
    path: str
    """The output file of that task."""
    name: str | None = None
    """Where it lies below the work directory; null: as there."""
    of_tree: bool | None = None
    """Whether it is that of each task that the other one spawned."""
