"""The end of a text of any length."""

from collections import deque
from collections.abc import Sequence


class Tail:
    """Keeps the last lines of the text that it is fed."""

    def __init__(self, most: int) -> None:
        self._lines: deque[bytes] = deque(maxlen=most)
        self._begun: list[bytes] = []

    def feed(self, shown: bytes) -> None:
        *lines, begun = shown.split(b"\n")
        for line in lines:
            self._lines.append(b"".join([*self._begun, line, b"\n"]))
            self._begun.clear()
        self._begun.append(begun)

    def lines(self) -> Sequence[bytes]:
        """Return the last lines; a line that has no end yet counts, too."""
        begun = b"".join(self._begun)
        lines = deque(self._lines, self._lines.maxlen)
        if begun:
            lines.append(begun)
        return list(lines)
