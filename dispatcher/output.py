"""Reading what an agent wrote to its log files, in bounded memory."""

from pathlib import Path

from wrappers.base import Parser

CHUNK_BYTES = 256 * 2**10
KEPT_CHARACTERS = 10_000


def feed_log(path: Path, parser: Parser) -> str:
    """Feed the whole file to the parser; answers its first 10,000 characters. A missing file counts as empty."""
    head = b""
    try:
        with path.open("rb") as file:
            while chunk := file.read(CHUNK_BYTES):
                if not head:
                    head = chunk[: KEPT_CHARACTERS * 4]
                parser.feed(chunk)
    except FileNotFoundError:
        pass
    return as_text(head)[:KEPT_CHARACTERS]


def tail(path: Path) -> str:
    """Read the last 10,000 characters of the file; a missing file counts as empty."""
    try:
        with path.open("rb") as file:
            file.seek(max(0, file.seek(0, 2) - KEPT_CHARACTERS * 4))
            return as_text(file.read())[-KEPT_CHARACTERS:]
    except FileNotFoundError:
        return ""


def as_text(content: bytes) -> str:
    """Decode what agents print; a text column holds neither invalid UTF-8 nor NUL."""
    return content.decode(errors="replace").replace("\0", "\N{REPLACEMENT CHARACTER}")
