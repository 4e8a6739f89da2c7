"""Findings about this machine, its environment and its database server."""

from collections.abc import Mapping
from pathlib import Path

import pytest

from dispatcher.checks import work_directory
from dispatcher.checks.agents.env_files import check_env_files
from dispatcher.checks.checklist import check
from dispatcher.checks.database import ServerFacts, judge_facts, judge_running, judge_version
from dispatcher.checks.machine import check_environment
from dispatcher.checks.work_directory import (
    check_work_directory,
    file_system_type,
    judge_file_system,
    judge_space,
)
from dispatcher.configuration.sections.groups import GroupSettings
from dispatcher.configuration.sections.runs import ExecutionSettings
from dispatcher.configuration.sections.service import DatabaseSettings
from dispatcher.configuration.settings import Settings
from tests.dispatcher.checks.machine import SECRET, group, only
from tests.fixtures.users import NOBODY, as_user, needs_root
from wrappers.registry import built_in

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
    assert check_env_files(built_in(), [account], work, {}) == []
    (tmp_path / "user").mkdir()
    (tmp_path / "user" / ".env").write_text(f"GEMINI_API_KEY={SECRET}")
    (home / ".gemini" / ".env").touch()
    findings = check_env_files(built_in(), [account, group("claude")], work, {})
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
    assert (old.level, "`dispatcher db stop && dispatcher db start`" in (old.remedy or "")) == (
        "warning",
        True,
    )


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
