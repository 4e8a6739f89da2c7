"""Reading tasks: lists, one task, waiting for a change, runs and results; and what may be done with them."""

import json

import httpx
import pytest
import trio

from tests.dispatcher.api.conftest import Api, one_postgres, problem

pytestmark = [one_postgres, pytest.mark.anyio]


async def numbers(api: Api, query: str, role: str = "admin", *tenants: str) -> list[int]:
    answer = await api("GET", f"/tasks?{query}", role, *tenants)
    assert answer.status_code == 200, answer.text
    return [task["number"] for task in answer.json()["items"]]


async def test_pages_follow_each_other_to_the_end(api: Api) -> None:
    submitted = [await api.submit(queue="paged", labels={"a": "1&2"}) for _ in range(5)]
    seen: list[int] = []
    url = "/tasks?queue=paged&limit=2&label=a%3D1%262"
    while url:
        answer = await api("GET", url)
        seen += [task["number"] for task in answer.json()["items"]]
        following = answer.links.get("next", {}).get("url", "")
        assert (answer.json()["next"] is None) == (not following)
        url = following
    assert seen == submitted[::-1]


async def test_a_list_is_narrowed_by_everything_that_is_given(api: Api) -> None:
    one = await api.submit(
        queue="narrow", name="The first", labels={"batch": "x", "n": "1"}, tenant_id="acme"
    )
    two = await api.submit(queue="narrow", name="second", labels={"batch": "x", "n": "2"})
    assert await numbers(api, "queue=narrow") == [two, one]
    assert await numbers(api, "queue=narrow&tenant=acme") == [one]
    assert await numbers(api, "queue=narrow&name=SECOND") == [two]
    assert await numbers(api, "queue=narrow&label=batch%3Dx&label=n%3D1") == [one]
    assert await numbers(api, "queue=narrow&state=failed") == []
    assert await numbers(api, "queue=narrow&state=failed&state=queued") == [two, one]
    assert await numbers(api, "queue=narrow&tool=codex") == []
    assert await numbers(api, "queue=narrow&since=2020-01-01T00:00:00Z") == [two, one]
    assert await numbers(api, "queue=narrow&until=2020-01-01T00:00:00%2B01:00") == []
    assert await numbers(api, "queue=narrow&group=main") == []
    assert await numbers(api, "queue=narrow&tool=&state=&label=&since=") == [two, one]


async def test_facets_show_what_another_choice_would_give(api: Api) -> None:
    for queue, tenant in (("f1", "acme"), ("f1", "acme"), ("f2", "acme"), ("f1", "initech")):
        await api.submit(queue=queue, tenant_id=tenant)
    answer = (await api("GET", "/tasks/facets?queue=f1", "reader", "acme")).json()["items"]
    counted = {(row["facet"], row["value"]): row["tasks"] for row in answer}
    assert (counted["queue", "f1"], counted["queue", "f2"], counted["state", "queued"]) == (2, 1, 2)
    assert ("tenant", "initech") not in counted
    assert (await api("GET", "/tasks/facets?name=x")).json()["items"] == []


@pytest.mark.parametrize(
    ("query", "sentence"),
    [
        ("stat=failed", "'stat' is not a parameter of this route"),
        ("state=faild", "states must be a list of these: queued, "),
        ("label=x", "label: 'x' is not a valid label: expected KEY=VALUE"),
        ("since=yesterday", "since: 'yesterday' is not a valid time"),
        (
            "since=2031-01-31T22:00:00",
            "since: '2031-01-31T22:00:00' is not a valid time: expected one with its zone",
        ),
        ("limit=501", "limit: Expected `int` <= 500"),
        ("limit=ten", "limit: Expected `int`"),
        ("before=99999999999999999999", "before: Expected `int` <= 9223372036854775807"),
        ("name=%00", "the database cannot hold this value"),
    ],
)
async def test_a_query_that_is_not_valid_is_explained(api: Api, query: str, sentence: str) -> None:
    assert sentence in problem(await api("GET", f"/tasks?{query}"), 400, "LD400")


