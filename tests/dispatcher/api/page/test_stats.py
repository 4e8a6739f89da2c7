"""Statistics: a table with the numbers, and charts of the same."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest

from tests.dispatcher.api.conftest import Site, one_postgres
from tests.dispatcher.api.page.conftest import Browser, Page

pytestmark = [pytest.mark.anyio, one_postgres]
Open = Callable[..., Browser]


def rows(page: Page) -> list[list[str]]:
    return [[cell.text for cell in row.all("th") + row.all("td")] for row in page.root.one("tbody").all("tr")]


async def test_without_runs_the_page_says_so(browser: Open) -> None:
    page = await browser("reader").get("/ui/stats")
    assert "No run has ended in this time." in page.root.one("main").text
    assert not page.root.all("table")


async def test_a_day_has_its_numbers_and_every_day_its_place_in_the_charts(browser: Open, site: Site) -> None:
    site.db.submit_some(2)
    site.run_next(
        cost_usd=1.25, input_tokens=1500, cached_input_tokens=500, output_tokens=10, auth_mode="key"
    )
    site.run_next("agent_error", cost_usd=0.5, auth_mode="login")
    page = await browser("reader").get("/ui/stats?since=7d")
    today = datetime.now(UTC).date()
    [row] = rows(page)
    assert row[:6] == [str(today), "2", "1", "1", "0", "0"]
    assert row[7:] == ["1.5k", "500", "10", "$1.25", "$0.50"]
    assert [figure.one("strong").text for figure in page.root.all("figure")] == ["Runs", "Cost", "Tokens"]
    for figure in page.root.all("figure"):
        chart = figure.one("svg")
        assert (chart["role"], chart.one("title").text) == ("img", f"{figure.one('strong').text} a day")
        assert str(today - timedelta(days=6)) in chart["aria-label"]
        assert len({rect["x"] for rect in chart.all("rect")}) == 1


@pytest.mark.parametrize("by", ["group", "tool", "model", "tenant", "queue"])
async def test_keys_are_compared_by_bars(browser: Open, site: Site, by: str) -> None:
    site.db.submit(tenant_id="<b>", model='"x')
    site.run_next()
    page = await browser("reader").get(f"/ui/stats?by={by}&since=")
    assert len(page.root.all("figure")[0].all("svg")) == len(rows(page))
    assert not page.root.one("main").all("b")


async def test_a_producer_of_one_tenant_sees_its_own_numbers_only(browser: Open, site: Site) -> None:
    site.db.submit(tenant_id="alone")
    site.run_next()
    page = await browser("producer", "alone").get("/ui/stats?by=tenant")
    assert [row[:2] for row in rows(page)] == [["alone", "1"]]


@pytest.mark.parametrize("query", ["by=planet", "since=soon", "since=2031-01-01"])
async def test_a_bad_grouping_or_time_is_told(browser: Open, query: str) -> None:
    page = await browser("reader").get(f"/ui/stats?{query}")
    assert page.status == 400
    assert "expected" in page.problem


async def test_labels_are_offered_and_lead_to_their_tasks(browser: Open, site: Site) -> None:
    number = site.db.submit(labels={"batch": "a & b"}, priority=9).number
    assert site.run_next() == number
    person = browser("reader")
    form = (await person.get("/ui/stats")).root.one("form", action="/ui/stats")
    assert "label:batch" in [one["value"] for one in form.one("select", id="by").all("option")]
    page = await person.get("/ui/stats?by=label:batch")
    [address] = [one["href"] for one in page.root.one("tbody").all("a") if one.text == "a & b"]
    tasks = await person.get(address)
    assert [row["id"] for row in tasks.root.all("tr") if "data-row" in row] == [f"task-{number}"]


async def test_canceled_and_interrupted_runs_are_told_apart(browser: Open, site: Site) -> None:
    number = site.db.submit(queue="cut", priority=9).number
    assert site.run_next("interrupted") == number
    page = await browser("reader").get("/ui/stats?by=queue")
    titles = [one.text for one in page.root.one("thead").all("th")]
    [row] = [row for row in rows(page) if row[0] == "cut"]
    cells = dict(zip(titles, row, strict=True))
    assert (cells["Failed"], cells["Canceled"], cells["Interrupted"]) == ("0", "0", "1")


async def test_a_cost_does_not_hide_the_runs_that_it_lacks(browser: Open, site: Site) -> None:
    site.db.rows("select act_on_tasks('cancel', '{\"states\": [\"waiting\"]}')")
    for error, cost, mode in ((None, 1.25, "key"), ("stalled", None, "key"), ("stalled", None, "login")):
        site.db.submit(max_attempts=1, queue="dear", priority=9)
        site.run_next(error, ran_s=1, cost_usd=cost, auth_mode=mode)
    page = await browser("reader").get("/ui/stats?by=queue")
    [row] = [row for row in rows(page) if row[0] == "dear"]
    assert row[-2:] == ["$1.25 + unknown cost of 1 run", "unknown cost of 1 run"]
