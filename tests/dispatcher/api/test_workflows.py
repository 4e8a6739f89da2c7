"""Workflows over HTTP."""

import pytest

from tests.dispatcher.api.conftest import Api, one_postgres, problem

pytestmark = [one_postgres, pytest.mark.anyio]


async def test_a_workflow_is_listed_drawn_canceled_and_retried(api: Api) -> None:
    first = await api.submit(workflow="w", name="<first>")
    second = await api.submit(workflow="w", after=[first])
    skipped = await api.submit(workflow="w", after_failed=[first])
    assert [row["name"] for row in (await api("GET", "/workflows")).json()["items"]] == ["w"]
    told = (await api("GET", "/workflows/w")).json()
    assert [node["number"] for node in told["nodes"]] == [first, second, skipped]
    assert [(edge["source"], edge["target"], edge["kind"]) for edge in told["edges"]] == [
        (first, second, "succeeded"),
        (first, skipped, "failed"),
    ]
    assert (await api("GET", f"/tasks/{second}/graph")).json()["edges"] == told["edges"]
    picture = await api("GET", "/workflows/w/graph.svg")
    assert picture.headers["content-type"].startswith("image/svg+xml")
    assert "&lt;first&gt;" in picture.text
    assert api.site.run_next() == first
    shown = (await api("GET", f"/tasks/{second}")).json()
    assert [(need["number"], need["state"]) for need in shown["after"]] == [(first, "met")]
    assert (await api("POST", "/workflows/w/cancel")).json()["numbers"] == [second]
    assert (await api("POST", "/workflows/w/retry")).json()["numbers"] == [second]
    assert (await api("GET", "/tasks?workflow=w&state=waiting")).json()["items"][0]["number"] == second
    assert problem(await api("GET", "/workflows/none"), 404, "LD404") == "there is no workflow 'none'"


async def test_a_name_with_a_slash_is_one_part_of_a_path(api: Api) -> None:
    number = await api.submit(workflow="release/4 %2F")
    path = "/workflows/release%2f4%20%252F"
    assert (await api("GET", path)).json()["nodes"][0]["number"] == number
    assert (await api("GET", f"{path}/graph.svg")).headers["content-type"].startswith("image/svg+xml")
    assert (await api("POST", f"{path}/cancel")).json()["numbers"] == [number]
    assert problem(await api("GET", "/schedules/a%2Fb"), 404, "LD404") == "there is no schedule 'a/b'"
    assert problem(await api("GET", "/groups/a%2Fb"), 404, "LD404").startswith(
        "there is no worker group 'a/b'"
    )
    assert (await api("GET", "/workflows/release/4")).status_code == 404
