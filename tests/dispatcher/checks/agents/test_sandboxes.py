"""Findings about the sandboxes that CLIs make around their commands."""

import os
from dataclasses import replace
from pathlib import Path

import pytest

from dispatcher.checks.agents.sandboxes import check_sandboxes
from dispatcher.checks.finding import Finding
from dispatcher.checks.groups import Group
from tests.agents.real_agents import find
from tests.dispatcher.checks.machine import group, only, script, wrappers
from wrappers.registry import wrapper_of


def sandboxes(bin_dir: Path, checked: Group) -> list[Finding]:
    return check_sandboxes(
        wrappers(checked.tool), [checked], {"PATH": os.environ["PATH"], "HOME": "/nowhere"}
    )


def test_codex_is_asked_whether_it_can_make_its_sandbox(bin_dir: Path) -> None:
    script(bin_dir, "codex", '[ "$*" = "sandbox -- true" ]')
    assert only(sandboxes(bin_dir, group("codex"))).what == "codex can make its sandbox"
    script(bin_dir, "codex", "echo 'WARNING: x'; echo 'bwrap: Creating new namespace failed'; exit 1")
    failed = only(sandboxes(bin_dir, group("codex")))
    assert (failed.level, "bwrap: Creating new namespace failed" in failed.what) == ("warning", True)
    assert "sysctl" in (failed.remedy or "")
    assert sandboxes(bin_dir, group("claude")) == []


def test_the_real_codex_says_why_it_cannot_make_its_sandbox(tmp_path: Path) -> None:
    program = find("codex")
    if program is None:
        pytest.skip("codex is not installed")
    without = tmp_path / "codex"
    forbid = "echo 0 >/proc/sys/user/max_user_namespaces"
    without.write_text(
        f'#!/bin/sh\nexec unshare --user --map-root-user sh -c \'{forbid}; exec "$@"\' - {program} "$@"\n'
    )
    without.chmod(0o755)
    finding = only(
        check_sandboxes(
            {"codex": replace(wrapper_of("codex"), program=str(without))},
            [group("codex")],
            {"PATH": os.environ["PATH"]},
        )
    )
    assert finding.level == "warning"
    assert "(bwrap: " in finding.what


@pytest.mark.parametrize("said", ["env", "settings"])
def test_a_sandbox_that_gemini_is_told_to_make_needs_docker_or_podman(
    bin_dir: Path, tmp_path: Path, said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(bin_dir))
    home = tmp_path / "home"
    (home / ".gemini").mkdir(parents=True)
    account = group("gemini", config_home=str(home))
    assert sandboxes(bin_dir, account) == []
    if said == "env":
        account = group("gemini", config_home=str(home), env={"GEMINI_SANDBOX": "true"})
    else:
        (home / ".gemini/settings.json").write_text('{"tools": {"sandbox": true}}')
    missing = only(sandboxes(bin_dir, account))
    assert (missing.level, "docker or podman" in missing.what) == ("problem", True)
    script(bin_dir, "podman", "exit 0")
    assert sandboxes(bin_dir, account) == []
