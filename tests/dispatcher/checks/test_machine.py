"""Findings about this machine, its programs and logins. Stand-ins for CLIs are scripts that answer as the real do."""

import json
import os
import time
from collections.abc import Mapping
from pathlib import Path

import pytest

from dispatcher.checks import work_directory
from dispatcher.checks.checklist import check
from dispatcher.checks.database import ServerFacts, judge_facts, judge_running, judge_version
from dispatcher.checks.env_files import check_env_files
from dispatcher.checks.finding import Finding
from dispatcher.checks.groups import Group
from dispatcher.checks.logins import check_logins
from dispatcher.checks.machine import check_environment
from dispatcher.checks.programs import ask
from dispatcher.checks.sandboxes import check_sandboxes
from dispatcher.checks.tools import check_tools, judge
from dispatcher.checks.work_directory import (
    check_work_directory,
    file_system_type,
    judge_file_system,
    judge_space,
)
from dispatcher.configuration.settings import DatabaseSettings, ExecutionSettings, GroupSettings, Settings
from tests.agents.real_agents import find
from tests.dispatcher.checks.machine import group, only, script, wrappers
from tests.fixtures.users import NOBODY, as_user, needs_root
from wrappers.registry import built_in

SECRET = "sk-ant-not-to-be-printed-0123456789"


def logins(bin_dir: Path, checked: Group, **inherited: str) -> list[Finding]:
    findings = check_logins(
        wrappers(checked.tool),
        [checked],
        {"PATH": os.environ["PATH"], "HOME": os.environ["HOME"], **inherited},
    )
    assert SECRET not in repr(findings)
    return findings


# Tools


def test_a_tool_that_a_group_here_needs_and_that_is_missing_is_a_problem(bin_dir: Path) -> None:
    missing = only(check_tools(wrappers("claude"), [group("claude")]))
    assert (missing.level, missing.what) == ("problem", "claude is not installed on this host")
    assert "npm install -g @anthropic-ai/claude-code@" in (missing.remedy or "")
    assert only(check_tools(wrappers("claude"), [])).level == "ok"


def test_a_group_of_a_tool_that_nobody_described_is_a_problem(bin_dir: Path) -> None:
    assert only(check_tools({}, [group("aider")])).remedy == "describe it: tools.aider"


@pytest.mark.parametrize(
    ("tool", "version", "level"),
    [
        ("claude", (2, 1, 330), "ok"),
        ("claude", (2, 1, 999), "ok"),
        ("claude", (2, 1, 196), "warning"),
        ("claude", (1, 9, 999), "warning"),
        ("claude", (2, 2, 0), "warning"),
        ("codex", (0, 169, 0), "ok"),
        ("codex", (0, 168, 9), "warning"),
        ("codex", (1, 0, 0), "warning"),
        ("gemini", (0, 61, 3), "ok"),
    ],
)
def test_versions_are_known_up_to_the_next_minor_one(tool: str, version: tuple[int, ...], level: str) -> None:
    assert judge(tool, tool, version, "install it").level == level


def test_a_version_is_asked_for_without_our_environment_network_or_home(
    bin_dir: Path, tmp_path: Path
) -> None:
    script(bin_dir, "codex", f'env > {tmp_path}/env; echo "codex-cli 0.169.0"')
    os.environ["CODEX_API_KEY"] = SECRET
    try:
        assert only(check_tools(wrappers("codex"), [])).what == f"{bin_dir}/codex 0.169.0"
    finally:
        del os.environ["CODEX_API_KEY"]
    seen = (tmp_path / "env").read_text()
    assert SECRET not in seen
    assert "HTTPS_PROXY=http://127.0.0.1:9" in seen
    assert f"HOME={tmp_path}\n" not in seen


def test_a_program_that_fails_is_a_problem_with_its_own_words(bin_dir: Path) -> None:
    script(bin_dir, "claude", "echo claude native binary not installed >&2; exit 1")
    failed = only(check_tools(wrappers("claude"), []))
    assert failed.level == "problem"
    assert "claude native binary not installed" in failed.what


