"""Workflows in the browser: the list, the picture, and the links between tasks."""

import json
from collections.abc import Callable

import pytest

from tests.dispatcher.api.conftest import Site, one_postgres
from tests.dispatcher.api.page.conftest import Browser

pytestmark = [pytest.mark.anyio, one_postgres]
Open = Callable[..., Browser]
HOSTILE = "<script>alert(1)</script>"


async def test_a_task_is_submitted_after_others(browser: Open, site: Site) -> None:
    first = site.db.submit("a").number
    producer = browser("producer")
    typed = [("prompt", "b"), ("tool", "claude"), ("workflow", "w")]
    wrong = await producer.post("/ui/new", [*typed, ("after", "soon")])
    assert "'soon' is not the number of a task" in wrong.root.one("main").text
    made = await producer.post("/ui/new", [*typed, ("after", str(first))])
    assert f"/ui/tasks/{first}" in {one["href"] for one in made.root.one("aside").all("a")}


async def test_a_workflow_is_drawn_and_its_tasks_lead_to_each_other(browser: Open, site: Site) -> None:
    first = site.db.submit("a", workflow="a/b & c", name=HOSTILE).number
    second = site.db.submit("b", workflow="a/b & c", after=[first]).number
    reader = browser("reader")
    link, *_ = (await reader.get("/ui/workflows")).root.one("tbody").all("a")
    assert link.text == "a/b & c"
    page = await reader.get(link["href"])
    assert page.root.one("head").one("title").text == "Workflow a/b & c · llmctl"
    boxes = [one["href"] for one in page.root.one("svg").all("a")]
    assert boxes == [f"/ui/tasks/{first}", f"/ui/tasks/{second}"]
    assert not page.root.one("svg").all("script")
    assert HOSTILE in page.root.one("tbody").text
    shown = (await reader.get(f"/ui/tasks/{second}")).root.one("aside")
    assert {f"/ui/tasks/{first}", link["href"]} <= {one["href"] for one in shown.all("a")}
    assert f"/ui/tasks/{second}" in {
        one["href"] for one in (await reader.get(f"/ui/tasks/{first}")).root.one("aside").all("a")
    }


async def test_a_workflow_is_canceled_and_retried_after_a_page_that_says_how_many(
    browser: Open, site: Site
) -> None:
    first = site.db.submit("a", workflow="x & y/z").number
    site.db.submit("b", workflow="x & y/z", after=[first])
    address = "/ui/workflow?name=x%20%26%20y/z"
    assert not (await browser("reader").get(address)).root.one("main").all("form")
    producer = browser("producer")
    [cancel] = (await producer.get(address)).root.one("main").all("form")
    asked = await producer.send(cancel, button=cancel.one("button"))
    assert asked.heading == "Cancel 2 tasks?"
    done = await producer.send(asked.root.one("main").one("form"))
    assert done.heading == "2 tasks canceled or asked to stop"
    back = await producer.get(done.root.one("main").one("a")["href"])
    assert back.heading == "Workflow x & y/z"
    [retry] = back.root.one("main").all("form")
    asked = await producer.send(retry, button=retry.one("button"))
    assert asked.heading == "Retry 2 tasks?"


async def test_a_schedule_is_run_paused_and_resumed(browser: Open, site: Site) -> None:
    task = '{"tool": "claude", "prompt": "p"}'
    site.db.run("select put_schedule(%s, '30 2 * * *', %s, p_zone => 'Europe/Berlin')", "nightly", task)
    site.db.run("select pause_schedule('nightly', %s)", HOSTILE)
    assert not (await browser("reader").get("/ui/schedules")).root.one("tbody").all("form")
    producer = browser("producer")
    page = await producer.get("/ui/schedules")
    row = page.root.one("tbody")
    assert HOSTILE in row.text
    assert "Europe/Berlin" in row.text
    page = await producer.send(row.one("form", action="/ui/schedules/resume"))
    assert page.root.one("tbody").all("form", action="/ui/schedules/pause")
    page = await producer.send(page.root.one("tbody").one("form", action="/ui/schedules/run"))
    [number] = site.db.rows("select max(number) from tasks")[0]
    assert page.path == f"/ui/tasks/{number}"
    row = (await producer.get("/ui/schedules")).root.one("tbody")
    assert row.one("a")["href"] == page.path


async def test_a_hook_is_tested_and_told_again_by_who_operates_the_whole_site(
    browser: Open, site: Site
) -> None:
    hook = {"name": "tell", "kind": "command", "target": HOSTILE, "events": ["task.failed"]}
    site.db.run("select put_hooks('here', %s)", json.dumps([hook]))
    assert (await browser("reader").get("/ui/hooks")).status == 403
    assert "/ui/hooks" not in (await browser("reader").get("/ui/workflows")).html
    operator = browser("operator")
    assert "/ui/hooks" in (await operator.get("/ui/workflows")).html
    row = (await operator.get("/ui/hooks")).root.one("tbody")
    assert HOSTILE in row.text
    await operator.send(row.one("form", action="/ui/hooks/test"))
    assert site.db.rows("select state from hook_deliveries where hook = 'tell'") == [("pending",)]
    site.db.run("update hook_deliveries set state = 'dead', ended_at = clock() where hook = 'tell'")
    page = await operator.get("/ui/hooks")
    await operator.send(page.root.one("tbody").one("form", action="/ui/hooks/retry"))
    assert site.db.rows("select state from hook_deliveries where hook = 'tell'") == [("pending",)]
