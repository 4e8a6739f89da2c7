"""Shows one of several tasks that are alike, so that a large graph can be read: pure functions."""

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from dispatcher.graphs.order import dependents_of, needs_of, through_trees, topological
from sql.rows.workflows import Edge, Graph, Node

LARGE = 40
"""Graphs with more tasks than this are folded."""

FEWEST = 4
"""How many tasks must be alike."""


@dataclass(frozen=True, slots=True)
class Folded:
    """A graph of fewer tasks. ``alike`` are, by the number of a task that is there, those that it stands for, too."""

    nodes: Sequence[Node]
    edges: Sequence[Edge]
    alike: Mapping[int, Sequence[int]]


def whole(graph: Graph) -> Folded:
    return Folded(graph.nodes, through_trees(graph.edges), {})


def folded(graph: Graph) -> Folded:
    """Leave one of each :data:`FEWEST` or more tasks that are in one state, of one tool, and in the same place.

    Tasks are in the same place if what they need and what comes after them is, in the same way.
    """
    if len(graph.nodes) <= LARGE:
        return whole(graph)
    edges = through_trees(graph.edges)
    kinds = _kinds(graph.nodes, edges)
    members: dict[int, list[int]] = defaultdict(list)
    for node in graph.nodes:
        members[kinds[node.number]].append(node.number)
    before = needs_of(edges)
    first: dict[int, int] = {}
    kept: set[int] = set()
    for node in topological(graph.nodes, edges):
        kind, number = kinds[node.number], node.number
        if len(members[kind]) < FEWEST:
            kept.add(number)
        elif kind not in first and _follows(before.get(number, ()), kinds, kept):
            first[kind] = number
            kept.add(number)
    for kind, numbers in members.items():
        if len(numbers) >= FEWEST and kind not in first:
            first[kind] = numbers[0]
            kept.add(numbers[0])
    return Folded(
        [node for node in graph.nodes if node.number in kept],
        [edge for edge in edges if edge.source in kept and edge.target in kept],
        {
            number: [other for other in members[kind] if other != number]
            for kind, number in first.items()
            if len(members[kind]) >= FEWEST
        },
    )


def _follows(needs: Sequence[Edge], kinds: Mapping[int, int], kept: Collection[int]) -> bool:
    """Return whether of all kinds of tasks that one comes after, it comes after one that is kept."""
    return {kinds[edge.source] for edge in needs} == {
        kinds[edge.source] for edge in needs if edge.source in kept
    }


def _kinds(nodes: Sequence[Node], edges: Sequence[Edge]) -> Mapping[int, int]:
    """Return a number for each task, the same for those that nothing tells apart; each round looks one edge further."""
    kinds = _numbered({node.number: (node.state, node.tool, node.is_outside) for node in nodes})
    before, after = needs_of(edges), dependents_of(edges)
    for _ in nodes:
        finer = _numbered(
            {
                node.number: (
                    kinds[node.number],
                    frozenset((kinds[edge.source], edge.kind) for edge in before.get(node.number, ())),
                    frozenset((kinds[edge.target], edge.kind) for edge in after.get(node.number, ())),
                )
                for node in nodes
            }
        )
        if len(set(finer.values())) == len(set(kinds.values())):
            break
        kinds = finer
    return kinds


def _numbered(features: Mapping[int, object]) -> Mapping[int, int]:
    known: dict[object, int] = {}
    return {number: known.setdefault(feature, len(known)) for number, feature in features.items()}
