"""Workflows in the browser: the list, the picture, and the links between tasks."""

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
    boxes = [one["href"] for one in page.root.one("svg").all("a")]
    assert boxes == [f"/ui/tasks/{first}", f"/ui/tasks/{second}"]
    assert not page.root.one("svg").all("script")
    assert HOSTILE in page.root.one("tbody").text
    shown = (await reader.get(f"/ui/tasks/{second}")).root.one("aside")
    assert {f"/ui/tasks/{first}", link["href"]} <= {one["href"] for one in shown.all("a")}
    assert f"/ui/tasks/{second}" in {
        one["href"] for one in (await reader.get(f"/ui/tasks/{first}")).root.one("aside").all("a")
    }
