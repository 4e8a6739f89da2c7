"""Logging in and out: who gets the cookie, what it is like, and where one is led."""

from collections.abc import Callable
from functools import partial

import httpx
import msgspec
import pytest

from dispatcher.api.application import application
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
    assert cookie.startswith(f"{site.cookie}=")
    assert site.token("reader") not in cookie
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
    [cookie] = answer.headers.get_list("set-cookie")
    assert cookie.startswith("__Host-llmctl-")
    assert {"HttpOnly", "SameSite=strict", "Path=/", "Secure"} <= {part.strip() for part in cookie.split(";")}
    assert "domain" not in cookie.lower()


@pytest.mark.parametrize("token", ["", "llmctl_wrong", "x" * 5_000, "\u202e<script>"])
async def test_a_wrong_token_is_told_so_and_gets_no_cookie(browser: Open, token: str) -> None:
    page = await browser(None).post("/ui/login", [("token", token)])
    assert page.status == 401
    assert "this token is unknown or was removed" in page.problem
    assert "set-cookie" not in page.headers


async def test_a_token_that_is_removed_leads_back_to_the_form(browser: Open, site: Site) -> None:
    person = browser("reader", "removed")
    assert (await person.get("/ui/")).heading == "Now"
    assert person.client.cookies != {}
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
    assert person.client.cookies == {}
    assert (await browser("operator").get("/ui/")).heading == "Now"


async def logged_in(browser: Open, site: Site, role: str = "reader") -> Browser:
    person = browser(None)
    await person.post("/ui/login", [("token", site.token(role))])
    return person


async def test_logging_out_ends_the_session_also_for_whoever_copied_the_cookie(
    browser: Open, site: Site
) -> None:
    person, thief = await logged_in(browser, site), browser(None)
    thief.client.cookies.update(person.client.cookies)
    assert (await thief.get("/ui/")).heading == "Now"
    await person.send((await person.get("/ui/")).root.one("form", action="/ui/logout"))
    assert (await thief.get("/ui/")).heading == "Log in"


async def test_logging_in_again_ends_the_session_before(browser: Open, site: Site) -> None:
    person, copy = await logged_in(browser, site), browser(None)
    copy.client.cookies.update(person.client.cookies)
    await person.post("/ui/login", [("token", site.token("reader"))])
    assert (await person.get("/ui/")).heading == "Now"
    assert (await copy.get("/ui/")).heading == "Log in"


async def test_what_the_cookie_holds_is_no_token_and_a_token_in_the_cookie_is_no_session(
    browser: Open, site: Site
) -> None:
    person = await logged_in(browser, site, "admin")
    session = person.client.cookies[site.cookie]
    person.client.cookies.clear()
    answer = await person.client.get("/tasks", headers={"Authorization": f"Bearer {session}"})
    assert answer.status_code == 401
    assert (await person.post("/ui/login", [("token", session)])).status == 401
    for name in (site.cookie, "llmctl_token"):
        person.client.cookies.clear()
        person.client.cookies.set(name, site.token("admin"), domain="127.0.0.1")
        assert (await person.get("/ui/")).heading == "Log in"


async def test_a_token_that_an_earlier_version_left_in_a_cookie_is_taken_back(
    browser: Open, site: Site
) -> None:
    person = browser(None)
    person.client.cookies.set("llmctl_token", site.token("reader"), domain="127.0.0.1", path="/")
    await person.post("/ui/login", [("token", site.token("reader"))])
    assert list(person.client.cookies) == [site.cookie]


@pytest.mark.parametrize(
    ("column", "long_ago"), [("ends_at", "1 second"), ("last_used_at", "7 days"), ("last_used_at", "1 hour")]
)
async def test_a_session_ends_by_itself(browser: Open, site: Site, column: str, long_ago: str) -> None:
    person = await logged_in(browser, site, "producer")
    site.db.run(
        f"update page_sessions set {column} = clock() - interval '{long_ago}'"
        " where hash = (select hash from page_sessions order by started_at desc limit 1)"
    )
    for _ in range(2):  # what was used an hour ago is used again
        assert (await person.get("/ui/")).heading == ("Now" if long_ago == "1 hour" else "Log in")


async def test_two_sites_on_one_host_do_not_log_each_other_out(browser: Open, site: Site) -> None:
    """A browser sends the cookies of 127.0.0.1 to all its ports."""
    person = await logged_in(browser, site)
    async with open_gateway(site.settings) as gateway:
        other = application(
            site.settings, gateway, Changes(partial(connect, site.settings), lease_s=60), None, "another"
        )
        async with httpx.AsyncClient(
            transport=httpx.ASGITransport(other),  # type: ignore[arg-type]
            base_url="http://127.0.0.1:8001",
            cookies=person.client.cookies,
        ) as client:
            beside = Browser(client)
            assert (await client.get("/ui/")).headers["location"].startswith("/ui/login")
            origin = {"Origin": "http://127.0.0.1:8001"}
            await client.post("/ui/login", data={"token": site.token("admin")}, headers=origin)
            assert (await beside.get("/ui/")).heading == "Now"
            assert len(client.cookies) == 2
            person.client.cookies = client.cookies
            assert (await person.get("/ui/")).heading == "Now"
            await client.post("/ui/logout", headers=origin)
            person.client.cookies = client.cookies
            assert (await person.get("/ui/")).heading == "Now"
