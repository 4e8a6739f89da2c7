"""A site that looks as one does on a working day, for pictures of the page."""

import json
import shlex
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from dispatcher.database.migrate import migrate
from tests.browser.conftest import Page
from tests.fixtures import stand_in
from tests.fixtures.dispatchers import PATIENCE, TOOLS, Site
from tests.fixtures.postgres import serving
from tests.fixtures.stand_in import Scene

PROMPT = """\
Write tests for the login
Cover the three ways in: password, one-time link and token. A wrong one must tell nothing about the account.
Keep to the style of the tests that are there. Write what you tested, and what you did not, into summary.md."""

SCENES: Mapping[str, Scene] = {
    "Write tests for the login": {
        "steps": [
            "I look at what the login does, and how it is tested today.",
            "$ rg -l 'def log_in' src tests",
            "There are three ways in, and only the password has tests.",
            "$ pytest tests/login -q",
            "7 passed. The link and the token come next.",
            "$ pytest tests/login -q --cov src/login",
        ],
        "holds": True,
    },
    "Find why the import is slow": {
        "steps": ["$ python -m cProfile -o import.prof import.py"],
        "holds": True,
    },
    "Migrate the billing module": {
        "steps": ["Two of five files are done.", "$ mypy src/billing"],
        "holds": True,
    },
    "Review the change of the parser": {
        "steps": ["I read the change.", "$ git diff main -- src/parser"],
        "answer": "The change is right, with one remark.\n\n"
        "parser.py, line 88: an empty line ends the block, so a comment that follows it is lost.\n"
        "A test for that: tests/parser/test_comments.py.",
        "files": {"review.md": "# Review\n\nOne remark.\n"},
    },
    "Update the translations": {"error": "error: translations/fr.po: line 214: end of file within a string"},
    "Describe the new API": {"steps": ["$ cat openapi.json"], "limit": time.time() + 2 * 3600},
}

WAITING: Sequence[Mapping[str, Any]] = (
    {"tool": "claude", "prompt": "Describe the new API", "name": "api-guide", "account": "team"},
    {"tool": "claude", "prompt": "Write the release notes", "name": "release-notes", "delay_s": 5 * 3600},
    *(
        {
            "tool": "claude",
            "prompt": f"Write tests for the module {module}",
            "name": f"tests-{module}",
            "account": "work",
            "labels": {"batch": "tests"},
            "priority": 3,
        }
        for module in ("search", "export", "mail", "reports")
    ),
)

HISTORY = (
    ("claude", "work", ("Write tests for {}", "Repair {}", "Explain {}")),
    ("codex", "work", ("Review {}", "Shorten {}")),
)
SUBJECTS = ("the cache", "the parser", "the login", "the export", "the scheduler", "the mailer")
DAYS = 12


@contextmanager
def demo_site() -> Iterator[Page]:
    """Serve the page of a site where agents work, tasks wait, one has failed and many have succeeded."""
    with TemporaryDirectory(prefix="llmctl-pictures-") as home, serving(Path(home) / "database") as server:
        name = server.create()
        migrate(server.settings(name))
        directory = Path(home) / "site"
        directory.mkdir()
        site = Site(directory, server.settings(name))
        try:
            _configure(site)
            dispatcher = site.start()
            address = dispatcher.wait_for("the API is served")["url"]
            _work(site)
            yield Page(site, str(address), dispatcher)
        finally:
            site.close()


def _configure(site: Site) -> None:
    (site.directory / "scenes.json").write_text(json.dumps(SCENES))
    for tool in ("claude", "codex"):
        program = site.directory / tool
        program.write_text(f'#!/bin/sh\nexec {shlex.quote(sys.executable)} {stand_in.__file__} {tool} "$@"\n')
        program.chmod(0o755)
    site.config["tools"] = {tool: {"command": str(site.directory / tool)} for tool in ("claude", "codex")}
    env = {
        "SCENES": str(site.directory / "scenes.json"),
        "ANTHROPIC_API_KEY": "env:HOME",
        "CODEX_API_KEY": "env:HOME",
    }
    keys = {"claude": "ANTHROPIC_API_KEY", "codex": "CODEX_API_KEY"}

    def group(tool: str, account: str, **more: object) -> Mapping[str, object]:
        known = {name: value for name, value in env.items() if name in ("SCENES", keys[tool])}
        return {"tool": tool, "account": account, "env": known, **more}

    site.config["groups"] = {
        "claude-team": group("claude", "team", max_concurrent=3, failover=False),
        "claude-work": group("claude", "work", max_concurrent=4),
        "codex-work": group("codex", "work", max_concurrent=2),
    }
    site.config["limits"] = {"queue:nightly": 1, "tenant:acme": 4}
    site.configure("api", enabled=True, port=0)
    for tool in TOOLS:  # those of the tests
        site.sql("SELECT remove_group(%s)", tool)
        site.sql("DELETE FROM tools WHERE name = %s", tool)


