"""Without JavaScript everything can be read and done."""

import pytest

from tests.browser.chromium import Chromium
from tests.browser.conftest import Page, log_in
from tests.browser.test_walk import filtered, submit_from_the_form, unique


@pytest.fixture
def plain(browser: Chromium, page: Page) -> Chromium:
    """A browser that runs no script, with an admin's cookie."""
    browser.run_no_scripts()
    log_in(browser, page.token())
    return browser


def test_a_task_is_submitted_read_and_answered(plain: Chromium, page: Page) -> None:
    number = submit_from_the_form(plain, tool="sh", prompt="echo the answer", name=unique("plain"))
    page.site.wait_for("succeeded", number)

    plain.open(f"/ui/tasks/{number}")

    assert "the answer" in plain.find("[aria-labelledby=answer]").text
    assert "the answer" in plain.find("pre.log").text
    assert plain.all("[data-follow]")[0].is_displayed() is False


def test_tasks_are_filtered_selected_and_canceled(plain: Chromium, page: Page) -> None:
    name = unique("plain")
    task = {"tool": "sh", "prompt": "true", "name": name, "delay_s": 86_400}
    first, second = page.site.submit_many([task] * 2)
    filtered(plain, name)

    plain.click(f"#task-{first} [type=checkbox]")
    plain.follow("button", "Cancel selected")
    assert plain.find("h1").text == "Cancel 1 task?"
    plain.follow("main button.main")
    assert [page.site.task(number)["status"] for number in (first, second)] == ["canceled", "queued"]

    filtered(plain, name)
    plain.follow(f"[aria-label='Cancel task {second}']")
    assert page.site.task(second)["status"] == "canceled"
    plain.follow(f"[aria-label='Retry task {second}']")
    assert page.site.task(second)["status"] != "canceled"


def test_a_task_that_waits_is_held_edited_and_released(plain: Chromium, page: Page) -> None:
    number = page.site.submit("true", name=unique("plain"), delay_s=86_400)
    plain.open(f"/ui/tasks/{number}")
    plain.follow("button", "Hold")
    plain.follow("a.button", "Edit")
    plain.fill("[name=prompt]", "echo better")
    plain.follow("main button.main", "Save")
    plain.follow("button", "Release")
    [task] = page.site.sql("SELECT prompt, wait_reason FROM tasks WHERE number = %s", number)
    assert task == {"prompt": "echo better", "wait_reason": "scheduled"}


def test_every_page_is_there(plain: Chromium) -> None:
    for name in ("Now", "Inbox", "Tasks", "Workflows", "New task", "Accounts", "Stats", "Health"):
        plain.follow("nav a", name)
        assert plain.find("h1").text == name
        assert plain.find("nav [aria-current=page]").text.startswith(name)  # and how many wait
