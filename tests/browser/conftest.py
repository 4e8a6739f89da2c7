"""A page that a real dispatcher serves, and a real browser in front of it. Both last for the session."""

from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from tests.agents.real_agents import unavailable
from tests.browser import chromium
from tests.browser.chromium import Chromium
from tests.fixtures.api import enable, free_port, make_token
from tests.fixtures.dispatchers import Dispatcher, Site
from tests.fixtures.postgres import PostgresServer

TALKER = {"argv": ["sh", "{prompt_file}"], "output": "jsonl", "answer": "answer", "session": "session"}
"""A tool whose sessions can be continued."""


@dataclass(frozen=True)
class Page:
    """The page of a site; ``address`` has no path."""

    site: Site
    address: str
    dispatcher: Dispatcher

    def token(self, role: str = "admin", *tenants: str) -> str:
        """Make a token, for all tenants unless given, and return its secret."""
        return make_token(self.site, role, (tenants and list(tenants)) or None)


@pytest.fixture(scope="session")
def page(
    tmp_path_factory: pytest.TempPathFactory, dispatch_server: tuple[PostgresServer, str]
) -> Iterator[Page]:
    """A `dispatcher run` that serves the page. The tests share it, so each looks for tasks of its own."""
    server, template = dispatch_server
    name = server.create(template)
    site = Site(tmp_path_factory.mktemp("page"), server.settings(name))
    try:
        enable(site, port=free_port())
        site.configure("tools", talker=TALKER)
        site.configure("groups", talker={"tool": "talker", "env": {"SITE": str(site.directory)}})
        site.configure("security", allowed_roots=[str(site.directory)], allow_commands=True)
        dispatcher = site.start()
        yield Page(site, str(dispatcher.wait_for("the API is served")["url"]), dispatcher)
    finally:
        site.close()
        server.drop(name)


@pytest.fixture(scope="session")
def only_browser() -> Iterator[Chromium]:
    if reason := chromium.missing():
        unavailable(reason)
    with chromium.started() as browser:
        yield browser


@pytest.fixture
def browser(only_browser: Chromium, page: Page) -> Iterator[Chromium]:
    """A browser without a cookie. After the test it holds nothing against our pages, and they asked only us."""
    only_browser.start_over(page.address)
    yield only_browser
    assert only_browser.complaints() == []
    strangers = [
        url for url in only_browser.requests() if not url.startswith((page.address, "data:", "about:"))
    ]
    assert strangers == []


@pytest.fixture
def logged_in(browser: Chromium, page: Page) -> Chromium:
    """A browser with an admin's cookie."""
    log_in(browser, page.token())
    return browser


def log_in(browser: Chromium, token: str) -> None:
    """Log in as a person does who has a token."""
    browser.open("/ui/login")
    browser.fill("input[name=token]", token)
    browser.follow("main button")
