"""What only gemini does: recorded output, and the real CLI against the model server."""

import json
import shlex
import uuid
from pathlib import Path

import pytest

from tests.agents.real_agents import Agents
from tests.wrappers.desk import Desk, prompt_of
from tests.wrappers.replay import RUN_ID, WRAPPERS, replay, request, said
from wrappers.base import (
    Ending,
    Waits,
)
from wrappers.registry import wrapper_of


def test_gemini_says_on_stderr_that_it_waits_and_for_which_limit() -> None:
    limit = b"You have exhausted your capacity on this model. Your quota will reset after 3h12m5s."
    told = b"Attempt 1 failed: " + limit + b". Retrying after 11525600ms...\n"
    parser = WRAPPERS["gemini"].parser()
    assert [*parser.feed_stderr(told[:60]), *parser.feed_stderr(told[60:])] == [Waits(worked=False)]
    waited = parser.finish(Ending(exit_code=0))
    assert (waited.error_class, waited.limit_lasts_s) == ("limit", 11525)
    assert waited.error_message is not None
    assert waited.error_message.endswith(f"(gemini said: {limit.decode()})")

    parser = WRAPPERS["gemini"].parser()
    parser.feed_stdout(b'{"type":"message","role":"assistant","content":"I am going to look."}\n')
    assert parser.feed_stderr(told) == [Waits(worked=True)]
    assert parser.feed_stderr(b"Attempt 2 failed: fetch failed. Retrying after 5000ms...\n") == []
    assert parser.finish(Ending(exit_code=1)).error_class == "agent_error"

    parser = WRAPPERS["gemini"].parser()
    parser.feed_stderr(told)
    parser.feed_stdout(b'{"type":"message","role":"assistant","content":"I am back."}\n')
    assert parser.finish(Ending(exit_code=1)).error_class == "agent_error"


def test_a_recorded_prompt_that_came_too_late_is_blamed_on_the_host() -> None:
    late, _ = replay("gemini/late-prompt")
    foreign, _ = replay("gemini/foreign-session")

    assert late.error_message is not None
    assert late.error_message.startswith(
        "gemini waited half a second for its prompt and gave up, because this host is too busy"
    )
    assert foreign.error_message is not None
    assert foreign.error_message.startswith("gemini refused its input")


def test_an_answer_that_gemini_cut_off_in_a_loop_is_no_success() -> None:
    outcome, _ = replay("gemini/in-a-loop")

    assert outcome.final_text == ""
    assert outcome.error_message == "gemini stopped the model, which repeated itself"


def test_a_prompt_that_gemini_did_not_even_send_is_too_long_and_not_without_an_answer() -> None:
    nothing = {"type": "result", "status": "success", "stats": {"total_tokens": 0}}
    spent = {"type": "result", "status": "success", "stats": {"total_tokens": 7}}

    def prompt(length: int) -> dict[str, object]:
        return {"type": "message", "role": "user", "content": "x" * length}

    assert said("gemini", prompt(5_000_000), nothing).error_class == "context_too_long"
    assert said("gemini", prompt(1_000), nothing).error_class == "empty_result"
    assert said("gemini", prompt(5_000_000), spent).error_class == "empty_result"


def test_what_gemini_said_before_its_last_tool_is_no_answer() -> None:
    outcome = said(
        "gemini",
        {"type": "message", "role": "assistant", "content": "I am going to look."},
        {"type": "tool_use", "tool_name": "read_file", "tool_id": "1", "parameters": {}},
        {"type": "result", "status": "success", "stats": {"total_tokens": 7}},
    )

    assert (outcome.error_class, outcome.final_text) == ("empty_result", "")


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


def test_gemini_streams_json_and_edits_files() -> None:
    invocation = wrapper_of("gemini").invocation(request(model="gemini-2.5-pro"))

    assert shlex.join(invocation.argv) == (
        "gemini --skip-trust --approval-mode auto_edit -o stream-json -m gemini-2.5-pro "
        f"--session-id {RUN_ID}"
    )
    assert invocation.env == {"GEMINI_CLI_NO_RELAUNCH": "true"}


def test_a_new_home_of_gemini_keeps_it_from_retrying_for_minutes() -> None:
    keyed, other = (wrapper_of("gemini").new_home(names) for names in (["GEMINI_API_KEY", "HOME"], ["HOME"]))

    settings = json.loads(keyed[".gemini/settings.json"])
    assert settings["general"] == {"maxAttempts": 2, "enableAutoUpdate": False}
    assert settings["security"] == {"auth": {"selectedType": "gemini-api-key"}}
    assert "security" not in json.loads(other[".gemini/settings.json"])