async def test_a_task_of_another_tenant_does_not_exist(api: Api) -> None:
    number = await api.submit(tenant_id="acme")
    assert (await api("GET", f"/tasks/{number}", "reader", "acme")).status_code == 200
    foreign = problem(await api("GET", f"/tasks/{number}", "reader", "umbrella"), 404, "LD404")
    assert foreign == f"there is no task {number}"
    assert await numbers(api, "limit=500", "reader", "umbrella") == []
    problem(await api("POST", f"/tasks/{number}/cancel", "operator", "umbrella"), 404, "LD404")


async def test_digits_never_mean_the_uuid_of_another_task(api: Api) -> None:
    api.site.db.run(
        "insert into tasks (id, tool, prompt) values ('77777777-7000-4000-8000-000000000000', 'claude', 'p')"
    )
    problem(await api("POST", "/tasks/77777777/cancel"), 404, "LD404")


@pytest.mark.parametrize("number", ["0", "-1", "x", "1.5", "9" * 19, "9" * 5000, "1%00", "..%2f1", "٣٣٣"])
async def test_a_strange_number_is_no_task(api: Api, number: str) -> None:
    answer = await api("GET", f"/tasks/{number}")
    assert answer.status_code in (400, 404)
    assert answer.headers["content-type"] == "application/problem+json"


async def test_waiting_ends_with_the_next_change(api: Api) -> None:
    number = await api.submit()
    answers: list[httpx.Response] = []

    async def wait() -> None:
        answers.append(await api("GET", f"/tasks/{number}?wait=60"))

    async with trio.open_nursery() as nursery:
        nursery.start_soon(wait)
        while not len(api.changes):
            await trio.lowlevel.checkpoint()
        await api("POST", f"/tasks/{number}/cancel")
    assert answers[0].json()["status"] == "canceled"


async def test_waiting_ends_with_its_time_and_with_an_ended_task(api: Api) -> None:
    number = await api.submit()
    assert (await api("GET", f"/tasks/{number}?wait=0.05")).json()["status"] == "queued"
    await api("POST", f"/tasks/{number}/cancel")
    with trio.fail_after(30):
        assert (await api("GET", f"/tasks/{number}?wait=60")).json()["status"] == "canceled"
    problem(await api("GET", f"/tasks/{number}?wait=61"), 400, "LD400")


async def test_a_result_is_json_or_the_answer_alone(api: Api) -> None:
    number = await api.submit(priority=9)
    waiting = await api("GET", f"/tasks/{number}/result", headers={"Accept": "text/plain"})
    assert problem(waiting, 409, "LD409").startswith(f"task {number} is queued")
    assert (await api("GET", f"/tasks/{number}/result")).json()["result"] is None
    assert api.site.run_next(cost_usd=0.25) == number
    answer = await api("GET", f"/tasks/{number}/result")
    assert (answer.json()["status"], answer.json()["result"]["text"]) == ("succeeded", "the answer")
    answer = await api("GET", f"/tasks/{number}/result", headers={"Accept": "text/plain"})
    assert answer.headers["content-type"].startswith("text/plain")
    assert answer.text == "the answer"
    [run] = (await api("GET", f"/tasks/{number}/runs")).json()["items"]
    assert (run["run_no"], run["status"], run["cost_usd"]) == (1, "succeeded", 0.25)
    assert b'"cost_usd":0.25' in (await api("GET", f"/tasks/{number}")).content


async def test_a_failed_task_says_why_there_is_no_answer(api: Api) -> None:
    number = await api.submit(priority=9, max_attempts=1)
    assert api.site.run_next("agent_error", error_message="it broke") == number
    answer = await api("GET", f"/tasks/{number}/result", headers={"Accept": "text/plain"})
    assert problem(answer, 409, "LD409") == f"task {number} is failed: it broke"


async def test_cancel_and_retry_return_the_task_with_what_is_allowed_then(api: Api) -> None:
    number = await api.submit()
    canceled = (await api("POST", f"/tasks/{number}/cancel", "operator")).json()
    assert (canceled["status"], canceled["actions"]) == ("canceled", ["retry"])
    retried = (await api("POST", f"/tasks/{number}/retry", "operator")).json()
    assert (retried["status"], retried["actions"]) == ("queued", ["cancel", "hold", "top", "edit"])
    again = await api("POST", f"/tasks/{number}/retry", "operator")
    assert problem(again, 409, "LD409").startswith(f"task {number} is queued; only a task that")
    as_reader = (await api("GET", f"/tasks/{number}", "reader")).json()
    assert as_reader["actions"] == []


