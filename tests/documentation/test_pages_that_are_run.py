"""What the pages tell their readers to type works, and prints what they show.

Each page has a site of its own with a running dispatcher and the accounts `claude-main` and `codex-main`, unless it
begins with a configuration. Its agents are stand-ins: what is in no scene below succeeds with "Done.".
"""

import json
import shlex
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest
import yaml

from tests.agents.real_agents import unavailable
from tests.documentation.blocks import blocks
from tests.documentation.running import NODE_MODULES, run
from tests.fixtures import stand_in
from tests.fixtures.dispatchers import ROOT, TOOLS, Site
from tests.fixtures.stand_in import Scene

HAIKU = "the queue holds its breath\nat commit a door opens\nagents walk to work"
TESTS = {"tests.md": "# Tests\n"}
PARTS = "".join(
    json.dumps({"name": part, "prompt": f"Write docs/{part}.md"}) + "\n"
    for part in ("cart", "login", "search")
)
SCENES: Mapping[str, Scene] = {
    "Write tests for the module login into tests.md": {"steps": ["I look at the module."], "files": TESTS},
    "Write tests for the module billing into tests.md": {
        "error": "error: the build of billing is broken",
        "once": True,
        "files": TESTS,
    },
    "Write tests for the module search into tests.md": {"files": TESTS},
    "Write a haiku about queues into haiku.md": {"answer": HAIKU, "files": {"haiku.md": HAIKU + "\n"}},
    # Longer than what comes next: Python takes two versions of one size, written in one second, for the same.
    "Make the test pass": {"files": {"total.py": "def total(prices): return max(prices, default=0)\n"}},
    # What the next attempt is told.
    "Your work is not done yet: the check `python3 test_total.py` failed with exit code 1: "
    "AssertionError: total([1, 2]) is 2": {"files": {"total.py": "def total(prices): return sum(prices)\n"}},
    "Plan the release and write it into plan.md": {"files": {"plan.md": "Login, then billing.\n"}},
    "Write down the total of all orders": {"files": {"orders.md": "No orders.\n"}},
    "Write down what total() is for": {"files": {"total.md": "It adds up prices.\n"}},
    "Write notes on the module login into login.md": {"files": {"login.md": "# Login\n"}},
    "Write notes on the module billing into billing.md": {"files": {"billing.md": "# Billing\n"}},
    "Write notes on the module search into search.md": {"files": {"search.md": "# Search\n"}},
    "Find the parts of this shop that have no page in docs/": {"files": {"parts.jsonl": PARTS}},
    **{
        f"Write docs/{part}.md": {"files": {f"docs/{part}.md": f"# {part.title()}\n"}}
        for part in ("cart", "login", "search")
    },
    "Apply the patches below parts/ and mend what does not fit together": {
        "runs": ["git apply parts/*/changes.patch"]
    },
    "Write notes on the module cart": {"error": "error: there is no module cart", "once": True},
    "把一首关于队列的俳句写入 haiku.md": {"answer": HAIKU, "files": {"haiku.md": HAIKU + "\n"}},
}

NOT_RUN: Mapping[str, int] = {
    "README.md": 6,
    "README.zh.md": 4,
    "docs/accounts.md": 0,
    "docs/guide.md": 0,
    "docs/guide.zh.md": 0,
    "docs/json.md": 0,
    "docs/repositories.md": 2,
    "docs/troubleshooting.md": 0,
    "docs/sql.md": 0,
    "docs/stories.md": 0,
    "docs/tools.md": 0,
    "docs/workflows.md": 0,
}
"""The pages that are run, and how many blocks of each only people can run (`console`)."""


@pytest.mark.parametrize("name", NOT_RUN)
def test_what_a_page_tells_people_to_type_works(name: str, site: Site) -> None:
    page = ROOT / name
    if any(block.language == "javascript" for block in blocks(page)) and not NODE_MODULES.exists():
        unavailable("pg is not installed: npm install --prefix tests/documentation --no-package-lock")
    _furnish(site, page)
    site.start(env=KEYS).wait_for("dispatcher started")

    run(page, site, KEYS)


@pytest.mark.parametrize("name", NOT_RUN)
def test_only_what_cannot_be_run_is_not_run(name: str) -> None:
    shown = [block.language for block in blocks(ROOT / name)]

    assert shown.count("console") == NOT_RUN[name]
    assert "bash" not in shown
    assert "shell" not in shown


KEYS = {"CLAUDE_KEY": "no-key", "CODEX_KEY": "no-key", "GEMINI_KEY": "no-key", "WORK_KEY": "no-key"}
KEYS["HOOK_SECRET"] = "whsec_bm8gc2VjcmV0IGF0IGFsbA=="


def _furnish(site: Site, page: Path) -> None:
    """Let stand-ins play the CLIs, and give the site the accounts of the page."""
    scenes = site.directory / "scenes.json"
    scenes.write_text(json.dumps(SCENES))
    programs = {}
    for tool in ("claude", "codex"):
        program = site.directory / tool
        program.write_text(
            f"#!/bin/sh\nexport SCENES={shlex.quote(str(scenes))}\n"
            f'exec {shlex.quote(sys.executable)} {stand_in.__file__} {tool} "$@"\n'
        )
        program.chmod(0o755)
        programs[tool] = {"command": str(program)}
    given: Mapping[str, Mapping[str, object]] = next(
        (yaml.safe_load(block.text) for block in blocks(page) if block.language == "yaml"), {}
    )
    site.config["tools"] = {**programs, **given.get("tools", {})}
    site.config["groups"] = dict(given.get("groups", {})) or {
        f"{tool}-main": {"tool": tool, "account": "main", "max_concurrent": 2, "env": {key: f"env:{named}"}}
        for tool, key, named in (
            ("claude", "ANTHROPIC_API_KEY", "CLAUDE_KEY"),
            ("codex", "CODEX_API_KEY", "CODEX_KEY"),
        )
    }
    for section in ("security", "repositories", "hooks"):
        site.config[section] = dict(given.get(section, {}))
    site.configure("logging", format="json")
    for tool in TOOLS:  # those of the tests
        site.sql("SELECT remove_group(%s)", tool)
        site.sql("DELETE FROM tools WHERE name = %s", tool)
