"""The page of one task shows everything about it, as text, and offers what its token may do."""

import json
from collections.abc import Callable

import pytest

from tests.dispatcher.api.conftest import ROLES, Site, one_postgres
from tests.dispatcher.api.page.conftest import Browser, Page
from tests.dispatcher.api.page.html import Element
from tests.dispatcher.api.page.printing import HOSTILE, SHOWN, start

pytestmark = [pytest.mark.anyio, one_postgres]
Open = Callable[..., Browser]


@pytest.fixture(scope="module")
def plain_tool(site: Site) -> str:
    """A tool whose output is shown as it is; what claude prints is retold."""
    site.db.run("select put_tool('plain')")
    site.db.group("plain", tool="plain")
    return "plain"


def buttons(page: Page) -> set[str]:
    """Return what can be done, but for the frame."""
    return {one.text for one in page.root.one("main").all("button") if "data-follow" not in one}


def text_of(page: Page, heading: str) -> str:
    return section(page, heading).text


def section(page: Page, heading: str) -> Element:
    return page.root.one("main").one("section", **{"aria-labelledby": heading})


async def test_a_task_that_waits_says_why_and_what_was_asked(browser: Open, site: Site) -> None:
    number = site.db.submit(
        "find the bug",
        name="bug hunt",
        labels={"team": "web & co"},
        delay_s=7200,
        permission="full",
        tenant_id="acme",
    ).number
    page = await browser().get(f"/ui/tasks/{number}")
    assert page.status == 200
    assert page.heading == f"Task {number} bug hunt"
    assert "scheduled to start in 2 h 0 min" in page.root.one("section", **{"aria-label": "State"}).text
    assert text_of(page, "prompt") == "Prompt find the bug"
    settings = page.root.one("aside")
    assert settings.one(class_="chip")["href"] == "/ui/tasks?label=team%3Dweb%20%26%20co"
    assert settings.one(class_="bad-text").text == "full"
    assert "acme" in settings.text
    assert buttons(page) == {"Cancel", "Run now", "Hold", "To the top"}
    site.db.run("select cancel_task(%s)", str(number))


async def test_attempts_answer_files_and_cost_are_shown(browser: Open, site: Site) -> None:
    number = site.db.submit("p", backoff_s=0).number
    first = start(site, number)
    first.ends("agent_error", error_message="it broke", exit_code=3, denials=["rm -rf /"])
    site.db.run("select retry_task(%s)", str(number))
    second = start(site, number)
    second.ends(
        final_text="all done\nreally",
        exit_code=0,
        cost_usd=1.5,
        auth_mode="login",
        input_tokens=1200,
        output_tokens=30,
        session_id="s-1",
    )
    page = await browser().get(f"/ui/tasks/{number}")
    answer = section(page, "answer").one(class_="text")
    assert "".join(map(str, answer.children)) == "all done\nreally"
    rows = section(page, "attempts").one("tbody").all("tr")
    assert [row.all("th")[0].text for row in rows if row.all("th")] == ["2", "1"]
    assert len(section(page, "attempts").all("svg")) == 2
    attempts = text_of(page, "attempts")
    assert "agent error: it broke" in attempts
    assert "Not permitted: rm -rf /" in attempts
    assert "$1.50 list price" in attempts
    assert "1.2k + 30" in attempts
    assert buttons(page) == {"Send the reply"}


async def test_a_failed_task_shows_its_error_first_and_can_be_retried(browser: Open, site: Site) -> None:
    number = site.db.submit("p", max_attempts=1).number
    start(site, number).ends("agent_error", error_message="it broke")
    person = browser("producer")
    page = await person.get(f"/ui/tasks/{number}")
    assert "agent error : it broke" in page.root.one("section", **{"aria-label": "State"}).text
    page = await person.send(page.root.one("form", action=f"/ui/tasks/{number}/retry"))
    assert (page.path, page.root.one("strong", class_="state").text) == (f"/ui/tasks/{number}", "queued")
    page = await person.send(page.root.one("form", action=f"/ui/tasks/{number}/cancel"))
    assert page.root.one("strong", class_="state").text == "canceled"
    # What another person did meanwhile is told, and nothing else happens.
    page = await person.post(f"/ui/tasks/{number}/retry", [("back", "/ui/")])
    page = await person.post(f"/ui/tasks/{number}/retry", [("back", "/ui/")])
    assert (page.status, page.heading) == (409, "Conflict")
    site.db.run("select cancel_task(%s)", str(number))


