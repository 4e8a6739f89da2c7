"""What `claude` (2.1.330) calls its errors, the error class of each, and the messages for people."""

import re
from contextlib import suppress
from datetime import datetime

from wrappers import failure
from wrappers.base import Ending, Outcome
from wrappers.claude.output import RateLimitInfo, Result

FAILURES = failure.Failures(
    "claude",
    {
        "auth": "is not logged in, or its key is refused: run `claude /login` with the config home of this account, "
        "or give the group a valid ANTHROPIC_API_KEY",
        "budget": "reached the limit of money that it was given",
    },
)

NOT_AS_ROOT = (
    "refuses the permission profile `full` as root: run the dispatcher as an ordinary user "
    "(inside a container that is a sandbox, IS_SANDBOX=1 in the group's env lifts the refusal)"
)

CLASS_OF_ERROR = {
    "authentication_failed": "auth",
    "oauth_org_not_allowed": "auth",
    "account_on_hold": "auth",
    "verification_required": "auth",
    "billing_error": "no_credit",
    "rate_limit": "throttled",
    "overloaded": "overloaded",
    "model_not_found": "invalid_request",
    "invalid_request": "invalid_request",
}

# What `api_error` says beyond that, from claude's own description of its output (2.1.330). Without these, an account
# that nobody can use would fail its tasks one by one, as wrong requests.
CLASS_OF_KIND = {
    "usage_limit_reached": "limit",
    "api_key_auth_disabled": "auth",
    "org_disabled_credential": "auth",
    "provider_credentials": "auth",
    "gateway_signin_required": "auth",
    "gateway_session_expired": "auth",
    "long_context_credits_required": "context_too_long",
    "message_over_context_limit": "context_too_long",
    "model_requires_usage_credits": "invalid_request",
}

# The service calls these requests invalid. claude calls them unknown, and passes on the sentence of the service.
API_LIMIT = re.compile(
    r"API Error: 400 You have reached your specified API usage limits\. "
    r"You will regain access on (?P<day>\d{4}-\d\d-\d\d) at (?P<time>\d\d:\d\d) UTC\b"
)
# Words of 2.1.197 and earlier, which name neither a status nor a type; their `error` is "server_error" or "unknown".
OVERLOADED = re.compile(r"API Error: Repeated 529 Overloaded errors|Opus is experiencing high load\b")
LIMIT = re.compile(r"You.ve (?:hit|reached) your [\w -]{0,40}limit\b|Claude(?: AI)? usage limit reached")
STATUS = re.compile(r"API Error: (?:Request rejected \()?(?P<status>[45]\d\d)\b")
NO_SESSION = "No conversation found with session ID: "
SENTENCES: tuple[tuple[re.Pattern[str], str], ...] = (
    (API_LIMIT, "limit"),
    (OVERLOADED, "overloaded"),
    (re.compile(NO_SESSION), "invalid_request"),
    (re.compile(r"API Error: 400 You.re out of extra usage\."), "no_credit"),
    (re.compile(r"API Error: 400 This organization has been disabled\."), "auth"),
)


def class_of(result: Result, error: str | None, limit: RateLimitInfo | None) -> str:
    """Return the class of a result that is an error; ``error`` and ``limit`` come from earlier lines."""
    if result.subtype == "error_max_budget_usd":
        return "budget"
    if result.terminal_reason == "prompt_too_long" or result.said.startswith("Prompt is too long"):
        return "context_too_long"
    if result.api_error_type == "overloaded_error":
        return "overloaded"
    known = CLASS_OF_ERROR.get(error or "") or failure.CLASS_OF_STATUS.get(result.api_error_status or 0)
    if known == "throttled" and ((limit is not None and limit.is_reached) or LIMIT.match(result.said)):
        return "limit"
    kind = CLASS_OF_KIND.get(result.api_error or "")
    by_words = (error_class for pattern, error_class in SENTENCES if pattern.match(result.said))
    return kind or known or next(by_words, None) or class_of_status(result.said) or "agent_error"


def class_of_status(said: str) -> str | None:
    """Return the class of the HTTP status that a sentence of claude's begins with."""
    told = STATUS.match(said)
    return failure.CLASS_OF_STATUS.get(int(told["status"])) if told else None


def message_of(error_class: str, result: Result) -> str:
    predicate = FAILURES.predicates.get(error_class)
    if predicate is None and result.subtype == "error_max_turns":
        predicate = "reached its limit of turns"
    elif predicate is None and result.said.startswith(NO_SESSION):
        predicate = failure.NO_SESSION
    return FAILURES.message(error_class, result.said, predicate)


def without_result(ending: Ending, session: str | None) -> Outcome:
    """Return the outcome of a run that ended without a result line."""
    if "--dangerously-skip-permissions cannot be used with root" in ending.stderr_tail:
        error_class, message = "permission_denied", FAILURES.message("permission_denied", "", NOT_AS_ROOT)
    else:
        error_class, message = "agent_error", FAILURES.no_final_event(ending)
    return Outcome(session_id=session, error_class=error_class, error_message=message)


def reset_of(text: str, limit: RateLimitInfo | None) -> float | None:
    """Return when a usage limit ends, in seconds since the epoch; None if claude does not say.

    A subscription has windows. Only the sentence ``text`` mentions the limit of an API key.
    """
    if limit is not None and limit.is_reached:
        return limit.reset
    if told := API_LIMIT.match(text):
        with suppress(ValueError):  # no such day
            return datetime.fromisoformat(f"{told['day']}T{told['time']}+00:00").timestamp()
    return None
