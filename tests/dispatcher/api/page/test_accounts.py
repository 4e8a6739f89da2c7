"""The page of accounts: what everybody sees, what operators change, and what nobody sees."""

from collections.abc import Callable

import pytest

from tests.dispatcher.api.conftest import ROLES, Site, one_postgres
from tests.dispatcher.api.page.conftest import Browser, Page
from tests.dispatcher.api.page.html import Element

pytestmark = [pytest.mark.anyio, one_postgres]
Open = Callable[..., Browser]


def card(page: Page, group: str) -> Element:
    [heading] = [one for one in page.root.one("main").all("h2") if one.text == group]
    return page.root.one("section", **{"aria-labelledby": heading["id"]})


def form(page: Page, group: str, verb: str) -> Element:
    return card(page, group).one("form", action=f"/ui/accounts/{verb}")


async def test_an_operator_pauses_resumes_and_cools_down_a_group(browser: Open, site: Site) -> None:
    site.db.group("a.b", account="odd")
    person = browser("operator")
    page = await person.get("/ui/accounts")
    assert form(page, "a.b", "pause").fields() == [("group", "a.b"), ("reason", "")]
    page = await person.post("/ui/accounts/pause", [("group", "a.b"), ("reason", "<b>holiday</b>")])
    assert page.path == "/ui/accounts"
    assert card(page, "a.b").one(class_="state").text == "paused"
    assert "<b>holiday</b>" in card(page, "a.b").text
    page = await person.send(form(page, "a.b", "resume"))
    assert card(page, "a.b").one(class_="state").text == "open"
    fields = [("group", "a.b"), ("for", "1h30m"), ("reason", "slow")]
    page = await person.post("/ui/accounts/cool", fields)
    assert card(page, "a.b").one(class_="state").text == "cooling down"
    assert "1:29:" in card(page, "a.b").text
    assert ": slow" in card(page, "a.b").text
    page = await person.send(form(page, "a.b", "uncool"))
    assert card(page, "a.b").one(class_="state").text == "open"
    site.db.run("select remove_group('a.b')")


async def test_an_outage_and_the_limit_of_a_model_are_shown_and_ended_by_hand(
    browser: Open, site: Site
) -> None:
    site.db.group("busy", account="busy")
    site.db.run(
        "update worker_groups set cooldown_until = clock() + '2 min', cooldown_class = 'overloaded',"
        " cooldown_reason = '529', unproven = true where group_name = 'busy'"
    )
    person = browser("operator")
    shown = card(await person.get("/ui/accounts"), "busy")
    assert shown.one(class_="state").text == "overloaded"
    assert "Next try in" in shown.text
    page = await person.send(form(await person.get("/ui/accounts"), "busy", "uncool"))
    assert card(page, "busy").one(class_="state").text == "open"
    site.db.run("insert into model_cooldowns values ('busy', 'opus', clock() + '2 h', 'Opus limit')")
    page = await person.get("/ui/accounts")
    assert "usage limit of opus, for 2 h 0 min" in card(page, "busy").text
    page = await person.send(form(page, "busy", "uncool"))
    assert "opus" not in card(page, "busy").text
    site.db.run("select remove_group('busy')")


async def test_limits_are_set_and_removed(browser: Open, site: Site) -> None:
    person = browser("operator")
    fields = [("kind", "queue"), ("name", "a&b"), ("max", "3")]
    page = await person.post("/ui/limits/set", fields)
    assert (page.path, site.db.counters()["queue:a&b"]) == ("/ui/accounts", 0)
    [row] = [row for row in page.root.all("tr") if row.all("th", scope="row") and "queue:a&b" in row.text]
    page = await person.send(row.one("form", action="/ui/limits/set"))
    page = await person.post("/ui/limits/set", [("scope", "queue:a&b"), ("max", "7")])
    assert site.db.value("select max_concurrent from concurrency_limits where scope = 'queue:a&b'") == 7
    page = await person.send(row.one("form", action="/ui/limits/remove"))
    assert "queue:a&b" not in page.root.text


@pytest.mark.parametrize(
    ("path", "fields", "sentence"),
    [
        ("/ui/accounts/cool", {"group": "main", "for": "soon"}, "'soon' is not a length of time"),
        ("/ui/accounts/pause", {"group": "nobody"}, "there is no worker group"),
        ("/ui/accounts/remove", {"group": "main"}, "'remove' is not a valid verb"),
        ("/ui/limits/set", {"scope": "tool:x", "max": "many"}, "'many' is not a valid limit"),
        ("/ui/limits/set", {"scope": "tool:x", "max": "-1"}, "'-1' is not a valid limit"),
        ("/ui/limits/set", {"kind": "planet", "name": "x", "max": "1"}, "'planet:x' is not a valid scope"),
        ("/ui/limits/set", {"scope": "tool:x", "max": "9" * 30}, "is not a valid limit"),
    ],
)
async def test_what_is_wrong_is_said_in_a_sentence(
    browser: Open, path: str, fields: dict[str, str], sentence: str
) -> None:
    page = await browser("operator").post(path, [*fields.items()])
    assert page.status in (400, 404)
    assert sentence in page.problem


@pytest.mark.parametrize("role", ROLES)
async def test_only_operators_are_offered_changes_and_only_they_may(browser: Open, role: str) -> None:
    person = browser(role)
    page = await person.get("/ui/accounts")
    may = role in ("operator", "admin")
    assert bool(page.root.one("main").all("form")) == may
    answer = await person.post("/ui/accounts/resume", [("group", "main")])
    assert answer.status == (200 if may else 403)


async def test_no_variable_and_no_login_of_a_group_is_shown(browser: Open, site: Site) -> None:
    site.db.run(
        """select put_group('private', 'claude', 'p', 1, '{"TOKEN": "env:NAME-OF-SECRET"}', '/home/of-login')"""
    )
    for role in ROLES:
        page = await browser(role).get("/ui/accounts")
        assert "private" in page.html
        assert not [word for word in ("TOKEN", "NAME-OF-SECRET", "of-login") if word in page.html]
    site.db.run("select remove_group('private')")


async def test_a_budget_is_shown_with_what_is_spent(browser: Open, site: Site) -> None:
    site.db.run(
        "select put_group('rich', 'claude', 'r', 4, p_daily_budget_usd => 20, p_hosts => '{north,south}')"
    )
    text = card(await browser("reader").get("/ui/accounts"), "rich").text
    assert "Spent today $0.00 of $20.00" in text
    assert "0 of 4" in text
    assert "on north, south" in text
    site.db.run("select remove_group('rich')")
