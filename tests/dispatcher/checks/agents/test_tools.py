"""Findings about the programs of tools. Scripts that behave like the real CLIs stand in for them."""

import os
import time
from pathlib import Path

import pytest

from dispatcher.checks.agents.programs import ask
from dispatcher.checks.agents.tools import check_tools, judge
from tests.dispatcher.checks.machine import SECRET, group, only, script, wrappers
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
        ("codex", (0, 168, 9), "warning"),
        ("codex", (1, 0, 0), "warning"),
        ("gemini", (0, 61, 3), "ok"),
    ],
)
def test_versions_are_known_up_to_the_next_minor_one(tool: str, version: tuple[int, ...], level: str) -> None:
    known = wrapper_of(tool).versions
    assert known is not None
    assert judge(tool, tool, version, known, "install it").level == level


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
