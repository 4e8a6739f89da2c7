"""Sentences that tell a person why a run failed and what to do about it."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from wrappers.base import Ending
from wrappers.text import last_words, one_line

LONGEST = 2000

CLASS_OF_STATUS: Mapping[int, str] = {
    **dict.fromkeys((401, 403), "auth"),
    402: "no_credit",
    429: "throttled",
    **dict.fromkeys((500, 502, 503, 504, 529), "overloaded"),
}
"""What an HTTP status of the service means for a run; the meaning of any other is not known."""

# By error class: the rest of a sentence that begins with the name of the CLI.
PREDICATES = {
    "limit": "has reached the usage limit of its account",
    "throttled": "has sent more requests than its account may send at the moment",
    "overloaded": "finds its service overloaded or out of order",
    "no_credit": "has no credit left: top up its account, then resume its group, or use another account",
    "context_too_long": "was given more than the model can hold: shorten the prompt, or split the task",
    "invalid_request": "had its request refused, and would have it refused again: change the task or its model",
    "permission_denied": "was not allowed to do what it wanted to do: give the task a wider permission profile",
    "empty_result": "ended without an answer",
    "question": "asks something and waits for the answer: type `llmctl answer`",
}

NO_SESSION = "no longer knows the session that it was to continue: submit a new task instead"
"""A predicate for a session that is gone: an agent that is stopped in its first moments may not have stored it."""


@dataclass(frozen=True, slots=True)
class Failures:
    """Tells people about the failures of one CLI; ``predicates``, by error class, replace the common ones."""

    cli: str
    predicates: Mapping[str, str] = field(default_factory=dict)

    def message(self, error_class: str, said: str = "", predicate: str | None = None) -> str:
        """Return what went wrong and what to do: a sentence for the error class, and what the CLI itself said."""
        known = predicate or self.predicates.get(error_class) or PREDICATES.get(error_class)
        quoted = one_line(said, LONGEST)
        if known is None:
            return f"{self.cli} failed: {quoted}" if quoted else f"{self.cli} failed and did not say why"
        return f"{self.cli} {known} ({self.cli} said: {quoted})" if quoted else f"{self.cli} {known}"

    def no_final_event(self, ending: Ending) -> str:
        """Return the message for a process that ended before its output said how the run went."""
        words = last_words(ending.stderr_tail)
        return f"{self.cli} ended{with_exit_code(ending)} before it had a result" + (
            f": {words}" if words else ""
        )


def with_exit_code(ending: Ending) -> str:
    return "" if ending.exit_code is None else f" with exit code {ending.exit_code}"
