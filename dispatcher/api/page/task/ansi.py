"""Text of agents as HTML: its colours become classes of the style sheet, other control sequences go.

Backgrounds, reversed and concealed text are left out on purpose: with them an agent could hide what it prints.
"""

import re
from collections.abc import Iterator

from markupsafe import Markup, escape

from dispatcher.log_views import View, view_of
from dispatcher.terminal import ESCAPE_SEQUENCE, harmless

_RENDITION = re.compile(r"(?:\x1b\[|\x9b)([0-9;:]*)m")
_COLOURS = ("black", "red", "green", "yellow", "blue", "magenta", "cyan", "white")
_STYLES: dict[int, tuple[str, str]] = {
    1: ("weight", "bold"),
    2: ("weight", "faint"),
    3: ("slope", "italic"),
    4: ("line", "underline"),
    9: ("line", "strike"),
    22: ("weight", ""),
    23: ("slope", ""),
    24: ("line", ""),
    29: ("line", ""),
    39: ("colour", ""),
    **{30 + at: ("colour", colour) for at, colour in enumerate(_COLOURS)},
    **{90 + at: ("colour", colour) for at, colour in enumerate(_COLOURS)},
}
"""What a number of "select graphic rendition" (ECMA-48) sets, and to which class; to none it is back to normal."""
_EXTENDED = {38, 48, 58}
"""Colours with numbers of their own behind them: ``5;n`` or ``2;r;g;b``."""


class AnsiText:
    """Turns the text of one stream into HTML. A colour holds on into the next text, as on a terminal."""

    def __init__(self) -> None:
        self._style: dict[str, str] = {}

    def feed(self, text: str) -> Markup:
        """Return ``text`` as HTML: escaped text, and ``<span class="ansi-…">`` around what is coloured.

        What is shown of a line is :func:`dispatcher.terminal.harmless`, so a sequence that never ends spoils one line.
        """
        return Markup("\n").join(Markup("").join(self._parts(line)) for line in text.split("\n"))

    def _parts(self, line: str) -> Iterator[Markup]:
        done = 0
        for sequence in ESCAPE_SEQUENCE.finditer(line):
            yield self._shown(line[done : sequence.start()])
            done = sequence.end()
            if rendition := _RENDITION.fullmatch(sequence[0]):
                self._set(rendition[1])
        yield self._shown(line[done:])

    def _shown(self, text: str) -> Markup:
        shown = escape(harmless(text))
        classes = " ".join(f"ansi-{style}" for style in self._style.values())
        return Markup('<span class="{}">{}</span>').format(classes, shown) if classes and shown else shown

    def _set(self, numbers: str) -> None:
        codes = iter([int(one or 0) if len(one) <= 3 else -1 for one in re.split("[;:]", numbers)])
        for code in codes:
            if code == 0:
                self._style.clear()
            elif code in _EXTENDED:
                self._set_extended(code, codes)
            elif code in _STYLES:
                self._put(*_STYLES[code])

    def _set_extended(self, code: int, codes: Iterator[int]) -> None:
        match next(codes, None):
            case 5:
                colour = next(codes, -1)
                if code == 38:  # the first 16 are those of the classes; the others depend on a background
                    self._put("colour", _COLOURS[colour % 8] if 0 <= colour < 16 else "")
            case 2:
                for _ in range(3):
                    next(codes, None)

    def _put(self, kind: str, style: str) -> None:
        if style:
            self._style[kind] = style
        else:
            self._style.pop(kind, None)


class HtmlView:
    """A view of a log (see :mod:`dispatcher.log_views`) as HTML, made of a view that leaves control sequences alone."""

    def __init__(self, view: View) -> None:
        self._view = view
        self._text = AnsiText()

    def feed(self, content: bytes) -> bytes:
        return self._html(self._view.feed(content))

    def end(self) -> bytes:
        return self._html(self._view.end())

    def _html(self, text: bytes) -> bytes:
        return self._text.feed(text.decode(errors="replace")).encode()


def html_view_of(tool: str, stream: str) -> HtmlView:
    """Return the view for the output of a tool, as HTML."""
    return HtmlView(view_of(tool, stream, raw=False, clean=str))


def as_html(text: str) -> Markup:
    """Return a whole text of an agent as HTML, see :meth:`AnsiText.feed`."""
    return AnsiText().feed(text)
