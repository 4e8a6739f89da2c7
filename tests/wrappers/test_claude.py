"""What only claude does: recorded output, and the real CLI against the model server."""

import os
import shlex
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

import pytest

from tests.agents.real_agents import Agents
from tests.wrappers.desk import Desk
from tests.wrappers.replay import RUN_ID, replay, request, said
from wrappers.base import Usage
from wrappers.claude import asking
from wrappers.registry import wrapper_of


def test_claude_tells_the_cost_of_the_run_and_not_of_the_session() -> None:
    first, _ = replay("claude/ok")
    resumed, _ = replay("claude/resumed")
    in_vain, _ = replay("claude/resumed-in-vain")

    assert first.cost_usd == pytest.approx(0.000405)
    assert resumed.cost_usd == pytest.approx(0.00036)  # its own total is 0.000705
    assert in_vain.cost_usd == 0  # its own total is 0.000345, which the run before cost
    assert in_vain.usage == Usage()


UNUSUAL = [
    ("invalid_request", "provider_credentials", "auth"),
    ("invalid_request", "gateway_signin_required", "auth"),
    ("authentication_failed", "gateway_session_expired", "auth"),
    ("invalid_request", "message_over_context_limit", "context_too_long"),
    ("rate_limit", "model_requires_usage_credits", "invalid_request"),
    ("rate_limit", "usage_limit_reached", "limit"),
    ("rate_limit", "a kind of a later version", "throttled"),
    ("account_on_hold", None, "auth"),
    ("verification_required", None, "auth"),
    ("a class of a later version", None, "agent_error"),
]
"""Errors that the model server cannot provoke, from claude's own description: error, api_error, and their class."""


@pytest.mark.parametrize(("error", "kind", "error_class"), UNUSUAL)
def test_the_kind_of_an_error_of_claude_decides(error: str, kind: str | None, error_class: str) -> None:
    outcome = said(
        "claude",
        {"type": "assistant", "message": {"content": []}, "error": error},
        {"type": "result", "is_error": True, "subtype": "success", "result": "why", "api_error": kind},
    )

    assert (outcome.error_class, outcome.limit_resets_at) == (error_class, None)


def test_a_recorded_limit_of_a_subscription_says_when_it_ends() -> None:
    outcome, _ = replay("claude/subscription-limit")

    assert outcome.limit_resets_at is not None
    assert outcome.limit_resets_at > 1_700_000_000


def test_the_limit_of_a_subscription_says_when_it_ends(agents: Agents, tmp_path: Path) -> None:
    desk = Desk(agents, "claude", tmp_path)
    desk.subscribe()
    outcome = desk.run("[[fail quota resets=7200]]").outcome

    assert outcome.error_class == "limit"
    assert outcome.limit_resets_at is not None


def test_of_two_limits_of_a_subscription_the_one_counts_that_ends_last(
    agents: Agents, tmp_path: Path
) -> None:
    desk = Desk(agents, "claude", tmp_path)
    desk.subscribe()
    outcome = desk.run("[[fail quota resets=3000 week=90000]]").outcome

    assert outcome.error_class == "limit"
    assert outcome.limit_resets_at == pytest.approx(time.time() + 90000, abs=120)


LIMIT_OF_AN_API_KEY = (
    "[[fail 400: You have reached your specified API usage limits. "
    "You will regain access on 2040-02-01 at 06:30 UTC.]]"
)


WINDOWS = [
    ("seven_day_opus", {"five_hour": "allowed", "seven_day": "allowed_warning"}, True),
    ("seven_day_sonnet", {}, True),
    ("seven_day_overage_included", {}, True),
    ("seven_day_opus", {"seven_day": "rejected"}, False),
    ("seven_day", {"seven_day_opus": "rejected"}, False),
    ("seven_day_oauth_apps", {}, False),
    ("overage", {}, False),
    (None, {}, False),
]
"""The window that claude names, the states of others, and whether only a model has reached its limit."""


@pytest.mark.parametrize(("named", "others", "of_model"), WINDOWS)
def test_a_limit_is_that_of_a_model_if_no_other_window_is_used_up(
    named: str | None, others: dict[str, str], of_model: bool
) -> None:
    windows = {name: {"status": status, "resetsAt": 1_900_000_100} for name, status in others.items()}
    info = {
        "status": "rejected",
        "resetsAt": 1_900_000_000,
        "rateLimitType": named,
        "unifiedWindows": windows,
    }
    outcome = said(
        "claude",
        {"type": "rate_limit_event", "rate_limit_info": info},
        {"type": "assistant", "message": {"content": []}, "error": "rate_limit"},
        {"type": "result", "is_error": True, "subtype": "success", "result": "You've hit your limit"},
    )

    assert (outcome.error_class, outcome.limit_is_of_model) == ("limit", of_model)


