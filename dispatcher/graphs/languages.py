"""A graph in the languages of other programs that draw graphs: pure functions."""

from collections.abc import Iterator

from dispatcher.graphs.folding import Folded
from dispatcher.graphs.words import CONDITIONS, more_like_it, state_word, steps_of, title_of
from dispatcher.terminal import one_line
from sql.rows.workflows import Node

_TITLE_CHARACTERS = 40


def dot(graph: Folded) -> str:
    """Return the graph for Graphviz."""
    return "\n".join(_dot(graph))


def mermaid(graph: Folded) -> str:
    """Return the graph for Mermaid, which GitHub and GitLab draw in Markdown."""
    return "\n".join(_mermaid(graph))


def _dot(graph: Folded) -> Iterator[str]:
    yield "digraph tasks {"
    yield "  rankdir=LR; node [shape=box, style=rounded];"
    for node, lines in _labels(graph):
        label = "\\n".join(line.replace("\\", "\\\\").replace('"', '\\"') for line in lines)
        yield f'  t{node.number} [label="{label}"];'
    for edge in graph.edges:
        said = CONDITIONS[edge.kind]
        yield f"  t{edge.source} -> t{edge.target}" + (f' [label="{said}", style=dashed];' if said else ";")
    yield "}"


def _mermaid(graph: Folded) -> Iterator[str]:
    yield "flowchart LR"
    for node, lines in _labels(graph):
        label = "<br>".join(map(_in_mermaid, lines))
        yield f'  t{node.number}["{label}"]'
    for edge in graph.edges:
        said = CONDITIONS[edge.kind]
        yield f"  t{edge.source} " + (f"-. {said} .-> " if said else "--> ") + f"t{edge.target}"


def _in_mermaid(text: str) -> str:
    """Return text for a label in quotation marks, in which Mermaid reads Markdown, and characters by their numbers."""
    return "".join(one if one.isalnum() or one in " ,.…" else f"#{ord(one)};" for one in text)


def _labels(graph: Folded) -> Iterator[tuple[Node, list[str]]]:
    steps = steps_of(graph.edges)
    for node in graph.nodes:
        title = one_line(title_of(node, steps))
        title = title if len(title) <= _TITLE_CHARACTERS else f"{title[: _TITLE_CHARACTERS - 1]}…"
        lines = [f"{node.number} {title}", state_word(node)]
        if alike := len(graph.alike.get(node.number, ())):
            lines.append(more_like_it(alike))
        yield node, lines
