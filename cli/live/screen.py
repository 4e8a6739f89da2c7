"""The terminal while it is ours: one key at a time, a screen of its own, and only the lines that change."""

import contextlib
import os
import sys
import termios
import tty
from collections.abc import Sequence

from rich.console import Console
from rich.text import Text

_BEGIN, _END = "\x1b[?2026h", "\x1b[?2026l"
"""Around each frame: a terminal that knows this shows it at once, and others skip it."""

# What is pasted is told from keys. No line wraps: the terminal may think of the width of a character what we do not.
_TAKE, _GIVE_BACK = (
    "\x1b[?1049h\x1b[?25l\x1b[?7l\x1b[?2004h\x1b[2J",
    "\x1b[?2004l\x1b[?7h\x1b[?25h\x1b[?1049l",
)

_ASCII = str.maketrans("▸…♥█░↑↓", ">~*#.^v")
"""What stands for our signs where the locale has no others; each is as wide as its sign."""


class Screen:
    """Draws frames. What colours there are, and whether there are any, rich finds out (``NO_COLOR``, ``TERM``)."""

    def __init__(self) -> None:
        self.console = Console(highlight=False)
        self._drawn: list[Text] = []
        self._size = (0, 0)
        self._before: list[int | list[bytes | int]] | None = None
        self._ours = False
        self._ascii = not self.console.encoding.lower().startswith("utf")

    @property
    def size(self) -> tuple[int, int]:
        """Columns and lines of the window."""
        return self.console.size.width, self.console.size.height

    def take(self) -> None:
        """Take the screen and the keyboard: keys come without Enter and are not shown. Signals of the keyboard stay."""
        if sys.stdin.isatty():
            self._before = termios.tcgetattr(sys.stdin)
            tty.setcbreak(sys.stdin)
        self._write(_TAKE)
        self._ours = True
        self.forget()

    def give_back(self) -> None:
        """Leave the terminal as it was, if it is ours."""
        if not self._ours:
            return
        self._ours = False
        # Where it is gone, there is nothing to leave.
        with contextlib.suppress(OSError, termios.error):
            self._write(_GIVE_BACK)
            if self._before is not None:
                termios.tcsetattr(sys.stdin, termios.TCSADRAIN, self._before)

    def forget(self) -> None:
        """Draw the next frame as a whole: somebody else may have written to the terminal."""
        self._size = (0, 0)

    def draw(self, lines: Sequence[Text]) -> None:
        """Show these lines, of which none is wider than the window. Raises OSError when the terminal is gone."""
        size = self.size
        written = []
        if size != self._size:
            written, self._drawn, self._size = ["\x1b[2J"], [], size
        width, height = size
        for place in range(height):
            line = lines[place] if place < len(lines) else Text()
            before = self._drawn[place] if place < len(self._drawn) else Text()
            if line != before or line.style != before.style:
                # At the last column nothing may be erased: the last character would go.
                rest = "\x1b[K" if line.cell_len < width else ""
                written.append(f"\x1b[{place + 1};1H{self._encoded(line)}{rest}")
        self._drawn = list(lines)
        if written:
            self._write(_BEGIN + "".join(written) + _END)

    def print(self, lines: Sequence[Text]) -> None:
        """Print lines below what stands on the terminal, so that people can scroll back to them."""
        self._write("".join(f"{self._encoded(line)}\n" for line in lines))

    def _encoded(self, line: Text) -> str:
        with self.console.capture() as captured:
            self.console.print(line, end="", soft_wrap=True)
        return captured.get().translate(_ASCII) if self._ascii else captured.get()

    def _write(self, text: str) -> None:
        # Not through the buffer of standard output: what a terminal that is gone did not take must not stay there.
        left = text.encode(self.console.encoding, errors="replace")
        while left:
            left = left[os.write(sys.stdout.fileno(), left) :]
