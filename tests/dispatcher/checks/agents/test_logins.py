"""Findings about the logins of groups. Scripts that behave like the real CLIs stand in for them."""

import json
import os
from pathlib import Path

import pytest

from dispatcher.checks.agents.env_files import check_env_files
from dispatcher.checks.agents.logins import check_logins
from dispatcher.checks.agents.programs import ask
from dispatcher.checks.agents.sandboxes import check_sandboxes
from dispatcher.checks.agents.tools import check_tools
from dispatcher.checks.finding import Finding
from dispatcher.checks.groups import Group
from tests.agents.real_agents import find
from tests.dispatcher.checks.machine import SECRET, group, only, script, wrappers
from tests.fixtures.users import NOBODY, as_user, needs_root
from wrappers.command.settings import LoginSettings, ToolSettings
from wrappers.command.wrapper import command
from wrappers.registry import wrapper_of


def logins(bin_dir: Path, checked: Group, **inherited: str) -> list[Finding]:
    findings = check_logins(
        wrappers(checked.tool),
        [checked],
        {"PATH": os.environ["PATH"], "HOME": os.environ["HOME"], **inherited},
    )
    assert SECRET not in repr(findings)
    return findings


def test_a_reference_that_does_not_resolve_is_a_problem_that_names_it(bin_dir: Path) -> None:
    missing = only(logins(bin_dir, group("claude", env={"ANTHROPIC_API_KEY": "env:NOT_THERE"})))
    assert missing.level == "problem"
    assert "the dispatcher has no variable NOT_THERE" in missing.what


def test_a_key_is_a_login_and_its_value_is_not_shown(bin_dir: Path) -> None:
    found = only(logins(bin_dir, group("claude", env={"ANTHROPIC_API_KEY": "env:KEY"}), KEY=SECRET))
    assert (found.level, found.what) == ("ok", "uses ANTHROPIC_API_KEY from env:KEY")
    assert (
        only(logins(bin_dir, group("claude", env={"ANTHROPIC_API_KEY": "env:KEY"}), KEY=" ")).level
        == "problem"
    )


def test_a_key_file_that_others_can_read_is_a_problem(bin_dir: Path, tmp_path: Path) -> None:
    file = tmp_path / "key"
    file.write_text(SECRET)
    file.chmod(0o644)
    found = only(logins(bin_dir, group("codex", env={"CODEX_API_KEY": f"file:{file}"})))
    assert found.level == "problem"
    file.chmod(0o600)
    assert only(logins(bin_dir, group("codex", env={"CODEX_API_KEY": f"file:{file}"}))).level == "ok"


@pytest.mark.parametrize(("tool", "question"), [("claude", "auth status"), ("codex", "login status")])
def test_a_stored_login_is_what_the_tool_says_in_the_groups_environment(
    bin_dir: Path, tmp_path: Path, tool: str, question: str
) -> None:
    home = tmp_path / "login"
    home.mkdir()
    script(
        bin_dir,
        tool,
        f'[ "$*" = "{question}" ] && [ "$CLAUDE_CONFIG_DIR$CODEX_HOME" = "{home}" ] && test -e "{home}/yes"',
    )
    account = group(tool, config_home=str(home))
    asked = only(logins(bin_dir, account))
    assert asked.level == "problem"
    assert f"{home} {tool} " in (asked.remedy or "")
    (home / "yes").touch()
    assert only(logins(bin_dir, account)).level == "ok"


def test_a_key_that_lies_around_in_the_environment_is_said_not_to_count(bin_dir: Path) -> None:
    script(bin_dir, "codex", "exit 1")
    found = only(logins(bin_dir, group("codex"), OPENAI_API_KEY=SECRET))
    assert "`llmctl group set codex-main --env CODEX_API_KEY=env:OPENAI_API_KEY`" in (found.remedy or "")