def test_claude_names_the_model_whose_limit_is_reached(agents: Agents, tmp_path: Path) -> None:
    desk = Desk(agents, "claude", tmp_path)
    desk.subscribe()
    outcome = desk.run("[[fail model resets=7200]]").outcome

    assert (outcome.error_class, outcome.limit_is_of_model) == ("limit", True)
    assert outcome.limit_resets_at == pytest.approx(time.time() + 7200, abs=120)


TROUBLES: Sequence[tuple[str, str, str, float | None]] = [
    ("key", LIMIT_OF_AN_API_KEY, "limit", datetime(2040, 2, 1, 6, 30, tzinfo=UTC).timestamp()),
    ("key", LIMIT_OF_AN_API_KEY.replace("-02-", "-13-"), "limit", None),
    ("key", "[[fail 402]]", "no_credit", None),
    ("key", "[[fail 400: This organization has been disabled.]]", "auth", None),
    ("key", "[[fail 403: API key authentication is disabled for this organization.]]", "auth", None),
    ("key", "[[fail 400: Something else is wrong.]]", "agent_error", None),
    ("subscription", "[[fail 429]]", "throttled", None),
    ("subscription", "[[fail 400: This organization has been disabled.]]", "auth", None),
    ("subscription", "[[fail 400: You're out of extra usage. Add more.]]", "no_credit", None),
    ("subscription", "[[fail 429: Usage credits are required for long context.]]", "context_too_long", None),
]


@pytest.mark.parametrize(("account", "directive", "error_class", "resets_at"), TROUBLES)
def test_what_is_wrong_with_an_account_of_claude_is_not_blamed_on_its_tasks(
    agents: Agents, tmp_path: Path, account: str, directive: str, error_class: str, resets_at: float | None
) -> None:
    desk = Desk(agents, "claude", tmp_path)
    if account == "subscription":
        desk.subscribe()
    outcome = desk.run(directive).outcome

    assert (outcome.error_class, outcome.limit_resets_at) == (error_class, resets_at)


@pytest.mark.skipif(os.geteuid() != 0, reason="claude refuses only root")
def test_claude_as_root_says_that_it_refuses_the_profile_full(agents: Agents, tmp_path: Path) -> None:
    desk = Desk(agents, "claude", tmp_path)
    outcome = desk.run("hello", permission="full").outcome

    assert outcome.error_class == "permission_denied"
    assert outcome.error_message is not None
    assert "refuses the permission profile `full` as root" in outcome.error_message


def test_claude_streams_json_and_edits_files() -> None:
    invocation = wrapper_of("claude").invocation(request(model="opus"))

    asks = shlex.join([*asking.arguments(), "--append-system-prompt", asking.SITUATION])
    assert shlex.join(invocation.argv) == (
        "claude -p --output-format stream-json --verbose --permission-mode acceptEdits "
        f"--disallowedTools EnterPlanMode,ExitPlanMode {asks} --model opus --session-id {RUN_ID}"
    )
    assert invocation.env["CLAUDE_CODE_MAX_RETRIES"] == "2"


OLD_WORDS = [
    (
        "API Error: Repeated 529 Overloaded errors. The API is at capacity.",
        "server_error",
        None,
        "overloaded",
    ),
    ("You've hit your session limit · resets 11:12am (UTC)", "rate_limit", 429, "limit"),
    ('API Error: 429 {"type":"error","error":{"type":"rate_limit_error"}}', "unknown", None, "throttled"),
    ("API Error: 503 out of order", "unknown", None, "overloaded"),
    ("Prompt is too long", "invalid_request", None, "context_too_long"),
]
"""What earlier versions say, with `error` and `api_error_status`, and the class of it."""


@pytest.mark.parametrize(("words", "error", "status", "error_class"), OLD_WORDS)
def test_the_words_of_earlier_versions_are_understood(
    words: str, error: str, status: int | None, error_class: str
) -> None:
    outcome = said(
        "claude",
        {"type": "assistant", "message": {"content": []}, "error": error},
        {
            "type": "result",
            "is_error": True,
            "subtype": "success",
            "result": words,
            "api_error_status": status,
        },
    )

    assert outcome.error_class == error_class
