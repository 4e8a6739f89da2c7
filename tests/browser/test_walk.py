"""What people do on the page, from submitting a task to fetching its files."""

import os
import secrets
import signal
from pathlib import Path

from selenium.webdriver.common.keys import Keys

from tests.browser.chromium import Chromium
from tests.browser.conftest import Page, log_in
from tests.fixtures.api import api_process

FINISHED = "Now it ends"


def unique(word: str) -> str:
    """Return a name that no other test of this site uses."""
    return f"{word}-{secrets.token_hex(3)}"


def submit_from_the_form(browser: Chromium, **fields: str) -> int:
    browser.open("/ui/new")
    for part in ("Repository and check", "More"):
        browser.click("main form summary", part)
    for name, value in fields.items():
        browser.fill(f"[name={name}]", value)
    browser.follow("main form button.main")
    browser.until(lambda: browser.path.startswith("/ui/tasks/"), "the page of the new task")
    return int(browser.path.rpartition("/")[2])


def filtered(browser: Chromium, name: str) -> None:
    """Look at the tasks with this name, as one does who types it into the filter."""
    browser.open("/ui/tasks")
    browser.fill("[data-filter]", name)
    browser.follow("form[role=search] button.main")


def names_shown(browser: Chromium) -> list[str]:
    return [one.text for one in browser.all("[data-row] > td:not([data-label]) > bdi")]


def test_a_task_that_is_submitted_from_the_form_is_watched_to_its_end_without_a_reload(
    logged_in: Chromium, page: Page
) -> None:
    gate = page.site.gate(unique("gate"))
    agent = f"echo It begins; {gate.pass_through}; echo {FINISHED}; echo kept > kept.txt"
    number = submit_from_the_form(
        logged_in, tool="sh", prompt=agent, name=unique("watched"), output_files="kept.txt"
    )
    logged_in.script("window.sameDocument = true")

    logged_in.sees("It begins", "pre.log")
    logged_in.sees("running", "main .state")
    gate.open()
    logged_in.sees(FINISHED, "pre.log")
    logged_in.sees("succeeded", "main .state")
    logged_in.sees("kept.txt", "main")
    assert logged_in.script("return window.sameDocument") is True

    file = logged_in.find(f"a[href='/tasks/{number}/files/kept.txt']").get_attribute("href")
    answer = logged_in.wait_for_script(
        "const done = arguments[1]; fetch(arguments[0]).then(r => r.text().then("
        "text => done([text, r.headers.get('content-disposition').split(';')[0], r.headers.get('content-type')])))",
        file,
    )
    assert answer == ["kept\n", "attachment", "application/octet-stream"]


def test_a_log_follows_until_somebody_scrolls_up_and_again_at_the_button(
    logged_in: Chromium, page: Page
) -> None:
    first, second = page.site.gate(unique("first")), page.site.gate(unique("second"))
    count = "i=0; while [ $i -lt 300 ]; do echo line $i; i=$((i+1)); done"
    number = page.site.submit(
        f"{count}; {first.pass_through}; echo more; {second.pass_through}; echo the last"
    )
    log = "const log = document.querySelector('pre.log');"
    at_end = f"{log} return log.scrollHeight - log.scrollTop - log.clientHeight < 5"

    logged_in.open(f"/ui/tasks/{number}")
    logged_in.sees("line 299", "pre.log")
    logged_in.until(lambda: logged_in.script(at_end), "the end of the log")

    logged_in.script("document.querySelector('pre.log').scrollTop = 0")
    logged_in.until(lambda: logged_in.find("[data-follow]").is_displayed(), "the button that follows again")
    first.open()
    logged_in.until(
        lambda: "more" in str(logged_in.script("return document.querySelector('pre.log').textContent")),
        "more",
    )
    assert logged_in.script("return document.querySelector('pre.log').scrollTop") == 0

    logged_in.click("[data-follow]")
    logged_in.until(lambda: logged_in.script(at_end), "the end of the log")
    second.open()
    logged_in.sees("the last", "pre.log")
    logged_in.until(lambda: logged_in.script(at_end), "the end of the log")


