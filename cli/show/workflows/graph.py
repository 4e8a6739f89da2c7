"""A graph in a terminal: a line for each task, and at its left a rail down from each task that others come after."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from cli.show.task_tables import STYLES
from dispatcher.graphs.folding import Folded
from dispatcher.graphs.order import dependents_of, needs_of, topological
from dispatcher.graphs.words import CONDITIONS, more_like_it, state_word, steps_of, title_of
from dispatcher.quantities import stopwatch
from dispatcher.terminal import one_line
from sql.rows.workflows import Edge, Node

if TYPE_CHECKING:
    from rich.text import Text

Signs = Mapping[str | tuple[bool, bool, bool], str]
"""The characters of rails: by what they are, or by whether they lead to the left, to the right and further down."""

_UNICODE: Signs = {
    "node": "●", "outside": "○", "alone": "•", "down": "│", "across": "─",
    (False, True, True): "├", (True, False, True): "┤", (True, True, True): "┼",
    (False, True, False): "└", (True, False, False): "┘", (True, True, False): "┴",
}  # fmt: skip
_ASCII: Signs = {
    key: {"●": "*", "•": "*", "○": "o", "│": "|", "─": "-"}.get(sign, "+") for key, sign in _UNICODE.items()
}

_MOST_RAILS = 24
_TITLE_CHARACTERS = 60


@dataclass
class _Rails:
    """Which task's rail is in each column, and how many of those that come after it are still to be drawn."""

    signs: Signs
    columns: list[int | None] = field(default_factory=list)
    left: dict[int, int] = field(default_factory=dict)
    just_freed: int | None = None

    def line(self, node: Node, sources: Sequence[int], dependents: int) -> str:
        """Return the rails beside a task, which comes after ``sources``, and change them to those below it."""
        joined = sorted(self.columns.index(source) for source in set(sources) if source in self.columns)
        for source in set(sources):
            self.left[source] -= 1
        ending = [column for column in joined if not self.left[self._task_of(column)]]
        own = ending[0] if ending else self._free(joined[-1] + 1 if joined else 0)
        while len(self.columns) <= own:
            self.columns.append(None)
        drawn = self._drawn(node, own, joined, set(ending))
        for column in ending:
            self.columns[column] = None
        if dependents:
            self.columns[own], self.left[node.number] = node.number, dependents
        else:
            self.columns[own] = None
        self.just_freed = None if dependents else own
        while self.columns and self.columns[-1] is None:
            self.columns.pop()
        return drawn

    def below(self) -> str:
        """Return the rails of a line without a task."""
        return "".join(f"{self.signs['down'] if task is not None else ' '} " for task in self.columns)

    def _task_of(self, column: int) -> int:
        task = self.columns[column]
        assert task is not None
        return task

    def _free(self, first: int) -> int:
        """Return a column without a rail; not that of the task on the line above, which would look like an edge."""
        column = first
        while column == self.just_freed or (column < len(self.columns) and self.columns[column] is not None):
            column += 1
        return column

    def _drawn(self, node: Node, own: int, joined: Sequence[int], ending: set[int]) -> str:
        span = [own, *joined]
        low, high = min(span), max(span)
        text = ""
        for column in range(max(len(self.columns), high + 1)):
            if column == own:
                text += self.signs["outside" if node.is_outside else "node"]
            elif column in joined:
                text += self.signs[(column > low, column < high, column not in ending)]
            elif column < len(self.columns) and self.columns[column] is not None:
                text += self.signs["down"]
            else:
                text += self.signs["across"] if low < column < high else " "
            text += self.signs["across"] if low <= column < high else " "
        return text.rstrip()


def drawn(graph: Folded, width: int | None = None, *, ascii_only: bool = False) -> "list[Text]":
    """Return the lines of a graph, at most ``width`` cells wide."""
    from rich.text import Text

    rails = _Rails(_ASCII if ascii_only else _UNICODE)
    before, after = needs_of(graph.edges), dependents_of(graph.edges)
    steps = steps_of(graph.edges)
    lines: list[Text] = []

    def add(beside: str, node: Node, edges: Sequence[Edge]) -> None:
        lines.append(_line(beside, node, edges, steps))
        if alike := graph.alike.get(node.number):
            lines.append(Text(f"{rails.below()}  {more_like_it(len(alike))}", "dim"))

    alone = [node for node in graph.nodes if node.number not in before and node.number not in after]
    for node in topological(graph.nodes, graph.edges):
        if node in alone:
            continue
        edges = before.get(node.number, ())
        if lines and not edges and not rails.columns:
            lines.append(Text())
        below = {edge.target for edge in after.get(node.number, ())}
        add(rails.line(node, [edge.source for edge in edges], len(below)), node, edges)
    if lines and alone:
        lines.append(Text())
    for node in alone:
        add(rails.signs["alone"], node, ())
    for line in lines:
        if ascii_only:
            line.plain = line.plain.replace("…", "...")
        if width is not None:
            line.truncate(width, overflow="crop" if ascii_only else "ellipsis")
    return lines


def _line(beside: str, node: Node, edges: Sequence[Edge], steps: Mapping[int, str]) -> "Text":
    from rich.text import Text

    line = Text(beside[: 2 * _MOST_RAILS] + ("…" if len(beside) > 2 * _MOST_RAILS else ""))
    line.append(f" {node.number} ", "bold")
    title = one_line(title_of(node, steps))
    line.append(title if len(title) <= _TITLE_CHARACTERS else f"{title[: _TITLE_CHARACTERS - 1]}…")
    line.append("  ")
    line.append(state_word(node), STYLES.get(node.state, ""))
    for text, style in _remarks(node, edges):
        line.append(f"  {text}", style)
    return line


def _remarks(node: Node, edges: Sequence[Edge]) -> Iterator[tuple[str, str]]:
    if node.elapsed_s is not None:
        yield stopwatch(node.elapsed_s), "dim"
    for edge in edges:
        if edge.state in ("unmet", "waived"):
            yield f"({edge.source}: {edge.state})", "red" if edge.state == "unmet" else "dim"
        elif CONDITIONS[edge.kind]:
            yield f"({edge.source}: {CONDITIONS[edge.kind]})", "dim"
