"""Graphs for tests: tasks by their numbers, each with those that it comes after."""

from collections.abc import Mapping, Sequence

from hypothesis import strategies as st

from sql.rows.workflows import Edge, Graph, Node


def node(number: int, name: str | None = None, **given: object) -> Node:
    usual = {
        "wait_reason": None, "why": None, "model": None, "elapsed_s": None, "cost_usd": None, "error_class": None,
        "error_message": None, "prompt": "do it", "workflow": "w", "is_outside": False, "status": "queued",
        "tool": "claude", "title": name or "do it",
    }  # fmt: skip
    return Node(number=number, name=name, **(usual | given))  # type: ignore[arg-type]


def graph(needs: Mapping[int, Sequence[int]], nodes: Mapping[int, Node] | None = None) -> Graph:
    return Graph(
        name="w",
        tenant_id="default",
        is_cut=False,
        nodes=[(nodes or {}).get(number) or node(number, f"task {number}") for number in needs],
        edges=[
            Edge(source=source, target=target, kind="succeeded", state="open", step=None)
            for target, sources in needs.items()
            for source in sources
        ],
    )


def chains(count: int, length: int = 2) -> Graph:
    """A task, as many chains after it, and a task after all of these."""
    needs: dict[int, list[int]] = {1: []}
    ends = []
    for _ in range(count):
        last = 1
        for _ in range(length):
            needs[len(needs) + 1] = [last]
            last = len(needs)
        ends.append(last)
    needs[len(needs) + 1] = ends
    return graph(needs)


@st.composite
def graphs(draw: st.DrawFn) -> Graph:
    """Some tasks, each after some earlier ones, in any numbering."""
    numbers = draw(st.permutations(range(1, draw(st.integers(1, 25)) + 1)))
    return graph(
        {
            number: draw(st.lists(st.sampled_from(numbers[:place]), max_size=4, unique=True)) if place else []
            for place, number in enumerate(numbers)
        }
    )