def test_the_list_shows_what_fits_the_filter_and_follows_what_happens(
    logged_in: Chromium, page: Page
) -> None:
    gate, name = page.site.gate(unique("gate")), unique("filtered")
    page.site.submit(f"{gate.pass_through}", name=f"{name}-runs", labels={"batch": name})
    page.site.submit("true", name=f"{name}-waits", delay_s=86_400)

    filtered(logged_in, name)
    assert sorted(names_shown(logged_in)) == [f"{name}-runs", f"{name}-waits"]

    logged_in.follow("a.chip", "scheduled")
    assert names_shown(logged_in) == [f"{name}-waits"]

    logged_in.open(f"/ui/tasks?label=batch={name}")
    logged_in.sees("running", "[data-row]")
    gate.open()
    logged_in.sees("failed", "[data-row]")  # nothing was printed


def test_selected_tasks_are_canceled_after_a_preview_that_says_how_many(
    logged_in: Chromium, page: Page
) -> None:
    name = unique("bulk")
    numbers = page.site.submit_many([{"tool": "sh", "prompt": "true", "name": name, "delay_s": 86_400}] * 3)
    filtered(logged_in, name)

    for number in numbers[:2]:
        logged_in.click(f"#task-{number} [type=checkbox]")
    logged_in.follow("button", "Cancel selected")
    assert logged_in.find("h1").text == "Cancel 2 tasks?"
    assert [page.site.task(number)["status"] for number in numbers] == ["queued"] * 3

    logged_in.follow("main button.main", "Cancel 2 tasks")
    assert [page.site.task(number)["status"] for number in numbers] == ["canceled", "canceled", "queued"]

    logged_in.follow("main a.button")
    assert logged_in.find(f"#task-{numbers[0]}").text.count("canceled") == 1


def test_all_tasks_of_a_page_are_selected_at_once(logged_in: Chromium, page: Page) -> None:
    name = unique("all")
    page.site.submit_many([{"tool": "sh", "prompt": "true", "name": name, "delay_s": 86_400}] * 3)
    filtered(logged_in, name)

    logged_in.click("[data-all]")
    logged_in.follow("button", "Cancel selected")

    assert logged_in.find("h1").text == "Cancel 3 tasks?"


def test_what_grew_after_the_preview_is_not_done_but_shown_anew(logged_in: Chromium, page: Page) -> None:
    name = unique("grew")
    task = {"tool": "sh", "prompt": "true", "name": name, "delay_s": 86_400}
    page.site.submit_many([task] * 2)
    filtered(logged_in, name)
    logged_in.follow("button", "Cancel all that match")
    assert logged_in.find("h1").text == "Cancel 2 tasks?"

    page.site.submit_many([task])
    logged_in.follow("main button.main")

    assert "Nothing was done" in logged_in.find("main [role=alert]").text
    assert logged_in.find("h1").text == "Cancel 3 tasks?"
    states = "SELECT DISTINCT status FROM tasks WHERE name = %s"
    assert page.site.sql(states, name) == [{"status": "queued"}]

    logged_in.follow("main button.main", "Cancel 3 tasks")
    assert page.site.sql(states, name) == [{"status": "canceled"}]


def test_a_failed_task_is_retried_from_the_first_page(logged_in: Chromium, page: Page) -> None:
    number = page.site.submit("test -f $SITE/again && echo done", name=unique("flaky"), max_attempts=1)
    page.site.wait_for("failed", number)
    (page.site.directory / "again").touch()

    logged_in.open("/ui/")
    logged_in.click(f"[aria-label='Retry task {number}']")

    page.site.wait_until(lambda: page.site.task(number)["status"] == "succeeded")
    logged_in.gone(f"#failed-{number}")


def test_a_task_is_held_edited_and_released_on_its_page(logged_in: Chromium, page: Page) -> None:
    number = page.site.submit("echo first", name=unique("held"), delay_s=86_400)
    logged_in.open(f"/ui/tasks/{number}")
    logged_in.follow("button", "Hold")
    logged_in.sees("held", "main .state")

    logged_in.follow("a.button", "Edit")
    logged_in.fill("[name=prompt]", "echo second")
    logged_in.fill("[name=priority]", "9")
    logged_in.follow("main button.main", "Save")
    logged_in.sees("echo second", "[aria-labelledby=prompt]")

    logged_in.follow("button", "To the top")
    logged_in.sees("top", ".facts")
    logged_in.follow("button", "Release")
    logged_in.sees("scheduled", "main .state")
    logged_in.follow("button", "Run now")
    page.site.wait_for("succeeded", number)
    logged_in.sees("second", "[aria-labelledby=answer]")


