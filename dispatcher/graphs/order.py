"""The order of the tasks of a graph: pure functions. The database has no circles; what is on one would come last."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence

from msgspec.structs import replace

from sql.rows.workflows import Edge, Node


def needs_of(edges: Iterable[Edge]) -> Mapping[int, Sequence[Edge]]:
    """Return the edges by the task that comes after the other one."""
    found: dict[int, list[Edge]] = defaultdict(list)
    for edge in edges:
        found[edge.target].append(edge)
    return found


def dependents_of(edges: Iterable[Edge]) -> Mapping[int, Sequence[Edge]]:
    """Return the edges by the task that comes before the other one."""
    found: dict[int, list[Edge]] = defaultdict(list)
    for edge in edges:
        found[edge.source].append(edge)
    return found


def through_trees(edges: Sequence[Edge]) -> Sequence[Edge]:
    """Let what needs the tree of a task come after the last tasks of that tree, once there are some."""
    spawned: dict[int, list[int]] = defaultdict(list)
    for edge in edges:
        if edge.kind == "spawned":
            spawned[edge.source].append(edge.target)
    found: list[Edge] = []
    for edge in edges:
        if edge.kind != "tree" or edge.source not in spawned:
            found.append(edge)
            continue
        below = [edge.source]
        for number in below:
            below += spawned.get(number, ())
        found += [
            replace(edge, source=number, kind="succeeded", step=None)
            for number in below
            if number not in spawned
        ]
    return found


def layers(nodes: Sequence[Node], edges: Sequence[Edge]) -> Mapping[int, int]:
    """Return for each task how many come before it on the longest way to it: 0 for one that comes after none."""
    after, waiting = dependents_of(edges), {node.number: 0 for node in nodes}
    for edge in edges:
        waiting[edge.target] += 1
    depth = dict.fromkeys(waiting, 0)
    ready = [number for number, count in waiting.items() if not count]
    while ready:
        number = ready.pop()
        for edge in after.get(number, ()):
            depth[edge.target] = max(depth[edge.target], depth[number] + 1)
            waiting[edge.target] -= 1
            if not waiting[edge.target]:
                ready.append(edge.target)
    return depth


def topological(nodes: Sequence[Node], edges: Sequence[Edge]) -> Sequence[Node]:
    """Return the tasks so that each comes after what it needs, with what belongs together close to each other.

    Depth first: what comes after a task follows it as soon as all else that it needs is there.
    """
    by_number = {node.number: node for node in nodes}
    after, waiting = dependents_of(edges), dict.fromkeys(by_number, 0)
    for edge in edges:
        waiting[edge.target] += 1
    ordered: list[Node] = []
    for root in sorted(number for number, count in waiting.items() if not count):
        ready = [root]
        while ready:
            number = ready.pop()
            ordered.append(by_number[number])
            free = []
            for edge in after.get(number, ()):
                waiting[edge.target] -= 1
                if not waiting[edge.target]:
                    free.append(edge.target)
            ready += sorted(set(free), reverse=True)
    there = {node.number for node in ordered}
    return [*ordered, *(node for node in nodes if node.number not in there)]


def rows(nodes: Sequence[Node], edges: Sequence[Edge], sweeps: int = 4) -> Sequence[Sequence[Node]]:
    """Return the tasks of each layer, ordered so that few edges cross: by the mean place of their neighbours."""
    depth = layers(nodes, edges)
    layered: list[list[Node]] = [[] for _ in range(max(depth.values(), default=-1) + 1)]
    for node in topological(nodes, edges):
        layered[depth[node.number]].append(node)
    before, after = needs_of(edges), dependents_of(edges)
    for sweep in range(sweeps):
        places = {node.number: place for layer in layered for place, node in enumerate(layer)}
        down = sweep % 2 == 0
        for layer in layered if down else reversed(layered):
            near = {
                node.number: [
                    places[edge.source if down else edge.target]
                    for edge in (before if down else after).get(node.number, ())
                ]
                for node in layer
            }
            layer.sort(
                key=lambda node: (
                    sum(near[node.number]) / len(near[node.number])
                    if near[node.number]
                    else places[node.number]
                )
            )
            places.update({node.number: place for place, node in enumerate(layer)})
    return layered
