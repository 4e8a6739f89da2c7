"""What happens before an agent is started: its config home is made, and prompts that do not fit are refused."""

import json
import stat
from pathlib import Path

import pytest
from psycopg.sql import SQL, Identifier

from dispatcher.run.preparation.config_home import make_config_home
from dispatcher.run.preparation.refusals import NotStartedError, check_inputs, check_prompt
from tests.fixtures.dispatchers import Site
from wrappers.registry import built_in

CLIS = built_in()


def test_a_home_is_made_for_its_owner_alone_with_the_settings_of_its_cli(tmp_path: Path) -> None:
    home = tmp_path / "accounts" / "main"
    make_config_home(str(home), CLIS["gemini"], ["GEMINI_API_KEY"])

    assert stat.S_IMODE(home.stat().st_mode) == 0o700
    settings = json.loads((home / ".gemini" / "settings.json").read_text())
    assert settings["general"]["maxAttempts"] == 2
    assert settings["security"]["auth"]["selectedType"] == "gemini-api-key"
    assert list(home.parent.iterdir()) == [home]


@pytest.mark.parametrize("cli", ["claude", "codex"])
def test_a_home_of_a_cli_that_is_told_all_by_its_arguments_is_empty(tmp_path: Path, cli: str) -> None:
    make_config_home(str(tmp_path / "home"), CLIS[cli], ["A_KEY"])

    assert list((tmp_path / "home").iterdir()) == []


def test_a_home_that_is_there_is_not_touched(tmp_path: Path) -> None:
    (tmp_path / "home").mkdir()
    (tmp_path / "home").chmod(0o755)
    make_config_home(str(tmp_path / "home"), CLIS["gemini"], [])

    assert list((tmp_path / "home").iterdir()) == []
    assert stat.S_IMODE((tmp_path / "home").stat().st_mode) == 0o755


def test_a_home_that_cannot_be_made_leaves_nothing_behind(tmp_path: Path) -> None:
    (tmp_path / "home").write_text("a file")
    with pytest.raises(OSError, match="home"):
        make_config_home(str(tmp_path / "home"), CLIS["gemini"], [])

    assert list(tmp_path.iterdir()) == [tmp_path / "home"]


@pytest.mark.parametrize("cli", CLIS)
def test_a_prompt_is_refused_from_the_first_character_on_that_its_cli_would_not_take(cli: str) -> None:
    limit = CLIS[cli].longest_prompt
    assert limit is not None
    check_prompt("x" * limit.most, CLIS[cli])
    with pytest.raises(
        NotStartedError, match=rf"{cli} takes at most {limit.most:,}: put the text into"
    ) as refusal:
        check_prompt("x" * (limit.most + 1), CLIS[cli])
    assert refusal.value.error_class == "invalid_request"


@pytest.mark.parametrize(
    ("cli", "path"),
    [
        ("claude", ".claude/settings.json"),
        ("claude", ".claude/skills/x/SKILL.md"),
        ("claude", "sub/.claude/settings.local.json"),
        ("claude", ".mcp.json"),
        ("gemini", ".env"),
        ("gemini", ".gemini/.env"),
        ("codex", ".codex/config.toml"),
    ],
)
def test_an_input_file_that_would_steer_the_cli_itself_is_refused(cli: str, path: str) -> None:
    with pytest.raises(NotStartedError, match=f"the input file {path} would tell {cli} itself") as refusal:
        check_inputs(["notes.md", path], CLIS[cli])
    assert refusal.value.error_class == "permission_denied"


@pytest.mark.parametrize(
    "path", ["CLAUDE.md", "app/.env", "app/.mcp.json", ".claude", ".clauderc", "x/.gitignore"]
)
def test_other_input_files_may_be_called_anything(path: str) -> None:
    for cli in CLIS.values():
        check_inputs([path], cli)


def test_a_task_whose_prompt_would_be_cut_fails_at_once_and_says_what_to_do(site: Site) -> None:
    program = site.directory / "program"
    program.write_text(f"#!/bin/sh\ntouch {site.directory}/began\n")
    program.chmod(0o755)
    site.configure("tools", gemini={"command": str(program)})
    site.configure("groups", gemini={"tool": "gemini", "account": "main"})
    number = site.submit("x" * (8 * 2**20 + 1), tool="gemini")
    site.start()
    site.wait_for("failed", number)

    task = site.task(number)
    assert (task["error_class"], task["attempt"], task["run_no"]) == ("invalid_request", 1, 1)
    assert str(task["error_message"]).startswith(
        "the prompt has 8,388,609 bytes, and gemini takes at most 8,388,608"
    )


@pytest.mark.parametrize("column", ["model", "asked_session"])
def test_a_row_by_hand_gives_its_cli_no_options(site: Site, column: str) -> None:
    """Otherwise a producer could get permissions that the configuration does not allow."""
    statement = SQL("INSERT INTO tasks (tool, prompt, max_attempts, {}) VALUES ('sh', 'true', 1, '--yolo')")
    site.database.execute(statement.format(Identifier(column)))

    site.run()

    task = site.task(1)
    assert (task["status"], task["error_class"]) == ("failed", "invalid_request")
    assert "'--yolo' begins with \"-\"" in task["error_message"]


@pytest.mark.parametrize(("cli", "key"), [("claude", "ANTHROPIC_API_KEY"), ("codex", "CODEX_API_KEY")])
def test_with_an_empty_key_no_agent_starts_that_would_use_somebody_elses_login(
    site: Site, cli: str, key: str
) -> None:
    program = site.directory / "program"
    program.write_text(f"#!/bin/sh\ntouch {site.directory}/began\n")
    program.chmod(0o755)
    site.configure("tools", **{cli: {"command": str(program)}})
    site.configure("groups", only={"tool": cli, "account": "main", "env": {key: "env:SPARE_KEY"}})
    number = site.submit("hello", tool=cli, max_attempts=1)
    site.start(env={"SPARE_KEY": ""})
    site.wait_until(lambda: site.sql("SELECT FROM list_groups() WHERE state = 'paused'"))

    assert (site.task(number)["status"], site.task(number)["attempt"]) == ("queued", 0)
    [group] = site.sql("SELECT reason FROM list_groups() WHERE group_name = 'only'")
    assert f": {key} is env:SPARE_KEY, which is empty; `llmctl group resume only`" in group["reason"]
    assert not (site.directory / "began").exists()


@pytest.mark.parametrize("cloud", ["BEDROCK", "VERTEX", "FOUNDRY"])
def test_what_a_cloud_bills_is_not_taken_for_covered_by_a_subscription(site: Site, cloud: str) -> None:
    result = {"type": "result", "is_error": False, "result": "done", "total_cost_usd": 0.5}
    program = site.directory / "program"
    program.write_text(f"#!/bin/sh\necho '{json.dumps(result)}'\n")
    program.chmod(0o755)
    site.configure("tools", claude={"command": str(program)})
    env = {f"CLAUDE_CODE_USE_{cloud}": "1"}
    site.configure("groups", cloud={"tool": "claude", "account": "cloud", "env": env})
    site.submit("hello", tool="claude")

    site.run()

    [stats] = site.sql("SELECT cost_usd, notional_usd FROM stats('group')")
    assert (float(stats["cost_usd"]), stats["notional_usd"]) == (0.5, None)