def test_a_program_that_hangs_is_killed_with_all_that_it_started(tmp_path: Path) -> None:
    script(tmp_path, "hangs", f"sleep 1000 & echo $! > {tmp_path}/child; wait")
    started = time.monotonic()
    answer = ask([str(tmp_path / "hangs")], {"PATH": "/usr/bin:/bin"}, tmp_path, patience=1.0)
    assert answer.exit_code is None
    assert answer.output == "did not answer within 1 s"
    assert time.monotonic() - started < 20
    child = int((tmp_path / "child").read_text())
    try:
        descriptor = os.pidfd_open(child)
    except ProcessLookupError:
        return
    # Killed, and perhaps not reaped yet by whoever adopted it.
    os.close(descriptor)
    assert Path(f"/proc/{child}/stat").read_text().rpartition(")")[2].split()[0] == "Z"


# Logins


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
    assert (found.level, found.what) == ("problem", "its config home ~no-such-user/account is no directory")
    assert check_env_files([account], bin_dir, {}) == []
    assert check_sandboxes({}, [account], {}) == []


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


# Environment


def test_keys_of_the_environment_are_ignored_unless_a_group_names_them() -> None:
    groups = [group("claude", env={"ANTHROPIC_API_KEY": "env:ANTHROPIC_API_KEY"})]
    inherited = {"PATH": "/bin", "ANTHROPIC_API_KEY": SECRET, "GEMINI_API_KEY": SECRET, "CODEX_HOME": "/x"}
    findings = check_environment(built_in(), groups, inherited)
    assert [finding.what.split()[0] for finding in findings] == ["CODEX_HOME", "GEMINI_API_KEY"]
    assert {finding.level for finding in findings} == {"ok"}
    assert SECRET not in repr(findings)


def test_a_file_from_which_gemini_takes_variables_by_itself_is_named(tmp_path: Path) -> None:
    work, home = tmp_path / "user" / "work", tmp_path / "home"
    (home / ".gemini").mkdir(parents=True)
    account = group("gemini", config_home=str(home))
    assert check_env_files([account], work, {}) == []
    (tmp_path / "user").mkdir()
    (tmp_path / "user" / ".env").write_text(f"GEMINI_API_KEY={SECRET}")
    (home / ".gemini" / ".env").touch()
    findings = check_env_files([account, group("claude")], work, {})
    assert [finding.what.split()[4] for finding in findings] == [
        f"{tmp_path}/user/.env",
        f"{home}/.gemini/.env",
    ]
    assert SECRET not in repr(findings)


def test_what_agents_inherit_and_should_not_is_named() -> None:
    proxied = only(
        check_environment({}, [], {"PATH": "/bin", "HTTPS_PROXY": f"http://u:{SECRET}@proxy:3128"})
    )
    assert proxied.what.startswith("HTTPS_PROXY holds a password")
    assert SECRET not in repr(proxied)
    for path in ("/bin:.", ":/bin", "bin:/bin"):
        assert only(check_environment({}, [], {"PATH": path})).what.startswith(
            "PATH has a part that is not absolute"
        )


# Work directory


def test_a_work_directory_that_is_not_there_yet_is_judged_by_where_it_will_be(tmp_path: Path) -> None:
    findings = check_work_directory(tmp_path / "not" / "yet", None)
    assert {finding.level for finding in findings} <= {"ok", "warning"}
    assert not (tmp_path / "not").exists()