async def test_a_reply_sent_twice_is_queued_once(browser: Open, site: Site) -> None:
    number = site.db.submit("p").number
    start(site, number).ends(final_text="x", session_id="s-2")
    person = browser("producer")
    page = await person.get(f"/ui/tasks/{number}")
    form = page.root.one("form", action=f"/ui/tasks/{number}/reply")
    sent = [(name, "go on\r\nplease" if name == "prompt" else value) for name, value in form.fields()]
    first = await person.post(form["action"], sent)
    again = await person.post(form["action"], sent)
    assert first.heading.startswith("Task ")
    assert first.path == again.path != page.path
    reply = int(first.path.rpartition("/")[2])
    assert site.db.value("select prompt from tasks where number = %s", reply) == "go on\nplease"
    site.db.run("select cancel_task(%s)", str(reply))


@pytest.mark.parametrize("role", ROLES)
async def test_only_who_may_act_is_offered_buttons(browser: Open, site: Site, role: str) -> None:
    number = site.db.submit("p", delay_s=3600).number
    page = await browser(role).get(f"/ui/tasks/{number}")
    assert buttons(page) == (set() if role == "reader" else {"Cancel", "Run now", "Hold", "To the top"})
    answer = await browser(role).post(f"/ui/tasks/{number}/cancel", [("back", "/ui/health")])
    assert answer.status == (403 if role == "reader" else 200)
    site.db.run("select cancel_task(%s)", str(number))


async def test_a_task_of_another_tenant_does_not_exist(browser: Open, site: Site) -> None:
    number = site.db.submit("secret plan", tenant_id="acme", delay_s=3600).number
    person = browser("producer", "other")
    for page in (
        await person.get(f"/ui/tasks/{number}"),
        await person.get(f"/ui/new?like={number}"),
        await person.post(f"/ui/tasks/{number}/reply", [("prompt", "x")]),
        await person.get("/ui/tasks/999999999"),
    ):
        assert page.status == 404
        assert "there is no task" in page.problem
        assert "secret plan" not in page.html
    site.db.run("select cancel_task(%s)", str(number))


async def test_hostile_text_is_text_everywhere(browser: Open, site: Site, plain_tool: str) -> None:
    name = HOSTILE.replace("\x1b", "")
    number = site.db.submit(
        HOSTILE,
        tool=plain_tool,
        name=name,
        labels={"<b>": "<i>&"},
        input_files=[{"path": 'a"><script>b</script>.txt', "content": "x"}],
    ).number
    run = start(site, number)
    run.prints(HOSTILE.encode() + b"\n\x1b[31mred\x1b[0m \xff\0end\n")
    run.ends(final_text=HOSTILE, session_id=HOSTILE, error_message=HOSTILE, denials=[HOSTILE])
    page = await browser().get(f"/ui/tasks/{number}")
    assert page.status == 200
    for one in page.root.walk():
        assert not [name for name in one.attributes if name.startswith("on") or name == "style"]
        assert one.tag not in ("img", "b", "i", "style")
    assert all("src" in one and not one.text for one in page.root.all("script"))
    assert not {"\u202e", "\x1b", "\0"} & set(page.html)
    for heading in ("prompt", "answer"):
        assert section(page, heading).one(class_="text").text == SHOWN
    assert SHOWN in page.heading
    log = section(page, "log").one("pre")
    assert SHOWN in log.text
    assert log.one(class_="ansi-red").text == "red"
    assert section(page, "files").one("a")["href"] == (
        f"/tasks/{number}/files/a%22%3E%3Cscript%3Eb%3C/script%3E.txt"
    )


