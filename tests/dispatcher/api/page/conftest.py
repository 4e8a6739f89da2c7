"""Browsers in process: each has a cookie jar of its own, and sends Origin as real ones do."""

from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass
from functools import partial
from urllib.parse import urlencode

import httpx
import pytest
from litestar.types import ASGIApp

from dispatcher.api.application import application
from dispatcher.api.gateway import open_gateway
from dispatcher.api.live.changes import Changes
from dispatcher.api.page.login import LoginLink
from dispatcher.database.connection import connect
from tests.dispatcher.api.conftest import Site
from tests.dispatcher.api.page.html import Element, parse

HERE = "http://127.0.0.1:8000"
Fields = Sequence[tuple[str, str]]


@dataclass
class Page:
    """What a browser shows after it followed all redirects."""

    status: int
    path: str
    headers: httpx.Headers
    html: str
    root: Element

    @property
    def heading(self) -> str:
        return self.root.one("h1").text

    @property
    def problem(self) -> str:
        """The sentence about what is wrong."""
        return self.root.one("main").one(class_="problem").text


@dataclass
class Browser:
    client: httpx.AsyncClient

    async def get(self, path: str, **headers: str) -> Page:
        return _page(await self.client.get(path, headers=headers))

    async def post(self, path: str, fields: Fields, **headers: str) -> Page:
        form = {"Origin": HERE, "Content-Type": "application/x-www-form-urlencoded", **headers}
        return _page(await self.client.post(path, content=urlencode(fields), headers=form))

    async def send(self, form: Element, fields: Fields = (), button: Element | None = None) -> Page:
        """Send a form with what the person typed and ticked, by one of its buttons."""
        changed = {name for name, _ in fields}
        sent = [*(pair for pair in form.fields() if pair[0] not in changed), *fields]
        path = form["action"]
        if button is not None:
            path = button.attributes.get("formaction", path)
            if "name" in button:
                sent.append((button["name"], button["value"]))
        return await self.post(path, sent)


def _page(response: httpx.Response) -> Page:
    assert response.headers["content-type"].startswith("text/html"), response.text
    url = response.url.raw_path.decode()
    return Page(response.status_code, url, response.headers, response.text, parse(response.text))


@pytest.fixture(scope="module")
def login_link() -> LoginLink:
    return LoginLink()


@pytest.fixture(scope="module")
async def app(site: Site, login_link: LoginLink) -> AsyncIterator[ASGIApp]:
    changes = Changes(partial(connect, site.settings), lease_s=60)
    async with open_gateway(site.settings) as gateway:
        yield application(site.settings, gateway, changes, login_link)


@pytest.fixture
async def browser(app: ASGIApp, site: Site) -> AsyncIterator[Callable[..., Browser]]:
    """Open a browser that is logged in with a token of a role, or not: `browser(None)`."""
    async with AsyncExitStack() as opened:

        def make(role: str | None = "admin", *tenants: str) -> Browser:
            client = httpx.AsyncClient(
                transport=httpx.ASGITransport(app),  # type: ignore[arg-type]
                base_url=HERE,
                follow_redirects=True,
            )
            opened.push_async_callback(client.aclose)
            if role is not None:
                client.cookies.set(site.cookie, site.session(role, *tenants), domain="127.0.0.1")
            return Browser(client)

        yield make
