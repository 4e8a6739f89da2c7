"""The list of tasks: the filter, the counts beside it, its pages, and actions on many tasks."""

from collections.abc import Callable
from urllib.parse import urlencode

import pytest

from dispatcher.api.page.tasks import PAGE
from tests.dispatcher.api.conftest import Site, one_postgres
from tests.dispatcher.api.page.conftest import Browser, Page

pytestmark = [pytest.mark.anyio, one_postgres]
Open = Callable[..., Browser]

LATER = "2099-01-01T00:00:00Z"


@pytest.fixture
def fresh(site: Site) -> Site:
    """The site without the tasks of other tests."""
    site.db.run("delete from tasks where status not in ('leased', 'running')")
    return site


def shown(page: Page) -> list[int]:
    """Return the numbers of the tasks that a list shows."""
    return [
        int(row["id"].removeprefix("task-")) for row in page.root.one("main").all("tr") if "data-row" in row
    ]


def chips(page: Page) -> dict[str, str]:
    """Return the address behind each state, named with its count."""
    states = page.root.one("ul", **{"aria-label": "States"})
    return {one.text: one["href"] for one in states.all("a")}


async def test_pages_lead_through_all_tasks_and_back(browser: Open, fresh: Site) -> None:
    numbers = fresh.db.submit_some(PAGE + 20, scheduled_at=LATER)
    person = browser()
    first = await person.get("/ui/tasks?queue=default")
    older = first.root.one("a", rel="next")["href"]
    second = await person.get(older)
    assert [*shown(first), *shown(second)] == sorted(numbers, reverse=True)
    assert second.root.all("a", rel="next") == []
    [newest] = [one["href"] for one in second.root.all("a") if one.text == "Newest"]
    assert newest == "/ui/tasks?queue=default"


async def test_a_filter_shows_what_fits_and_keeps_what_was_typed(browser: Open, fresh: Site) -> None:
    [one, _] = [
        fresh.db.submit(name=name, labels={"batch": "a&b"}, scheduled_at=LATER).number
        for name in ("Fix <it> & go", "Other")
    ]
    person = browser()
    form = (await person.get("/ui/tasks")).root.one("form", role="search")
    query = dict(form.fields()) | {"name": "<IT> & ", "label": "batch=a&b"}
    page = await person.get("/ui/tasks?" + urlencode(query))
    assert shown(page) == [one]
    typed = dict(page.root.one("form", role="search").fields())
    assert (typed["name"], typed["label"]) == ("<IT> & ", "batch=a&b")


async def test_states_have_their_counts_and_lead_to_their_tasks(browser: Open, fresh: Site) -> None:
    fresh.db.submit_some(3, scheduled_at=LATER)
    waiting = fresh.db.submit().number
    person = browser()
    counts = chips(await person.get("/ui/tasks"))
    assert {"scheduled 3", "queued 1"} <= counts.keys()
    page = await person.get(counts["queued 1"])
    assert shown(page) == [waiting]
    assert chips(page)["queued 1"] == "/ui/tasks"  # a second click takes it away


async def test_a_filter_that_is_not_valid_is_explained_and_nothing_typed_is_lost(browser: Open) -> None:
    page = await browser().get("/ui/tasks?label=nonsense&name=mine&state=running")
    assert page.status == 400
    assert page.problem.startswith("label: 'nonsense' is not a valid label: expected KEY=VALUE")
    typed = dict(page.root.one("form", role="search").fields())
    assert (typed["label"], typed["name"], typed["state"]) == ("nonsense", "mine", "running")


@pytest.mark.parametrize(
    ("query", "status"),
    [
        ("state=nonsense", 400),
        ("since=yesterday", 400),
        ("before=x", 400),
        ("before=99999999999999999999", 400),
        ("waiting=nonsense", 400),
        ("task=70-61", 400),
        ("task=999999999", 404),
    ],
)
async def test_no_query_breaks_the_page(browser: Open, query: str, status: int) -> None:
    page = await browser().get(f"/ui/tasks?{query}")
    assert page.status == status
    assert page.problem


async def test_selected_tasks_are_canceled_after_a_preview(browser: Open, fresh: Site) -> None:
    first, second, third = fresh.db.submit_some(3, scheduled_at=LATER)
    person = browser()
    page = await person.get("/ui/tasks")
    bulk = page.root.one("form", action="/ui/tasks/preview")
    button = bulk.one("button", name="selected", value="cancel")
    ticked = [("number", str(first)), ("number", str(third))]
    preview = await person.send(bulk, ticked, button)
    assert preview.heading == "Cancel 2 tasks?"
    assert fresh.db.status(first)[0] == "queued"

    done = await person.send(preview.root.one("main").one("form"))
    assert done.heading.startswith("2 tasks canceled")
    assert [fresh.db.status(number)[0] for number in (first, second, third)] == [
        "canceled",
        "queued",
        "canceled",
    ]


