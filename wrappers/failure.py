"""Sentences that tell a person why a run failed and what to do about it."""

from collections.abc import Mapping

from wrappers.base import Ending
from wrappers.text import last_words, one_line

LONGEST = 2000

CLASS_OF_STATUS: Mapping[int, str] = {
    **dict.fromkeys((401, 403), "auth"),
    402: "no_credit",
    429: "throttled",
    **dict.fromkeys((500, 502, 503, 504, 529), "overloaded"),
}
"""What an HTTP status of the service means for a run; of others nobody knows."""

# How the sentence goes on that begins with the name of the CLI.
PREDICATES = {
    "limit": "has reached the usage limit of its account",
    "throttled": "has sent more requests than its account may send at the moment",
    "overloaded": "finds its service overloaded or out of order",
    "no_credit": "has no credit left: top its account up, then resume its group, or use another one",
    "context_too_long": "was given more than the model can hold: shorten the prompt, or split the task",
    "invalid_request": "had its request refused, and would have it again: change the task or its model",
    "permission_denied": "was not allowed to do what it wanted to: give the task a wider permission profile",
    "empty_result": "ended without an answer",
}

NO_SESSION = "does not know the session any more that it was to go on with: submit a new task instead"
"""A predicate, too. An agent that is stopped in the first moments of a session may not have kept it."""


def message(cli: str, error_class: str, said: str, predicate: str | None = None) -> str:
    """What went wrong and what to do: a sentence for the class of the error, and what the CLI said itself."""
    known = predicate or PREDICATES.get(error_class)
    quoted = one_line(said, LONGEST)
    if known is None:
        return f"{cli} failed: {quoted}" if quoted else f"{cli} failed and did not say why"
    return f"{cli} {known} ({cli} said: {quoted})" if quoted else f"{cli} {known}"


def no_final_event(cli: str, ending: Ending) -> str:
    """The process ended, and its output does not say how the run went."""
    code = "" if ending.exit_code is None else f" with exit code {ending.exit_code}"
    words = last_words(ending.stderr_tail)
    return f"{cli} ended{code} before it had a result" + (f": {words}" if words else "")
