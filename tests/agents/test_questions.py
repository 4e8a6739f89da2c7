"""A real CLI that asks something: the slot is free, no answer is made up, and the answer goes on with the session."""

import json
from pathlib import Path

import pytest

from tests.agents.accounts import open_account, start
from tests.agents.real_agents import PATIENCE, Agents
from tests.fixtures.dispatchers import Site

ASK = "[[write begun.md: x]] [[ask: Which colour? | red | blue]] "


@pytest.fixture
def claude(site: Site, agents: Agents) -> Path:
    """The config home of an account of claude with one slot."""
    return open_account(site, agents, "claude")


def wait_for_question(site: Site, number: int) -> None:
    site.wait_until(lambda: site.task(number)["wait_reason"] == "question", PATIENCE)


def test_a_question_frees_the_slot_and_its_answer_goes_on_with_the_session(
    site: Site, claude: Path, agents: Agents
) -> None:
    number = site.submit(f"{ASK}[[say: I took red]]", tool="claude", max_attempts=1)
    start(site)
    wait_for_question(site, number)
    other = site.submit("[[say: meanwhile]]", tool="claude")
    site.wait_for("succeeded", other, within=PATIENCE)
    asked = site.task(number)
    told = site.llmctl("answer", str(number), "blue [[say: I took blue]]")
    site.wait_for("succeeded", number, within=PATIENCE)

    assert asked["question"] == "Which colour?\n- red: take red\n- blue: take blue"
    assert (asked["status"], asked["attempt"]) == ("queued", 0)
    assert told.returncode == 0, told.stderr
    first, second = site.runs(number)
    assert (first["error_class"], second["error_class"]) == ("question", None)
    assert first["session_id"] == second["session_id"]
    assert site.task(number)["result"]["text"] == "I took blue"
    assert (site.workspace(number) / "work" / "begun.md").exists()


def test_an_agent_that_goes_on_without_an_answer_is_stopped_before_it_makes_one_up(
    site: Site, claude: Path
) -> None:
    """No hook of ours runs here, so claude tells the model that the tool failed, and the model takes its time."""
    (claude / "settings.json").write_text(json.dumps({"disableAllHooks": True}))
    number = site.submit(f"{ASK}[[silent 90]] [[say: I took red]]", tool="claude", max_attempts=1)
    dispatcher = start(site)
    wait_for_question(site, number)

    [stopped] = dispatcher.log("stopping run")
    assert stopped["reason"] == "question"
    assert site.task(number)["question"] == "Which colour?\n- red: take red\n- blue: take blue"
    [run] = site.runs(number)
    assert run["error_class"] == "question"
