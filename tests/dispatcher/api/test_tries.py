"""`POST /tasks/tries`: several tries at one task."""

from typing import Any

import pytest

from tests.dispatcher.api.conftest import Api, one_postgres, problem

pytestmark = [one_postgres, pytest.mark.anyio]
TASK = {"tool": "claude", "prompt": "fix it", "delay_s": 3600}


async def queued(api: Api, **body: object) -> list[dict[str, Any]]:
    answer = await api("POST", "/tasks/tries", "producer", json={"task": TASK, **body})
    assert answer.status_code == 201, answer.text
    items: list[dict[str, Any]] = answer.json()["items"]
    return items


async def test_each_variant_is_a_task(api: Api) -> None:
    first, second = await queued(api, variants=[{}, {"model": "opus", "account": "main"}])
    task = (await api("GET", f"/tasks/{second['number']}")).json()
    assert (task["prompt"], task["model"], task["account"]) == ("fix it", "opus", "main")
    assert task["labels"] == {"tries": str(first["number"])} or task["labels"] == {"tries": first["number"]}
    assert task["tries"]["pick"] == "first-green"
    assert [one["number"] for one in task["tries"]["tries"]] == [first["number"], second["number"]]


async def test_a_judge_comes_last(api: Api) -> None:
    *_, judge = await queued(api, variants=[{}, {}], pick="judge", judge={"model": "opus"})
    task = (await api("GET", f"/tasks/{judge['number']}")).json()
    assert (task["tries"]["judge"], task["wait_reason"], task["model"]) == (
        judge["number"],
        "dependency",
        "opus",
    )


async def test_tries_with_a_key_are_queued_once(api: Api) -> None:
    task = {**TASK, "idempotency_key": "tries-once"}
    first = await queued(api, task=task, variants=[{}, {}])
    again = await queued(api, task=task, variants=[{}, {}])
    assert [one["number"] for one in again] == [one["number"] for one in first]
    assert [one["created"] for one in again] == [False, False]


@pytest.mark.parametrize(
    ("changed", "sentence"),
    [
        ({"variants": [{}]}, "1 is not a valid number of tries: expected 2 to 20"),
        ({"variants": [{}, {"prompt": "x"}]}, "is not a valid key of a try"),
        ({"variants": [{}, 1]}, "Expected `object`"),
        ({"pick": "best"}, "is not a valid pick: expected first-green or judge"),
        ({"judge": {}}, "a judge needs pick judge"),
        ({"task": {**TASK, "promt": "x"}}, "promt"),
        ({"task": {**TASK, "prompt": "a\0"}}, ""),
        ({"tasks": []}, "unknown field `tasks`"),
    ],
)
async def test_what_is_wrong_is_said_and_nothing_is_queued(
    api: Api, changed: dict[str, object], sentence: str
) -> None:
    before = api.site.db.value("select count(*) from tasks")
    body = {"task": TASK, "variants": [{}, {}], **changed}
    assert sentence in problem(await api("POST", "/tasks/tries", json=body), 400, "LD400")
    assert api.site.db.value("select count(*) from tasks") == before
