"""Names, labels, errors and reasons come from anybody: they are shown as text, all of it, and become nothing else."""

from collections.abc import Callable

import pytest

from tests.dispatcher.api.conftest import Site, one_postgres
from tests.dispatcher.api.page.conftest import Browser, Page

pytestmark = [pytest.mark.anyio, one_postgres]
Open = Callable[..., Browser]

MARKUP = "</td><script>alert(1)</script><img src=x onerror=alert(1)>\"' onfocus='alert(1)"
TEMPLATE = "{{ 7 * 7 }}{% include 'base.html' %}"
HIDDEN = "safe\u202egnp.exe\u200b\u2066\x1b[31mred\x1b]8;;https://evil.example\x07link"
SHOWN = "safegnp.exeredlink"
"""What is left of the text that hides: all that is to be seen, and in the order in which it stands there."""


@pytest.fixture
def hostile(site: Site) -> int:
    """The number of a task that failed, and has hostile text wherever there can be any."""
    name = f"{MARKUP} {TEMPLATE} {HIDDEN}"[:200]
    labels = {"</a><script>&": f"{MARKUP}{TEMPLATE}{HIDDEN}", "a=b": "no address can select it"}
    dispatcher = site.db.dispatcher(host="<b>host</b>")
    site.db.submit(name=name, labels=labels, max_attempts=1)
    [run] = site.db.claim(dispatcher, 1).runs
    site.db.start(dispatcher, run)
    site.db.finish(dispatcher, run, "agent_error", error_message=f"{MARKUP}{HIDDEN}")
    site.db.run("select pause_group('main', %s)", f"{MARKUP}{HIDDEN}")
    site.db.run("select close_dispatcher(%s)", dispatcher)
    return run.number


def text_of(page: Page) -> str:
    return page.root.one("main").text


async def test_hostile_text_is_shown_and_is_nothing_else(browser: Open, hostile: int) -> None:
    person = browser()
    for path in ("/ui/", "/ui/tasks", "/ui/tasks?state=failed"):
        page = await person.get(path)
        main = page.root.one("main")
        assert main.all("script") == main.all("img") == []
        assert not [one for one in main.walk() if "onfocus" in one or "onerror" in one]
        assert "<script>alert(1)</script><img src=x onerror=alert(1)>\"' onfocus='alert(1)" in text_of(page)
        assert "{{ 7 * 7 }}" in text_of(page) or path == "/ui/"
        assert SHOWN in text_of(page)
        assert not set("\u202e\u200b\u2066\x1b\x07") & set(page.html)
        assert "evil.example" not in text_of(page)


async def test_a_hostile_label_leads_to_its_tasks(browser: Open, hostile: int) -> None:
    person = browser()
    row = (await person.get("/ui/tasks")).root.one("tr", id=f"task-{hostile}")
    [label] = row.all("a", class_="label")
    assert (await person.get(label["href"])).root.one("tr", id=f"task-{hostile}")


@pytest.mark.parametrize(
    "name", ["name", "tool", "queue", "tenant", "group", "label", "since", "until", "state"]
)
async def test_a_hostile_filter_is_only_text(browser: Open, name: str) -> None:
    page = await browser().client.get("/ui/tasks", params={name: MARKUP})
    assert page.status_code in (200, 400)
    assert "<script>alert" not in page.text
    assert "<img" not in page.text
