"""How tasks belong together: what one comes after, what it spawned, and workflows with their nodes and edges."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Literal

from msgspec import Struct

_GIVEN_UP = (("failed", "unmet"), ("canceled", "skipped"))
"""How tasks end because of the tasks that they come after."""

NeedKind = Literal["succeeded", "ended", "failed", "tree"]
EdgeKind = Literal["succeeded", "ended", "failed", "tree", "spawned"]
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
    title: str = ""
    """The name of the other task, or else the first line of its prompt."""


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


class WorkflowRow(Struct, frozen=True, kw_only=True):
    """One row of list_workflows()."""

    name: str
    tenant_id: str
    tasks: int
    """How many tasks it has."""
    states: Mapping[str, int]
    """How many are in each state, or wait for what."""
    failed: int
    """How many have failed."""
    unmet: int
    """How many wait for what cannot come any more."""
    cost_usd: Decimal | None
    """What all of its runs cost; null: no CLI reported it."""
    tokens: int | None
    """What they used."""
    age_s: float
    """Seconds since its first task was submitted."""
    running_s: float | None
    """For how many seconds the task runs that has run for longest."""
    last_submitted_at: datetime
    """When a task was submitted last."""
    max_concurrent: int | None
    """How many of its tasks may run at a time; null: no limit."""
    budget_usd: Decimal | None
    """What it may cost; null: no budget."""


class Node(Struct, frozen=True, kw_only=True):
    """A task of a graph."""

    number: int
    name: str | None
    status: str
    wait_reason: str | None
    why: str | None
    tool: str
    model: str | None
    elapsed_s: float | None
    cost_usd: Decimal | None
    error_class: str | None
    error_message: str | None
    prompt: str
    """The beginning of its prompt."""
    workflow: str | None
    """The workflow that it belongs to."""
    is_outside: bool
    """Whether it is none of the workflow, but a task of it comes after this one."""
    title: str = ""
    """Its name, or else the first line of its prompt."""

    @property
    def state(self) -> str:
        return self.wait_reason or self.status

    @property
    def is_to_retry(self) -> bool:
        """Whether a retry of the workflow is about it: it failed or was canceled, and not since others did."""
        return (
            not self.is_outside
            and (self.status, self.error_class) not in _GIVEN_UP
            and self.status
            in (
                "failed",
                "canceled",
            )
        )


class Edge(Struct, frozen=True, kw_only=True):
    """What a task of a graph has to do with another one that comes before it."""

    source: int
    """The number of the task before."""
    target: int
    """The number of the task that comes after it."""
    kind: EdgeKind
    """What the second one needs of the first, or that the first one spawned it."""
    state: NeedState
    """Open while that may come, then met, or unmet; or waived by somebody."""
    step: str | None
    """What the second one calls the first, if not by its number."""


class Graph(Struct, frozen=True, kw_only=True):
    """What show_workflow() and show_graph() return."""

    name: str | None
    """The workflow; null: all that is connected with one task."""
    tenant_id: str
    is_cut: bool
    """Whether there are more tasks than these."""
    nodes: Sequence[Node]
    """The tasks, lowest number first."""
    edges: Sequence[Edge]
    """What they have to do with each other."""
