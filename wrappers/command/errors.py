"""The class of a failure of a tool, by the rules of its description."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from wrappers import failure, text
from wrappers.base import Ending, Outcome
from wrappers.command.rules import Failure
from wrappers.command.settings import ErrorRule
from wrappers.command.times import seconds_from_now, seconds_since_epoch

LONGEST = 8_000
"""Characters of an error, and of the end of stderr, in which patterns are searched: some take the square of that."""


@dataclass(frozen=True, slots=True)
class Errors:
    """Knows the failures of one tool; ``rules`` with their compiled patterns."""

    name: str
    rules: Sequence[tuple[ErrorRule, re.Pattern[str] | None]]
    exit_codes: Mapping[int, str]

    def outcome(self, found: Failure, ending: Ending, last_words: str = "") -> Outcome:
        """Return the outcome of a failure: its class, its message, and when the service works again.

        ``last_words`` are quoted if nobody else said anything. They decide no class.
        """
        known = self._known(found, ending)
        error_class = known.error_class or "agent_error"
        limited = error_class == "limit"
        said = found.said or text.last_words(ending.stderr_tail) or last_words
        return Outcome(
            error_class=error_class,
            error_message=self._message(error_class, said, ending),
            limit_resets_at=known.resets_at if limited else None,
            limit_lasts_s=known.resets_in if limited else None,
        )

    def _known(self, found: Failure, ending: Ending) -> Failure:
        if found.error_class is not None:
            return found
        for searched in (found.said[:LONGEST], text.ANSI_SEQUENCE.sub("", ending.stderr_tail[-LONGEST:])):
            for rule, pattern in self.rules:
                match = None if pattern is None else pattern.search(searched)
                if _has(rule, found) and (pattern is None or match is not None):
                    groups = {} if match is None else match.groupdict()
                    known = _by_rule(rule, groups, found)
                    if known.error_class is not None:
                        return known
                    found = replace(found, status=found.status or known.status)
        by_status = failure.CLASS_OF_STATUS.get(found.status or 0)
        return replace(found, error_class=by_status or self.exit_codes.get(ending.exit_code or 0))

    def _message(self, error_class: str, said: str, ending: Ending) -> str:
        if error_class in failure.PREDICATES or error_class == "auth":
            return failure.Failures(self.name, AUTH).message(error_class, said)
        return failed(self.name, ending, said)


AUTH = {"auth": "was refused by its service: log in again, or replace the key; then resume its group"}


def _has(rule: ErrorRule, found: Failure) -> bool:
    wanted = (rule.status,) if isinstance(rule.status, int) else rule.status
    return wanted is None or found.status in wanted


def _by_rule(rule: ErrorRule, groups: Mapping[str, str | None], found: Failure) -> Failure:
    told = groups.get("status") or ""
    status = int(told) if re.fullmatch("[1-5][0-9][0-9]", told) else 0
    epoch_or_time = seconds_since_epoch(groups.get("epoch") or groups.get("time"))
    return replace(
        found,
        error_class=rule.error_class or failure.CLASS_OF_STATUS.get(status),
        status=status or None,
        resets_in=found.resets_in if (seconds := seconds_from_now(groups)) is None else seconds,
        resets_at=found.resets_at if epoch_or_time is None else epoch_or_time,
    )


def failed(name: str, ending: Ending, said: str = "") -> str:
    words = text.one_line(said, failure.LONGEST)
    return f"{name} failed{failure.with_exit_code(ending)}" + (
        f": {words}" if words else " and did not say why"
    )
