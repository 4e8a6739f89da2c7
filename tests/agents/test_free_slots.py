"""No CLI keeps a slot while it waits for its service: the long waits are the database's."""

import os
from pathlib import Path

import pytest

from tests.agents.real_agents import CLIS, Agents
from tests.fixtures.dispatchers import Site

KEY = "sk-dummy-5b1f0c77aa"
LONGEST = 120.0
FAILURES = {"told to wait": "[[fail 429 retry-after=600]]", "down": "[[fail 500]]"}


@pytest.fixture
def accounts(site: Site, agents: Agents, tmp_path: Path) -> None:
    """An account of each CLI with a key, and without settings for its retries."""
    groups: dict[str, object] = {}
    for cli in CLIS:
        prepared = agents.account(cli, tmp_path / "prepared" / cli, KEY)
        env = {name: "env:ACCOUNT_KEY" if value == KEY else value for name, value in prepared.env.items()}
        home = tmp_path / "homes" / cli
        if cli == "codex":
            home.mkdir(parents=True)
            (home / "config.toml").write_text(f'openai_base_url = "{agents.url}/v1"\n')
        groups[cli] = {
            "tool": cli,
            "account": "main",
            "max_concurrent": 2,
            "env": env,
            "config_home": str(home),
        }
    site.configure("tools", **{cli: {"command": str(agents.program(cli))} for cli in CLIS})
    site.configure("groups", **groups)


def test_no_cli_waits_long_in_its_slot(site: Site, accounts: None) -> None:
    numbers = {
        (cli, failure): site.submit(
            FAILURES[failure],
            tool=cli,
            model="gemini-2.5-flash" if cli == "gemini" else None,
            max_attempts=1,
            backoff_s=300,
        )
        for cli in CLIS
        for failure in FAILURES
    }
    site.start(env={"ACCOUNT_KEY": KEY})
    site.wait_until(
        lambda: all(site.runs(number) and site.runs(number)[0]["finished_at"] for number in numbers.values()),
        LONGEST,
    )

    ended = {scene: site.runs(number)[0] for scene, number in numbers.items()}
    seconds = {scene: run["latency_ms"] / 1000 for scene, run in ended.items()}
    assert {scene: run["error_class"] for scene, run in ended.items()} == {
        ("claude", "told to wait"): "throttled",
        ("claude", "down"): "overloaded",
        ("codex", "told to wait"): "throttled",
        ("codex", "down"): "overloaded",
        ("gemini", "told to wait"): "throttled",
        ("gemini", "down"): "overloaded",
    }
    # Without our settings: codex 10 minutes, or 25 s with its 30 requests; gemini 4 minutes, claude 3.
    assert max(seconds.values()) < 60, seconds
    assert site.sql("SELECT sum(current_concurrent) AS taken FROM worker_groups")[0]["taken"] == 0


def test_gemini_that_was_too_late_for_its_prompt_is_started_again_and_no_attempt_is_used(
    site: Site, agents: Agents, accounts: None, tmp_path: Path
) -> None:
    late = tmp_path / "late-gemini"
    os.mkfifo(tmp_path / "silent")
    late.write_text(
        f"#!/bin/sh\nmkdir {tmp_path}/was-late 2>/dev/null && exec <>{tmp_path}/silent\n"
        f'exec {agents.program("gemini")} "$@"\n'
    )
    late.chmod(0o755)
    site.configure("tools", gemini={"command": str(late)})
    number = site.submit("[[say: in time]]", tool="gemini", model="gemini-2.5-flash")
    site.start(env={"ACCOUNT_KEY": KEY})
    site.wait_for("succeeded", number, within=LONGEST)

    first, second = site.runs(number)
    assert (first["error_class"], second["error_class"]) == ("no_resources", None)
    assert (site.task(number)["attempt"], site.task(number)["result"]["text"]) == (0, "in time")
