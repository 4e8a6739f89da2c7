"""Each real CLI, started as its wrapper says, against the model server."""

import subprocess
import uuid
from pathlib import Path
from typing import get_args

import pytest

from tests.agents.real_agents import CLIS, Agents, serving
from tests.wrappers.desk import Desk, prompt_of
from wrappers.base import Activity, Ending, SessionStarted
from wrappers.modes import Permission


@pytest.fixture(params=CLIS)
def cli(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def desk(agents: Agents, cli: str, tmp_path: Path) -> Desk:
    return Desk(agents, cli, tmp_path)


def test_a_file_is_written_with_the_key_and_the_model_and_the_answer_is_the_outcome(desk: Desk) -> None:
    story = desk.run(f"{desk.account.key} [[write report.md: all is well]] [[say: It is done — ça va 🎉]]")

    assert story.outcome.error_message is None
    assert story.outcome.succeeded
    assert story.outcome.final_text == "It is done — ça va 🎉"
    assert story.outcome.usage is not None
    assert story.outcome.usage.total > 100
    assert SessionStarted(story.outcome.session_id or "") in story.events
    assert (desk.work / "report.md").read_text() == "all is well"
    assert any("report.md" in activity for activity in story.activities)
    requests = desk.agents.requests(desk.account.key)
    assert requests
    for request in requests:
        assert desk.account.key in str(request.headers)
        assert desk.model in request.path + request.body


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


@pytest.mark.parametrize("start", ["--help", "/src/app.py", "!ls"])
def test_a_prompt_that_begins_like_an_option_or_a_path_arrives_whole(desk: Desk, start: str) -> None:
    mark = uuid.uuid4().hex
    story = desk.run(f"{start} {mark} [[say: yes]]")

    assert story.outcome.final_text == "yes"
    assert desk.agents.requests(mark)[-1].prompt.startswith(f"{start} {mark}")


def test_the_longest_prompt_arrives_whole_and_a_longer_one_does_not(desk: Desk) -> None:
    """The limits are the CLIs' own. gemini does not even send a quarter of its limit: see test_gemini.py."""
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


def test_a_prompt_of_a_megabyte_arrives_whole(desk: Desk) -> None:
    mark = uuid.uuid4().hex
    lines = "".join(f"line {number}\n" for number in range(70_000))
    story = desk.run(f"{mark} [[say: read it]]\n{lines}")

    assert story.outcome.final_text == "read it"
    assert desk.agents.requests(mark)[-1].prompt.count("\nline ") == 70_000


def test_a_resumed_session_remembers_keeps_its_id_and_counts_what_it_used_itself(desk: Desk) -> None:
    mark = uuid.uuid4().hex
    first = desk.run(f"remember {mark} [[say: noted]]").outcome
    second = desk.run("now then [[say: noted]]", resume=first.session_id).outcome

    assert second.final_text == "noted"
    assert second.session_id == first.session_id
    last = [request for request in desk.agents.requests() if desk.account.key in str(request.headers)]
    assert mark in last[-1].body
    if desk.cli == "codex":  # counts from the beginning of the session
        assert first.usage is not None
        assert second.usage is not None
        assert second.usage.total == 2 * first.usage.total
    else:
        assert second.usage == first.usage
        assert second.cost_usd == first.cost_usd


def test_claude_asks_and_takes_up_the_answer_in_its_session(agents: Agents, tmp_path: Path) -> None:
    desk, mark = Desk(agents, "claude", tmp_path), uuid.uuid4().hex
    asked = desk.run("[[write a.md: x]] [[ask: Which colour? | red | blue]] [[say: I took red]]").outcome
    answered = desk.run(f"{mark}: blue [[say: I took blue]]", resume=asked.session_id).outcome

    assert asked.error_class == "question"
    assert asked.question == "Which colour?\n- red: take red\n- blue: take blue"
    assert answered.final_text == "I took blue"
    assert answered.session_id == asked.session_id
    [request] = agents.requests(mark)
    assert "Which colour?" in request.body
    assert "I took red" not in request.body.replace("[[say: I took red]]", "")


def test_claude_asks_in_each_permission_profile(agents: Agents, tmp_path: Path) -> None:
    desk = Desk(agents, "claude", tmp_path)
    desk.set_variables(IS_SANDBOX="1")
    for permission in get_args(Permission):
        asked = desk.run("[[ask: Which colour? | red | blue]] [[say: red]]", permission=permission)
        assert asked.outcome.error_class == "question", permission


@pytest.mark.parametrize("cli", ["codex", "gemini"])
def test_other_clis_tell_the_model_that_nobody_can_be_asked(desk: Desk) -> None:
    mark = uuid.uuid4().hex
    story = desk.run(f"{mark} [[ask: Which colour? | red | blue]] [[say: then I take red]]")

    assert story.outcome.final_text == "then I take red"
    told = {"codex": "request_user_input is unavailable", "gemini": 'Tool \\"ask_user\\" not found'}
    assert told[desk.cli] in desk.agents.requests(mark)[-1].body


def test_a_session_that_was_not_kept_cannot_go_on(desk: Desk) -> None:
    outcome = desk.run("[[say: here]]", resume=str(uuid.uuid4())).outcome

    assert outcome.error_class == "invalid_request"


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


def test_no_cli_starts_when_the_namespace_is_gone(tmp_path: Path) -> None:
    with serving(tmp_path) as running:
        shim = running.program("claude")
    done = subprocess.run([shim, "--version"], capture_output=True, check=False)

    assert done.returncode != 0
    assert done.stdout == b""
