"""The class of a failure of a tool, by the rules of its description."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from wrappers import failure
from wrappers.base import Ending, Outcome
from wrappers.command.rules import Failure
from wrappers.command.settings import ErrorRule
from wrappers.command.times import seconds_from_now, seconds_since_epoch
from wrappers.text import last_words, one_line

LONGEST = 20_000
"""Characters of a text in which patterns are searched: what an agent printed must not keep them busy."""


@dataclass(frozen=True, slots=True)
class Errors:
    """Knows the failures of one tool; ``rules`` with their compiled patterns."""

    name: str
    rules: Sequence[tuple[ErrorRule, re.Pattern[str] | None]]
    exit_codes: Mapping[str, str]

    def outcome(self, found: Failure, ending: Ending) -> Outcome:
        """Return the outcome of a failure: its class, its message, and when the service works again."""
        known = self._known(found, ending)
        error_class = known.error_class or "agent_error"
        limited = error_class == "limit"
        said = found.said or last_words(ending.stderr_tail)
        return Outcome(
            error_class=error_class,
            error_message=self._message(error_class, said, ending),
            limit_resets_at=known.resets_at if limited else None,
            limit_lasts_s=known.resets_in if limited else None,
        )

    def _known(self, found: Failure, ending: Ending) -> Failure:
        if found.error_class is not None:
            return found
        for text in (found.said[:LONGEST], ending.stderr_tail[-LONGEST:]):
            for rule, pattern in self.rules:
                match = None if pattern is None else pattern.search(text)
                if _has(rule, found) and (pattern is None or match is not None):
                    groups = {} if match is None else match.groupdict()
                    if (known := _by_rule(rule, groups, found)).error_class is not None:
                        return known
        by_status = failure.CLASS_OF_STATUS.get(found.status or 0)
        return replace(found, error_class=by_status or self.exit_codes.get(str(ending.exit_code)))

    def _message(self, error_class: str, said: str, ending: Ending) -> str:
        if error_class in failure.PREDICATES or error_class == "auth":
            return failure.Failures(self.name, AUTH).message(error_class, said)
        return failed(self.name, ending, said)


AUTH = {"auth": "was refused by its service: log in again, or replace the key; then resume its group"}


def _has(rule: ErrorRule, found: Failure) -> bool:
    wanted = (rule.status,) if isinstance(rule.status, int) else rule.status
    return wanted is None or found.status in wanted


def _by_rule(rule: ErrorRule, groups: Mapping[str, str | None], found: Failure) -> Failure:
    status = groups.get("status") or ""
    by_status = failure.CLASS_OF_STATUS.get(int(status)) if status.isdecimal() and len(status) == 3 else None
    epoch_or_time = seconds_since_epoch(groups.get("epoch") or groups.get("time"))
    return replace(
        found,
        error_class=rule.error_class or by_status,
        resets_in=found.resets_in if (told := seconds_from_now(groups)) is None else told,
        resets_at=found.resets_at if epoch_or_time is None else epoch_or_time,
    )


def failed(name: str, ending: Ending, said: str = "") -> str:
    words = one_line(said, failure.LONGEST)
    return f"{name} failed{failure.with_exit_code(ending)}" + (
        f": {words}" if words else " and did not say why"
    )
