"""What tasks, people and agents write is shown as text, wherever it appears: nothing of it becomes part of the page."""

import json
import shlex
from collections.abc import Sequence
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest
from msgspec import Struct

from tests.browser.chromium import Chromium
from tests.browser.conftest import Page
from tests.fixtures.repositories import Repository

MARKUP = (
    """"'><img src=x onerror="window.hacked = 1"><script>window.hacked = 2</script>"""
    """<a hx-get="/ui/logout" hx-trigger="load" href="javascript:hacked=3">{{ 7 * 7 }}{% raw %}&lt;b&gt;"""
)
WORKFLOW = f"a/{MARKUP[:80]}"
TURNED = "\u202eexe.txt\u202c"
"""Text that a browser would show from right to left."""
PRINTED = f"\x1b[31mred\x1b[0m \x1b]8;;javascript:hacked=4\x07link\x1b]8;;\x07 \x1b[2J\x07{MARKUP}{TURNED}"
FILE = "<img src=x onerror=hacked=5> {{ 7 * 7 }}.txt"

INTRUDERS = """
const strange = element =>
    element.matches("script:not([src]), img, iframe, object, embed, base, style, main link, main script")
    || [...element.attributes].some(({name, value}) => name.startsWith("on") || /^\\s*javascript:/i.test(value)
        || /^(hx|data-hx)-/.test(name) && value.includes("logout"));
return [...document.querySelectorAll("*")].filter(strange).map(element => element.outerHTML.slice(0, 200));
"""


class Hostile(Struct):
    """Numbers of hostile tasks, in which everything is hostile that their user or their agent chooses."""

    succeeded: int
    failed: int
    waiting: int
    changed: int

    @property
    def paths(self) -> Sequence[str]:
        tasks = (self.succeeded, self.failed, self.waiting, self.changed)
        return [
            "/ui/",
            "/ui/tasks",
            "/ui/tasks?state=failed",
            *(f"/ui/tasks/{number}" for number in tasks),
            *(f"/ui/tasks/{number}?stream=stderr" for number in tasks),
            f"/ui/new?like={self.succeeded}",
            "/ui/accounts",
            *(f"/ui/stats?by={by}" for by in ("group", "tool", "model", "tenant", "day")),
            "/ui/workflows",
            f"/ui/workflow?{urlencode({'name': WORKFLOW})}",
            "/ui/schedules",
            "/ui/hooks",
            "/ui/health",
        ]


@pytest.fixture(scope="module")
def hostile(page: Page) -> Hostile:
    site = page.site
    common: dict[str, Any] = {
        "name": MARKUP + TURNED,
        "labels": {MARKUP: MARKUP, "turned": TURNED},
        "tenant_id": MARKUP,
        "queue": MARKUP,
        "workflow": WORKFLOW,
        "max_attempts": 1,
    }
    printed = shlex.quote(PRINTED)
    agent = f"printf %s {printed}; printf %s {printed} >&2; echo x > {shlex.quote(FILE)}"
    repository = Repository(site.directory / MARKUP.replace("/", "|"))
    made = Hostile(
        site.submit(agent, output_files=[FILE], model="m-<b>", **common),
        site.submit(f"printf %s {printed} >&2; exit 1", **common),
        site.submit(PRINTED, tool="cat", delay_s=86_400, **common),
        site.submit(agent, repository=str(repository.path), check_command=f"echo {printed}", **common),
    )
    site.sql("SELECT set_limit(%s, 3)", f"queue:{MARKUP}")
    planned = {"tool": "sh", "prompt": PRINTED, "delay_s": 86_400}
    site.sql("SELECT put_schedule('strange', '30 2 * * *', %s)", json.dumps(planned))
    site.sql("SELECT pause_schedule('strange', %s)", MARKUP + TURNED)
    hook = {"name": "strange", "kind": "command", "target": MARKUP + TURNED, "events": ["group.paused"]}
    site.sql("SELECT put_hooks('strange', %s)", json.dumps([hook]))
    site.sql("UPDATE hooks SET disabled_reason = %s WHERE name = 'strange'", MARKUP + TURNED)
    site.wait_for("succeeded", made.succeeded, made.changed)
    site.wait_for("failed", made.failed)
    site.sql("SELECT pause_group('python', %s)", MARKUP)
    return made


