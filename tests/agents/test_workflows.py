"""The three stories of docs/stories.md with the real CLIs: each kind of task is played by an agent that people use."""

import json
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from threading import Thread

import pytest
from standardwebhooks import Webhook

from tests.agents.accounts import MODELS, open_account, start
from tests.agents.real_agents import CLIS, PATIENCE, Agents
from tests.dispatcher.repositories.making import git, repository
from tests.fixtures.dispatchers import Site

SECRET = "whsec_bm8gc2VjcmV0IGF0IGFsbA=="
CHECK = 'for part in claude codex gemini; do test -s "docs/$part.md" || { echo "$part is missing"; exit 1; }; done\n'


@pytest.fixture
def shop(site: Site, agents: Agents) -> Path:
    """A repository with a plan of its own, since a model of tests cannot think of one, on a site with all CLIs."""
    for cli in CLIS:
        open_account(site, agents, cli)
    parts = [
        {
            "tool": cli,
            "model": MODELS.get(cli),
            "name": cli,
            "prompt": f"[[write docs/{cli}.md: # {cli}]] [[say: I am {cli}]]",
        }
        for cli in CLIS
    ]
    lines = "".join(json.dumps(part) + "\n" for part in parts)
    place = repository(
        site.directory / "shop", {"check.sh": CHECK, "parts.txt": lines, "docs/index.md": "# Pages\n"}
    )
    site.configure("repositories", shop={"path": str(place)})
    site.configure("security", allow_commands=True)
    return place


def test_a_plan_of_one_cli_is_worked_on_by_all_of_them_and_joined(
    site: Site, agents: Agents, shop: Path
) -> None:
    plan = site.submit(
        "[[run: cp parts.txt parts.jsonl]] [[say: three parts]]",
        tool="codex",
        repository="shop",
        spawns="parts.jsonl",
        spawn_limits={"tools": list(CLIS)},
        workflow="pages",
    )
    join = site.submit(
        f"Told by others: {{{{results:{plan}}}}} [[run: git apply parts/*/changes.patch]] [[say: joined]]",
        tool="codex",
        repository="shop",
        check_command="sh check.sh",
        after_tree=[plan],
        input_from=[{"task": plan, "path": ".llmctl/changes.patch", "name": "parts", "of_tree": True}],
        workflow="pages",
    )
    start(site)
    site.wait_for("succeeded", join, within=PATIENCE)

    children = site.sql(
        "SELECT number, tool, status FROM tasks WHERE parent = (SELECT id FROM tasks WHERE number = %s)", plan
    )
    assert {(child["tool"], child["status"]) for child in children} == {(cli, "succeeded") for cli in CLIS}
    changed = git(shop, "diff", "--name-only", "main", f"refs/llmctl/{join}/1").splitlines()
    assert sorted(changed) == [f"docs/{cli}.md" for cli in sorted(CLIS)]
    [told] = agents.requests("Told by others")[:1]
    for cli in CLIS:
        assert f"I am {cli}" in told.body


def test_a_review_that_was_missed_for_three_nights_is_made_once_by_a_real_cli(
    site: Site, agents: Agents, shop: Path
) -> None:
    task = {
        "tool": "claude",
        "prompt": "Review since {{last_success_at}} [[say: looks fine]]",
        "repository": "shop",
    }
    site.sql(
        "SELECT put_schedule('nightly', '30 2 * * *', %s::jsonb, p_zone => 'Europe/Berlin')", json.dumps(task)
    )
    site.sql(
        "UPDATE schedules SET done_until = done_until - interval '3 days'"
    )  # as if the machine had been off
    start(site)
    site.wait_until(
        lambda: bool(site.sql("SELECT number FROM tasks WHERE status = 'succeeded'")), within=PATIENCE
    )

    [review] = site.sql("SELECT schedule, result ->> 'text' AS answer FROM tasks")
    assert (review["schedule"], review["answer"]) == ("nightly", "looks fine")
    assert site.sql("SELECT next_at > clock() AS is_next FROM schedules") == [{"is_next": True}]


def test_a_batch_tells_a_webhook_that_one_of_it_failed_and_is_retried_by_one_verb(
    site: Site, agents: Agents, shop: Path
) -> None:
    heard: list[dict[str, object]] = []

    class Receiver(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"]))
            heard.append(Webhook(SECRET).verify(body, dict(self.headers)))
            self.send_response(204)
            self.end_headers()

        def log_message(self, *_: object) -> None: ...

    with HTTPServer(("127.0.0.1", 0), Receiver) as receiver:
        Thread(target=receiver.serve_forever, daemon=True).start()
        site.configure("hooks", desk={
            "events": ["task.failed", "workflow.done"], "secret": "env:HOOK_SECRET", "allow_private": True,
            "url": f"http://127.0.0.1:{receiver.server_port}/",
        })  # fmt: skip
        for cli in CLIS:
            failing = "[[fail 404 first=1]] " if cli == "gemini" else ""
            site.submit(f"{failing}[[say: {cli} is done]]", tool=cli, model=MODELS.get(cli), workflow="notes")
        site.start(env={"ACCOUNT_KEY": "sk-dummy-0c51e2d7aa", "HOOK_SECRET": SECRET})
        site.wait_until(lambda: len(heard) >= 2, within=PATIENCE)
        assert {event["type"] for event in heard} == {"task.failed", "workflow.done"}

        assert site.llmctl("workflow", "retry", "notes", "-y").returncode == 0
        site.wait_until(lambda: len(heard) >= 3, within=PATIENCE)
        receiver.shutdown()

    assert heard[2]["type"] == "workflow.done"
    assert {task["status"] for task in site.sql("SELECT status FROM tasks")} == {"succeeded"}
