"""Patches on a terminal: coloured, and with everything written out that a terminal would obey or hide."""

import re
from collections.abc import Iterable, Iterator

import typer

from dispatcher.terminal import visible

_HUNK = re.compile(rb"@@ -\d+(?:,(\d{1,18}))? \+\d+(?:,(\d{1,18}))? @@")
_MOST = 20_000
"""Bytes of a line that are shown: one of a million characters would hide the rest of the patch."""


def lines_of(chunks: Iterable[bytes]) -> Iterator[bytes]:
    """Yield lines without their ends."""
    begun: list[bytes] = []
    for chunk in chunks:
        first, *others = chunk.split(b"\n")
        begun.append(first)
        for other in others:
            yield b"".join(begun)
            begun = [other]
    if last := b"".join(begun):
        yield last


def shown(lines: Iterable[bytes], *, colours: bool) -> Iterator[str]:
    """Yield the lines of a patch as a person sees them."""
    removed = added = 0
    for line in lines:
        text = visible(line[:_MOST].decode(errors="replace"))
        if len(line) > _MOST:
            text += f"… {len(line) - _MOST:,} more bytes"
        colour = None
        if removed > 0 or added > 0:  # inside of a hunk, where `--- a` is a line that was removed
            kind = line[:1]
            removed -= kind in (b"-", b" ", b"")
            added -= kind in (b"+", b" ", b"")
            colour = {b"-": "red", b"+": "green"}.get(kind)
        elif hunk := _HUNK.match(line):
            removed, added = (1 if count is None else int(count) for count in hunk.groups())
            colour = "cyan"
        elif line.startswith((b"diff --git ", b"--- ", b"+++ ", b"index ", b"new file", b"deleted file")):
            yield typer.style(text, bold=True) if colours else text
            continue
        yield typer.style(text, fg=colour) if colours and colour else text
