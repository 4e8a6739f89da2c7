"""Other web sites can neither act through a browser that is logged in here, nor read anything of ours with it."""

import json
from collections.abc import Iterator

import pytest

from tests.browser.attacker import Attacker, attacker
from tests.browser.chromium import STRANGER, Chromium
from tests.browser.conftest import Page, log_in

SECRET = "nobody-else-may-read-this"

FORM = """
<form id="f" method="post" action="{target}{path}" enctype="{encoding}" target="result">{fields}</form>
<iframe name="result"></iframe>
<script>f.submit()</script>
"""

ASK = """
const done = arguments[arguments.length - 1], address = arguments[0], options = arguments[1];
fetch(address, {credentials: "include", ...options})
    .then(response => response.text().then(text => done(response.type + " " + text)), error => done("refused"));
"""

LISTEN = """
const done = arguments[arguments.length - 1], stream = new EventSource(arguments[0], {withCredentials: true});
stream.addEventListener("state", message => done("heard " + message.data));
stream.onmessage = message => done("heard " + message.data);
stream.onerror = () => done("refused");
"""

LOAD = """
const done = arguments[arguments.length - 1], element = document.createElement(arguments[0]);
element.onload = () => done("loaded"); element.onerror = () => done("refused");
element.src = arguments[1];
document.body.append(element);
"""


@pytest.fixture(scope="module")
def other_site() -> Iterator[Attacker]:
    with attacker() as made:
        yield made


@pytest.fixture(scope="module", params=["another site", "another port"])
def victim(
    request: pytest.FixtureRequest, only_browser: Chromium, page: Page, other_site: Attacker
) -> Chromium:
    """A browser whose user is logged in here as admin, and now is at a page of another site."""
    page.site.submit(f"echo {SECRET}", name=SECRET, delay_s=86_400)
    only_browser.start_over(page.address)
    log_in(only_browser, page.token())
    only_browser.find("h1", "Now")
    only_browser.home = other_site.addresses[request.param].rstrip("/")
    return only_browser


@pytest.fixture
def lured(victim: Chromium, page: Page, other_site: Attacker) -> Iterator[Chromium]:
    """A browser that is about to open a page of the other site. After the test, nothing has happened here."""
    other_site.html = "<body>attack</body>"
    before = everything(page)
    yield victim
    assert everything(page) == before


def everything(page: Page) -> object:
    """Return all that a person could have changed."""
    return page.site.sql(
        "SELECT (SELECT jsonb_agg(to_jsonb(t) ORDER BY number) FROM tasks AS t) AS tasks,"
        " (SELECT jsonb_agg(jsonb_build_array(group_name, paused, max_concurrent, cooldown_until)) FROM worker_groups)"
        " AS groups, (SELECT jsonb_agg(to_jsonb(t) - 'last_used_at' ORDER BY name) FROM api_tokens AS t) AS tokens"
    )


@pytest.mark.parametrize(
    ("path", "encoding", "fields"),
    [
        ("/ui/new", "application/x-www-form-urlencoded", {"tool": "sh", "prompt": "echo attacked"}),
        ("/ui/new", "multipart/form-data", {"tool": "sh", "prompt": "echo attacked"}),
        ("/tasks", "text/plain", {'{"tool": "sh", "prompt": "echo attacked", "name": "': '"}'}),
        ("/tasks/1/cancel", "application/x-www-form-urlencoded", {}),
        ("/ui/tasks/1/cancel", "application/x-www-form-urlencoded", {}),
        ("/groups/sh/pause", "application/x-www-form-urlencoded", {}),
        ("/ui/logout", "application/x-www-form-urlencoded", {}),
    ],
)
def test_a_form_that_another_site_posts_does_nothing(
    lured: Chromium, page: Page, other_site: Attacker, path: str, encoding: str, fields: dict[str, str]
) -> None:
    inputs = "".join(f"<input type='hidden' name='{name}' value='{value}'>" for name, value in fields.items())
    other_site.html = FORM.format(target=page.address, path=path, encoding=encoding, fields=inputs)

    lured.open("/")
    lured.until(lambda: lured.answered(f"{page.address}{path}") == 403, "the refusal of the form")


@pytest.mark.parametrize("method", ["GET", "POST", "PUT", "DELETE"])
@pytest.mark.parametrize("kind", ["application/json", "text/plain"])
def test_what_another_site_fetches_is_neither_done_nor_read(
    lured: Chromium, page: Page, method: str, kind: str
) -> None:
    lured.open("/")
    task = json.dumps({"tool": "sh", "prompt": "echo attacked"})
    body = {} if method == "GET" else {"body": task}

    answer = lured.wait_for_script(
        ASK, f"{page.address}/tasks", {"method": method, "headers": {"Content-Type": kind}, **body}
    )
    blind = lured.wait_for_script(
        ASK, f"{page.address}/tasks", {"method": "POST", "mode": "no-cors", "body": task}
    )

    assert answer == "refused"
    assert blind in {"refused", "opaque "}


def test_another_site_hears_no_events(lured: Chromium, page: Page) -> None:
    lured.open("/")

    assert lured.wait_for_script(LISTEN, f"{page.address}/events") == "refused"


@pytest.mark.parametrize(("element", "path"), [("script", "/tasks"), ("img", "/tasks"), ("script", "/ui/")])
def test_nothing_of_ours_becomes_part_of_another_site(
    lured: Chromium, page: Page, element: str, path: str
) -> None:
    lured.open("/")

    assert lured.wait_for_script(LOAD, element, f"{page.address}{path}") == "refused"


def test_our_page_appears_in_no_frame(lured: Chromium, page: Page, other_site: Attacker) -> None:
    other_site.html = f"<iframe src='{page.address}/ui/'></iframe>"
    lured.open("/")
    lured.until(lambda: f"{page.address}/ui/" in lured.requests(), "the request of the frame")

    lured.driver.switch_to.frame(0)
    try:
        refused = "return location.protocol === 'chrome-error:' && document.readyState === 'complete'"
        lured.until(lambda: lured.script(refused), "the browser's refusal to show it")
        assert SECRET not in lured.driver.page_source
    finally:
        lured.driver.switch_to.default_content()


def test_a_window_that_another_site_opens_is_out_of_its_reach(
    lured: Chromium, page: Page, other_site: Attacker
) -> None:
    other_site.html = f"<button onclick=\"w = window.open('{page.address}/ui/')\">open</button>"
    lured.open("/")
    lured.click("button")
    lured.until(lambda: len(lured.driver.window_handles) == 2, "the window")
    first, second = lured.driver.window_handles
    try:
        lured.driver.switch_to.window(second)
        lured.until(lambda: lured.all("h1"), "our page")
        assert lured.script("return window.opener") is None
        lured.driver.switch_to.window(first)
        assert lured.script("return w.closed || w.length") is True  # cut off: it seems closed
    finally:
        lured.driver.switch_to.window(second)
        lured.driver.close()
        lured.driver.switch_to.window(first)


def test_a_name_of_another_site_that_leads_to_us_serves_nothing(only_browser: Chromium, page: Page) -> None:
    rebound = page.address.replace("127.0.0.1", STRANGER)
    only_browser.start_over(rebound)
    for path in ("/ui/", "/ui/login", "/tasks", "/health", "/openapi.json", "/events"):
        only_browser.open(path)

        assert "is not a name of this server" in only_browser.find("body").text
