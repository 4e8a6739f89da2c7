"""Graphs of tasks: their order, what is folded, and the pictures, for any graph that has no circle."""

import re
from xml.etree import ElementTree

from hypothesis import given

from cli.show.workflows.graph import drawn
from dispatcher.graphs import languages
from dispatcher.graphs.folding import folded, whole
from dispatcher.graphs.order import layers, rows, topological
from dispatcher.graphs.svg import svg
from sql.rows.workflows import Graph
from tests.dispatcher.graphs.graphs import chains, graph, graphs, node

HOSTILE = '"><script>alert(1)</script>&\x1b[31m\n-->'


@given(graphs())
def test_each_task_comes_after_what_it_needs(of: Graph) -> None:
    ordered = [one.number for one in topological(of.nodes, of.edges)]
    assert sorted(ordered) == sorted(one.number for one in of.nodes)
    depth = layers(of.nodes, of.edges)
    for edge in of.edges:
        assert ordered.index(edge.source) < ordered.index(edge.target)
        assert depth[edge.source] < depth[edge.target]
    assert [{one.number for one in row} for row in rows(of.nodes, of.edges)] == [
        {number for number, at in depth.items() if at == layer} for layer in range(max(depth.values()) + 1)
    ]


@given(graphs())
def test_rails_lead_from_each_task_to_all_that_come_after_it(of: Graph) -> None:
    """Follow the rails with a finger: what is reached from above is what the task comes after."""
    owner: dict[int, int] = {}
    reached: dict[int, set[int]] = {}
    for line in (one.plain for one in drawn(whole(of))):
        rails, number = re.match(r"([^0-9]*)(\d*)", line).groups()  # type: ignore[union-attr]
        if not number:
            assert not owner  # a gap is only where no rail is
            continue
        signs = dict(enumerate(rails.rstrip()[::2]))
        own = next(column for column, sign in signs.items() if sign in "●•")
        joined = {column for column, sign in signs.items() if sign in "├┤┼└┘┴"}
        reached[int(number)] = {owner[column] for column in joined} | (
            {owner[own]} if own in owner else set()
        )
        for column in [column for column in owner if signs.get(column, " ") in "└┘┴ "]:
            del owner[column]
        owner[own] = int(number)
        if not any(edge.source == int(number) for edge in of.edges):
            del owner[own]
    needs = {one.number: {edge.source for edge in of.edges if edge.target == one.number} for one in of.nodes}
    assert reached == needs


def test_many_that_are_alike_are_one_in_a_large_graph() -> None:
    large = folded(chains(47))
    assert [one.number for one in large.nodes] == [1, 2, 3, 96]
    assert {number: len(alike) for number, alike in large.alike.items()} == {2: 46, 3: 46}
    assert [line.plain for line in drawn(large)] == [
        "● 1 task 1  ready", "● 2 task 2  ready", "│   … 46 more like it", "● 3 task 3  ready",
        "│   … 46 more like it", "● 96 task 96  ready",
    ]  # fmt: skip
    assert len(folded(chains(5)).nodes) == 12


def test_one_that_is_in_another_state_is_shown_among_many_that_are_alike() -> None:
    of = chains(47)
    nodes = [node(one.number, one.name, status="failed") if one.number == 40 else one for one in of.nodes]
    shown = folded(Graph(name="w", tenant_id="default", is_cut=False, nodes=nodes, edges=of.edges))
    assert 40 in [one.number for one in shown.nodes]
    assert max(len(line.plain) for line in drawn(shown, 80)) <= 80


@given(graphs())
def test_every_line_fits_and_ascii_is_ascii(of: Graph) -> None:
    lines = [line.plain for line in drawn(whole(of), 30, ascii_only=True)]
    assert all(line.isascii() and len(line) <= 30 for line in lines)


@given(graphs())
def test_a_picture_has_each_task_and_nothing_lies_upon_another(of: Graph) -> None:
    root = ElementTree.fromstring(svg(whole(of), "/tasks/"))
    space = "{http://www.w3.org/2000/svg}"
    boxes = [(int(box.attrib["x"]), int(box.attrib["y"])) for box in root.iter(f"{space}rect")]
    assert len(set(boxes)) == len(of.nodes)
    assert [link.attrib["href"] for link in root.iter(f"{space}a")] == [
        f"/tasks/{one.number}" for one in of.nodes
    ]
    for x, y in boxes:
        assert 0 <= x <= int(root.attrib["width"]) - 190
        assert 0 <= y <= int(root.attrib["height"]) - 44


def test_what_a_task_is_called_is_text_everywhere() -> None:
    hostile = whole(graph({1: [], 2: [1]}, {1: node(1, HOSTILE), 2: node(2, None, prompt=HOSTILE)}))
    picture = svg(hostile)
    assert "<script" not in picture
    assert "\x1b" not in picture
    ElementTree.fromstring(picture)
    assert not re.search(r"[<>]|\x1b", languages.mermaid(hostile).replace("<br>", "").replace("-->", ""))
    assert '\\"><script>' in languages.dot(hostile)


@given(graphs())
def test_no_edge_runs_behind_a_box(of: Graph) -> None:
    """Between the layers it may bend, and where there is a layer it is level, in a gap."""
    picture = ElementTree.fromstring(svg(whole(of)))
    boxes = [
        tuple(int(box.attrib[key]) for key in ("x", "y", "width", "height"))
        for box in picture.iter("{http://www.w3.org/2000/svg}rect")
    ]
    for group in picture.iter("{http://www.w3.org/2000/svg}g"):
        if group.attrib["class"].startswith("edge"):
            path = next(group.iter("{http://www.w3.org/2000/svg}path")).attrib["d"]
            x = y = 0
            for kind, numbers in re.findall(r"([MCH])([-0-9 ]+)", path):
                *_, last = given_numbers = [int(number) for number in numbers.split()]
                if kind == "H":
                    assert not any(
                        left < last and left + wide > x and top <= y <= top + high
                        for left, top, wide, high in boxes
                    )
                    x = last
                    continue
                xs = [x, given_numbers[-2]]
                if kind == "C":  # no box begins or ends within a bend
                    assert not any(left < max(xs) and left + wide > min(xs) for left, _, wide, _ in boxes)
                x, y = given_numbers[-2], last
