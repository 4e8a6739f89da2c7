"""Each real CLI changes a repository, with a check that fails at first and passes in the end.

What the check prints tells the model what to do next (see `tests.model_server.script`). So a second attempt that does
the right thing has read what the check printed in the first.
"""

import json
import uuid
from pathlib import Path

import pytest

from tests.agents.accounts import MODELS, open_account, start
from tests.agents.real_agents import CLIS, PATIENCE, Agents
from tests.dispatcher.repositories.making import commit, git, repository, snapshot, write
from tests.fixtures.dispatchers import Site

CHECK = """\
value=$(cat value.txt 2>/dev/null)
[ "$value" = right ] && exit 0
echo "value.txt holds '$value', expected 'right': [[write value.txt: right]] [[say: now it is right]]"
exit 1
"""


@pytest.fixture
def shop(site: Site) -> Path:
    """A repository of a user with a check, known to the site by its name."""
    place = repository(site.directory / "shop", {"check.sh": CHECK})
    site.configure("repositories", shop={"path": str(place), "check": "sh check.sh"})
    return place


def submit(site: Site, cli: str, prompt: str, **fields: object) -> int:
    return site.submit(prompt, tool=cli, model=MODELS.get(cli), repository="shop", **fields)


@pytest.mark.parametrize("cli", CLIS)
def test_a_check_that_fails_tells_the_agent_what_is_wrong_until_it_passes(
    site: Site, agents: Agents, shop: Path, cli: str
) -> None:
    open_account(site, agents, cli)
    before = snapshot(shop)
    number = submit(site, cli, "[[write value.txt: wrong]] [[say: done]]", max_attempts=2)
    start(site)
    site.wait_for("succeeded", number, within=PATIENCE)

    first, second = site.runs(number)
    assert (first["error_class"], second["error_class"]) == ("check_failed", None)
    assert first["session_id"] == second["session_id"]
    assert site.task(number)["result"]["text"] == "now it is right"
    told = agents.requests("value.txt holds 'wrong', expected 'right'")
    assert told
    assert "[[write value.txt: wrong]]" in told[0].body  # in the same session
    assert git(shop, "show", f"refs/llmctl/{number}/1:value.txt") == "wrong"
    assert git(shop, "show", f"refs/llmctl/{number}/2:value.txt") == "right"
    assert git(shop, "diff", "--name-only", "main", f"refs/llmctl/{number}/2") == "value.txt"
    [patch] = site.sql(
        "SELECT convert_from(content, 'UTF8') AS text FROM task_files"
        " WHERE run_id = %s AND path = '.llmctl/changes.patch'",
        second["id"],
    )
    assert "+right" in patch["text"]
    assert snapshot(shop) == before


def test_what_codex_cannot_commit_in_its_sandbox_is_recorded_all_the_same(
    site: Site, agents: Agents, shop: Path
) -> None:
    open_account(site, agents, "codex")
    committing = "git add --all && git commit -qm mine && touch committed"
    number = submit(site, "codex", f"[[write value.txt: right]] [[run: {committing}]] [[say: done]]")
    start(site)
    site.wait_for("succeeded", number, within=PATIENCE)

    ref = f"refs/llmctl/{number}/1"
    assert git(shop, "diff", "--name-only", "main", ref) == "value.txt"  # it could not commit
    assert git(shop, "log", "--format=%an", f"main..{ref}") == "llmctl"


def test_what_an_agent_committed_stays_its_commit(site: Site, agents: Agents, shop: Path) -> None:
    open_account(site, agents, "claude", IS_SANDBOX="1")
    site.configure("security", allow_dangerous_flags=True)
    committing = "git add value.txt && git -c user.name=claude -c user.email=c@example.org commit -qm mine"
    number = submit(
        site,
        "claude",
        f"[[write value.txt: right]] [[run: {committing}]] [[write more.txt: uncommitted]] [[say: done]]",
        permission="full",
    )
    start(site)
    site.wait_for("succeeded", number, within=PATIENCE)

    ref = f"refs/llmctl/{number}/1"
    assert git(shop, "log", "--format=%an %s", f"main..{ref}").splitlines()[-1] == "claude mine"
    assert git(shop, "diff", "--name-only", "main", ref).splitlines() == ["more.txt", "value.txt"]


def test_gemini_does_not_start_in_a_repository_that_has_settings_for_it(
    site: Site, agents: Agents, shop: Path
) -> None:
    open_account(site, agents, "gemini")
    write(shop, {".env": "GOOGLE_GEMINI_BASE_URL=http://127.0.0.1:9\n"})
    commit(shop, "steer")
    number = submit(site, "gemini", "[[write value.txt: right]]")
    start(site)
    site.wait_for("failed", number, within=PATIENCE)

    task = site.task(number)
    assert task["error_class"] == "permission_denied"
    assert task["error_message"].startswith(".env in the repository would tell gemini itself what to do")
    assert "say `trusted: true` below repositories in config.yaml" in task["error_message"]


def trust(site: Site, shop: Path) -> None:
    site.configure("repositories", shop={"path": str(shop), "trusted": True})


def test_gemini_works_in_a_repository_that_its_user_trusts(site: Site, agents: Agents, shop: Path) -> None:
    open_account(site, agents, "gemini")
    trust(site, shop)
    write(shop, {".env": "GOOGLE_CLOUD_PROJECT=mine\n"})
    commit(shop, "steer")
    number = submit(site, "gemini", "[[write value.txt: right]] [[say: done]]")
    start(site)
    site.wait_for("succeeded", number, within=PATIENCE)

    assert git(shop, "show", f"refs/llmctl/{number}/1:value.txt") == "right"


@pytest.mark.parametrize("is_trusted", [True, False])
def test_claude_runs_the_hooks_and_reads_the_memory_of_a_repository_only_if_its_user_trusts_it(
    site: Site, agents: Agents, shop: Path, is_trusted: bool
) -> None:
    open_account(site, agents, "claude")
    if is_trusted:
        trust(site, shop)
    mark = uuid.uuid4().hex
    hook = {"hooks": [{"type": "command", "command": "echo hook >hook.txt"}]}
    settings = json.dumps({"hooks": {"SessionStart": [hook]}})
    write(shop, {"CLAUDE.md": "Prices are in cents.\n", ".claude/settings.json": settings})
    commit(shop, "configure claude")
    number = submit(site, "claude", f"{mark} [[write value.txt: right]] [[say: done]]")
    start(site)
    site.wait_for("succeeded", number, within=PATIENCE)

    changed = git(shop, "diff", "--name-only", "main", f"refs/llmctl/{number}/1").splitlines()
    assert changed == (["hook.txt", "value.txt"] if is_trusted else ["value.txt"])
    assert ("Prices are in cents." in agents.requests(mark)[-1].body) is is_trusted
