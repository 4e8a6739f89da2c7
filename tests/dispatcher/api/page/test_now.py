"""The first page: what runs, what waits and why, what failed, and who works."""

from collections.abc import Callable

import pytest

from tests.dispatcher.api.conftest import Site, one_postgres
from tests.dispatcher.api.page.conftest import Browser, Page

pytestmark = [pytest.mark.anyio, one_postgres]
Open = Callable[..., Browser]


def row(page: Page, number: int) -> list[str]:
    """Return the cells of a task."""
    [found] = [
        one for one in page.root.all("tr") if any(a["href"] == f"/ui/tasks/{number}" for a in one.all("a"))
    ]
    return [cell.text for cell in found.all("td")]


async def test_a_task_is_shown_where_it_is_in_its_life(browser: Open, site: Site) -> None:
    person = browser()
    dispatcher = site.db.dispatcher(host="build-01")
    try:
        number = site.db.submit(name="port the importer", max_attempts=1).number
        assert row(await person.get("/ui/"), number)[0] == "queued"

        [run] = site.db.claim(dispatcher).runs
        site.db.start(dispatcher, run)
        page = await person.get("/ui/")
        assert row(page, number)[:2] == [str(number), "running"]
        assert row(page, number)[2].startswith("port the importer")
        assert "build-01" in page.root.one("section", **{"aria-labelledby": "dispatchers"}).text

        site.db.finish(dispatcher, run, "agent_error", error_message="no such file")
        page = await person.get("/ui/")
        assert row(page, number)[1] == "agent_error port the importer no such file"
        assert row(page, number)[-1] == "Retry"
    finally:
        site.db.run("select close_dispatcher(%s)", dispatcher)


async def test_the_waiting_are_counted_by_reason_with_a_sentence(browser: Open, site: Site) -> None:
    for _ in range(3):
        site.db.submit(scheduled_at="2099-01-01T00:00:00Z", tenant_id="patient")
    page = await browser("reader", "patient").get("/ui/")
    [line] = page.root.one("section", **{"aria-labelledby": "waiting"}).one("tbody").all("tr")
    cells = [cell.text for cell in line.all("td")]
    assert cells[:2] == ["scheduled", "3"]
    assert "scheduled to start in" in cells[2]


async def test_an_account_shows_its_slots_its_state_and_its_reason(browser: Open, site: Site) -> None:
    site.db.run("select pause_group('other', 'the card <b>expired</b>')")
    page = await browser().get("/ui/")
    [card] = [one for one in page.root.all("article") if one.one("h3").text.startswith("other")]
    assert "paused" in card.text
    assert "0 of 100 slots" in card.text
    assert "the card <b>expired</b>" in card.text
    site.db.run("select resume_group('other')")


async def test_a_button_acts_and_leads_back(browser: Open, site: Site) -> None:
    person = browser()
    number = site.db.submit(scheduled_at="2099-01-01T00:00:00Z").number
    page = await person.get("/ui/tasks")
    button = page.root.one("button", formaction=f"/ui/tasks/{number}/cancel")
    back = await person.send(page.root.one("form", id=button["form"]), button=button)
    assert (back.status, back.path) == (200, "/ui/tasks")
    assert site.db.status(number)[0] == "canceled"


async def test_an_action_that_is_not_possible_now_says_why(browser: Open, site: Site) -> None:
    number = site.db.submit().number
    refused = await browser().post(f"/ui/tasks/{number}/retry", [("back", "/ui/tasks")])
    assert refused.status == 409
    assert f"task {number} is queued" in refused.problem


async def test_a_reader_sees_everything_and_no_button(browser: Open, site: Site) -> None:
    site.db.submit(scheduled_at="2099-01-01T00:00:00Z")
    for path in ("/ui/", "/ui/tasks"):
        page = await browser("reader").get(path)
        assert page.status == 200
        main = page.root.one("main")
        assert [one.text for one in main.all("button") if one.text != "Filter"] == []
        assert main.all("input", type="checkbox") == []
    refused = await browser("reader").post("/ui/tasks/1/cancel", [])
    assert refused.status == 403


@pytest.mark.parametrize("role", ["producer", "operator", "admin"])
async def test_each_role_that_may_act_has_its_buttons(browser: Open, site: Site, role: str) -> None:
    number = site.db.submit(scheduled_at="2099-01-01T00:00:00Z", tenant_id="acme").number
    person = browser(role)
    assert (await person.get("/ui/")).status == 200
    row = (await person.get("/ui/tasks")).root.one("tr", id=f"task-{number}")
    assert [button.text for button in row.all("button")] == ["Cancel", "Run now"]
    assert row.one("input", type="checkbox")["value"] == str(number)


async def test_a_foreign_task_does_not_exist(browser: Open, site: Site) -> None:
    number = site.db.submit(tenant_id="acme", name="secret plan", scheduled_at="2099-01-01T00:00:00Z").number
    stranger = browser("operator", "umbrella")
    for path in ("/ui/", "/ui/tasks", "/ui/tasks?tenant=acme", "/ui/tasks?name=secret"):
        page = await stranger.get(path)
        assert "secret plan" not in page.html
        assert f"/ui/tasks/{number}" not in page.html
    refused = await stranger.post(f"/ui/tasks/{number}/cancel", [])
    assert (refused.status, refused.heading) == (404, "Not Found")
    assert site.db.status(number)[0] == "queued"


async def test_a_page_that_does_not_exist_is_a_page(browser: Open) -> None:
    page = await browser().get("/ui/nowhere/at/all")
    assert (page.status, page.heading) == (404, "Not Found")