def test_a_work_directory_with_something_else_in_its_place_is_a_problem(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    (tmp_path / "nowhere").symlink_to(tmp_path / "gone")
    for place in (tmp_path / "file", tmp_path / "nowhere"):
        found = only(check_work_directory(place / "work", None))
        assert found.level == "problem"
        assert found.what == f"{place / 'work'} cannot be created or written: {place} is not a directory"


def test_a_work_directory_in_memory_is_warned_of() -> None:
    directory = Path("/dev/shm")
    if not directory.is_dir():
        pytest.skip("there is no /dev/shm")
    found = judge_file_system(directory, file_system_type(directory))
    assert found is not None
    assert "is in memory" in found.what


@pytest.mark.parametrize("kind", sorted(work_directory.NETWORK_FILE_SYSTEMS))
def test_network_file_systems_are_refused(tmp_path: Path, kind: int) -> None:
    found = judge_file_system(tmp_path, kind)
    assert found is not None
    assert found.level == "problem"


def test_room_on_the_disk_is_scarce_before_it_is_gone(tmp_path: Path) -> None:
    levels = [judge_space(tmp_path, free).level for free in (10**12, 10**9, 10**7)]
    assert levels == ["ok", "warning", "problem"]


def test_a_work_directory_that_others_can_write_is_a_problem(tmp_path: Path) -> None:
    tmp_path.chmod(0o770)
    assert "problem" in {finding.level for finding in check_work_directory(tmp_path, None)}
    tmp_path.chmod(0o700)
    assert "problem" not in {finding.level for finding in check_work_directory(tmp_path, None)}


@needs_root
def test_a_work_directory_that_is_not_ours_to_write_is_a_problem(home_of_nobody: Path) -> None:
    closed = home_of_nobody / "closed"
    closed.mkdir()
    closed.chmod(0o755)
    finding = only(as_user(NOBODY, lambda: check_work_directory(closed / "work", None)))
    assert finding.level == "problem"
    assert f"{closed} is not writable for this user" in finding.what


# The server


GOOD = ServerFacts(False, True, True, True, 0.0, False, (), ())


def test_a_server_that_suits_is_not_talked_about() -> None:
    assert judge_facts(GOOD) == []


@pytest.mark.parametrize(
    ("change", "level", "words"),
    [
        ({"is_standby": True}, "problem", "standby"),
        ({"fsync": False}, "problem", "fsync"),
        ({"commits_are_durable": False}, "warning", "synchronous_commit"),
        ({"autovacuum": False}, "problem", "autovacuum"),
        ({"notification_queue": 0.2}, "warning", "20% full"),
        ({"notification_queue": 0.6}, "problem", "60% full"),
        ({"everybody_creates": True}, "warning", "every role may create"),
        ({"missing_roles": ("llmctl_admin",)}, "warning", "llmctl_admin"),
        ({"pinning_slots": ("standby2 (5000000 transactions behind)",)}, "warning", "standby2"),
    ],
)
def test_what_is_wrong_with_a_server_has_a_level_and_a_remedy(
    change: Mapping[str, object], level: str, words: str
) -> None:
    found = only(judge_facts(GOOD._replace(**change)))  # type: ignore[arg-type]
    assert found.level == level
    assert words in found.what
    assert found.remedy


@pytest.mark.parametrize(
    ("number", "level"), [(140_020, "problem"), (150_000, "ok"), (180_006, "ok"), (190_000, "warning")]
)
def test_servers_from_15_to_18_are_known(number: int, level: str) -> None:
    assert judge_version(number, "it").level == level


def test_an_embedded_server_that_is_older_than_its_programs_wants_a_restart() -> None:
    assert judge_running("18.6", "18.6") == []
    old = only(judge_running("18.5", "18.6"))
    assert (old.level, "`dispatcher db stop`" in (old.remedy or "")) == ("warning", True)


@needs_root
def test_what_we_may_not_look_at_is_a_finding_too(home_of_nobody: Path, tmp_path: Path) -> None:
    tmp_path.chmod(0o700)
    settings = Settings(
        database=DatabaseSettings(url="postgresql://u@127.0.0.1:1"),
        execution=ExecutionSettings(work_dir=str(tmp_path / "work" / "below")),
        groups={"claude-main": GroupSettings(tool="claude", config_home=str(tmp_path / "login" / "below"))},
    )
    findings = as_user(NOBODY, lambda: check(settings))
    unseen = [finding.subject for finding in findings if "Permission denied" in finding.what]
    assert "work directory" in unseen
