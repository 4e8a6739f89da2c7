"""Rows into lines of text, one line a row: pure functions of their arguments."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Generic, TypeVar

from cli.text import one_line

if TYPE_CHECKING:
    from rich.text import Text

Row = TypeVar("Row")

_NARROWEST = 8
_GAP = "  "


@dataclass(frozen=True)
class Column(Generic[Row]):
    """A column of a table for people. ``cell`` may answer anything: control sequences are taken out.

    ``style`` colours a row's cell; ``shown`` looks at all rows and leaves a column out that says nothing.
    Where there is too little room, the columns that are ``elastic`` are cut.
    """

    title: str
    cell: Callable[[Row], str | None]
    right: bool = False
    elastic: bool = False
    style: Callable[[Row], str] | None = None
    shown: Callable[[Sequence[Row]], bool] | None = None


def table(rows: Sequence[Row], columns: Sequence[Column[Row]], width: int | None = None) -> list["Text"]:
    """A heading and a line for each row, at most ``width`` cells wide; None cuts nothing."""
    from rich.cells import cell_len
    from rich.text import Text

    shown = [column for column in columns if column.shown is None or column.shown(rows)]
    cells = [
        [Text(column.title, "bold") for column in shown],
        *(
            [
                Text(one_line(column.cell(row) or ""), column.style(row) if column.style else "")
                for column in shown
            ]
            for row in rows
        ),
    ]
    natural = [max(cell_len(line[place].plain) for line in cells) for place in range(len(shown))]
    room = None if width is None else width - len(_GAP) * (len(shown) - 1)
    widths = fit(natural, [column.elastic for column in shown], room)
    lines = []
    for line in cells:
        for cell, column, wide in zip(line, shown, widths, strict=True):
            cell.truncate(wide, overflow="ellipsis")
            cell.align("right" if column.right else "left", wide)
        joined = Text(_GAP).join(line)
        joined.rstrip()
        if width is not None:
            joined.truncate(width, overflow="ellipsis")
        lines.append(joined)
    return lines


def fit(natural: Sequence[int], elastic: Sequence[bool], room: int | None) -> list[int]:
    """Widths of at most ``room`` together, if cutting elastic columns is enough; the widest is cut first."""
    widths = list(natural)
    excess = 0 if room is None else sum(widths) - room
    while excess > 0:
        cuttable = [
            place
            for place, wide in enumerate(widths)
            if elastic[place] and wide > min(_NARROWEST, natural[place])
        ]
        if not cuttable:
            break
        widest = max(cuttable, key=widths.__getitem__)
        # Down to the next widest, so that two long columns end alike.
        others = [widths[place] for place in cuttable if widths[place] < widths[widest]]
        cut = min(excess, widths[widest] - max([_NARROWEST, *others]) or 1)
        widths[widest] -= cut
        excess -= cut
    return widths
