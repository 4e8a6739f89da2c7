"""Reading tasks: lists, one task, waiting for a change, runs and results; and what may be done with them."""

import dataclasses
import json

import httpx
import psycopg
import pytest
import trio

from dispatcher.api.application import application
from dispatcher.api.gateway import open_gateway
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


async def test_tasks_are_named_by_numbers_ranges_models_patterns_and_what_they_wait_for(api: Api) -> None:
    one, two, three = [
        await api.submit(queue="named", name=name, model=model)
        for name, model in (("nightly-1", "opus"), ("nightly-2", "haiku"), ("nightly", None))
    ]
    held = await api.submit(queue="named", name="held", hold=True)
    assert await numbers(api, f"task={one}-{three}") == [three, two, one]
    assert await numbers(api, f"task={one}&task={three}") == [three, one]
    assert await numbers(api, "queue=named&name=nightly-*") == [two, one]
    assert await numbers(api, "queue=named&model=haiku") == [two]
    assert await numbers(api, "queue=named&waiting=held") == [held]
    assert await numbers(api, "queue=named&state=waiting&name=held") == [held]
    assert "there is no task 987654321" in problem(await api("GET", "/tasks?task=987654321"), 404, "LD404")


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


async def test_a_task_is_held_edited_released_and_moved_to_the_top(api: Api) -> None:
    number = await api.submit(queue="steered", hold=True, labels={"a": "1", "b": "2"}, model="opus")
    assert (await api("GET", f"/tasks/{number}")).json()["wait_reason"] == "held"
    changes = {"prompt": "another", "model": None, "priority": 9, "labels": {"a": None, "c": "3"}}
    edited = (await api("PATCH", f"/tasks/{number}", "producer", json=changes)).json()
    assert (edited["prompt"], edited["model"], edited["priority"]) == ("another", None, 9)
    assert edited["labels"] == {"b": "2", "c": "3"}
    released = (await api("POST", f"/tasks/{number}/release", "producer")).json()
    assert released["wait_reason"] is None
    top = (await api("POST", f"/tasks/{number}/top", "producer")).json()
    assert (top["priority"], "top" in top["actions"]) == (10, False)
    held = (await api("POST", f"/tasks/{number}/hold", "producer")).json()
    assert "release" in held["actions"]
    await api("POST", f"/tasks/{number}/cancel")


async def test_a_task_is_tried_again_with_other_settings(api: Api) -> None:
    number = await api.submit(queue="mended", hold=True, model="opus")
    changes = {"prompt": "better", "model": None, "check_command": "make test", "check_timeout_s": 60}
    problem(await api("POST", f"/tasks/{number}/retry", "producer", json=changes), 409, "LD409")
    await api("POST", f"/tasks/{number}/cancel")
    mended = (await api("POST", f"/tasks/{number}/retry", "producer", json=changes)).json()
    assert (mended["status"], {key: mended[key] for key in changes}) == ("queued", changes)
    problem(await api("POST", f"/tasks/{number}/retry", "producer", json={"tool": "codex"}), 400, "LD400")
    await api("POST", f"/tasks/{number}/cancel")
    again = (await api("POST", f"/tasks/{number}/retry", "producer")).json()
    assert (again["status"], again["prompt"]) == ("queued", "better")
    await api("POST", f"/tasks/{number}/cancel")
    long = "as long as a prompt may be in a submission" * 10_000
    again = (await api("POST", f"/tasks/{number}/retry", "producer", json={"prompt": long})).json()
    assert again["prompt"] == long
    await api("POST", f"/tasks/{number}/cancel")


async def test_what_the_state_of_a_task_does_not_allow_is_a_conflict_that_says_why(api: Api) -> None:
    number = await api.submit(queue="refused")
    said = problem(await api("POST", f"/tasks/{number}/release"), 409, "LD409")
    assert said == f"task {number} is not held"
    await api("POST", f"/tasks/{number}/cancel")
    for method, path, body in (
        ("POST", "/hold", None),
        ("POST", "/top", None),
        ("PATCH", "", {"priority": 1}),
    ):
        said = problem(await api(method, f"/tasks/{number}{path}", json=body), 409, "LD409")
        assert "only a queued task can be" in said


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({}, "edit needs changes"),
        ({"tool": "codex"}, "tool"),
        ({"priority": 10}, "priority"),
        ({"priority": "high"}, "priority"),
        ({"prompt": None}, "prompt"),
        ({"prompt": ""}, "prompt"),
    ],
)
async def test_changes_that_no_task_can_have_are_refused(
    api: Api, changes: dict[str, object], sentence: str
) -> None:
    number = await api.submit(queue="refused", hold=True)
    assert sentence in problem(await api("PATCH", f"/tasks/{number}", json=changes), 400, "LD400")


async def test_many_tasks_are_edited_and_those_that_cannot_be_are_told(api: Api) -> None:
    one, two = [await api.submit(queue="many", labels={"batch": "edit"}, hold=True) for _ in range(2)]
    await api("POST", f"/tasks/{two}/cancel")
    body = {
        "action": "edit",
        "select": {"labels": {"batch": "edit"}},
        "changes": {"priority": 7, "model": "opus"},
    }
    done = (await api("POST", "/tasks/actions", "producer", json=body)).json()
    assert (done["matched"], done["numbers"], done["refused"]) == (1, [one], [])
    assert (await api("GET", f"/tasks/{one}")).json()["model"] == "opus"
    body["select"] = {"tasks": [str(one), str(two)]}
    done = (await api("POST", "/tasks/actions", "producer", json=body)).json()
    assert [refused["number"] for refused in done["refused"]] == [two]
    body |= {"action": "release", "changes": {"priority": 7}}
    said = problem(await api("POST", "/tasks/actions", "producer", json=body), 400, "LD400")
    assert "release takes no changes" in said


async def test_stats_are_added_up_by_a_label_for_a_selection(api: Api) -> None:
    for batch in ("x", "y", "y"):
        number = await api.submit(queue="summed", labels={"batch": batch})
        await api("POST", f"/tasks/{number}/top")
        assert api.site.run_next() == number
    rows = (await api("GET", "/stats?by=label:batch&queue=summed", "reader")).json()["items"]
    assert [(row["key"], row["runs"]) for row in rows] == [("x", 1), ("y", 2)]
    rows = (await api("GET", "/stats?by=queue&label=batch%3Dy", "reader")).json()["items"]
    assert [(row["key"], row["runs"]) for row in rows] == [("summed", 2)]
    problem(await api("GET", "/stats?by=label:"), 400, "LD400")


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


async def test_times_are_in_utc_whatever_the_zone_of_the_database_is(api: Api) -> None:
    number = await api.submit(queue="zoned")
    name = psycopg.sql.Identifier(api.site.settings.database.name)
    change = psycopg.sql.SQL("alter database {} set timezone = 'Asia/Tokyo'").format(name)
    api.site.db.connection.execute(change)
    try:
        async with open_gateway(api.site.settings) as gateway:
            transport = httpx.ASGITransport(application(api.site.settings, gateway, api.changes))  # type: ignore[arg-type]
            async with httpx.AsyncClient(transport=transport, base_url=str(api.client.base_url)) as client:
                answers = [
                    (await dataclasses.replace(api, client=client)("GET", path)).json()
                    for path in (f"/tasks/{number}", "/tasks?queue=zoned")
                ]
    finally:
        api.site.db.connection.execute(psycopg.sql.SQL("alter database {} reset timezone").format(name))
    one, [listed] = answers[0], answers[1]["items"]
    assert one["created_at"] == listed["created_at"]
    assert one["created_at"].endswith("Z")