def test_all_that_match_are_held_and_released(logged_in: Chromium, page: Page) -> None:
    name = unique("together")
    page.site.submit_many([{"tool": "sh", "prompt": "true", "name": name, "delay_s": 86_400}] * 3)
    reasons = "SELECT DISTINCT wait_reason FROM tasks WHERE name = %s"
    for verb, reason in (("Hold", "held"), ("Release", "scheduled")):
        filtered(logged_in, name)
        logged_in.follow("button", f"{verb} all that match")
        logged_in.follow("main button.main", f"{verb} 3 tasks")
        assert page.site.sql(reasons, name) == [{"wait_reason": reason}]


def test_sums_by_a_label_lead_to_their_tasks(logged_in: Chromium, page: Page) -> None:
    batch = unique("batch")
    number = page.site.submit("echo done", labels={"batch": batch})
    page.site.wait_for("succeeded", number)
    logged_in.open("/ui/stats")
    logged_in.fill("[name=by]", "label:batch")
    logged_in.follow("main form button")
    logged_in.follow("tbody a", batch)
    logged_in.find(f"#task-{number}")


def test_an_account_is_paused_with_a_reason_and_resumed(logged_in: Chromium, page: Page) -> None:
    logged_in.open("/ui/accounts")
    group = "[aria-labelledby=group-1]"
    name = logged_in.find(f"{group} h2").text
    paused = "SELECT paused, pause_reason FROM worker_groups WHERE group_name = %s"
    try:
        logged_in.click(f"{group} summary", "Pause")
        logged_in.fill(f"{group} [name=reason]", "the invoice")
        logged_in.follow(f"{group} button", f"Pause {name}")
        assert page.site.sql(paused, name) == [{"paused": True, "pause_reason": "the invoice"}]
        logged_in.sees("the invoice", group)

        logged_in.follow(f"{group} button", "Resume")
        assert page.site.sql(paused, name)[0]["paused"] is False
    finally:
        page.site.sql("UPDATE worker_groups SET paused = false")


def test_a_person_needs_only_keys(logged_in: Chromium, page: Page) -> None:
    name = unique("keys")
    older, newer = (
        page.site.submit("true", name=name, delay_s=86_400),
        page.site.submit("true", name=name, delay_s=86_400),
    )
    focused = "return document.activeElement.closest('[data-row]')?.id ?? document.activeElement.id"
    logged_in.open("/ui/tasks")

    logged_in.press("/")
    assert logged_in.script(focused) == "filter-name"
    logged_in.press(name + Keys.ENTER)
    logged_in.until(lambda: f"name={name}" in logged_in.path, "the filtered list")

    logged_in.find(f"#task-{newer}")
    logged_in.press("j")
    assert logged_in.script(focused) == f"task-{newer}"
    logged_in.press("j")
    assert logged_in.script(focused) == f"task-{older}"
    logged_in.press("k")
    assert logged_in.script(focused) == f"task-{newer}"

    logged_in.press("x")
    assert logged_in.find(f"#task-{newer} [type=checkbox]").is_selected()

    logged_in.press("c")
    logged_in.driver.switch_to.alert.accept()
    page.site.wait_for("canceled", newer)
    logged_in.sees("canceled", f"#task-{newer}")

    logged_in.script("document.querySelector(arguments[0]).focus()", f"#task-{newer} a")
    logged_in.press("r")
    logged_in.until(lambda: page.site.task(newer)["status"] != "canceled", "the retry")

    logged_in.press("?")
    logged_in.sees("select the row", "dialog[open]")


def test_what_is_wrong_with_a_form_is_said_beside_the_field_and_nothing_typed_is_lost(
    logged_in: Chromium,
) -> None:
    logged_in.open("/ui/new")
    logged_in.fill("[name=prompt]", "Do it\nwell")
    logged_in.fill("[name=timeout_s]", "soon")
    logged_in.follow("main form button.main")

    assert "soon" in logged_in.find("#complaint-timeout_s").text
    assert logged_in.find("[name=timeout_s]").get_attribute("aria-invalid") == "true"
    assert logged_in.find("[name=prompt]").get_attribute("value") == "Do it\nwell"


