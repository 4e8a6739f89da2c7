"""Everybody can use each page: axe-core finds nothing serious, in both schemes, on a phone and on a desk."""

import json
from collections.abc import Sequence
from pathlib import Path

import pytest
from psycopg.conninfo import make_conninfo

from tests.agents.real_agents import unavailable
from tests.browser.chromium import Chromium
from tests.browser.conftest import Page
from tests.fixtures.changed_runs import command, group_by_hand, run_that_changes
from tests.fixtures.dispatchers import Site
from tests.sql.client import Client

AXE = Path(__file__).parent / "node_modules" / "axe-core" / "axe.min.js"

JUDGE = """
const done = arguments[0];
axe.run(document, {resultTypes: ["violations"]}).then(result => done(JSON.stringify(result.violations
    .filter(one => ["serious", "critical"].includes(one.impact))
    .map(one => ({id: one.id, where: one.nodes.map(node => node.target.join(" ") + ": " + node.failureSummary)}))
)));
"""


@pytest.fixture(scope="module")
def axe() -> str:
    if not AXE.exists():
        unavailable("no axe-core here: `npm install --prefix tests/browser --no-package-lock` fetches it")
    return AXE.read_text()


@pytest.fixture(scope="module")
def paths(page: Page) -> Sequence[str]:
    """Addresses of all pages, with something on each of them."""
    site = page.site
    coloured = "for c in 30 31 33 34 37 90 94; do printf '\\033[%dmcolour ' $c; done; echo file > a.txt"
    succeeded = site.submit(coloured, output_files=["a.txt"], labels={"a": "b"})
    failed = site.submit("echo wrong >&2; exit 1", max_attempts=1, name="fails")
    scheduled = site.submit("true", name="waits", delay_s=86_400)
    with Client(make_conninfo(site.url, dbname=site.database.info.dbname)) as db:
        group = group_by_hand(db)
        red = [command("check", "failed", exit_code=1, output_tail="1 failed")]
        db.submit_all([{"tool": group, "prompt": "p", "repository": "shop", "approve": True}] * 3)
        denied = run_that_changes(db, group=group, commands=red)
        db.run("select deny_task(%s, 'no')", str(denied))
        approvable = run_that_changes(db, group=group)
        asks = run_that_changes(db, "question", group=group, question="Which one?")
    site.submit_many([{"tool": "sh", "prompt": "true", "workflow": "release/1", "delay_s": 86_400}])
    site.submit("exit 1", max_attempts=1, workflow="release/1")
    _plan_and_tell(site)
    site.wait_for("succeeded", succeeded)
    site.wait_for("failed", failed)
    return [
        "/ui/login",
        "/ui/",
        "/ui/tasks",
        f"/ui/tasks/{succeeded}",
        f"/ui/tasks/{failed}",
        f"/ui/tasks/{denied}",
        f"/ui/tasks/{approvable}",
        f"/ui/tasks/{asks}",
        "/ui/inbox",
        f"/ui/tasks/{scheduled}",
        f"/ui/tasks/{scheduled}/edit",
        "/ui/tasks/999999",
        "/ui/new",
        "/ui/accounts",
        "/ui/stats",
        "/ui/stats?by=label:a",
        "/ui/health",
        "/ui/workflows",
        "/ui/workflow?name=release/1",
        "/ui/schedules",
        "/ui/hooks",
    ]


def _plan_and_tell(site: Site) -> None:
    """Make a schedule that is on and one that is paused, a hook that was told and one that is off."""
    for name in ("nightly", "weekly"):
        site.sql(
            "SELECT put_schedule(%s, '30 2 * * *', %s, 'Europe/Berlin')",
            name,
            '{"tool": "sh", "prompt": "true", "delay_s": 86400}',
        )
    site.sql("SELECT run_schedule('nightly')")
    site.sql("SELECT pause_schedule('weekly', 'the holidays')")
    hooks = [
        {"name": name, "kind": "command", "target": "notify-send", "events": ["group.paused"]}
        for name in ("tell", "off")
    ]
    site.sql("SELECT put_hooks('elsewhere', %s)", json.dumps(hooks))
    site.sql("SELECT test_hook('tell')")
    site.sql("UPDATE hooks SET disabled_reason = 'it is gone' WHERE name = 'off'")


@pytest.mark.parametrize("width", [360, 1024])
@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
def test_no_page_has_a_serious_finding(
    logged_in: Chromium, axe: str, paths: Sequence[str], width: int, dark: bool
) -> None:
    logged_in.look(width=width, dark=dark)
    found = {}
    for path in paths:
        logged_in.open(path)
        logged_in.find("h1")
        logged_in.script(axe)
        found[path] = json.loads(str(logged_in.wait_for_script(JUDGE)))

    assert {path: findings for path, findings in found.items() if findings} == {}


def test_a_picture_without_a_text_is_found(logged_in: Chromium, axe: str) -> None:
    logged_in.open("/ui/new")
    logged_in.script(
        "document.querySelector('main').append(Object.assign(new Image(), {src: '/ui/static/icon.svg'}))"
    )
    logged_in.script(axe)

    findings = json.loads(str(logged_in.wait_for_script(JUDGE)))
    assert [one["id"] for one in findings] == ["image-alt"]
