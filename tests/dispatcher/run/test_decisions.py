"""A person decides about a result while another program waits for it, with a real dispatcher and the real command."""

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.fixtures.dispatchers import PATIENCE, ROOT, Site
from tests.fixtures.repositories import Repository

AGENT = """
echo "${2:-begun}" >>session
pwd >>$SITE/places
echo '{"answer": "done", "session": "s-1"}'
"""


@pytest.fixture
def repository(tmp_path: Path) -> Repository:
    return Repository(tmp_path / "shop")


@pytest.fixture
def site(site: Site, repository: Repository) -> Site:
    """A site with a repository, and a tool whose sessions go on."""
    agent = site.directory / "agent.sh"
    agent.write_text(AGENT)
    argv = ["sh", str(agent), "{prompt_file}", "{session}"]
    site.configure("repositories", shop={"path": str(repository.path)})
    site.configure("tools", talk={"argv": argv, "output": "jsonl", "answer": "answer", "session": "session"})
    site.configure("groups", talk={"tool": "talk", "env": {"SITE": str(site.directory)}})
    return site


@pytest.fixture
def waiting(site: Site) -> Iterator[subprocess.Popen[str]]:
    """A `submit --approve --wait` in a process of its own, whose task waits for a person."""
    site.start()
    assert site.llmctl("ls").returncode == 0  # writes the configuration of the command
    command = ("submit", "talk", "begin", "--repo", "shop", "--approve", "--wait", "-o", "json")
    with subprocess.Popen(
        [sys.executable, "-m", "cli.main", *command],
        cwd=ROOT,
        env=site.variables(),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        try:
            site.wait_until(lambda: site.sql("SELECT FROM tasks WHERE wait_reason = 'approval'"))
            yield process
        finally:
            process.kill()


def test_who_waits_for_a_result_gets_it_when_somebody_approves(
    site: Site, repository: Repository, waiting: subprocess.Popen[str]
) -> None:
    assert "+begun" in site.llmctl("diff", "1").stdout
    assert waiting.poll() is None

    told = site.llmctl("approve", "1", "-m", "reads well")

    assert told.returncode == 0, told.stderr
    output, said = waiting.communicate(timeout=PATIENCE)
    assert waiting.returncode == 0, said
    result = json.loads(output)
    assert result["status"] == "succeeded"
    assert "approv" in said
    again = site.llmctl("approve", "1")
    assert (again.returncode, again.stderr) == (0, "nothing was changed: it is approved already\n")
    refused = site.llmctl("deny", "1")
    assert (refused.returncode, refused.stdout) == (5, ""), refused.stderr
    assert site.llmctl("approve", "77").returncode == 3


def test_a_denied_task_fails_with_the_reason_and_a_reply_goes_on_in_its_clone(
    site: Site, repository: Repository, waiting: subprocess.Popen[str]
) -> None:
    told = site.llmctl("deny", "1", "-m", "too long")

    assert told.returncode == 0, told.stderr
    output, said = waiting.communicate(timeout=PATIENCE)
    assert waiting.returncode == 1, said
    assert json.loads(output)["status"] == "failed"
    task = site.task(1)
    assert (task["status"], task["error_class"]) == ("failed", "denied")
    assert "too long" in task["error_message"]
    assert repository.show("refs/llmctl/1/1", "session") == "begun\n"

    reply = site.llmctl("reply", "1", "make it shorter")
    assert reply.returncode == 0, reply.stderr
    site.wait_until(lambda: site.task(2)["wait_reason"] == "approval")

    assert (site.directory / "places").read_text().splitlines() == [str(site.workspace(1) / "work")] * 2
    assert repository.show("refs/llmctl/2/1", "session") == "begun\ns-1\n"
    assert site.llmctl("approve", "2").returncode == 0
    assert site.task(2)["status"] == "succeeded"


def test_a_result_waits_for_its_person_through_a_kill_of_the_dispatcher(
    site: Site, repository: Repository, waiting: subprocess.Popen[str]
) -> None:
    site.start_again().wait_for("dispatcher started")

    assert [row["kind"] for row in json.loads(site.llmctl("inbox", "-o", "json").stdout)] == ["approval"]
    assert site.llmctl("approve", "-s", "approval", "--yes").returncode == 0
    waiting.communicate(timeout=PATIENCE)
    assert waiting.returncode == 0
    assert [run["status"] for run in site.runs(1)] == ["succeeded"]
