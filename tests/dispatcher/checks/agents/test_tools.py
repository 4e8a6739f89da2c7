"""Findings about the programs of tools. Scripts that behave like the real CLIs stand in for them."""

import os
import time
from pathlib import Path

import pytest

from dispatcher.checks.agents.programs import ask
from dispatcher.checks.agents.tools import check_tools, judge
from tests.dispatcher.checks.machine import SECRET, group, only, script, wrappers
from tests.wrappers.record import RECORDED
from wrappers.command.settings import ToolSettings, VersionSettings
from wrappers.command.wrapper import command
from wrappers.registry import wrapper_of


def test_a_tool_that_a_group_here_needs_and_that_is_missing_is_a_problem(bin_dir: Path) -> None:
    missing = only(check_tools(wrappers("claude"), [group("claude")]))
    assert (missing.level, missing.what) == ("problem", "claude is not installed on this host")
    assert "npm install -g @anthropic-ai/claude-code@" in (missing.remedy or "")
    assert only(check_tools(wrappers("claude"), [])).level == "ok"


def test_a_group_of_a_tool_that_nobody_described_is_a_problem(bin_dir: Path) -> None:
    assert only(check_tools({}, [group("aider")])).remedy == "describe it under tools.aider"


@pytest.mark.parametrize(
    ("tool", "version", "level"),
    [
        ("claude", (2, 1, 330), "ok"),
        ("claude", (2, 1, 999), "ok"),
        ("claude", (2, 1, 196), "warning"),
        ("claude", (1, 9, 999), "warning"),
        ("claude", (2, 2, 0), "warning"),
        ("codex", (0, 169, 0), "ok"),
        ("codex", (0, 168, 9), "ok"),
        ("codex", (0, 171, 0), "ok"),
        ("codex", (0, 141, 9), "warning"),
        ("codex", (1, 0, 0), "warning"),
        ("gemini", (0, 61, 3), "ok"),
    ],
)
def test_versions_are_known_up_to_the_next_minor_one(tool: str, version: tuple[int, ...], level: str) -> None:
    known = wrapper_of(tool).versions
    assert known is not None
    assert judge(tool, tool, version, known, "install it").level == level


def test_a_version_that_was_not_measured_is_called_so() -> None:
    known = wrapper_of("claude").versions
    assert known is not None
    assert "not measured" in judge("claude", "claude", (2, 1, 300), known, "install it").what
    for version in ((2, 1, 197), (2, 1, 330), (2, 1, 332)):
        assert "not measured" not in judge("claude", "claude", version, known, "install it").what


@pytest.mark.parametrize("tool", ["claude", "codex"])
def test_each_version_that_counts_as_measured_has_recordings(tool: str) -> None:
    known = wrapper_of(tool).versions
    assert known is not None
    recorded = {place.name for place in (RECORDED / "versions").glob(f"{tool}@*")}
    assert {f"{tool}@{version}" for version in known.also} == recorded


def test_a_preset_that_no_group_uses_is_offered_where_its_program_is(bin_dir: Path) -> None:
    qwen = {"qwen": wrapper_of("qwen")}
    assert check_tools(qwen, []) == []

    script(bin_dir, "qwen", "echo qwen 0.24.4")
    offered = only(check_tools(qwen, []))
    assert (offered.level, offered.what) == (
        "ok",
        f"found {bin_dir}/qwen 0.24.4, which no group here uses: if it is qwen, `llmctl group add qwen main` makes one",
    )
    script(bin_dir, "qwen", "exit 1")
    assert only(check_tools(qwen, [])).level == "ok", "it may be another program of that name"


def test_a_preset_that_a_group_uses_is_looked_at_like_a_built_in_tool(bin_dir: Path) -> None:
    qwen = {"qwen": wrapper_of("qwen")}
    assert only(check_tools(qwen, [group("qwen")])).level == "problem"

    script(bin_dir, "qwen", "echo qwen 0.99.0")
    assert only(check_tools(qwen, [group("qwen")])).what == (
        f"{bin_dir}/qwen is 0.99.0, newer than the version that was measured (0.24.4)"
    )


def test_a_version_may_have_two_parts(bin_dir: Path) -> None:
    script(bin_dir, "mine", "echo mine, version 0.27")
    settings = ToolSettings(
        argv=("mine",), proof="none", versions=VersionSettings(oldest="0.26", measured="0.27")
    )
    found = check_tools({"mine": command("mine", settings)}, [])
    assert (only(found).level, only(found).what) == ("ok", f"{bin_dir}/mine 0.27")


def test_a_tool_that_does_not_prove_a_success_is_warned_of_once_if_it_is_used(bin_dir: Path) -> None:
    script(bin_dir, "mine", "")
    mine = {"mine": command("mine", ToolSettings(argv=("mine",), proof="none"))}
    assert [finding.level for finding in check_tools(mine, [])] == ["ok"]

    _, doubt = check_tools(mine, [group("mine"), group("mine", name="mine-2", account="2")])
    assert (doubt.level, doubt.subject) == ("warning", "tool mine")
    assert doubt.what.startswith("its output does not tell a success from a failure")


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
