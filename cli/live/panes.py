"""A pane over the list: a text that can be scrolled, such as everything about a task, or its log as it grows."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from rich.cells import cell_len, chop_cells

from dispatcher.terminal import harmless

LONGEST = 5_000
"""Lines that a pane keeps: those at its end."""


@dataclass(frozen=True)
class Pane:
    """``lines`` in ``room`` lines of ``width`` cells are ``rows``. ``top`` is the first seen; None follows the end."""

    title: str
    number: int | None = None
    is_log: bool = False
    lines: Sequence[str] = ()
    rows: Sequence[str] = ()
    width: int = 80
    room: int = 20
    top: int | None = 0
    note: str = ""

    @property
    def first(self) -> int:
        last = max(0, len(self.rows) - self.room)
        return last if self.top is None else min(self.top, last)

    def seen(self) -> Sequence[str]:
        return self.rows[self.first : self.first + self.room]

    def filled(self, text: str, note: str = "") -> "Pane":
        """Return the pane with another text; it stays where it was scrolled to."""
        return replace(self, lines=_lines(text), note=note)._wrapped()

    def grown(self, text: str, note: str = "") -> "Pane":
        """Return the pane with more text at its end; the last line may go on."""
        *whole, last = self.lines or ("",)
        lines = [*whole, *_lines(last + text, LONGEST)][-LONGEST:]
        return replace(self, lines=lines, note=note)._wrapped()

    def fitted(self, width: int, room: int) -> "Pane":
        """Return the pane in a window of that size; lines that are longer go on in the next row."""
        room = max(1, room)
        if width != self.width:
            return replace(self, width=width, room=room)._wrapped()
        return self if room == self.room else replace(self, room=room)

    def _wrapped(self) -> "Pane":
        return replace(self, rows=[row for line in self.lines for row in wrapped(line, max(2, self.width))])

    def scrolled(self, first: int) -> "Pane":
        """Return the pane from that row on. The end of a log is followed."""
        last = max(0, len(self.rows) - self.room)
        if self.is_log and first >= last:
            return replace(self, top=None)
        return replace(self, top=max(0, min(first, last)))


def _lines(text: str, most: int | None = None) -> list[str]:
    """Return the lines of a text, or the last ones of them, as a terminal can show them."""
    lines = text.split("\n")
    return [harmless(line).expandtabs(4) for line in (lines if most is None else lines[-most:])]


def wrapped(line: str, width: int) -> Iterable[str]:
    """Yield the line in rows of at most ``width`` cells, which begin with a word if that is possible."""
    at = 0
    while len(line) - at > width or (not line.isascii() and cell_len(line[at:]) > width):
        row = chop_cells(line[at : at + width], width)[0]  # it looks at all that it is given
        if (blank := row.rfind(" ")) > len(row) // 2 and not line[at + len(row)].isspace():
            row = row[: blank + 1]
        yield row.rstrip()
        at += len(row)
        at += line.startswith(" ", at)
    yield line[at:]
