"""What is written at the tasks and edges of a graph: pure functions."""

from collections.abc import Mapping, Sequence

from sql.rows.workflows import Edge, EdgeKind, Node

CONDITIONS: Mapping[EdgeKind, str] = {
    "succeeded": "",
    "ended": "at any end",
    "failed": "if it fails",
    "tree": "with its tree",
    "spawned": "spawned",
}
"""What an edge says; the usual one says nothing."""

WORDS: Mapping[str, str] = {"queued": "ready", "leased": "starting", "dependency": "waits"}
"""States that a graph has shorter words for."""


def state_word(node: Node) -> str:
    return WORDS.get(node.state, node.state)


def steps_of(edges: Sequence[Edge]) -> Mapping[int, str]:
    """Return what others call each task that some other one calls by a name."""
    return {edge.source: edge.step for edge in edges if edge.step is not None}


def title_of(node: Node, steps: Mapping[int, str]) -> str:
    """Return what a task is called: its name, its step, or else its title."""
    return node.name or steps.get(node.number) or node.title


def more_like_it(count: int) -> str:
    return f"… {count:,} more like it"
