"""Findings as lines for people, or as JSON: pure functions of their arguments."""

import os
import shutil
import textwrap
from collections.abc import Sequence
from typing import TextIO

import msgspec

from dispatcher.checks.finding import Finding
from dispatcher.terminal import escaped, one_line

_COLOURS = {"ok": "\x1b[32m", "warning": "\x1b[33m", "problem": "\x1b[31m"}
_END = "\x1b[0m"
_NARROWEST = 24
"""With less room than that beside its subject, the terminal itself may break a finding."""


def lines(findings: Sequence[Finding], *, colour: bool = False, width: int | None = None) -> list[str]:
    """One line a finding, and one that counts them. What is longer than ``width`` goes on below itself."""
    wide = max((len(one_line(finding.subject)) for finding in findings), default=0)
    return [*(_line(finding, wide, colour, width) for finding in findings), summary(findings)]


def summary(findings: Sequence[Finding]) -> str:
    counts = {level: sum(finding.level == level for finding in findings) for level in ("problem", "warning")}
    if not any(counts.values()):
        return "all is well"
    return " and ".join(
        f"{count} {level}{'s' if count > 1 else ''}" for level, count in counts.items() if count
    )


def wants_colour(stream: TextIO) -> bool:
    return stream.isatty() and not os.environ.get("NO_COLOR")


def width_of(stream: TextIO) -> int | None:
    """Of its window; None if it is no terminal, so that a program finds each finding on one line."""
    return shutil.get_terminal_size().columns if stream.isatty() else None


def as_json(findings: Sequence[Finding]) -> str:
    return escaped(msgspec.json.format(msgspec.json.encode(findings), indent=2).decode())


def _line(finding: Finding, wide: int, colour: bool, width: int | None) -> str:
    level = f"{finding.level:<7}"
    if colour:
        level = f"{_COLOURS[finding.level]}{level}{_END}"
    remedy = f" → {finding.remedy}" if finding.remedy else ""
    text = one_line(f"{finding.what}{remedy}")
    indent = len("problem") + wide + 4
    if width is not None and width - indent >= _NARROWEST:
        parts = textwrap.wrap(text, width - indent, break_long_words=False, break_on_hyphens=False)
        text = f"\n{' ' * indent}".join(parts)
    return f"{level}  {one_line(finding.subject):<{wide}}  {text}"