async def test_all_that_match_are_acted_on_beyond_the_page(browser: Open, fresh: Site) -> None:
    fresh.db.submit_some(PAGE + 5, name="nightly", scheduled_at=LATER)
    kept = fresh.db.submit(name="other", scheduled_at=LATER).number
    person = browser()
    page = await person.get("/ui/tasks?name=nightly")
    bulk = page.root.one("form", action="/ui/tasks/preview")
    preview = await person.send(bulk, button=bulk.one("button", name="everything", value="cancel"))
    assert preview.heading == f"Cancel {PAGE + 5} tasks?"
    done = await person.send(preview.root.one("main").one("form"))
    assert done.heading.startswith(f"{PAGE + 5} tasks canceled")
    assert fresh.db.status(kept)[0] == "queued"
    assert done.root.one("main").one("a")["href"] == "/ui/tasks?name=nightly"


async def test_nothing_is_done_when_more_match_than_the_person_saw(browser: Open, fresh: Site) -> None:
    numbers = fresh.db.submit_some(2, name="nightly", scheduled_at=LATER)
    person = browser()
    bulk = (await person.get("/ui/tasks?name=nightly")).root.one("form", action="/ui/tasks/preview")
    preview = await person.send(bulk, button=bulk.one("button", name="everything", value="cancel"))
    numbers += fresh.db.submit_some(1, name="nightly", scheduled_at=LATER)

    again = await person.send(preview.root.one("main").one("form"))
    assert (again.status, again.heading) == (409, "Cancel 3 tasks?")
    assert "Nothing was done" in again.problem
    assert {fresh.db.status(number)[0] for number in numbers} == {"queued"}

    done = await person.send(again.root.one("main").one("form"))
    assert done.heading.startswith("3 tasks canceled")


async def test_canceled_tasks_are_retried_together(browser: Open, fresh: Site) -> None:
    numbers = fresh.db.submit_some(2, scheduled_at=LATER)
    for number in numbers:
        fresh.db.run("select cancel_task(%s)", str(number))
    person = browser("operator")
    bulk = (await person.get("/ui/tasks?state=canceled")).root.one("form", action="/ui/tasks/preview")
    preview = await person.send(bulk, button=bulk.one("button", name="everything", value="retry"))
    done = await person.send(preview.root.one("main").one("form"))
    assert done.heading == "2 tasks will be tried again"
    assert {fresh.db.status(number)[0] for number in numbers} == {"queued"}


async def test_tasks_are_held_and_released_together(browser: Open, fresh: Site) -> None:
    numbers = fresh.db.submit_some(2)
    person = browser("producer")
    for verb, waits, said in (("hold", "held", "2 tasks held"), ("release", None, "2 tasks released")):
        bulk = (await person.get("/ui/tasks")).root.one("form", action="/ui/tasks/preview")
        preview = await person.send(bulk, button=bulk.one("button", name="everything", value=verb))
        assert preview.heading == f"{verb.capitalize()} 2 tasks?"
        done = await person.send(preview.root.one("main").one("form"))
        assert done.heading == said
        assert {fresh.db.status(number)[1] for number in numbers} == {waits}


async def test_more_filters_select_by_number_model_and_what_is_waited_for(browser: Open, fresh: Site) -> None:
    one = fresh.db.submit(model="opus").number
    two = fresh.db.submit(hold=True).number
    person = browser("reader")
    for query, expected in (
        (f"task={one}-{two}", [two, one]),
        ("model=opus", [one]),
        ("waiting=held", [two]),
        ("name=&task=&waiting=", [two, one]),
    ):
        assert shown(await person.get(f"/ui/tasks?{query}")) == expected
    page = await person.get(f"/ui/tasks?task={one}&waiting=slot")
    typed = dict(page.root.one("form", role="search").fields())
    assert (typed["task"], typed["waiting"]) == (str(one), "slot")


async def test_only_tasks_that_can_be_acted_on_are_ticked(browser: Open, fresh: Site) -> None:
    fresh.db.submit()
    ended = fresh.run_next()
    waiting = fresh.db.submit(scheduled_at=LATER).number
    page = await browser().get("/ui/tasks")
    assert shown(page) == [waiting, ended]
    assert [box["value"] for box in page.root.all("input", name="number")] == [str(waiting)]


async def test_an_action_on_no_task_says_what_to_do(browser: Open, fresh: Site) -> None:
    page = await browser().post("/ui/tasks/preview", [("selected", "cancel")])
    assert page.status == 400
    assert "tick some tasks first" in page.problem


@pytest.mark.parametrize(
    "fields",
    [
        [("selected", "delete"), ("number", "1")],
        [("selected", "cancel"), ("number", "x")],
        [("selected", "cancel"), ("number", "9" * 30)],
        [("selected", "cancel"), *[("number", "1")] * 1_001],
        [("everything", "cancel"), ("query", "state=nonsense")],
        [("number", "1")],
    ],
    ids=str,
)
@pytest.mark.parametrize("path", ["/ui/tasks/preview", "/ui/tasks/actions"])
async def test_a_form_that_no_page_of_ours_sends_is_refused(
    browser: Open, path: str, fields: list[tuple[str, str]]
) -> None:
    page = await browser().post(path, fields)
    assert page.status == 400, page.html
    assert page.problem


async def test_a_reader_cannot_act_on_many(browser: Open, fresh: Site) -> None:
    [number] = fresh.db.submit_some(1, scheduled_at=LATER)
    for path in ("/ui/tasks/preview", "/ui/tasks/actions"):
        fields = [("everything", "cancel"), ("query", ""), ("expect", "1")]
        assert (await browser("reader").post(path, fields)).status == 403
    assert fresh.db.status(number)[0] == "queued"
