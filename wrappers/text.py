"""Making what an agent printed fit for people and for a database."""

import re

ANSI_SEQUENCE = re.compile(r"\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\)|[@-Z\\-_])")
CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f]+")


def storable(text: str) -> str:
    """Return the text with NUL and lone surrogates, which a database refuses, replaced by U+FFFD."""
    return text.replace("\0", "\ufffd").encode(errors="surrogatepass").decode(errors="replace")


def one_line(text: str, limit: int) -> str:
    """Return the text on one line, without control characters, cut to ``limit`` characters."""
    clipped = text[: 4 * limit]  # most of a huge text needs no cleaning
    line = CONTROL.sub(" ", ANSI_SEQUENCE.sub("", storable(clipped))).strip()
    return line if len(line) <= limit else line[: limit - 1] + "…"


def last_words(stderr_tail: str, limit: int = 500) -> str:
    """Return the last line on stderr that can be a message; it skips stack traces and closing brackets."""
    for line in reversed(stderr_tail.splitlines()):
        if line[:1].isalnum() or line.startswith(("[", "✘", "✗", "❌")):
            return one_line(line, limit)
    return one_line(stderr_tail, limit)