def test_a_form_that_is_sent_again_queues_nothing_twice(logged_in: Chromium, page: Page) -> None:
    name = unique("once")
    first = submit_from_the_form(logged_in, tool="sh", prompt="true", name=name)
    logged_in.driver.back()
    logged_in.follow("main form button.main")
    logged_in.until(lambda: logged_in.path.startswith("/ui/tasks/"), "the page of the task")

    assert logged_in.path == f"/ui/tasks/{first}"
    assert len(page.site.sql("SELECT 1 FROM tasks WHERE name = %s", name)) == 1


def test_a_file_is_handed_to_the_agent(logged_in: Chromium, page: Page, tmp_path: Path) -> None:
    (tmp_path / "data.csv").write_text("some data")
    logged_in.open("/ui/new")
    logged_in.fill("[name=tool]", "sh")
    logged_in.fill("[name=prompt]", "cat data.csv")
    logged_in.find("[name=input_files]").send_keys(str(tmp_path / "data.csv"))
    logged_in.follow("main form button.main")

    logged_in.sees("some data", "[aria-labelledby=answer]")


def test_a_reply_goes_on_in_the_session(logged_in: Chromium, page: Page) -> None:
    agent = """echo '{"answer": "Which one?", "session": "s-1"}'"""
    number = page.site.submit(agent, tool="talker", name=unique("talk"))
    page.site.wait_for("succeeded", number)
    logged_in.open(f"/ui/tasks/{number}")

    logged_in.click("summary", "Reply")
    logged_in.fill("[name=prompt]", """echo '{"answer": "This one.", "session": "s-1"}'""")
    logged_in.follow("button", "Send the reply")

    logged_in.sees("This one.", "[aria-labelledby=answer]")
    reply = int(logged_in.path.rpartition("/")[2])
    assert page.site.task(reply)["session_id"] == "s-1"


def test_what_a_check_of_the_host_finds_can_be_read_to_its_end(logged_in: Chromium) -> None:
    logged_in.open("/ui/health")
    logged_in.follow("button", "Check")

    assert logged_in.all("[aria-labelledby=checks] td")
    cut = "return [...document.querySelectorAll('main td')].filter(one => one.scrollWidth > one.clientWidth).length"
    assert logged_in.script(cut) == 0


def test_a_page_comes_back_by_itself_after_its_server_was_killed(logged_in: Chromium, page: Page) -> None:
    name = unique("back")
    number = page.site.submit("true", name=name, delay_s=86_400)
    logged_in.open(f"/ui/tasks?name={name}")
    logged_in.find(f"#task-{number}")
    logged_in.script("window.sameDocument = true")

    os.kill(api_process(page.dispatcher), signal.SIGKILL)
    logged_in.sees("not connected", "#connection")
    page.site.cancel(number)

    logged_in.sees("canceled", f"#task-{number}")
    logged_in.until(lambda: logged_in.find("#connection").text == "", "the connection")
    assert logged_in.script("return window.sameDocument") is True
    logged_in.complaints()  # the browser told that nobody answered for a while


def test_whoever_loses_the_token_is_led_to_the_login(browser: Chromium, page: Page) -> None:
    log_in(browser, page.token("operator"))
    browser.find("h1", "Now")
    [row] = page.site.sql(
        "SELECT name FROM api_tokens WHERE role = 'operator' ORDER BY created_at DESC LIMIT 1"
    )

    page.site.sql("SELECT remove_token(%s)", row["name"])
    page.site.submit("true", name=unique("news"))

    browser.until(lambda: browser.path.startswith("/ui/login"), "the login")


def test_a_reader_sees_everything_and_is_offered_nothing(browser: Chromium, page: Page) -> None:
    number = page.site.submit("true", name=unique("readable"), delay_s=86_400)
    log_in(browser, page.token("reader"))
    for path in ("/ui/", "/ui/tasks", f"/ui/tasks/{number}", "/ui/accounts", "/ui/stats"):
        browser.open(path)
        assert [one.text for one in browser.all("main form[method=post] button")] == []

    tenant = unique("acme")
    log_in(browser, page.token("reader", tenant))
    browser.open(f"/ui/tasks/{number}")
    assert "does not exist" in browser.find("main").text or "no task" in browser.find("main").text
