"""What a newcomer does with a repository that has a failing test: submit, look, apply, and it is green."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.agents.accounts import KEY, open_account
from tests.agents.real_agents import PATIENCE, Agents
from tests.dispatcher.repositories.making import commit, git, repository
from tests.fixtures.dispatchers import ROOT, Site

# What pytest prints of a failure tells the model of the tests what to do next (see tests.model_server.script).
TEST = """\
from pathlib import Path

HINT = "[[write calc.py: add = lambda a, b: a + b]] [[say: add() adds now]]"


def test_add():
    assert Path("calc.py").exists(), "there is no calc.py"
    from calc import add

    result = add(1, 2)
    assert result == 3, HINT
"""
PROMPT = "make it pass [[write calc.py: add = lambda a, b: a - b]] [[say: done]]"


class Newcomer:
    """Somebody at a shell in the checkout of a repository."""

    def __init__(self, site: Site, checkout: Path) -> None:
        self.checkout = checkout
        self._site = site
        self.environment = {
            **site.variables(),
            "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
            "PYTHONPATH": str(ROOT),
            "PYTHONDONTWRITEBYTECODE": "1",
        }

    def types(self, *command: str) -> subprocess.CompletedProcess[str]:
        program = [sys.executable, "-m", "cli.main"] if command[0] == "llmctl" else [command[0]]
        return subprocess.run(
            [*program, *command[1:]],
            cwd=self.checkout,
            env=self.environment,
            capture_output=True,
            text=True,
            timeout=PATIENCE,
            check=False,
        )

    def pytest(self) -> int:
        return self.types("pytest", "-q", "-p", "no:cacheprovider").returncode


@pytest.fixture
def newcomer(site: Site, agents: Agents) -> Newcomer:
    checkout = repository(
        site.directory / "projects" / "calc", {"test_calc.py": TEST, ".gitignore": "__pycache__\n"}
    )
    open_account(site, agents, "claude")
    site.configure("security", allowed_roots=[str(checkout.parent)], allow_commands=True)
    (site.directory / "home").mkdir()
    (site.directory / "home" / "config.yaml").write_text(site.write_config().read_text())
    return Newcomer(site, checkout)


def test_a_newcomer_gets_a_failing_test_to_pass(site: Site, newcomer: Newcomer) -> None:
    assert newcomer.pytest() == 1
    submitted = newcomer.types("llmctl", "submit", "claude", PROMPT, "--repo", ".", "--check", "pytest -q")
    assert submitted.returncode == 0, submitted.stderr
    site.start(env={**newcomer.environment, "ACCOUNT_KEY": KEY})
    waited = newcomer.types("llmctl", "wait", "1")
    assert waited.returncode == 0, waited.stderr

    first, second = site.runs(1)
    assert (first["error_class"], second["error_class"]) == ("check_failed", None)  # red, then green
    red = newcomer.types("llmctl", "logs", "1", "--check", "--run", "1").stdout
    assert "1 failed" in red
    assert "1 passed" in newcomer.types("llmctl", "logs", "1", "--check").stdout
    assert git(newcomer.checkout, "status", "--porcelain") == ""

    shown = newcomer.types("llmctl", "diff", "1")
    assert (shown.returncode, "+add = lambda a, b: a + b" in shown.stdout) == (0, True), shown.stderr
    applied = newcomer.types("llmctl", "apply", "1")
    assert applied.returncode == 0, applied.stderr
    assert newcomer.pytest() == 0
    assert git(newcomer.checkout, "status", "--porcelain") == "A  calc.py"


def test_a_change_is_not_applied_over_work_that_is_not_committed(site: Site, newcomer: Newcomer) -> None:
    newcomer.types("llmctl", "submit", "claude", PROMPT.replace("a - b", "a + b"), "--repo", ".")
    site.start(env={**newcomer.environment, "ACCOUNT_KEY": KEY})
    assert newcomer.types("llmctl", "wait", "1").returncode == 0
    (newcomer.checkout / "calc.py").write_text("mine = True\n")
    refused = newcomer.types("llmctl", "apply", "1")

    assert refused.returncode == 5
    assert (newcomer.checkout / "calc.py").read_text() == "mine = True\n"
    commit(newcomer.checkout, "mine")
    conflict = newcomer.types("llmctl", "apply", "1")
    assert conflict.returncode == 5
    assert git(newcomer.checkout, "status", "--porcelain") == ""