async def test_long_texts_are_cut_until_one_asks(browser: Open, site: Site) -> None:
    number = site.db.submit("x" * 3000 + " the end").number
    start(site, number).ends(final_text="y" * 60_000 + " the end")
    page = await browser().get(f"/ui/tasks/{number}")
    assert "the end" not in page.html
    page = await browser().get(f"/ui/tasks/{number}?full=true")
    assert page.html.count("the end") == 2


async def test_a_log_is_read_page_by_page_without_scripts(browser: Open, site: Site, plain_tool: str) -> None:
    number = site.db.submit("p", tool=plain_tool).number
    run = start(site, number)
    lines = [f"line {at:06} {'x' * 40}\n" for at in range(12_000)]
    printed = "".join(lines).encode()
    for at in range(0, len(printed), 30_001):  # ends within lines
        run.prints(printed[at : at + 30_001])
    run.ends(final_text="x")
    person = browser("reader")
    page = await person.get(f"/ui/tasks/{number}")
    assert "line 011999" in page.html
    assert "line 000000" not in page.html
    seen: set[str] = set()
    links = ["?begin=0"]
    while links:
        page = await person.get(f"/ui/tasks/{number}{links[0].partition('#')[0]}")
        words = section(page, "log").one("pre").text.split()
        assert len(words) % 3 == 0  # whole lines
        seen |= set(words[1::3])
        links = [one["href"] for one in section(page, "log").all("a") if one.text == "Later output"]
    assert len(seen) == 12_000
    for wrong in ("begin=-1", "begin=9999999999999999999999", "run=0", "stream=stdin", "begin=x"):
        assert (await person.get(f"/ui/tasks/{number}?{wrong}")).status == 400
    assert (await person.get(f"/ui/tasks/{number}?run=7")).status == 404
    assert section(await person.get(f"/ui/tasks/{number}?begin=99999999"), "log").one("pre").text == ""
    stderr = await person.get(f"/ui/tasks/{number}?stream=stderr")
    assert "printed nothing on stderr, but" in text_of(stderr, "log")


async def test_a_log_that_goes_on_is_followed_as_html_and_can_be_resumed(browser: Open, site: Site) -> None:
    number = site.db.submit("p", tool="claude").number
    run = start(site, number)
    run.prints(json.dumps({"type": "system", "subtype": "init", "session_id": "s"}).encode() + b"\n")
    said = {"type": "assistant", "message": {"content": [{"type": "text", "text": f"{HOSTILE}\x1b[32mok"}]}}
    run.prints(json.dumps(said).encode() + b"\n")
    person = browser("reader")
    page = await person.get(f"/ui/tasks/{number}")
    log = section(page, "log").one("pre")
    assert SHOWN in log.text
    refreshed = await person.get(f"/ui/tasks/{number}", **{"HX-Request": "true"})
    assert section(refreshed, "log").one("pre").text == ""
    assert section(refreshed, "log").one(class_="log-frame")["id"] == log.parent["id"]  # type: ignore[index]
    run.ends(final_text="x")
    answer = await person.client.get(log["data-log"])
    assert answer.headers["content-type"].startswith("text/event-stream")
    events = [
        dict(line.split(": ", 1) for line in event.split("\n")) for event in answer.text.split("\n\n")[1:-1]
    ]
    assert [event["event"] for event in events] == ["output", "end"]
    assert '<span class="ansi-green">ok</span>' in json.loads(events[0]["data"])["text"]
    assert "<script" not in answer.text.lower()
    assert "\u202e" not in answer.text
    answer = await person.client.get(log["data-log"], headers={"Last-Event-ID": events[0]["id"]})
    assert "event: output" not in answer.text
    answer = await person.client.get(log["data-log"], headers={"Last-Event-ID": events[-1]["id"]})
    assert answer.status_code == 204


async def test_what_stands_beside_each_other_is_not_one_word(browser: Open, site: Site) -> None:
    site.db.run("update tools set is_proven = false where name = 'claude'")
    number = site.db.submit().number
    start(site, number).ends(final_text="done")
    state = (await browser().get(f"/ui/tasks/{number}")).root.one("section", class_="state-line").text
    assert "success from a failure after" in " ".join(state.split())
