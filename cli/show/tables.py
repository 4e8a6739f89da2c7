"""Tables: one line of text for each row. Pure functions of their arguments."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Generic, TypeVar

from dispatcher.terminal import one_line

if TYPE_CHECKING:
    from rich.text import Text

Row = TypeVar("Row")

_NARROWEST = 8
_READABLE = 24
"""Cells that an elastic column usually needs."""

_GAP = "  "


@dataclass(frozen=True)
class Column(Generic[Row]):
    """A column of a table for people. ``cell`` may return any text: control sequences are removed.

    ``style`` colours the cell of a row. ``shown`` looks at all rows and decides whether the column appears.
    If there is too little room, columns with a number in ``spare`` are left out, the highest first, and ``elastic``
    columns are cut: first to the cells that each ``needs``, then, if no more columns can be left out, below.
    """

    title: str
    cell: Callable[[Row], str | None]
    right: bool = False
    elastic: bool = False
    needs: int = _READABLE
    spare: int = 0
    style: Callable[[Row], str] | None = None
    shown: Callable[[Sequence[Row]], bool] | None = None


def table(rows: Sequence[Row], columns: Sequence[Column[Row]], width: int | None = None) -> list["Text"]:
    """Return a heading and a line for each row, at most ``width`` cells wide; None cuts nothing."""
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
    if width is not None:
        kept = _without_spare(shown, natural, width)
        shown = [shown[place] for place in kept]
        natural = [natural[place] for place in kept]
        cells = [[line[place] for place in kept] for line in cells]
    room = None if width is None else width - len(_GAP) * (len(shown) - 1)
    widths = fit(natural, [column.needs if column.elastic else None for column in shown], room)
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


def _without_spare(columns: Sequence[Column[Row]], natural: Sequence[int], width: int) -> list[int]:
    """Return the places of the columns that fit into ``width`` or cannot be spared."""
    least = [
        min(wide, column.needs) if column.elastic else wide
        for column, wide in zip(columns, natural, strict=True)
    ]
    kept = list(range(len(columns)))
    for place in sorted(kept, key=lambda place: columns[place].spare, reverse=True):
        if not columns[place].spare or sum(least[one] + len(_GAP) for one in kept) <= width + len(_GAP):
            break
        kept.remove(place)
    return kept


def fit(natural: Sequence[int], needs: Sequence[int | None], room: int | None) -> list[int]:
    """Return widths of at most ``room`` together, if cutting the columns that have needs is enough.

    The widest is cut first, and no column below its needs before all others are cut to theirs.
    """
    widths = list(natural)
    if room is None:
        return widths
    for least in (max, min):
        floors = [
            wide if need is None else least(min(need, wide), min(_NARROWEST, wide))
            for need, wide in zip(needs, natural, strict=True)
        ]
        _cut(widths, floors, sum(widths) - room)
    return widths


def _cut(widths: list[int], floors: Sequence[int], excess: int) -> None:
    while excess > 0:
        cuttable = [place for place, wide in enumerate(widths) if wide > floors[place]]
        if not cuttable:
            return
        widest = max(cuttable, key=widths.__getitem__)
        # Down to the next widest, so that two long columns end alike.
        others = [widths[place] for place in cuttable if widths[place] < widths[widest]]
        cut = min(excess, widths[widest] - max([floors[widest], *others]) or 1)
        widths[widest] -= cut
        excess -= cut
