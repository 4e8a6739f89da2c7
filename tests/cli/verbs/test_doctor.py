"""`llmctl doctor` and `llmctl group check`."""

from pathlib import Path

from tests.cli.conftest import Llmctl, one_postgres

pytestmark = one_postgres


def test_check_looks_at_one_group_and_leaves_with_1_for_a_problem(llmctl: Llmctl, tmp_path: Path) -> None:
    programs = tmp_path / "programs"
    programs.mkdir()
    (programs / "claude").write_text('#!/bin/sh\n[ "$1" = --version ] && echo 2.1.330 || exit 1\n')
    (programs / "claude").chmod(0o755)
    path = f"{programs}:/usr/bin:/bin"
    looked = llmctl("group", "check", "claude-main", PATH=path)
    assert looked.code == 1
    tool, login, count = looked.out.splitlines()
    assert tool == f"ok       tool claude        {programs}/claude 2.1.330"
    assert login.startswith("problem  group claude-main  claude is not logged in, in ")
    assert count == "1 problem"
    llmctl.ok("group", "set", "claude-main", "--env", "ANTHROPIC_API_KEY=env:THE_KEY")
    good = llmctl("group", "check", "claude-main", "-o", "json", PATH=path, THE_KEY="sk-of-nobody")
    assert good.code == 0
    assert "sk-of-nobody" not in good.out
    assert llmctl("group", "check", "nope").code == 3


def test_doctor_is_the_dispatchers_check(llmctl: Llmctl) -> None:
    looked = llmctl("doctor", "-o", "json")
    assert looked.code == 1
    findings = looked.json()
    assert isinstance(findings, list)
    assert {finding["subject"] for finding in findings} >= {"database", "work directory", "group claude-main"}
    config = Path(llmctl.environment["LLMCTL_HOME"], "config.yaml")
    assert findings[0] == {"level": "ok", "subject": "config", "what": str(config)}
