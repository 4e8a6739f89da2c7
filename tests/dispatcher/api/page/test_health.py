"""Health: what the checks of this host found, for those who operate it, when they asked."""

from collections.abc import Callable

import pytest

from tests.dispatcher.api.conftest import Site, one_postgres
from tests.dispatcher.api.page.conftest import Browser

pytestmark = [pytest.mark.anyio, one_postgres]
Open = Callable[..., Browser]


async def test_checks_run_when_an_operator_asks_and_say_when(browser: Open, site: Site) -> None:
    person = browser("operator")
    page = await person.get("/ui/health")
    assert "Nobody has asked yet" in page.root.one("main").text
    page = await person.send(page.root.one("form", action="/ui/health"))
    assert page.path == "/ui/health"
    checks = page.root.one("section", **{"aria-labelledby": "checks"})
    found = [row.one(class_="state").text for row in checks.all("tr")[1:]]
    assert found == sorted(found, key=["problem", "warning", "ok"].index)
    assert "ok" in found
    moment = checks.one("time")["datetime"]
    # It is what was found then, also for others, and not found anew.
    again = (await browser("admin").get("/ui/health")).root.one("section", **{"aria-labelledby": "checks"})
    assert again.one("time")["datetime"] == moment


@pytest.mark.parametrize(("role", "tenants"), [("reader", ()), ("producer", ()), ("operator", ("acme",))])
async def test_who_does_not_operate_this_host_sees_nothing_of_it(
    browser: Open, role: str, tenants: tuple[str, ...]
) -> None:
    await browser("admin").post("/ui/health", [])
    person = browser(role, *tenants)
    page = await person.get("/ui/health")
    assert page.status == 200
    checks = page.root.one("section", **{"aria-labelledby": "checks"})
    assert not checks.all("table")
    assert not checks.all("form")
    assert (await person.post("/ui/health", [])).status == 403


async def test_dispatchers_counters_and_unserved_tasks_are_shown(browser: Open, site: Site) -> None:
    page = await browser("reader").get("/ui/health")
    assert "No dispatcher is known" in page.root.one("main").text
    dispatcher = site.db.dispatcher(host="north", groups=["main"])
    site.db.run("update concurrency_limits set current_concurrent = 0")
    text = (await browser("reader").get("/ui/health")).root.one("main").text
    assert "north process 1 alive" in text
    assert "Counters right" in text
    site.db.run("select close_dispatcher(%s)", dispatcher)
