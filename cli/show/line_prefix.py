"""Lines of several texts on one screen: each says which text it is of."""

import os

import typer

from cli.show.output import has_screen

_COLOURS = ("cyan", "yellow", "green", "magenta", "blue", "bright_cyan", "bright_yellow", "bright_magenta")


class LinePrefix:
    """Puts ``prefix`` before each line of a text that comes in pieces. A line is returned when it is whole."""

    def __init__(self, prefix: bytes) -> None:
        self._prefix = prefix
        self._begun: list[bytes] = []

    def feed(self, shown: bytes) -> bytes:
        *lines, begun = shown.split(b"\n")
        whole = []
        for line in lines:
            whole += [self._prefix, *self._begun, line, b"\n"]
            self._begun.clear()
        if begun:
            self._begun.append(begun)
        return b"".join(whole)

    def end(self) -> bytes:
        """Return the last line, if it has no end yet."""
        return self.feed(b"\n") if self._begun else b""


def prefix_of(number: str) -> bytes:
    """Return ``[61] `` for a task; on a screen with the colour that it keeps."""
    prefix = f"[{number}]"
    if has_screen() and "NO_COLOR" not in os.environ:
        prefix = typer.style(prefix, fg=_COLOURS[int(number) % len(_COLOURS)])
    return f"{prefix} ".encode()
