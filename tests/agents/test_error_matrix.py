"""Failures of the real CLIs, through a real dispatcher: the class of each, and what follows from it."""

from collections.abc import Sequence
from pathlib import Path

import pytest

from tests.agents.error_matrix import complaints
from tests.agents.matrix import described
from tests.agents.matrix.built_in import RESETS
from tests.agents.matrix.play import Row, configure, play, secrets, submit
from tests.agents.matrix.scenes import Scene, scenes
from tests.agents.real_agents import CLIS, Agents
from tests.fixtures.dispatchers import ROOT, Site

LONGEST = 200.0
OUR_OWN = ("stalled", "budget")
"""The classes of what we stopped, whose message is not about the CLI."""

TRIED = ("writes a file", "401", "quota")
FORK = "kilo"
"""It does as opencode does, and a run takes 10 s of a processor."""
WITHOUT_COMMANDS = ("aider", "llm")
WAITS_LONG = "droid"
"""It waits for a minute and more before it tells a limit."""


def nameless(rows: Sequence[Row]) -> list[str]:
    """Return the messages about a CLI that do not begin with its name."""
    return [
        row.message
        for row in rows
        if row.error_class is not None and row.error_class not in OUR_OWN
        if not row.message.startswith((f"{row.scene.cli} ", "stopped because it waited"))
    ]


def test_each_failure_of_each_cli_has_its_class_and_follows_the_policy(
    site: Site, agents: Agents, tmp_path: Path
) -> None:
    rows = play(site, agents, tmp_path / "accounts", list(scenes(CLIS)))

    assert list(complaints(rows)) == []
    assert nameless(rows) == []
    told = {row.scene.cli: row.message for row in rows if row.scene.mode == "logged out"}
    assert all(message.startswith(f"{cli} is not logged in") for cli, message in told.items())
    cooling = {(row.scene.cli, row.scene.mode): row.reset_s for row in rows if row.reset_s is not None}
    assert cooling == {
        ("claude", "subscription quota"): pytest.approx(RESETS, abs=120),
        ("codex", "quota"): pytest.approx(RESETS, abs=120),
        ("gemini", "quota"): 3600,  # it does not tell
    }
    modes = site.sql("SELECT DISTINCT group_name, auth_mode FROM task_runs ORDER BY group_name")
    assert {row["group_name"]: row["auth_mode"] for row in modes} == {
        row["group_name"]: "login"
        if "logged-out" in row["group_name"]
        else "token"
        if "subscription" in row["group_name"]
        else "key"
        for row in modes
    }
    written = {row.scene.cli: row for row in rows if row.scene.mode == "writes a file"}
    for cli, row in written.items():
        assert (row.answer, row.has_session) == ("Written.", True), cli
        assert row.tokens is not None
        assert min(row.tokens) > 0, cli
    assert files(site) == dict.fromkeys(CLIS, "all is well")
    [again] = [row for row in rows if (row.scene.cli, row.scene.mode) == ("claude", "stream drops")]
    assert again.answer == "the first half, the second half"


def files(site: Site) -> dict[str, str]:
    """Return the content of report.md of each tool, from the database."""
    rows = site.sql(
        """
        SELECT t.tool, convert_from(f.content, 'UTF8') AS content
        FROM task_files AS f JOIN task_runs AS r ON r.id = f.run_id JOIN tasks AS t ON t.id = r.task_id
        WHERE f.path = 'report.md'
        """
    )
    return {row["tool"]: row["content"].strip() for row in rows}


def test_presets_write_are_refused_and_cool_through_a_dispatcher(
    site: Site, agents: Agents, tmp_path: Path
) -> None:
    """The matrix has all their failures; recordings show the class of each."""
    wanted = [
        scene
        for scene in scenes(described.DESCRIBED, TRIED)
        if scene.mode == "writes a file" or scene.cli != FORK
        if scene != Scene(WAITS_LONG, "quota")
    ]
    rows = play(site, agents, tmp_path / "accounts", wanted)

    assert list(complaints(rows)) == []
    assert nameless(rows) == []
    assert files(site) == dict.fromkeys(set(described.DESCRIBED) - {"llm"}, "all is well")


def test_a_cancel_leaves_no_process_of_a_preset_and_none_of_its_command(
    site: Site, agents: Agents, tmp_path: Path
) -> None:
    wanted = [
        Scene(cli, "writes a file") for cli in described.DESCRIBED if cli not in (FORK, *WITHOUT_COMMANDS)
    ]
    configure(site, agents, tmp_path / "accounts", wanted)
    prompt = "[[run: touch begun; sleep 1000]] [[say: too late]]"
    numbers = [submit(site, scene, prompt=prompt, permission="full") for scene in wanted]
    site.start(env=secrets())
    stopped = set[int]()

    def all_have_begun() -> bool:
        for number in set(numbers) - stopped:
            if (site.workspace(number) / "work" / "begun").exists():
                stopped.add(number)
                site.cancel(number)
        return len(stopped) == len(numbers)

    site.wait_until(all_have_begun, LONGEST)
    site.wait_for("canceled", *numbers, within=LONGEST)
    site.wait_until(lambda: not site.agents())


def test_each_class_that_is_not_the_common_one_is_explained() -> None:
    differing = {
        (scene.cli, scene.mode)
        for scene in scenes(described.DESCRIBED)
        if scene.error_class != described.COMMON[scene.mode]
    }

    explained = {
        scene for scene in (*described.REASONS, *described.UNLIKE_RECORDED) if scene[0] in described.DESCRIBED
    }
    assert differing == explained


def test_the_page_of_tools_says_which_presets_tell_a_failure_in_another_way() -> None:
    page = (ROOT / "docs" / "tools.md").read_text()
    rows = [
        f"| `{scene.cli}` | {scene.mode} | `{scene.error_class}` | {scene.reason} |"
        for scene in scenes(described.DESCRIBED)
        if scene.reason is not None
    ]

    assert "\n".join(rows) in page