def test_a_provider_of_codex_with_a_key_of_its_own_needs_that_one(bin_dir: Path, tmp_path: Path) -> None:
    (tmp_path / "config.toml").write_text('model_provider = "x"\n[model_providers.x]\nenv_key = "X_KEY"\n')
    home = str(tmp_path)
    assert only(logins(bin_dir, group("codex", config_home=home))).level == "problem"
    with_key = group("codex", config_home=home, env={"X_KEY": "env:X_KEY"})
    assert only(logins(bin_dir, with_key, X_KEY=SECRET)).level == "ok"


def test_gemini_has_a_stored_login_and_settings_that_do_not_wait_for_minutes(
    bin_dir: Path, tmp_path: Path
) -> None:
    home = tmp_path / "g"
    (home / ".gemini").mkdir(parents=True)
    account = group("gemini", config_home=str(home))
    assert [finding.level for finding in logins(bin_dir, account)] == ["problem", "warning"]
    (home / ".gemini/oauth_creds.json").write_text("{}")
    [_, advice] = logins(bin_dir, account)
    assert advice.remedy is not None
    (home / ".gemini/settings.json").write_text(advice.remedy.removeprefix("put into it: "))
    assert [finding.level for finding in logins(bin_dir, account)] == ["ok"]


def test_a_config_home_that_is_missing_is_a_problem(bin_dir: Path, tmp_path: Path) -> None:
    found = only(logins(bin_dir, group("claude", config_home=str(tmp_path / "gone"))))
    assert found.level == "problem"
    assert f"mkdir -p {tmp_path}/gone && CLAUDE_CONFIG_DIR={tmp_path}/gone claude /login" in (
        found.remedy or ""
    )


def test_a_config_home_of_a_user_whom_this_host_does_not_know_is_a_problem(bin_dir: Path) -> None:
    account = group("gemini", config_home="~no-such-user/account")
    found = only(logins(bin_dir, account))
    assert (found.level, found.what) == (
        "problem",
        "its config home ~no-such-user/account is not a directory",
    )
    assert check_env_files(wrappers("gemini"), [account], bin_dir, {}) == []
    assert check_sandboxes(wrappers("gemini"), [account], {}) == []


@needs_root
def test_a_config_home_that_is_not_ours_to_look_at_is_a_problem_of_its_group_alone(
    home_of_nobody: Path,
) -> None:
    home_of_nobody.chmod(0)
    closed = group("claude", config_home=str(home_of_nobody / "account"))
    known = wrappers("claude", "gemini")
    env = {"PATH": os.environ["PATH"], "HOME": "/", "KEY": SECRET}
    open_one = group("gemini", env={"GEMINI_API_KEY": "env:KEY"})

    found = as_user(NOBODY, lambda: check_logins(known, [closed, open_one], env))

    assert found[0].subject == "group claude-main"
    assert found[0].what == f"[Errno 13] Permission denied: '{home_of_nobody}/account'"
    assert found[1].what == "uses GEMINI_API_KEY from env:KEY"


