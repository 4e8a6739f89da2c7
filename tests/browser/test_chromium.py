"""What the other tests rely on: the browser holds against a page what it does wrong."""

import pytest

from tests.browser.chromium import STRANGER, Chromium
from tests.browser.conftest import Page


@pytest.fixture
def watched(only_browser: Chromium, page: Page) -> Chromium:
    """A browser whose complaints the test itself reads."""
    only_browser.start_over(page.address)
    only_browser.open("/health")
    return only_browser


def test_the_policy_stops_inline_script_and_the_console_tells_of_it(watched: Chromium) -> None:
    watched.script(
        "const s = document.createElement('script'); s.textContent = 'document.title = 1'; document.body.append(s)"
    )

    assert any("Content Security Policy" in one for one in watched.complaints())
    assert watched.driver.title != "1"


def test_a_request_to_elsewhere_is_seen(watched: Chromium) -> None:
    watched.open(f"http://{STRANGER}:9/")

    assert f"http://{STRANGER}:9/" in watched.requests()


def test_no_other_name_leads_anywhere(watched: Chromium) -> None:
    outcome = watched.wait_for_script(
        "const done = arguments[0]; fetch('http://example.com/').then(() => done('answered'), () => done('failed'))"
    )

    assert outcome == "failed"


def test_without_scripts_a_page_runs_none(watched: Chromium) -> None:
    watched.run_no_scripts()
    watched.open("data:text/html,<body>text<script>document.body.textContent='a script ran'</script>")

    assert watched.find("body").text == "text"
