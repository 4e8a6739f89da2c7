"""A night on one repository: 40 tasks, a usage limit, a kill of the dispatcher, a full disk. Not a byte is missing."""

import csv
import json
import sys
from collections import Counter
from contextlib import suppress
from pathlib import Path

import pytest

from tests.dispatcher.repositories.making import git, repository, snapshot, tree
from tests.fixtures.dispatchers import ROOT, Dispatcher, Gate, Site
from tests.fixtures.scarcity import small_disk
from tests.fixtures.users import needs_root

NIGHT = 300.0
"""Seconds until the test gives up on the whole night."""
TASKS = range(1, 41)
NEVER_GREEN = {9, 18, 27}
WORDS = {
    **dict.fromkeys(range(3, 40, 4), "fail-first"),
    **dict.fromkeys(NEVER_GREEN, "never-green"),
    **dict.fromkeys((2, 13, 30), "limit-first"),
    5: "gate-kill",
    25: "gate-disk",
}
CHECK = """\
for part in parts/*.txt; do
    read -r value <"$part"
    [ "$value" = right ] || { echo "$part is wrong: it says $value"; exit 1; }
done
"""


@pytest.fixture
def shop(site: Site) -> Path:
    """A repository, and an account of a worker that plays claude on it."""
    place = repository(site.directory / "shop", {"check.sh": CHECK, "parts/0.txt": "right\n"})
    worker = site.directory / "claude"
    worker.write_text(f'#!/bin/sh\nexec {sys.executable} {ROOT}/tests/fixtures/night_worker.py "$@"\n')
    worker.chmod(0o755)
    site.configure("security", allow_commands=True)
    site.configure("repositories", shop={"path": str(place)})
    site.configure("tools", claude={"command": str(worker)})
    env = {"SITE": str(site.directory)}
    site.configure("groups", claude={"tool": "claude", "max_concurrent": 6, "env": env})
    return place


def submit(site: Site) -> None:
    with (site.directory / "tasks.csv").open("w", newline="") as file:
        rows = csv.writer(file)
        rows.writerow(["name", "prompt"])
        rows.writerows([f"part-{number}", f"refactor {number} {WORDS.get(number, '')}"] for number in TASKS)
    told = site.llmctl(
        *("submit", "claude", "--from", str(site.directory / "tasks.csv"), "--label", "batch=refactor"),
        *("--repo", "shop", "--check", "sh check.sh", "--retries", "3", "--retry-delay", "0s"),
    )
    assert told.returncode == 0, told.stderr
    assert site.llmctl("hold", str(max(TASKS))).returncode == 0


def wait_at(site: Site, gate: str) -> None:
    """Wait until a worker waits at a gate."""
    site.wait_until((site.directory / f"waits-{gate}").exists, NIGHT)


def meet_full_disk(site: Site, dispatcher: Dispatcher, gate: Gate) -> None:
    """Fill the disk of the work directory until a change, and a new run, had no room there; then make room again.

    It is filled while the worker at the gate is alone: what others leave would be deleted, and make room. The last task
    is held until then, so that one is left to start.
    """
    assert site.llmctl("group", "pause", "claude").returncode == 0
    site.wait_until(lambda: is_alone(site), NIGHT)
    hog = site.work_dir / "hog"
    with hog.open("wb", buffering=0) as file, suppress(OSError):
        while True:
            file.write(bytes(2**16))
    gate.open()
    dispatcher.wait_for("recording waits", within=NIGHT)
    assert site.llmctl("release", str(max(TASKS))).returncode == 0
    assert site.llmctl("group", "resume", "claude").returncode == 0
    site.wait_until(lambda: site.sql("SELECT FROM task_runs WHERE error_class = 'no_resources'"), NIGHT)
    hog.unlink()


def is_alone(site: Site) -> bool:
    """Return whether one task runs, and all is deleted that others left."""
    running = site.sql("SELECT FROM tasks WHERE status = 'running'")
    return len(running) == 1 and not any(site.work_dir.glob("*/trash/*"))


def recorded(shop: Path, ref: str, place: Path) -> dict[str, str]:
    """Return the files at a ref, by path."""
    place.mkdir(parents=True)
    git(shop, "read-tree", f"--index-output={place}.index", ref)
    git(shop, f"--work-tree={place}", "checkout-index", "--all", env={"GIT_INDEX_FILE": f"{place}.index"})
    return tree(place)


@needs_root
def test_a_night_with_a_limit_a_kill_and_a_full_disk_loses_no_byte(site: Site, shop: Path) -> None:
    before = snapshot(shop)
    kill, disk = site.gate("gate-kill"), site.gate("gate-disk")
    with small_disk(site.work_dir, "64m"):
        submit(site)
        dispatcher = site.start()
        wait_at(site, "gate-kill")
        dispatcher.kill()
        kill.open()
        dispatcher = site.start()
        wait_at(site, "gate-disk")
        meet_full_disk(site, dispatcher, disk)
        site.wait_until(
            lambda: not site.sql("SELECT FROM tasks WHERE status NOT IN ('succeeded', 'failed')"), NIGHT
        )
    assert snapshot(shop) == before

    listed = site.llmctl("ls", "-l", "batch=refactor", "-o", "json")
    verdicts = {task["name"]: (task["status"], task["check_verdict"]) for task in json.loads(listed.stdout)}
    red = {f"part-{number}" for number in NEVER_GREEN}
    assert verdicts == {
        f"part-{number}": ("failed", "failed") if f"part-{number}" in red else ("succeeded", "passed")
        for number in TASKS
    }
    table = site.llmctl("ls", "-l", "batch=refactor").stdout
    assert (table.count("✓"), table.count("✗ check")) == (len(TASKS) - len(red), len(red)), table
    assert "37 green, 3 red" in site.llmctl("diff", "-l", "batch=refactor", "--stat").stdout
    runs = site.sql(
        "SELECT r.id::text, number, r.run_no, r.error_class FROM task_runs AS r JOIN tasks AS t ON t.id = r.task_id"
    )
    met = Counter(run["error_class"] for run in runs)
    assert {"limit", "check_failed"} <= met.keys()
    left = {run["id"]: site.directory / "left" / run["id"] for run in runs}
    assert sum(place.exists() for place in left.values()) >= met[None] + met["limit"] + met["check_failed"]
    for run in runs:
        if left[run["id"]].exists():
            ref = f"refs/llmctl/{run['number']}/{run['run_no']}"
            assert recorded(shop, ref, site.directory / "recorded" / run["id"]) == tree(left[run["id"]]), ref
