"""Findings as lines for people, or as JSON."""

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
"""Columns. If a finding has fewer beside its subject, the terminal breaks the line itself."""


def rendered(findings: Sequence[Finding], stream: TextIO, *, as_json: bool) -> str:
    """Return the findings as text that fits ``stream``, or as JSON."""
    if as_json:
        return to_json(findings)
    is_terminal = stream.isatty()
    colour = is_terminal and not os.environ.get("NO_COLOR")
    # A program finds each finding on one line.
    width = shutil.get_terminal_size().columns if is_terminal else None
    return "\n".join(lines(findings, colour=colour, width=width))


def lines(findings: Sequence[Finding], *, colour: bool = False, width: int | None = None) -> list[str]:
    """Return a line for each finding and one that counts them. A line longer than ``width`` is wrapped."""
    wide = max((len(one_line(finding.subject)) for finding in findings), default=0)
    return [*(_line(finding, wide, colour, width) for finding in findings), summary(findings)]


def summary(findings: Sequence[Finding]) -> str:
    counts = {level: sum(finding.level == level for finding in findings) for level in ("problem", "warning")}
    if not any(counts.values()):
        return "all is well"
    return " and ".join(
        f"{count} {level}{'s' if count > 1 else ''}" for level, count in counts.items() if count
    )


def to_json(findings: Sequence[Finding]) -> str:
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