def _work(site: Site) -> None:
    past = [
        {"tool": tool, "account": account, "prompt": f"{words.format(subject)} {day}", "tenant_id": tenant,
         "name": words.format(subject).lower().replace("the ", "").replace(" ", "-")}
        for day in range(DAYS, 0, -1)
        for tool, account, kinds in HISTORY
        for words in kinds
        for at, (subject, tenant) in enumerate(zip(SUBJECTS, ("acme", "default", "globex") * 2, strict=True))
        if (day * 7 + at * 3 + len(words)) % 5 < 1
    ]  # fmt: skip
    numbers = site.submit_many(past)
    site.wait_for("succeeded", *numbers, within=2 * PATIENCE)
    for number, task in zip(numbers, past, strict=True):
        _move_back(site, number, days=int(str(task["prompt"]).split()[-1]) - 1)
    site.sql(
        "UPDATE worker_groups SET max_concurrent = 2, daily_budget_usd = 25, spent_usd = 7.35"
        " WHERE group_name = 'claude-work'"
    )
    review = site.submit("Review the change of the parser", "claude", account="work", name="review-parser",
                         output_files=["review.md"])  # fmt: skip
    failed = site.submit(
        "Update the translations", "claude", account="work", name="translations", max_attempts=2
    )
    site.submit_many(WAITING[:2])
    site.wait_for("succeeded", review)
    site.wait_for("failed", failed)
    running = [
        site.submit(PROMPT, "claude", account="work", name="login-tests", labels={"team": "web", "batch": "tests"},
                    priority=8, output_files=["summary.md"]),
        site.submit("Migrate the billing module", "claude", account="work", name="billing", tenant_id="acme"),
        site.submit("Find why the import is slow", "codex", account="work", name="slow-import"),
    ]  # fmt: skip
    site.wait_for("running", *running)
    site.submit_many(WAITING[2:])
    site.sql("SELECT pause_group('codex-work', 'the invoice is not paid yet')")
    site.wait_until(lambda: site.sql("SELECT 1 FROM tasks WHERE wait_reason = 'limit'"))
    for number, minutes in zip(running, (17, 11, 4), strict=True):
        _began(site, number, minutes)
    for table in ("dispatchers", "task_runs"):
        site.database.execute(f"UPDATE {table} SET host = 'desk'")


def _began(site: Site, number: int, minutes: int) -> None:
    """Let a running task have started so many minutes ago."""
    for table, moments, whose in (
        ("tasks", ("created_at", "started_at"), "number = %s"),
        ("task_runs", ("claimed_at", "started_at"), "task_id = (SELECT id FROM tasks WHERE number = %s)"),
    ):
        changes = ", ".join(f"{moment} = {moment} - make_interval(mins => {minutes})" for moment in moments)
        site.database.execute(f"UPDATE {table} SET {changes} WHERE {whose}", [number])


def _move_back(site: Site, number: int, days: int) -> None:
    """Let a task and its only run have been so many days ago, and have taken some minutes."""
    hours, minutes = number * 5 % 9, 2 + number * 7 % 19
    site.sql(
        "UPDATE tasks SET created_at = created_at - make_interval(days => %s, hours => %s),"
        " started_at = started_at - make_interval(days => %s, hours => %s),"
        " finished_at = finished_at - make_interval(days => %s, hours => %s) + make_interval(mins => %s)"
        " WHERE number = %s",
        *(days, hours, days, hours, days, hours, minutes, number),
    )
    site.sql(
        "UPDATE task_runs AS r SET claimed_at = t.started_at, started_at = t.started_at, finished_at = t.finished_at,"
        " latency_ms = %s * 60000 FROM tasks AS t WHERE t.id = r.task_id AND t.number = %s",
        *(minutes, number),
    )
