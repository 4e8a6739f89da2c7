"""Turns the stored output of an agent into what a person reads. It works on bytes and needs no database."""

import codecs
from collections import deque
from collections.abc import Sequence
from typing import Protocol

from dispatcher.terminal import harmless
from wrappers.base import Activity, Event, Parser, Said
from wrappers.registry import BUILT_IN, wrapper_of


class View(Protocol):
    """Takes the output of one run in pieces that may end anywhere, and returns what can be shown by now."""

    def feed(self, content: bytes) -> bytes: ...

    def end(self) -> bytes:
        """Return what is left at the end of the output."""
        ...


def view_of(tool: str, stream: str, *, raw: bool) -> View:
    """Return the view for the output of a tool. The built-in CLIs print JSON for programs, which becomes text."""
    if raw:
        return Raw()
    if stream == "stdout" and tool in BUILT_IN:
        return Retold(wrapper_of(tool).parser())
    return Lines()


class Raw:
    """Every byte as it was printed."""

    def feed(self, content: bytes) -> bytes:
        return content

    def end(self) -> bytes:
        return b""


class Lines:
    """Whole lines of text, harmless for a terminal. A control sequence that is never closed spoils only one line."""

    def __init__(self) -> None:
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")
        self._begun = ""

    def feed(self, content: bytes) -> bytes:
        *lines, self._begun = (self._begun + self._decoder.decode(content)).split("\n")
        return "".join(f"{harmless(line)}\n" for line in lines).encode()

    def end(self) -> bytes:
        return harmless(self._begun + self._decoder.decode(b"", final=True)).encode()


class Retold:
    """What the agent said, and in brackets what it did."""

    def __init__(self, parser: Parser) -> None:
        self._parser = parser
        self._at_line_start = True

    def feed(self, content: bytes) -> bytes:
        return "".join(self._tell(event) for event in self._parser.feed_stdout(content)).encode(
            errors="replace"
        )

    def end(self) -> bytes:
        return b"" if self._at_line_start else b"\n"

    def _tell(self, event: Event) -> str:
        match event:
            case Said(text) if text:
                told = "\n".join(map(harmless, text.split("\n")))
            case Activity(text):
                told = ("" if self._at_line_start else "\n") + f"[{harmless(text)}]\n"
            case _:
                return ""
        self._at_line_start = told.endswith("\n") or (not told and self._at_line_start)
        return told


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