@pytest.mark.parametrize("tool", ["claude", "codex"])
def test_the_real_cli_says_whether_it_is_logged_in(
    tmp_path: Path, tool: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    program = find(tool)
    if program is None:
        pytest.skip(f"{tool} is not installed")
    monkeypatch.setenv("PATH", f"{Path(program).parent}:{os.environ['PATH']}")
    assert only(check_tools(wrappers(tool), [group(tool)])).level == "ok"
    account = group(tool, config_home=str(tmp_path))
    assert only(check_logins(wrappers(tool), [account])).level == "problem"
    oauth = {"accessToken": "a", "refreshToken": "r", "expiresAt": 1, "scopes": ["user:inference"]}
    stored: dict[str, tuple[str, dict[str, object]]] = {
        "claude": (".credentials.json", {"claudeAiOauth": oauth}),
        "codex": ("auth.json", {"OPENAI_API_KEY": SECRET}),
    }
    name, content = stored[tool]
    (tmp_path / name).write_text(json.dumps(content))
    found = only(check_logins(wrappers(tool), [account]))
    assert found.level == "ok"
    assert SECRET not in repr(found)


def test_a_config_home_that_is_missing_is_none_for_an_account_with_a_key(
    bin_dir: Path, tmp_path: Path
) -> None:
    """Its first run makes it."""
    account = group("gemini", config_home=str(tmp_path / "new"), env={"GEMINI_API_KEY": "env:KEY"})
    assert only(logins(bin_dir, account, KEY=SECRET)).level == "ok"
    assert only(logins(bin_dir, account, KEY=" ")).level == "problem"


@pytest.mark.parametrize(
    ("tool", "variables", "used"),
    [
        ("claude", ["ANTHROPIC_API_KEY", "CLAUDE_CODE_OAUTH_TOKEN"], "ANTHROPIC_API_KEY"),
        ("claude", ["ANTHROPIC_API_KEY", "ANTHROPIC_AUTH_TOKEN"], "ANTHROPIC_AUTH_TOKEN"),
        ("claude", ["ANTHROPIC_API_KEY", "CLAUDE_CODE_USE_VERTEX"], "CLAUDE_CODE_USE_VERTEX"),
        ("gemini", ["GOOGLE_APPLICATION_CREDENTIALS"], "GOOGLE_APPLICATION_CREDENTIALS"),
    ],
)
def test_of_several_variables_the_one_is_named_that_counts(
    bin_dir: Path, tool: str, variables: list[str], used: str
) -> None:
    given = group(tool, env={name: f"env:{name}" for name in variables})
    found = logins(bin_dir, given, **dict.fromkeys(variables, SECRET))[0]
    assert (found.level, found.what) == ("ok", f"uses {used} from env:{used}")


def test_the_real_claude_takes_its_keys_in_the_order_that_its_wrapper_says(tmp_path: Path) -> None:
    program, login = find("claude"), wrapper_of("claude").login
    assert login is not None
    if program is None:
        pytest.skip("claude is not installed")
    methods = {"ANTHROPIC_AUTH_TOKEN": "oauth_token", "ANTHROPIC_API_KEY": "api_key"}
    names = list(login.variables)
    for place, first in enumerate(names[:-1]):
        env = {
            "PATH": os.environ["PATH"],
            "CLAUDE_CONFIG_DIR": str(tmp_path),
            **dict.fromkeys(names[place:], "1"),
        }
        said = json.loads(ask([program, *login.status], env, tmp_path).output)
        assert said["authMethod"] == methods.get(first, "third_party")


def test_a_variable_of_the_environment_is_recommended_under_its_own_name(bin_dir: Path) -> None:
    script(bin_dir, "claude", "exit 1")
    found = only(logins(bin_dir, group("claude"), CLAUDE_CODE_OAUTH_TOKEN=SECRET))
    assert (found.remedy or "").endswith("--env CLAUDE_CODE_OAUTH_TOKEN=env:CLAUDE_CODE_OAUTH_TOKEN`")


def test_a_described_tool_of_which_no_login_is_known_is_no_problem_and_breaks_nothing(bin_dir: Path) -> None:
    keyed = command(
        "mine",
        ToolSettings(argv=("mine",), proof="none", credentials={"MINE_KEY": "key", "OTHER_KEY": "key"}),
    )
    found = only(check_logins({"mine": keyed}, [group("mine")], {}))
    assert (found.level, found.what) == (
        "warning",
        "mine has no MINE_KEY or OTHER_KEY, and whether it is logged in is not known",
    )
    assert "or give the group a key: --env MINE_KEY=env:VARIABLE" in (found.remedy or "")

    keyless = command(
        "mine",
        ToolSettings(
            argv=("mine",), proof="none", login=LoginSettings(command="mine login", files=("auth",))
        ),
    )
    missing = only(check_logins({"mine": keyless}, [group("mine")], {}))
    assert (missing.level, missing.remedy) == (
        "problem",
        "log in as the user who runs the dispatcher: `mine login`",
    )
    assert "None" not in (missing.remedy or "")
