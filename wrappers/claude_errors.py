"""What `claude` (2.1.330) calls its errors, and which class of error each is."""

import re
from contextlib import suppress
from datetime import datetime

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

# What `api_error` says beyond that, from claude's own description of its output (2.1.330). Without these an account
# with which nobody can work would fail its tasks one by one, as wrong requests.
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

# The service calls these requests invalid, claude calls them unknown, and passes on the sentence of the service.
API_LIMIT = re.compile(
    r"API Error: 400 You have reached your specified API usage limits\. "
    r"You will regain access on (?P<day>\d{4}-\d\d-\d\d) at (?P<time>\d\d:\d\d) UTC\b"
)
NO_SESSION = "No conversation found with session ID: "
SENTENCES: tuple[tuple[re.Pattern[str], str], ...] = (
    (API_LIMIT, "limit"),
    (re.compile(NO_SESSION), "invalid_request"),
    (re.compile(r"API Error: 400 You.re out of extra usage\."), "no_credit"),
    (re.compile(r"API Error: 400 This organization has been disabled\."), "auth"),
)


def reset_of_key(text: str) -> float | None:
    """When the usage limit of an API key ends, in seconds since the epoch; None if ``text`` tells of none."""
    if told := API_LIMIT.match(text):
        with suppress(ValueError):  # no such day
            return datetime.fromisoformat(f"{told['day']}T{told['time']}+00:00").timestamp()
    return None
