"""A graph as SVG: boxes in layers, from left to right.

It has neither scripts nor styles, so that any page may hold it; the boxes are light with dark text, which can be read
on light and dark. All text of tasks is escaped.
"""

from collections.abc import Iterator, Mapping, Sequence
from html import escape

from dispatcher.graphs.folding import Folded
from dispatcher.graphs.order import rows
from dispatcher.graphs.words import CONDITIONS, more_like_it, state_word, steps_of, title_of
from dispatcher.quantities import stopwatch
from dispatcher.terminal import one_line
from sql.rows.workflows import Edge, Node

WIDTH, HEIGHT = 190, 44
"""The size of a box."""

_ACROSS, _DOWN, _EDGE = 60, 18, 12
_TITLE_CHARACTERS = 24

COLORS: Mapping[str, str] = {
    "running": "#1a7f37",
    "leased": "#1b7c83",
    "succeeded": "#6e7781",
    "canceled": "#8c959f",
    "failed": "#cf222e",
    "retry": "#9a6700",
    "limit": "#8250df",
    "budget": "#8250df",
    "question": "#bf8700",
    "approval": "#bf8700",
}
"""Of the frame of a box, by the state of its task."""

_USUAL = "#0969da"
_FILL = "#f6f8fa"
_TEXT = "#1f2328"


def svg(graph: Folded, address: str | None = None) -> str:
    """Return the picture; with an ``address`` such as ``/tasks/``, each box leads to its number behind that.

    With one it is a group of links, and without one an image.
    """
    layered = rows(graph.nodes, graph.edges)
    places = _places(layered)
    gaps = _gaps(places)
    wide = len(layered) * (WIDTH + _ACROSS) - _ACROSS + 2 * _EDGE if layered else 2 * _EDGE
    high = max((y + HEIGHT for _, y in places.values()), default=_EDGE) + _EDGE
    steps = steps_of(graph.edges)
    lines = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{wide}" height="{high}" viewBox="0 0 {wide} {high}"'
        f' class="graph" role="{"img" if address is None else "group"}"'
        ' font-family="system-ui, sans-serif" font-size="12">',
        f"<title>{len(graph.nodes)} tasks and what comes after what</title>",
        *(_edge(edge, places, gaps) for edge in graph.edges),
    ]
    for node in graph.nodes:
        alike = len(graph.alike.get(node.number, ()))
        lines += _box(node, places[node.number], title_of(node, steps), alike, address)
    return "\n".join([*lines, "</svg>\n"])


def _places(layered: Sequence[Sequence[Node]]) -> Mapping[int, tuple[int, int]]:
    tallest = max(map(len, layered), default=0)
    return {
        node.number: (
            _EDGE + column * (WIDTH + _ACROSS),
            # A layer that is lower than others stands in the middle.
            _EDGE + (2 * row + tallest - len(layer)) * (HEIGHT + _DOWN) // 2,
        )
        for column, layer in enumerate(layered)
        for row, node in enumerate(layer)
    }


def _edge(edge: Edge, places: Mapping[int, tuple[int, int]], gaps: Mapping[int, Sequence[int]]) -> str:
    (left, top), (right, bottom) = places[edge.source], places[edge.target]
    start, end = (left + WIDTH, top + HEIGHT // 2), (right, bottom + HEIGHT // 2)
    color = "#cf222e" if edge.state == "unmet" else "#8c959f"
    dashes = "" if edge.kind == "succeeded" else ' stroke-dasharray="5 3"'
    said = f"<title>{CONDITIONS[edge.kind]}</title>" if CONDITIONS[edge.kind] else ""
    curve = f"M{start[0]} {start[1]}"
    at = start
    for column, through in _passed(start, end, gaps):
        curve += f"{_bent(at, (column, through))} H{column + WIDTH}"
        at = column + WIDTH, through
    curve += _bent(at, (end[0] - 6, end[1]))
    tip = f"M{end[0] - 7} {end[1] - 4} L{end[0]} {end[1]} L{end[0] - 7} {end[1] + 4}"
    return (
        f'<g class="edge {edge.state}" fill="none" stroke="{color}" stroke-width="1.5">{said}'
        f'<path d="{curve}"{dashes}/><path d="{tip}"/></g>'
    )


def _gaps(places: Mapping[int, tuple[int, int]]) -> Mapping[int, Sequence[int]]:
    """Return for each layer, by where it begins, the heights at which an edge meets none of its boxes."""
    tops: dict[int, list[int]] = {}
    for x, y in places.values():
        tops.setdefault(x, []).append(y)
    return {
        x: [min(ys) - _DOWN // 2, *(y + HEIGHT + _DOWN // 2 for y in sorted(ys))] for x, ys in tops.items()
    }


def _passed(
    start: tuple[int, int], end: tuple[int, int], gaps: Mapping[int, Sequence[int]]
) -> Iterator[tuple[int, int]]:
    """Yield the layers between two boxes, and the gap of each that is nearest to the straight way."""
    for x in sorted(gaps):
        if start[0] < x < end[0] - WIDTH // 2:
            straight = start[1] + (end[1] - start[1]) * (x - start[0]) / (end[0] - start[0])
            yield x, min(gaps[x], key=lambda gap: abs(gap - straight))


def _bent(start: tuple[int, int], end: tuple[int, int]) -> str:
    bend = max((end[0] - start[0]) // 2, _ACROSS // 2)
    return f" C{start[0] + bend} {start[1]} {end[0] - bend} {end[1]} {end[0]} {end[1]}"


def _box(node: Node, place: tuple[int, int], title: str, alike: int, address: str | None) -> Iterator[str]:
    x, y = place
    color = COLORS.get(node.state, _USUAL)
    beside = [state_word(node)]
    if node.elapsed_s is not None:
        beside.append(stopwatch(node.elapsed_s))
    if alike:
        beside.append(more_like_it(alike))
    dashes = ' stroke-dasharray="4 3"' if node.is_outside else ""
    if address is not None:
        yield f'<a href="{escape(address, quote=True)}{node.number}">'
    yield f'<g class="node {escape(node.state, quote=True)}"><title>{_text(f"{node.number} {title}", 400)}</title>'
    if alike:
        yield (
            f'<rect x="{x + 4}" y="{y + 4}" width="{WIDTH}" height="{HEIGHT}" rx="6" fill="{_FILL}" stroke="{color}"/>'
        )
    yield (
        f'<rect x="{x}" y="{y}" width="{WIDTH}" height="{HEIGHT}" rx="6" fill="{_FILL}" stroke="{color}"'
        f' stroke-width="2"{dashes}/>'
    )
    yield (
        f'<text x="{x + 10}" y="{y + 18}" fill="{_TEXT}"><tspan font-weight="bold">{node.number}</tspan>'
        f" {_text(title, _TITLE_CHARACTERS)}</text>"
    )
    yield f'<text x="{x + 10}" y="{y + 35}" fill="{color}">{_text(" · ".join(beside), 30)}</text></g>'
    if address is not None:
        yield "</a>"


def _text(text: str, most: int) -> str:
    line = one_line(text)
    return escape(line if len(line) <= most else f"{line[: most - 1]}…", quote=True)
