"""The class of a failure of a described tool."""

import json

import pytest

from tests.wrappers.command.tool import outcome
from wrappers.base import Outcome

RULES = r"""
output: jsonl
answer: answer
events:
  - {when: {type: known}, error: message, class: no_credit}
  - when: {type: error}
    error: message
    status: status
    resets_in: reset_after
    resets_at: reset_at
errors:
  - {match: 'usage limit.* (?P<hours>\d+)h (?P<minutes>\d+)m', class: limit}
  - {match: 'usage limit.* in (?P<seconds>\d+) seconds', class: limit}
  - {match: 'usage limit.* until (?P<time>\S+)', class: limit}
  - {match: 'usage limit.* at (?P<epoch>\d+)', class: limit}
  - {match: quota, status: 429, class: limit}
  - {match: '^API (?P<status>\d{3})'}
  - {status: [400, 404], class: invalid_request}
exit_codes: {76: auth}
"""


def error(message: str = "", exit_code: int = 1, stderr: str = "", **values: object) -> Outcome:
    line = json.dumps({"type": "error", "message": message or "x", **values})
    return outcome(RULES, line, exit_code=exit_code, stderr=stderr)


@pytest.mark.parametrize(
    ("message", "lasts", "at"),
    [
        ("usage limit: 2h 30m", 9000, None),
        ("the usage limit resets in 90 seconds", 90, None),
        ("usage limit until 2026-01-31T10:00:00Z", None, 1769853600),
        ("usage limit until 2026-01-31T10:00:00", None, 1769853600),
        ("usage limit until tomorrow", None, None),
        ("usage limit, again at 1769853600", None, 1769853600),
        ("usage limit, again at 1769853600000", None, 1769853600),
    ],
)
def test_a_limit_says_when_the_service_works_again(
    message: str, lasts: float | None, at: float | None
) -> None:
    limited = error(message)

    assert limited.error_class == "limit"
    assert (limited.limit_lasts_s, limited.limit_resets_at) == (lasts, at)


def test_the_event_itself_may_say_when() -> None:
    assert error("quota", status=429, reset_after=60).limit_lasts_s == 60
    assert error("quota", status=429, reset_at=1769853600.5).limit_resets_at == 1769853600.5
    assert error("quota", status=429, reset_at="2026-01-31T10:00:00+01:00").limit_resets_at == 1769850000


def test_only_a_limit_has_a_time() -> None:
    assert error("slow down", status=429, reset_after=60) == Outcome(
        error_class="throttled",
        error_message="mytool has sent more requests than its account may send at the moment "
        "(mytool said: slow down)",
    )


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ({"status": 401}, "auth"),
        ({"status": 402}, "no_credit"),
        ({"status": 429}, "throttled"),
        ({"status": 503}, "overloaded"),
        ({"status": "429"}, "throttled"),
        ({"status": 404}, "invalid_request"),
        ({"status": 418}, "agent_error"),
        ({"status": 10**30}, "agent_error"),
        ({"status": None}, "agent_error"),
        ({"message": "API 529: busy"}, "overloaded"),
        ({"message": "API 404: no such model"}, "invalid_request"),
        ({"message": "API 418: teapot"}, "agent_error"),
        ({"message": "your quota", "status": 429}, "limit"),
        ({"message": "your quota", "status": 500}, "overloaded"),
        ({"message": "what?", "exit_code": 76}, "auth"),
        ({"message": "API 429: wait", "exit_code": 76}, "throttled"),
        ({"stderr": "usage limit: 0h 5m"}, "limit"),
        ({"message": "API 401", "stderr": "usage limit: 0h 5m"}, "auth"),
    ],
)
def test_the_first_thing_that_knows_a_failure_gives_it_its_class(
    values: dict[str, object], expected: str
) -> None:
    assert error(**values).error_class == expected  # type: ignore[arg-type]


def test_a_rule_of_an_event_knows_better_than_all_others() -> None:
    line = '{"type": "known", "message": "usage limit: 2h 30m"}'

    assert outcome(RULES, line, exit_code=76).error_class == "no_credit"


def test_an_exit_code_alone_has_a_class_too() -> None:
    assert outcome(RULES, "", exit_code=76).error_class == "auth"
    assert outcome(RULES, "", exit_code=1).error_class == "agent_error"
    assert outcome(RULES, "", exit_code=None).error_class == "agent_error"


def test_the_end_of_stderr_is_searched_without_its_colours() -> None:
    said = "x" * 50_000 + "\nusage limit: \x1b[31m1h 0m\x1b[0m\n"

    assert error(stderr=said).limit_lasts_s == 3600
    assert error(stderr=f"usage limit: 1h 0m\n{'x' * 50_000}").error_class == "agent_error"


def test_what_is_said_is_quoted_in_bounds() -> None:
    failed = error("x" * 1_000_000)

    assert failed.error_message is not None
    assert len(failed.error_message) < 2_100