async def test_a_reply_goes_on_with_the_session(api: Api) -> None:
    number = await api.submit(priority=9)
    problem(await api("POST", f"/tasks/{number}/reply", json={"prompt": "more"}), 409, "LD409")
    api.site.run_next(session_id="s-1")
    answer = await api(
        "POST", f"/tasks/{number}/reply", json={"prompt": "more"}, headers={"Idempotency-Key": "reply 1"}
    )
    assert answer.status_code == 201, answer.text
    reply = (await api("GET", answer.headers["location"])).json()
    assert reply["prompt"] == "more"
    assert (
        api.site.db.value(
            "select task_runs.session_id from tasks join task_runs on task_runs.id = continues where tasks.number = %s",
            reply["number"],
        )
        == "s-1"
    )
    again = await api(
        "POST", f"/tasks/{number}/reply", json={"prompt": "more"}, headers={"Idempotency-Key": "reply 1"}
    )
    assert (again.status_code, again.headers["location"]) == (200, answer.headers["location"])
    bad = await api("POST", f"/tasks/{number}/reply", json={"prompt": "p", "nonsense": 1})
    assert "nonsense" in problem(bad, 400, "LD400")


async def test_many_tasks_are_previewed_and_then_canceled_as_seen(api: Api) -> None:
    submitted = [await api.submit(queue="bulk") for _ in range(3)]
    body = {"action": "cancel", "select": {"queue": "bulk"}}
    preview = (await api("POST", "/tasks/actions", "operator", json={**body, "dry_run": True})).json()
    assert (preview["matched"], sorted(preview["numbers"])) == (3, submitted)
    submitted.append(await api.submit(queue="bulk"))
    grown = await api("POST", "/tasks/actions", "operator", json={**body, "expect": 3})
    problem(grown, 409, "LD409")
    assert len(await numbers(api, "queue=bulk&state=queued")) == 4
    done = (await api("POST", "/tasks/actions", "operator", json={**body, "expect": 4})).json()
    assert (done["matched"], sorted(done["numbers"])) == (4, submitted)
    assert await numbers(api, "queue=bulk&state=canceled") == submitted[::-1]
    answer = await api(
        "POST", "/tasks/actions", json={"action": "retry", "select": {"numbers": submitted[:1]}}
    )
    assert answer.json()["matched"] == 1


@pytest.mark.parametrize(
    "body",
    [
        {"action": "delete", "select": {}},
        {"action": "cancel"},
        {"action": "cancel", "select": {"queues": "x"}},
        {"action": "cancel", "select": {"states": ["nonsense"]}},
        {"action": "cancel", "select": {"numbers": [2**70]}},
        {"action": "cancel", "select": {"since": "2031-01-31T22:00:00"}},
        {"action": "cancel", "select": {"labels": {"a": 1}}},
        {"action": "cancel", "select": {}, "expect": -1},
        {"action": "cancel", "select": {}, "dry-run": True},
    ],
)
async def test_a_bulk_action_that_is_not_valid_does_nothing(api: Api, body: dict[str, object]) -> None:
    number = await api.submit(queue="untouched")
    problem(await api("POST", "/tasks/actions", json=body), 400, "LD400")
    assert await numbers(api, "queue=untouched&state=queued&limit=1") == [number]


async def test_json_without_its_media_type_is_refused(api: Api) -> None:
    body = json.dumps({"action": "cancel", "select": {}})
    for media_type in ("text/plain", "application/x-www-form-urlencoded", "nonsense"):
        answer = await api("POST", "/tasks/actions", content=body, headers={"Content-Type": media_type})
        assert "expected application/json" in problem(answer, 415, "unsupported-media-type")
    number = await api.submit()
    answer = await api("POST", f"/tasks/{number}/cancel", headers={"Content-Type": "text/plain"})
    assert answer.status_code == 200  # there is no body
