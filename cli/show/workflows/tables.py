"""Workflows and their tasks as tables."""

from collections.abc import Iterator, Mapping, Sequence

from cli.show.tables import Column
from cli.show.task_tables import STYLES
from cli.show.words import ranges
from dispatcher.graphs.order import dependents_of, needs_of
from dispatcher.graphs.words import CONDITIONS, state_word, steps_of, title_of
from dispatcher.quantities import age, money, plural, stopwatch
from sql.rows.workflows import Edge, Graph, Node, WorkflowRow

_ORDER = (
    "running", "leased", "queued", "retry", "limit", "budget", "scheduled", "dependency", "held", "question",
    "approval", "failed", "canceled", "succeeded",
)  # fmt: skip


def _states(row: WorkflowRow) -> str:
    known = [state for state in _ORDER if state in row.states]
    return ", ".join(f"{row.states[state]:,} {_word(state)}" for state in known)


def _word(state: str) -> str:
    return {"queued": "ready", "leased": "starting", "dependency": "waiting"}.get(state, state)


def _budget(row: WorkflowRow) -> str | None:
    parts = [] if row.max_concurrent is None else [f"{row.max_concurrent} at a time"]
    if row.budget_usd is not None:
        parts.append(money(float(row.budget_usd)))
    return ", ".join(parts)


WORKFLOWS: Sequence[Column[WorkflowRow]] = (
    Column("WORKFLOW", lambda row: row.name, elastic=True),
    Column(
        "TENANT",
        lambda row: row.tenant_id,
        spare=2,
        shown=lambda rows: any(row.tenant_id != "default" for row in rows),
    ),
    Column("TASKS", lambda row: f"{row.tasks:,}", right=True),
    Column(
        "STATES",
        _states,
        elastic=True,
        needs=40,
        style=lambda row: "red" if row.failed or row.unmet else "green" if row.running_s is not None else "",
    ),
    Column("AGE", lambda row: age(row.age_s), right=True),
    Column(
        "RUNNING",
        lambda row: None if row.running_s is None else stopwatch(row.running_s),
        right=True,
        spare=3,
    ),
    Column("COST", lambda row: None if row.cost_usd is None else money(float(row.cost_usd)), right=True),
    Column("LIMIT", _budget, spare=1, shown=lambda rows: any(_budget(row) for row in rows)),
)


class Steps:
    """What the tasks of a graph are called, and what each of them comes after."""

    def __init__(self, graph: Graph) -> None:
        self._needs: Mapping[int, Sequence[Edge]] = needs_of(graph.edges)
        self._names = steps_of(graph.edges)

    def title(self, node: Node) -> str:
        return title_of(node, self._names)

    def needs(self, node: Node) -> str:
        edges = self._needs.get(node.number, ())
        usual = [edge.source for edge in edges if edge.kind == "succeeded"]
        others = [f"{edge.source} ({CONDITIONS[edge.kind]})" for edge in edges if edge.kind != "succeeded"]
        return ", ".join([ranges(usual)] * bool(usual) + others)


def columns(steps: Steps) -> Sequence[Column[Node]]:
    """Return the columns for the tasks of a workflow."""
    return (
        Column("TASK", lambda node: str(node.number), right=True),
        Column("NAME", steps.title, elastic=True),
        Column("STATE", state_word, style=lambda node: STYLES.get(node.state, "")),
        Column("AFTER", steps.needs, elastic=True, needs=12),
        Column("TOOL", lambda node: node.tool, spare=1),
        Column(
            "ELAPSED", lambda node: None if node.elapsed_s is None else stopwatch(node.elapsed_s), right=True
        ),
        Column(
            "COST",
            lambda node: None if node.cost_usd is None else money(float(node.cost_usd)),
            right=True,
            spare=2,
        ),
        Column("WHY", _why, elastic=True, style=lambda node: "red" if node.status == "failed" else ""),
    )


def _why(node: Node) -> str | None:
    return node.why or node.error_message


def trouble(graph: Graph) -> Iterator[str]:
    """Yield a sentence for each task that keeps others from starting for ever."""
    after = dependents_of([edge for edge in graph.edges if edge.state == "unmet"])
    for node in graph.nodes:
        if others := after.get(node.number, ()):
            number = plural(len(others), "task")
            yield (
                f"task {node.number} ({state_word(node)}) keeps {number} from starting: "
                f"{ranges(sorted(edge.target for edge in others))}"
            )
