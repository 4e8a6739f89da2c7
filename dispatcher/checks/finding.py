"""What a check returns."""

from collections.abc import Iterable
from typing import Literal

from msgspec import Struct

Level = Literal["ok", "warning", "problem"]


class Finding(Struct, frozen=True, omit_defaults=True):
    """One line for a person: what was looked at, what was found, and what to do about it.

    A ``problem`` keeps something from working; a ``warning`` may do so later. No text of a finding holds a secret.
    """

    level: Level
    subject: str
    what: str
    remedy: str | None = None


def has_problem(findings: Iterable[Finding]) -> bool:
    return any(finding.level == "problem" for finding in findings)


def ok(subject: str, what: str) -> Finding:
    return Finding("ok", subject, what)


def warning(subject: str, what: str, remedy: str) -> Finding:
    return Finding("warning", subject, what, remedy)


def problem(subject: str, what: str, remedy: str) -> Finding:
    return Finding("problem", subject, what, remedy)
