"""Each failure of each real CLI, through a real dispatcher: its class, and what follows from it."""

from pathlib import Path

import pytest

from tests.agents.error_matrix import RESETS, expected, play
from tests.agents.real_agents import Agents
from tests.fixtures.dispatchers import Site


def test_each_failure_of_each_cli_has_its_class_and_follows_the_policy(
    site: Site, agents: Agents, tmp_path: Path
) -> None:
    rows = play(site, agents, tmp_path / "accounts")

    assert {(row.cli, row.mode): (row.error_class, row.policy) for row in rows} == expected()
    cooling = {(row.cli, row.mode): row.reset_s for row in rows if row.reset_s is not None}
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
