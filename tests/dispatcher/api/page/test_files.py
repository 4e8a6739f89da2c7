"""What a browser loads: only files of ours, little, once, and nothing inline."""

import gzip
import hashlib
import json
from collections.abc import Callable
from pathlib import Path

import pytest

from dispatcher.api.page.frame.static_files import FOLDER
from tests.dispatcher.api.conftest import Site, one_postgres
from tests.dispatcher.api.page.conftest import Browser
from tests.dispatcher.api.page.html import Element

pytestmark = [pytest.mark.anyio, one_postgres]
Open = Callable[..., Browser]

VENDOR = FOLDER / "vendor"
PAGES = (
    *("/ui/", "/ui/tasks", "/ui/tasks?label=bad", "/ui/login", "/ui/login?code=x", "/ui/nowhere"),
    *("/ui/new", "/ui/accounts", "/ui/stats", "/ui/stats?by=tool", "/ui/health", "/ui/tasks/1"),
)
LOADS = {"script": "src", "link": "href", "img": "src", "a": "href", "form": "action", "iframe": "src"}
FIRST_PAINT = 100_000
"""Bytes of the first page with everything that it loads, as sent."""


def addresses(root: Element) -> list[str]:
    return [one[LOADS[one.tag]] for one in root.walk() if one.tag in LOADS and LOADS[one.tag] in one]


async def test_scripts_of_others_are_the_released_ones(site: Site) -> None:
    manifest = json.loads((VENDOR / "manifest.json").read_text())
    assert {entry["file"] for entry in manifest} == {path.name for path in VENDOR.glob("*.js")}
    for entry in manifest:
        assert hashlib.sha256((VENDOR / entry["file"]).read_bytes()).hexdigest() == entry["sha256"], entry
        assert entry["version"]
        assert entry["licence"] == "0BSD"  # it asks for nothing, so no text of it is kept


@pytest.mark.parametrize("path", PAGES)
async def test_a_page_has_nothing_inline_and_leads_nowhere_else(browser: Open, site: Site, path: str) -> None:
    site.db.submit(scheduled_at="2099-01-01T00:00:00Z")
    root = (await browser().get(path)).root
    assert root.all("style") == []
    for one in root.walk():
        assert "style" not in one, one
        assert not [name for name in one.attributes if name.startswith("on") or name == "hx-on"], one
        if one.tag == "script":
            assert one["src"].startswith("/ui/static/")
            assert one.children == []
    assert not [address for address in addresses(root) if not address.startswith(("/ui", "#main"))]


async def test_files_are_kept_for_ever_under_an_address_that_changes_with_them(browser: Open) -> None:
    person = browser(None)
    page = await person.get("/ui/login")
    files = [address for address in addresses(page.root) if address.startswith("/ui/static/")]
    assert len(files) == 5
    for address in files:
        path, _, digest = address.partition("?v=")
        content = (FOLDER / path.removeprefix("/ui/static/")).read_bytes()
        assert hashlib.sha256(content).hexdigest().startswith(digest)
        answer = await person.client.get(address)
        assert answer.content == content
        assert answer.headers["cache-control"] == "public, max-age=31536000, immutable"
        for other in (path, f"{path}?v=0"):
            assert (await person.client.get(other)).headers["cache-control"] == "no-cache"


@pytest.mark.parametrize(
    "name", ["../page/login.py", "vendor/manifest.json", "", "vendor", "%2e%2e/site.py", "x.css"]
)
async def test_no_other_file_is_sent(browser: Open, name: str) -> None:
    assert (await browser(None).client.get(f"/ui/static/{name}")).status_code == 404


async def test_the_first_page_is_small(browser: Open, site: Site) -> None:
    site.db.submit_some(50, scheduled_at="2099-01-01T00:00:00Z")
    person = browser()
    page = await person.get("/ui/")
    assert page.status == 200
    sizes = {"/ui/": len(page.html.encode())}
    for address in {one for one in addresses(page.root) if one.startswith("/ui/static/")}:
        content = (FOLDER / Path(address.removeprefix("/ui/static/").partition("?")[0])).read_bytes()
        answer = await person.client.get(address, headers={"Accept-Encoding": "gzip"})
        assert answer.headers["content-encoding"] == "gzip"
        assert answer.content == content
        sizes[address] = int(answer.headers["content-length"])
        assert sizes[address] <= len(gzip.compress(content)) + 50
    assert sum(sizes.values()) <= FIRST_PAINT, sizes
