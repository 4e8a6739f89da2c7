"""Each real CLI, started as its wrapper says, against the model server."""

import os
import subprocess
import time
import uuid
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path

import pytest

from tests.agents.real_agents import CLIS, Agents, serving
from tests.wrappers.desk import MODELS, Desk
from wrappers.base import Activity, Ending, SessionStarted


@pytest.fixture(params=CLIS)
def cli(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def desk(agents: Agents, cli: str, tmp_path: Path) -> Desk:
    return Desk(agents, cli, tmp_path)


def test_the_answer_of_the_model_is_the_outcome(desk: Desk) -> None:
    story = desk.run("[[say: It is done — ça va 🎉]]")

    assert story.outcome.error_message is None
    assert story.outcome.succeeded
    assert story.outcome.final_text == "It is done — ça va 🎉"
    assert story.outcome.usage is not None
    assert story.outcome.usage.total > 100
    assert SessionStarted(story.outcome.session_id or "") in story.events


def test_a_file_is_written_in_the_work_directory(desk: Desk) -> None:
    story = desk.run("[[write report.md: all is well]] [[say: Written.]]")

    assert story.outcome.final_text == "Written."
    assert (desk.work / "report.md").read_text() == "all is well"
    assert any("report.md" in activity for activity in story.activities)


def test_the_profile_read_writes_nothing(desk: Desk) -> None:
    desk.run("[[write report.md: all is well]] [[say: Written.]]", permission="read")

    assert list(desk.work.iterdir()) == []


def test_a_command_is_run_with_the_profile_full(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    if desk.cli == "claude":  # refuses as root, unless it is told that this is a sandbox
        desk.set_variables(IS_SANDBOX="1")
    story = desk.run("[[run: printf 42 >answer]] [[say: Ran.]]", permission="full")

    assert story.outcome.final_text == "Ran."
    assert (desk.work / "answer").read_text() == "42"
    assert "runs printf 42 >answer" in story.activities


def test_the_request_carries_the_key_of_the_account_and_the_model(desk: Desk) -> None:
    desk.run(f"[[say: {desk.account.key}]]")

    requests = desk.agents.requests(desk.account.key)
    assert requests
    for request in requests:
        assert desk.account.key in str(request.headers)
        assert MODELS[desk.cli] in request.path + request.body


@pytest.mark.parametrize("start", ["--help", "-x", "/src/app.py", "!ls"])
def test_a_prompt_that_begins_like_an_option_or_a_path_arrives_whole(desk: Desk, start: str) -> None:
    mark = uuid.uuid4().hex
    story = desk.run(f"{start} {mark} [[say: yes]]")

    assert story.outcome.final_text == "yes"
    assert desk.agents.requests(mark)[-1].prompt.startswith(f"{start} {mark}")


def prompt_of(length: int, mark: str) -> str:
    """A prompt of so many bytes; no CLI takes its lines for a loop."""
    lines = "".join(f"line {number}\n" for number in range(length // 6))
    return f"{mark} [[say: read it]]\n{lines}"[:length]


def test_the_longest_prompt_arrives_whole_and_a_longer_one_does_not(desk: Desk) -> None:
    """The limits are the CLIs' own, except that gemini does not even send one of a quarter of it, see below."""
    limit = desk.wrapper.longest_prompt
    assert limit is not None
    longest, longer = uuid.uuid4().hex, uuid.uuid4().hex
    if desk.cli != "gemini":
        assert desk.run(prompt_of(limit.most, longest)).outcome.final_text == "read it"
        [request] = desk.agents.requests(longest)
        assert len(request.prompt) == limit.most
    ran = desk.run_raw(prompt_of(limit.most + 1, longer))

    assert desk.agents.requests(longer) == []
    told = {"claude": "exceeds 10MB", "codex": "exceeds the maximum length of 1048576 characters"}
    assert told.get(desk.cli, "truncated to 8388608 bytes") in ran.ending.stderr_tail


def test_characters_are_counted_as_the_cli_counts_them(agents: Agents, tmp_path: Path) -> None:
    mark = uuid.uuid4().hex
    desk = Desk(agents, "codex", tmp_path)
    prompt = f"{mark} [[say: read it]] ".ljust(2**20, "🎉")

    assert desk.wrapper.longest_prompt is not None
    assert desk.wrapper.longest_prompt.length_of(prompt) == desk.wrapper.longest_prompt.most
    assert desk.run(prompt).outcome.final_text == "read it"


def test_gemini_that_keeps_a_prompt_to_itself_says_by_that_that_it_is_too_long(
    agents: Agents, tmp_path: Path
) -> None:
    desk = Desk(agents, "gemini", tmp_path)
    mark = uuid.uuid4().hex
    outcome = desk.run(prompt_of(5_000_000, mark)).outcome

    assert desk.agents.requests(mark) == []
    assert outcome.error_class == "context_too_long"


def test_gemini_that_hears_its_prompt_too_late_blames_the_host(agents: Agents, tmp_path: Path) -> None:
    desk = Desk(agents, "gemini", tmp_path)
    story = desk.read(desk.run_without_prompt())

    assert story.outcome.error_class == "no_resources"


def test_a_prompt_of_a_megabyte_arrives_whole(desk: Desk) -> None:
    mark = uuid.uuid4().hex
    lines = "".join(f"line {number}\n" for number in range(70_000))
    story = desk.run(f"{mark} [[say: read it]]\n{lines}")

    assert story.outcome.final_text == "read it"
    assert desk.agents.requests(mark)[-1].prompt.count("\nline ") == 70_000


def test_a_resumed_session_remembers_and_keeps_its_id(desk: Desk) -> None:
    mark = uuid.uuid4().hex
    first = desk.run(f"remember {mark} [[say: noted]]").outcome
    second = desk.run("[[say: I remember]]", resume=first.session_id).outcome

    assert second.final_text == "I remember"
    assert second.session_id == first.session_id
    last = [request for request in desk.agents.requests() if desk.account.key in str(request.headers)]
    assert mark in last[-1].body


def test_a_resumed_session_counts_what_it_used_itself(desk: Desk) -> None:
    first = desk.run("[[say: noted]]").outcome
    second = desk.run("[[say: noted]]", resume=first.session_id).outcome

    if desk.cli == "codex":  # counts from the beginning of the session
        assert first.usage is not None
        assert second.usage is not None
        assert second.usage.total == 2 * first.usage.total
    else:
        assert second.usage == first.usage
        assert second.cost_usd == first.cost_usd


FAILURES: Mapping[str, Mapping[str, str]] = {
    "[[fail 429]]": dict.fromkeys(CLIS, "throttled"),
    "[[fail quota]]": {"claude": "throttled", "codex": "limit", "gemini": "limit"},
    "[[fail 401]]": dict.fromkeys(CLIS, "auth"),
    "[[fail 403]]": dict.fromkeys(CLIS, "auth"),
    "[[fail 404]]": dict.fromkeys(CLIS, "invalid_request"),
    "[[fail 500]]": dict.fromkeys(CLIS, "overloaded"),
    "[[fail 503]]": dict.fromkeys(CLIS, "overloaded"),
    "[[fail credit]]": {"claude": "no_credit", "codex": "no_credit", "gemini": "auth"},
    "[[fail context]]": dict.fromkeys(CLIS, "context_too_long"),
    "[[garbage]]": dict.fromkeys(CLIS, "agent_error"),
    "[[refuse]]": dict.fromkeys(CLIS, "invalid_request"),
    "[[empty]]": dict.fromkeys(CLIS, "empty_result"),
}


@pytest.mark.parametrize("directive", FAILURES)
def test_a_failure_has_a_class_and_a_message(desk: Desk, directive: str) -> None:
    outcome = desk.run(f"do something {directive}").outcome

    assert outcome.error_class == FAILURES[directive][desk.cli]
    assert outcome.error_message is not None
    assert outcome.error_message.startswith(f"{desk.cli} ")
    assert outcome.final_text == ""


def test_a_session_that_was_not_kept_cannot_go_on(desk: Desk) -> None:
    outcome = desk.run("[[say: here]]", resume=str(uuid.uuid4())).outcome

    assert outcome.error_class == "invalid_request"


def test_an_answer_that_breaks_off_is_no_success(desk: Desk) -> None:
    outcome = desk.run("[[say: the first half, the second half]] [[drop]]").outcome

    # claude asks again without streaming, and gets the answer; the others give up.
    if desk.cli == "claude":
        assert outcome.final_text == "the first half, the second half"
    else:
        assert outcome.error_class == "agent_error"


def test_without_a_login_the_message_says_how_to_log_in(desk: Desk) -> None:
    desk.log_out()
    outcome = desk.run("hello").outcome

    assert outcome.error_class == "auth"
    assert outcome.error_message is not None
    assert outcome.error_message.startswith(f"{desk.cli} is not logged in")


def test_the_gentle_stop_ends_a_run_without_a_success(desk: Desk) -> None:
    invocation, prompt_file = desk.request("[[write begun: yes]] [[silent 300]] [[say: too late]]")
    parser = desk.wrapper.parser()
    with desk.agents.started(invocation, desk.account, prompt_file, desk.work) as run:
        assert run.stdout is not None
        while not any(isinstance(event, Activity) for event in parser.feed_stdout(run.stdout.readline())):
            pass
        run.send_signal(desk.wrapper.stop.signal)
        parser.feed_stdout(run.communicate()[0])
    outcome = parser.finish(Ending(exit_code=run.returncode))

    assert not outcome.succeeded
    assert outcome.session_id is not None


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


def test_codex_says_when_its_limit_ends_also_in_a_session_that_failed_before(
    agents: Agents, tmp_path: Path
) -> None:
    desk = Desk(agents, "codex", tmp_path)
    first = desk.run("[[fail quota resets=9000]]").outcome
    again = desk.run("[[fail quota resets=3000]]", resume=first.session_id).outcome
    refused = desk.run("[[fail 404]]", resume=first.session_id).outcome

    now = time.time()
    assert (first.error_class, again.error_class) == ("limit", "limit")
    assert first.limit_resets_at == pytest.approx(now + 9000, abs=120)
    assert again.limit_resets_at == pytest.approx(now + 3000, abs=120)
    assert (refused.error_class, refused.limit_resets_at) == ("invalid_request", None)


EXHAUSTED = "You have exhausted your capacity on this model. Your quota will reset after"


@pytest.mark.parametrize(
    ("after", "error_class", "lasts_s"),
    [
        ("8h44m7s.", "limit", 31447),
        ("21m.", "limit", 1260),
        ("53s.", "throttled", None),
        ("a while.", "throttled", None),
    ],
)
def test_gemini_says_for_how_long_the_limit_of_a_login_lasts(
    agents: Agents, tmp_path: Path, after: str, error_class: str, lasts_s: float | None
) -> None:
    outcome = Desk(agents, "gemini", tmp_path).run(f"[[fail 429: {EXHAUSTED} {after}]]").outcome

    assert (outcome.error_class, outcome.limit_lasts_s) == (error_class, lasts_s)


def test_codex_needs_nothing_but_its_key(agents: Agents, tmp_path: Path) -> None:
    """No model, no provider: the built-in one, which is only sent to another address here."""
    desk = Desk(agents, "codex", tmp_path)
    (desk.account.config_home / "config.toml").write_text(f'openai_base_url = "{agents.url}/v1"\n')
    outcome = desk.run(f"[[say: {desk.account.key}]]").outcome

    assert outcome.final_text == desk.account.key
    request = agents.requests(desk.account.key)[-1]
    assert request.headers["authorization"] == f"Bearer {desk.account.key}"


def test_no_cli_starts_when_the_namespace_is_gone(tmp_path: Path) -> None:
    with serving(tmp_path) as running:
        shim = running.program("claude")
    done = subprocess.run([shim, "--version"], capture_output=True, check=False)

    assert done.returncode != 0
    assert done.stdout == b""


@pytest.mark.skipif(os.geteuid() != 0, reason="claude refuses only root")
def test_claude_as_root_says_that_it_refuses_the_profile_full(agents: Agents, tmp_path: Path) -> None:
    desk = Desk(agents, "claude", tmp_path)
    outcome = desk.run("hello", permission="full").outcome

    assert outcome.error_class == "permission_denied"
    assert outcome.error_message is not None
    assert "refuses the permission profile `full` as root" in outcome.error_message
