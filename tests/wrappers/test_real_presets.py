"""Each real CLI that a preset describes, started as the preset says, against the model server.

A run takes several seconds of a processor, so each of them proves several things.
"""

import contextlib
import subprocess
import uuid
from pathlib import Path

import pytest

from tests.agents.real_agents import OTHERS, Agents
from tests.wrappers.desk import BUSY, MODEL, Desk
from wrappers.base import SessionStarted
from wrappers.command import argv, presets

DESCRIBED = [cli for cli in OTHERS if cli in presets.names()]
FORKS = {"kilo": "opencode"}
"""Which of them share their rules with another one: only what is their own is tried. kilo takes 10 s of a processor."""
OWN_SETTINGS = {"opencode": "opencode.json", "kilo": "kilo.json"}
"""Files of a work directory that would choose another service, where an argument or a variable turns them off."""
ELSEWHERE = '{"provider": {"tests": {"options": {"baseURL": "http://127.0.0.1:9/v1"}}}}'
WITHOUT_TOOLS = ("aider", "llm")
"""Those that run no commands. aider writes the files that it finds in an answer, and llm none."""
KEEP_NO_SESSIONS = ("droid",)
"""Those whose sessions are kept by a service that is out of reach."""


@pytest.fixture(params=DESCRIBED)
def desk(request: pytest.FixtureRequest, agents: Agents, tmp_path: Path) -> Desk:
    return Desk(agents, str(request.param), tmp_path)


def takes(cli: str, placeholder: str) -> bool:
    """Whether the preset of a CLI has a use for a placeholder."""
    described = presets.preset(cli)
    return placeholder in argv.placeholders([*described.argv, *described.env.values()])


def needs(desk: Desk, profile: str) -> None:
    if profile not in desk.wrapper.permissions:
        pytest.skip(f"{desk.cli} has no profile {profile}")


def test_a_file_is_written_and_a_resumed_session_remembers(desk: Desk) -> None:
    mark, rule = uuid.uuid4().hex, uuid.uuid4().hex
    if desk.cli in OWN_SETTINGS:
        (desk.work / OWN_SETTINGS[desk.cli]).write_text(ELSEWHERE)
        (desk.work / "AGENTS.md").write_text(f"Rule {rule}")
    outside = desk.directory / "outside.md"
    other = f"[[write {outside}: x]]" if "edit" in desk.wrapper.permissions else ""
    story = desk.run(
        f"remember {mark} [[write report.md: all is well]] {other} [[say: It is done — ça va 🎉]]"
    )
    first = story.outcome

    assert first.error_message is None
    spoken = first.final_text.split("```")[-1] if desk.cli in WITHOUT_TOOLS else first.final_text
    assert spoken.removesuffix("report.md").strip() == "It is done — ça va 🎉"
    if desk.cli != "llm":
        assert (desk.work / "report.md").read_text().strip() == "all is well"  # droid ends the line
    assert not outside.exists()
    requests = desk.agents.requests(mark)
    assert requests
    assert all(desk.account.key in str(request.headers) for request in requests)
    assert desk.cli not in OWN_SETTINGS or rule in requests[-1].body
    if takes(desk.cli, "model"):
        assert all(MODEL in request.path + request.body for request in requests)
    if not takes(desk.cli, "session"):
        return
    if presets.preset(desk.cli).output == "jsonl":
        assert SessionStarted(first.session_id or "") in story.events
    if desk.cli in KEEP_NO_SESSIONS or desk.cli in FORKS:
        return
    second = desk.run("[[say: I remember]]", resume=first.session_id).outcome
    assert second.final_text == "I remember"
    assert second.session_id == first.session_id
    own = [request for request in desk.agents.requests() if desk.account.key in str(request.headers)]
    assert any("[[say: I remember]]" in request.body and mark in request.body for request in own)


def skip_what_is_shared(desk: Desk) -> None:
    if desk.cli in FORKS:
        pytest.skip(f"{desk.cli} does here as {FORKS[desk.cli]} does")


def test_the_profile_read_writes_nothing_and_runs_nothing(desk: Desk) -> None:
    needs(desk, "read")
    desk.run("[[write report.md: x]] [[run: touch ran]] [[say: I could not.]]", permission="read")

    assert list(desk.work.iterdir()) == []


def test_a_command_is_run_with_the_profile_full(desk: Desk) -> None:
    needs(desk, "full")
    skip_what_is_shared(desk)
    if desk.cli in WITHOUT_TOOLS:
        pytest.skip(f"{desk.cli} runs no commands")
    story = desk.run("[[run: printf 42 >answer]] [[say: Ran.]]", permission="full")

    assert story.outcome.final_text == "Ran."
    assert (desk.work / "answer").read_text() == "42"


def test_a_session_that_was_not_kept_cannot_go_on(desk: Desk) -> None:
    skip_what_is_shared(desk)
    if not takes(desk.cli, "session") or desk.cli in KEEP_NO_SESSIONS:
        pytest.skip(f"{desk.cli} resumes no session")
    outcome = desk.run("[[say: here]]", resume=str(uuid.uuid4())).outcome

    assert outcome.error_class == "invalid_request"


def test_the_gentle_stop_ends_a_run_without_a_success(desk: Desk) -> None:
    """What a CLI leaves behind is not looked at: the dispatcher ends that."""
    skip_what_is_shared(desk)
    mark = uuid.uuid4().hex
    invocation, prompt_file = desk.request(
        f"{mark} [[silent 300]] [[say: too late]]", desk.wrapper.permissions[-1]
    )
    with desk.started(invocation, prompt_file) as run:
        while not desk.agents.requests(mark):
            with contextlib.suppress(subprocess.TimeoutExpired):
                run.process.wait(0.1)
            assert run.process.returncode is None
        run.process.send_signal(desk.wrapper.stop.signal)
        run.process.wait(desk.wrapper.stop.grace * BUSY)

    assert not desk.read(run.ran()).outcome.succeeded
