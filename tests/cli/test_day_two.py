"""A newcomer's second day: 40 mixed tasks, and everything that has to be done with them, by verbs alone."""

import json
import subprocess
from collections import Counter
from pathlib import Path

from tests.fixtures.dispatchers import Site

FLAKY = 'test -e "$SITE/mended" || { echo "the test suite is broken" >&2; exit 1; }; echo mended'


class Newcomer:
    """Types verbs of `llmctl`, each of which must succeed."""

    def __init__(self, site: Site) -> None:
        self._site = site

    def __call__(self, *words: str, code: int = 0) -> subprocess.CompletedProcess[str]:
        done = self._site.llmctl(*words)
        assert done.returncode == code, (words, done.stdout, done.stderr)
        return done

    def submits(self, tool: str, prompt: str, *options: str) -> int:
        return int(self("submit", "-q", tool, prompt, "--retries", "0", *options).stdout)

    def sees(self, *selectors: str) -> list[dict[str, object]]:
        rows: list[dict[str, object]] = json.loads(self("ls", "-o", "json", *selectors).stdout)
        return rows


def submit_everything(types: Newcomer, files: Path) -> None:
    """Queue 40 tasks of six kinds."""
    review = files / "review.csv"
    review.write_text("module\n" + "".join(f"module-{place}\n" for place in range(12)))
    types(
        *("submit", "--from", str(review), "sh", "--retries", "0"),
        *("echo 'review of {{module}}'", "--label", "batch=review", "--name", "review {{module}}"),
    )
    docs = files / "docs.jsonl"
    docs.write_text("".join(json.dumps({"prompt": f"echo docs {place}"}) + "\n" for place in range(10)))
    types("submit", "--from", str(docs), "sh", "--label", "batch=docs")
    for _ in range(6):
        types.submits("sh", FLAKY, "--label", "batch=review")
    for _ in range(4):
        types.submits("sh", "echo tomorrow", "--delay", "20h")
    for _ in range(4):
        types.submits("sh", "echo when I say so", "--hold")
    for _ in range(4):
        types.submits("cat", "for the account that is paused")


def test_a_newcomer_finds_cancels_raises_retries_and_collects_among_40_tasks(site: Site) -> None:
    site.configure("groups", sh={"tool": "sh", "max_concurrent": 2}, cat={"tool": "cat"})
    types = Newcomer(site)
    types("group", "pause", "cat", "--reason", "invoice")
    gate = site.gate()
    blockers = [types.submits("sh", f"{gate.pass_through}; echo done") for _ in range(2)]
    site.start()
    site.wait_for("running", *blockers)
    submit_everything(types, site.directory)

    # Why does each of them wait?
    waiting = types.sees("-s", "waiting")
    assert len(waiting) == 40
    assert Counter(_kind(str(row["why"])) for row in waiting) == Counter(
        {"sh is full (2/2)": 28, "scheduled to start in": 4, "held until": 4, "cat is paused (invoice)": 4}
    )
    assert len(types.sees("--waiting", "slot")) == 28
    assert len(types.sees("--waiting", "paused")) == 4

    # Cancel a batch by its label, after a look at what that would be.
    looked = types("cancel", "-l", "batch=docs", "--dry-run")
    assert "10 tasks" in looked.stdout + looked.stderr
    types("cancel", "-l", "batch=docs", "-y")
    assert {row["status"] for row in types.sees("-l", "batch=docs")} == {"canceled"}
    assert len(types.sees("-s", "waiting")) == 30

    # Raise one.
    urgent = int(str(types.sees("--name", "review module-11")[0]["number"]))
    types("edit", str(urgent), "--set", "priority=9")
    first = types("ls", "-s", "queued", "-o", "json", "-n", "1").stdout
    assert [row["number"] for row in json.loads(first)] == [urgent]

    # Let everything run, and try again what failed.
    gate.open()
    types("wait", "-l", "batch=review", "--timeout", "50s", code=1)
    claimed = site.sql(
        "SELECT number, min(claimed_at) AS at FROM tasks JOIN task_runs ON task_id = tasks.id"
        " WHERE number <> ALL(%s) GROUP BY number ORDER BY at",
        blockers,
    )
    first_claim = {row["number"] for row in claimed if row["at"] == claimed[0]["at"]}
    assert urgent in first_claim  # two slots may become free for one claim, and its agents start side by side
    failed = types.sees("--failed")
    assert len(failed) == 6
    assert all("the test suite is broken" in str(row["error_message"]) for row in failed)
    (site.directory / "mended").touch()
    assert "6 tasks" in types("retry", "--failed", "-y").stdout
    types("wait", "-l", "batch=review", "--timeout", "50s")

    # Collect all answers in a directory, and see what the batches came to.
    answers = site.directory / "answers"
    types("result", "-l", "batch=review", "-d", str(answers))
    texts = Counter(file.read_text().strip() for file in answers.iterdir())
    assert texts == Counter({**{f"review of module-{place}": 1 for place in range(12)}, "mended": 6})
    sums = json.loads(types("stats", "--by", "label:batch", "-o", "json").stdout)
    [reviews] = [row for row in sums if row["key"] == "review"]
    assert (reviews["runs"], reviews["succeeded"], reviews["failed"]) == (24, 18, 6)

    # What was held and what was paused still waits, and starts when somebody says so.
    types("release", "-s", "held", "-y")
    types("group", "resume", "cat")
    types("wait", "-s", "queued", "-s", "active", "--timeout", "50s")
    assert {row["wait_reason"] for row in types.sees("-s", "waiting")} == {"scheduled"}


def _kind(why: str) -> str:
    """Return the beginning of a reason, without the times in it."""
    for beginning in ("scheduled to start in", "held until"):
        if why.startswith(beginning):
            return beginning
    return why
