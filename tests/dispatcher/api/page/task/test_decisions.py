"""What a person decides on the page of a task: answer its agent, approve of its result or deny it."""

from collections.abc import Callable

import pytest

from tests.dispatcher.api.conftest import ROLES, Site, one_postgres
from tests.dispatcher.api.page.conftest import HERE, Browser, Page
from tests.dispatcher.api.page.html import Element
from tests.fixtures.changed_runs import run_that_changes

pytestmark = [pytest.mark.anyio, one_postgres]
Open = Callable[..., Browser]
QUESTION = "Which one: <b>first</b> or second?\nBoth work."


@pytest.fixture
def asking(site: Site) -> int:
    number = site.db.submit("p", tenant_id="acme").number
    assert site.run_next("question", question=QUESTION, session_id="s-1") == number
    return number


@pytest.fixture
def finished(site: Site) -> int:
    """A task that waits for approval."""
    number = site.db.submit("p", repository="shop", approve=True, tenant_id="acme").number
    assert run_that_changes(site.db) == number
    return number


def state(page: Page) -> str:
    return page.root.one("main").one("strong", class_="state").text


def section(page: Page, heading: str) -> Element:
    return page.root.one("main").one("section", **{"aria-labelledby": heading})


def button(form: Element, word: str) -> Element:
    return next(one for one in form.all("button") if one.text == word)


async def test_a_question_is_shown_and_answered(browser: Open, site: Site, asking: int) -> None:
    person = browser("producer")
    page = await person.get(f"/ui/tasks/{asking}")
    assert state(page) == "asks"
    asked = section(page, "question")
    assert "Which one: <b>first</b> or second? Both work." in asked.text
    page = await person.send(asked.one("form"), [("answer", "the second\r\nplease")])
    assert (page.status, page.path, state(page)) == (200, f"/ui/tasks/{asking}", "queued")
    told = site.db.value("select follow_up from tasks where number = %s", asking)
    assert str(told).endswith("the second\nplease")
    decisions = section(page, "decisions").text
    assert "answered by" in decisions
    assert "the second" in decisions
    assert "Which one" in decisions
    again = await person.post(f"/ui/tasks/{asking}/answer", [("answer", "the first"), ("run", "1")])
    assert again.status == 409
    site.db.run("select cancel_task(%s)", str(asking))


async def test_a_result_is_approved_with_a_message(browser: Open, site: Site, finished: int) -> None:
    person = browser("operator")
    page = await person.get(f"/ui/tasks/{finished}")
    assert state(page) == "waits for approval"
    assert section(page, "change")  # of what one decides
    form = section(page, "approval").one("form")
    page = await person.send(form, [("message", "reads well <3")], button(form, "Approve"))
    assert (page.status, state(page)) == (200, "succeeded")
    assert "approved by" in section(page, "decisions").text
    assert "reads well <3" in section(page, "decisions").text


async def test_a_result_is_denied(browser: Open, site: Site, finished: int) -> None:
    person = browser("producer")
    form = section(await person.get(f"/ui/tasks/{finished}"), "approval").one("form")
    page = await person.send(form, [("message", "it proves nothing")], button(form, "Deny"))
    assert (page.status, state(page)) == (200, "failed")
    assert "it proves nothing" in page.root.one("section", **{"aria-label": "State"}).text
    assert section(page, "change")  # what it made is kept


async def test_nobody_approves_of_a_result_that_was_not_seen(
    browser: Open, site: Site, finished: int
) -> None:
    person = browser()
    form = section(await person.get(f"/ui/tasks/{finished}"), "approval").one("form")
    site.db.run("select deny_task(%s)", str(finished))
    site.db.run("select retry_task(%s)", str(finished))
    assert run_that_changes(site.db) == finished
    for word in ("Approve", "Deny"):
        page = await person.send(form, [], button(form, word))
        assert page.status == 409
        assert f"task {finished} has run again since this page was loaded" in page.problem
    assert site.db.status(finished) == ("queued", "approval")
    site.db.run("select deny_task(%s)", str(finished))


@pytest.mark.parametrize("role", ROLES)
async def test_only_who_may_decide_is_asked(
    browser: Open, site: Site, role: str, asking: int, finished: int
) -> None:
    person = browser(role)
    may = role != "reader"
    page = await person.get(f"/ui/tasks/{asking}")
    assert [one.text for one in section(page, "question").all("button")] == ["Answer"] * may
    page = await person.get(f"/ui/tasks/{finished}")
    assert bool(page.root.all("section", **{"aria-labelledby": "approval"})) is may
    stranger = browser("operator" if role == "admin" else role, "umbrella")
    for number, verb in ((asking, "answer"), (finished, "approve"), (finished, "deny")):
        fields = [("answer", "x"), ("message", "x"), ("run", "1")]
        assert (await stranger.post(f"/ui/tasks/{number}/{verb}", fields)).status == 404
        if not may:
            assert (await person.post(f"/ui/tasks/{number}/{verb}", fields)).status == 403
    for number in (asking, finished):
        site.db.run("select cancel_task(%s)", str(number))


async def test_no_other_site_decides(browser: Open, site: Site, asking: int, finished: int) -> None:
    person = browser()
    for number, verb in ((asking, "answer"), (finished, "approve"), (finished, "deny")):
        answer = await person.client.post(
            f"/ui/tasks/{number}/{verb}",
            data={"answer": "x", "message": "x", "run": "1"},
            headers={"Origin": "https://evil.example"},
        )
        assert answer.status_code == 403
        assert HERE not in answer.text
    assert (site.db.status(asking), site.db.status(finished)) == (
        ("queued", "question"),
        ("queued", "approval"),
    )
    for number in (asking, finished):
        site.db.run("select cancel_task(%s)", str(number))


async def test_each_page_tells_how_much_waits_up_to_99(browser: Open, site: Site, asking: int) -> None:
    async def told() -> str:
        page = await browser("operator").get("/ui/accounts")
        return page.root.one("span", id="inbox-count").text.strip()

    assert await told() == "1"
    site.db.run("update tasks set question = null, wait_reason = null where status = 'queued'")
    assert await told() == ""
    site.db.submit_some(100)
    site.db.run("update tasks set wait_reason = 'question', question = 'which?' where status = 'queued'")
    assert await told() == "99+"
