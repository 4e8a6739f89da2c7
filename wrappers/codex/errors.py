"""What `codex` (0.169.0) says of a failure, the error classes of that, and the messages for people."""

import re

from wrappers import failure
from wrappers.codex.rollout import ErrorInfo

FAILURES = failure.Failures(
    "codex",
    {
        "auth": "is not logged in, or its key is refused: run `codex login` with the config home of this account, "
        "or give the group a valid CODEX_API_KEY (codex does not look at OPENAI_API_KEY)"
    },
)

# On stdout only a sentence of codex's own says what kind of failure it was. These are the beginnings of such
# sentences; the dots stand for an apostrophe, which may be typographic.
SENTENCES: tuple[tuple[re.Pattern[str], str], ...] = tuple(
    (re.compile(pattern), error_class)
    for pattern, error_class in (
        (r"You.ve hit your usage limit\.", "limit"),
        (r"exceeded retry limit, last status: 429\b", "throttled"),
        (r"Selected model is at capacity\.", "overloaded"),
        (r"We.re currently experiencing high demand\b", "overloaded"),
        (r"unexpected status (?:50[0234]|529) ", "overloaded"),
        (r"unexpected status (?:401|403) ", "auth"),
        (r"Missing environment variable: ", "auth"),
        (r"Quota exceeded\. Check your plan and billing details\.", "no_credit"),
        (r"stream disconnected before completion: .*\breason: content_filter$", "invalid_request"),
        # Before 0.160 it passes on the answer of the service.
        (r'\{"error":\{.{0,2000}"code": ?"context_length_exceeded"', "context_too_long"),
        (r"Codex ran out of room in the model.s context window\.", "context_too_long"),
    )
)

# The error class of what codex notes in the session's file.
CLASS_OF_INFO = {
    "usage_limit_exceeded": "limit",
    "server_overloaded": "overloaded",
    "internal_server_error": "overloaded",
    "unauthorized": "auth",
    "model_not_found": "invalid_request",
    "bad_request": "invalid_request",
    "context_window_exceeded": "context_too_long",
}

NO_SESSION = "thread/resume failed: no rollout found for thread id "
"""codex writes this to stderr before it prints anything."""


def class_of(sentence: str, info: str | ErrorInfo | None = None) -> str | None:
    """Return the class of a failure. The note in the session's file decides, with one exception: codex notes an
    account without credit as a usage limit.
    """
    by_words = next((error_class for pattern, error_class in SENTENCES if pattern.match(sentence)), None)
    if by_words == "no_credit":
        return by_words
    known = (
        failure.CLASS_OF_STATUS.get(info.status or 0)
        if isinstance(info, ErrorInfo)
        else CLASS_OF_INFO.get(info or "")
    )
    return known or by_words
