"""Logging in and out: who gets the cookie, what it is like, and where one is led."""

from collections.abc import Callable
from functools import partial

import httpx
import msgspec
import pytest

from dispatcher.api.application import application
from dispatcher.api.caller import COOKIE
from dispatcher.api.gateway import open_gateway
from dispatcher.api.live.changes import Changes
from dispatcher.api.page.login import LoginLink
from dispatcher.database.connection import connect
from tests.dispatcher.api.conftest import Site, one_postgres
from tests.dispatcher.api.page.conftest import HERE, Browser

pytestmark = [pytest.mark.anyio, one_postgres]
Open = Callable[..., Browser]


async def test_who_is_not_logged_in_is_led_to_the_form_and_then_on(browser: Open, site: Site) -> None:
    person = browser(None)
    form = await person.get("/ui/tasks?state=failed")
    assert (form.heading, form.path) == ("Log in", "/ui/login?next=/ui/tasks%3Fstate%3Dfailed")
    page = await person.send(form.root.one("form", action="/ui/login"), [("token", site.token("reader"))])
    assert (page.status, page.path) == (200, "/ui/tasks?state=failed")


async def test_no_script_and_no_other_site_gets_the_cookie(browser: Open, site: Site) -> None:
    person = browser(None)
    person.client.follow_redirects = False
    answer = await person.client.post(
        "/ui/login", data={"token": site.token("reader")}, headers={"Origin": HERE}
    )
    cookie = answer.headers["set-cookie"]
    assert cookie.startswith(f"{COOKIE}=")
    assert {"HttpOnly", "SameSite=strict", "Path=/"} <= {part.strip() for part in cookie.split(";")}
    assert "Secure" not in cookie  # this server speaks HTTP on the loopback


async def test_behind_tls_the_cookie_never_travels_in_the_clear(site: Site) -> None:
    settings = msgspec.structs.replace(
        site.settings, api=msgspec.structs.replace(site.settings.api, behind_proxy=True)
    )
    async with open_gateway(settings) as gateway:
        app = application(settings, gateway, Changes(partial(connect, settings), lease_s=60))
        transport = httpx.ASGITransport(app)  # type: ignore[arg-type]
        async with httpx.AsyncClient(transport=transport, base_url=HERE) as client:
            answer = await client.post(
                "/ui/login", data={"token": site.token("reader")}, headers={"Origin": HERE}
            )
    assert "; Secure" in answer.headers["set-cookie"]


@pytest.mark.parametrize("token", ["", "llmctl_wrong", "x" * 5_000, "\u202e<script>"])
async def test_a_wrong_token_is_told_so_and_gets_no_cookie(browser: Open, token: str) -> None:
    page = await browser(None).post("/ui/login", [("token", token)])
    assert page.status == 401
    assert "this token is unknown or was removed" in page.problem
    assert "set-cookie" not in page.headers


async def test_a_token_that_is_removed_leads_back_to_the_form(browser: Open, site: Site) -> None:
    person = browser("reader", "removed")
    assert (await person.get("/ui/")).heading == "Now"
    site.db.run("delete from api_tokens where tenants = '{removed}'")
    assert (await person.get("/ui/")).heading == "Log in"
    answer = await person.client.get("/ui/", headers={"HX-Request": "true"})
    assert (answer.status_code, answer.headers["hx-redirect"]) == (401, "/ui/login")


async def test_after_the_login_no_address_leads_elsewhere(browser: Open, site: Site) -> None:
    fields = [("token", site.token("reader")), ("next", "//evil.example/ui/")]
    assert (await browser(None).post("/ui/login", fields)).path == "/ui/"


async def test_the_printed_link_logs_in_once(browser: Open, site: Site, login_link: LoginLink) -> None:
    link = login_link.make(HERE).removeprefix(HERE)
    first, second = browser(None), browser(None)
    welcome = await first.get(link)
    assert welcome.root.one("meta", **{"http-equiv": "refresh"})["content"] == "0; url=/ui/"
    assert (await first.get("/ui/")).heading == "Now"
    assert (await first.get(link)).path == "/ui/"  # such as by a reload

    refused = await second.get(link)
    assert (refused.status, refused.heading) == (401, "Log in")
    assert "used already, or has expired" in refused.problem
    assert (await second.get("/ui/")).heading == "Log in"
    [row] = site.db.rows(
        "select name, role, expires_at - created_at from api_tokens where name like 'page-%%'"
    )
    assert row[1] == "admin"
    assert str(row[2]) == "30 days, 0:00:00"

    await first.send((await first.get("/ui/")).root.one("form", action="/ui/logout"))
    assert (await first.get("/ui/")).heading == "Log in"
    assert site.db.rows("select from api_tokens where name like 'page-%%'") == []


async def test_only_the_last_link_is_good_and_no_other_code(browser: Open, login_link: LoginLink) -> None:
    old = login_link.make(HERE).removeprefix(HERE)
    new = login_link.make(HERE).removeprefix(HERE)
    for link in (old, "/ui/login?code=", "/ui/login?code=x"):
        assert (await browser(None).get(link)).status == 401
    assert (await browser(None).get(new)).heading == "You are logged in"


async def test_a_browser_that_fetches_ahead_does_not_use_the_link_up(
    browser: Open, login_link: LoginLink
) -> None:
    link = login_link.make(HERE).removeprefix(HERE)
    assert (await browser(None).get(link, **{"Sec-Purpose": "prefetch;prerender"})).heading == "Log in"
    assert (await browser(None).get(link)).heading == "You are logged in"


async def test_logging_out_keeps_a_token_that_the_person_has_elsewhere(browser: Open, site: Site) -> None:
    person = browser("operator")
    form = (await person.get("/ui/")).root.one("form", action="/ui/logout")
    assert (await person.send(form)).heading == "Log in"
    assert COOKIE not in person.client.cookies
    assert (await browser("operator").get("/ui/")).heading == "Now"
