"""Hooks over HTTP."""

import json

import pytest

from tests.dispatcher.api.conftest import Api, one_postgres, problem

pytestmark = [one_postgres, pytest.mark.anyio]


async def test_a_hook_is_listed_tested_and_told_again(api: Api) -> None:
    hook = {"name": "tell", "kind": "command", "target": "cat", "events": ["task.failed"]}
    api.site.db.run("select put_hooks('here', %s)", json.dumps([hook]))
    event = (await api("POST", "/hooks/tell/test", "operator")).json()["event"]
    [row] = (await api("GET", "/hooks", "operator")).json()["items"]
    assert (row["name"], row["pending"], row["dead"]) == ("tell", 1, 0)
    [told] = (await api("GET", "/hooks/tell/deliveries", "operator")).json()["items"]
    assert (told["event"], told["type"], told["state"]) == (event, "test", "pending")
    assert (await api("POST", "/hooks/tell/retry", "operator")).json() == {"repeated": 0}
    api.site.db.run("update hook_deliveries set state = 'delivered', ended_at = clock()")
    assert (await api("POST", f"/hooks/tell/retry?event={event}", "operator")).json() == {"repeated": 1}
    problem(await api("POST", "/hooks/none/test", "operator"), 404, "LD404")


async def test_hooks_are_not_for_who_is_confined_to_tenants(api: Api) -> None:
    assert (await api("GET", "/hooks", "operator", "acme")).json()["items"] == []
    problem(await api("POST", "/hooks/tell/test", "operator", "acme"), 403, "forbidden")
    problem(await api("GET", "/hooks/tell/deliveries", "operator", "acme"), 403, "forbidden")
