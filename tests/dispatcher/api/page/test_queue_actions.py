"""A task that waits is held, released, moved to the top and edited on its page."""

from collections.abc import Callable

import pytest

from tests.dispatcher.api.conftest import Site, one_postgres
from tests.dispatcher.api.page.conftest import Browser, Page

pytestmark = [pytest.mark.anyio, one_postgres]
Open = Callable[..., Browser]


def offered(page: Page) -> set[str]:
    """Return the words of what can be done with the task."""
    beside = page.root.one("div", **{"data-only-row": ""})
    return {one.text for one in beside.all("button") + beside.all("a")} - {"New task like this"}


def edited(site: Site, number: int) -> tuple[object, ...]:
    query = "select array[prompt, model, priority::text] from tasks where number = %s"
    return tuple(site.db.value(query, number))  # type: ignore[arg-type]


async def test_a_waiting_task_is_held_moved_and_released(browser: Open, site: Site) -> None:
    number = site.db.submit().number
    person = browser("producer")
    page = await person.get(f"/ui/tasks/{number}")
    assert offered(page) == {"Cancel", "Hold", "To the top", "Edit"}
    page = await person.send(page.root.one("form", action=f"/ui/tasks/{number}/hold"))
    assert page.root.one("strong", class_="state").text == "held"
    assert offered(page) == {"Cancel", "Release", "To the top", "Edit"}
    page = await person.send(page.root.one("form", action=f"/ui/tasks/{number}/top"))
    assert "Priority top" in page.root.one("aside").text
    page = await person.send(page.root.one("form", action=f"/ui/tasks/{number}/release"))
    assert offered(page) == {"Cancel", "Hold", "Edit"}
    site.db.run("select cancel_task(%s)", str(number))


async def test_the_form_shows_what_a_task_has_and_changes_only_what_was_typed_anew(
    browser: Open, site: Site
) -> None:
    prompt = "\nfirst line\r\n<b>second</b>" + "x" * 5_000
    number = site.db.submit(prompt, model="opus", hold=True).number
    person = browser("producer")
    form = (await person.get(f"/ui/tasks/{number}/edit")).root.one("main").one("form")
    assert dict(form.fields()) == {
        "prompt": prompt.replace("\r\n", "\n"),
        "model": "opus",
        "check_command": "",
        "priority": "5",
        "action": "edit",
    }
    page = await person.send(form, [("model", ""), ("priority", "8")])
    assert page.path == f"/ui/tasks/{number}"
    assert edited(site, number) == (prompt, None, "8")
    page = await person.send(form, [("prompt", "another\r\none"), ("priority", "8")])
    assert edited(site, number) == ("another\none", "opus", "8")


async def test_what_cannot_be_saved_is_told_and_stays_typed(browser: Open, site: Site) -> None:
    number = site.db.submit("the prompt", hold=True).number
    person = browser("producer")
    form = (await person.get(f"/ui/tasks/{number}/edit")).root.one("main").one("form")
    page = await person.send(form, [("priority", "99"), ("prompt", "better")])
    assert page.status == 400
    assert "priority" in page.problem
    assert dict(page.root.one("main").one("form").fields())["prompt"] == "better"

    site.db.run("select cancel_task(%s)", str(number))
    page = await person.send(form, [("prompt", "better")])
    assert page.status == 409
    assert "only a queued task can be edited" in page.problem
    assert edited(site, number) == ("the prompt", None, "5")


async def test_a_failed_task_is_tried_again_with_what_was_typed_anew(browser: Open, site: Site) -> None:
    number = site.db.submit("the prompt", model="opus", hold=True).number
    site.db.run("select cancel_task(%s)", str(number))
    person = browser("producer")
    page = await person.get(f"/ui/tasks/{number}")
    assert offered(page) == {"Retry", "Change and retry"}
    form = (await person.get(f"/ui/tasks/{number}/edit")).root.one("main").one("form")
    page = await person.send(form, [("prompt", "better"), ("check_command", "make\r\nmake test")])
    assert page.path == f"/ui/tasks/{number}"
    assert edited(site, number) == ("better", "opus", "5")
    assert site.db.value("select check_command from tasks where number = %s", number) == "make\nmake test"
    assert site.db.status(number)[0] == "queued"
    site.db.run("select cancel_task(%s)", str(number))


@pytest.mark.parametrize("verb", ["hold", "top", "edit"])
async def test_who_may_not_act_is_refused(browser: Open, site: Site, verb: str) -> None:
    number = site.db.submit(tenant_id="acme").number
    fields = [("prompt", "mine"), ("priority", "5"), ("model", "")]
    assert (await browser("reader").post(f"/ui/tasks/{number}/{verb}", fields)).status == 403
    assert (await browser("producer", "umbrella").post(f"/ui/tasks/{number}/{verb}", fields)).status == 404
    assert edited(site, number) == ("do it", None, "5")


async def test_a_task_is_canceled_with_all_that_depends_on_it(browser: Open, site: Site) -> None:
    first = site.db.submit().number
    second = site.db.submit(after=[first]).number
    person = browser("producer")
    page = await person.get(f"/ui/tasks/{second}")
    assert "Cancel with dependents" not in offered(page)
    page = await person.get(f"/ui/tasks/{first}")
    [_, cascade] = page.root.all("form", action=f"/ui/tasks/{first}/cancel")
    assert cascade.one("button").text == "Cancel with dependents"
    page = await person.send(cascade)
    assert page.root.one("strong", class_="state").text == "canceled"
    query = "select array_agg(status) from tasks where number = any(%s)"
    assert site.db.value(query, [first, second]) == ["canceled", "canceled"]
