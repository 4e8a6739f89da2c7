"""The blocks of code of a page, and whether a block that shows output shows what was really printed.

A block of `sh`, `python` or `javascript` is run; a block of `json` or `text` below it shows what it prints. "…" stands
for anything, and an object may hold more than is shown. A block of `sh may-fail` may end with any exit code. Blocks of
`console` and of other languages are for people.
"""

import re
from json import JSONDecoder
from pathlib import Path
from typing import NamedTuple

BLOCK = re.compile(r"^( *)```(\w+)( may-fail)?\n(.*?)^\1```$", re.MULTILINE | re.DOTALL)
RUN = ("sh", "python", "javascript")
SHOWN = ("json", "text")


class Block(NamedTuple):
    language: str
    text: str
    line: int
    may_fail: bool
    """Whether a command that ends with another exit code than 0 is what the page is about."""


def blocks(page: Path) -> list[Block]:
    text = page.read_text()
    return [
        Block(
            found[2],
            re.sub(rf"^{found[1]}", "", found[4], flags=re.MULTILINE),
            text[: found.start()].count("\n") + 2,
            bool(found[3]),
        )
        for found in BLOCK.finditer(text)
    ]


def last_value(printed: str) -> object:
    """Return the last of the values of JSON that were printed one behind the other."""
    decoder, value = JSONDecoder(), None
    while printed := printed.lstrip():
        value, end = decoder.raw_decode(printed)
        printed = printed[end:]
    return value


def fits(shown: object, real: object) -> bool:
    """Return whether a value of JSON is what the page shows."""
    match shown, real:
        case "…", _:
            return True
        case dict(), dict():
            return all(key in real and fits(value, real[key]) for key, value in shown.items())
        case list(), list():
            return len(shown) == len(real) and all(map(fits, shown, real))
        case str(), str():
            return text_fits(shown, real)
    return shown == real


def text_fits(shown: str, real: str) -> bool:
    return re.fullmatch(".*".join(map(re.escape, shown.split("…"))), real, re.DOTALL) is not None