def test_no_page_takes_text_for_markup(logged_in: Chromium, hostile: Hostile) -> None:
    for path in hostile.paths:
        logged_in.open(path)
        logged_in.find("h1")

        assert logged_in.script(INTRUDERS) == [], path
        assert logged_in.script("return window.hacked ?? null") is None, path
        assert "49.txt" not in logged_in.find("body").text, path  # no template was filled in
        if not path.startswith("/ui/new"):  # a field holds what will be submitted, unchanged
            assert TURNED[0] not in logged_in.find("body").text, path  # nothing turns what stands beside it
    assert logged_in.path.startswith("/ui/health"), "still logged in"


def test_hostile_text_is_shown_as_it_was_written(logged_in: Chromium, hostile: Hostile) -> None:
    logged_in.open(f"/ui/tasks/{hostile.succeeded}")

    assert MARKUP in logged_in.find("h1").text
    assert MARKUP in logged_in.find("pre.log").text
    assert MARKUP in logged_in.find("[aria-labelledby=answer]").text
    assert FILE in logged_in.find("[aria-labelledby=files]").text
    logged_in.open(f"/ui/tasks/{hostile.failed}")
    assert MARKUP in logged_in.find("[aria-label=State]").text


def test_what_is_filtered_by_is_shown_as_text(logged_in: Chromium, hostile: Hostile) -> None:
    logged_in.open("/ui/tasks")
    asked = f"{MARKUP}*"
    logged_in.fill("[data-filter]", asked)
    logged_in.follow("form[role=search] button.main")

    assert len(logged_in.all("[data-row]")) == 4
    assert logged_in.find("[data-filter]").get_attribute("value") == asked
    assert logged_in.script(INTRUDERS) == []

    logged_in.follow("button", "Cancel all that match")
    assert logged_in.find("h1").text == "Cancel 1 task?"
    assert logged_in.script(INTRUDERS) == []


def test_hostile_output_that_arrives_live_is_text(logged_in: Chromium, page: Page) -> None:
    gate = page.site.gate("hostile")
    number = page.site.submit(
        f"echo ready; {gate.pass_through}; printf %s {shlex.quote(PRINTED)}; echo; echo end"
    )

    logged_in.open(f"/ui/tasks/{number}")
    logged_in.sees("ready", "pre.log")
    gate.open()
    logged_in.sees("end", "pre.log")

    assert MARKUP in logged_in.find("pre.log").text
    assert logged_in.script(INTRUDERS) == []
    assert logged_in.script("return window.hacked ?? null") is None


def test_huge_lines_and_names_leave_each_page_as_wide_as_the_window(
    logged_in: Chromium, page: Page, hostile: Hostile
) -> None:
    huge: dict[str, Any] = {"name": "n" * 200, "labels": {"l" * 100: "v" * 100}}
    printed = page.site.submit(f"yes {'x' * 500} | head -n 400 | tr -d '\\n'", **huge)
    page.site.submit("true", delay_s=86_400, **huge)  # it can be canceled and tried: two buttons
    page.site.wait_for("succeeded", printed)
    for width in (360, 768, 1024, 1216):
        logged_in.look(width=width, dark=False)
        for path in (f"/ui/tasks/{printed}", *hostile.paths):
            logged_in.open(path)
            logged_in.find("h1")
            assert logged_in.script("return document.documentElement.scrollWidth <= innerWidth"), (
                width,
                path,
            )


def test_a_file_is_saved_and_never_opened(logged_in: Chromium, hostile: Hostile, tmp_path: Path) -> None:
    logged_in.open(f"/ui/tasks/{hostile.succeeded}")

    saved = logged_in.downloaded(tmp_path, "[aria-labelledby=files] a")

    assert saved.read_text() == "x\n"
    assert saved.parent == tmp_path
    assert logged_in.path == f"/ui/tasks/{hostile.succeeded}"


def test_an_answer_is_saved_as_it_was_given(logged_in: Chromium, hostile: Hostile, tmp_path: Path) -> None:
    logged_in.open(f"/ui/tasks/{hostile.succeeded}")

    saved = logged_in.downloaded(tmp_path, "[aria-labelledby=answer] a", "Download")

    assert saved.name == f"answer-{hostile.succeeded}.txt"
    assert MARKUP in saved.read_text()
    assert not saved.read_text().startswith("{")  # it is the answer, and not JSON around it
