"""Groups, limits, statistics and dispatchers over HTTP."""

from datetime import UTC, datetime, timedelta

import pytest

from tests.dispatcher.api.conftest import ROLES, Api, one_postgres, problem

pytestmark = [one_postgres, pytest.mark.anyio]

SECRET = "file:/secrets/of-the-group"


@pytest.fixture(scope="module", autouse=True)
def secretive(api: Api) -> None:
    api.site.db.run(
        "select put_group('secretive', 'claude', 'hidden', 2, %s::jsonb, %s)",
        '{"API_KEY": "file:/secrets/of-the-group"}',
        SECRET,
    )


async def test_groups_are_shown_with_their_slots(api: Api) -> None:
    groups = {group["group_name"]: group for group in (await api("GET", "/groups")).json()["items"]}
    assert set(groups) == {"main", "other", "secretive"}
    assert (await api("GET", "/groups/secretive")).json() == groups["secretive"]
    assert (groups["secretive"]["max_concurrent"], groups["secretive"]["state"]) == (2, "open")
    assert problem(await api("GET", "/groups/nope"), 404, "LD404") == "there is no worker group 'nope'"


@pytest.mark.parametrize("role", ROLES)
async def test_no_secret_of_a_group_leaves_by_any_route(api: Api, role: str) -> None:
    """Neither by one that reads, nor by one that changes the group and returns it."""
    sent: list[tuple[str, str, dict[str, object] | None]] = [
        ("GET", "/groups", None),
        ("GET", "/groups/secretive", None),
        ("GET", "/dispatchers", None),
        ("GET", "/stats?by=group", None),
        ("POST", "/groups/secretive/pause", {"reason": "x"}),
        ("POST", "/groups/secretive/resume", None),
        ("POST", "/groups/secretive/cool", {"for_s": 60}),
        ("POST", "/groups/secretive/uncool", None),
        ("PATCH", "/groups/secretive", {"max_concurrent": 2}),
        ("PATCH", "/groups/secretive", {"env_vars": {}}),
    ]
    for method, path, body in sent:
        answer = await api(method, path, role, json=body)
        assert answer.status_code in (200, 400, 403)
        assert SECRET not in answer.text
        for key in ("env_vars", "config_home", "API_KEY"):
            assert key not in answer.text or answer.status_code == 400


async def test_a_group_is_paused_and_resumed(api: Api) -> None:
    paused = (await api("POST", "/groups/main/pause", "operator", json={"reason": "holidays"})).json()
    assert (paused["state"], paused["reason"]) == ("paused", "holidays")
    assert (await api("POST", "/groups/main/resume", "operator")).json()["state"] == "open"
    assert (await api("POST", "/groups/main/pause", "operator")).json()["state"] == "paused"
    assert (await api("POST", "/groups/main/resume", "operator")).json()["state"] == "open"
    problem(await api("POST", "/groups/nope/pause", "operator"), 404, "LD404")


async def test_a_group_is_cooled_and_uncooled(api: Api) -> None:
    cooled = (await api("POST", "/groups/main/cool", "operator", json={"for_s": 600})).json()
    assert cooled["state"] == "cooling"
    assert 500 < cooled["cooldown_s"] <= 600
    until = (datetime.now(UTC) + timedelta(hours=1)).isoformat()
    cooled = (await api("POST", "/groups/main/cool", "operator", json={"until": until, "reason": "r"})).json()
    assert (cooled["reason"], cooled["cooldown_s"] > 3000) == ("r", True)
    assert (await api("POST", "/groups/main/uncool", "operator")).json()["state"] in ("open", "probing")
    bodies: list[dict[str, object]] = [
        {},
        {"until": "2031-01-31T22:00:00"},
        {"for_s": 1e300},
        {"until": "never"},
    ]
    for body in bodies:
        problem(await api("POST", "/groups/main/cool", "operator", json=body), 400, "LD400")


async def test_an_admin_changes_a_group(api: Api) -> None:
    changes = {"max_concurrent": 7, "failover": False, "daily_budget_usd": 12.5, "task_budget_usd": 2}
    group = (await api("PATCH", "/groups/other", json=changes)).json()
    assert {key: group[key] for key in changes} == changes
    group = (await api("PATCH", "/groups/other", json={"daily_budget_usd": 0})).json()
    assert (group["daily_budget_usd"], group["max_concurrent"]) == (None, 7)
    problem(await api("PATCH", "/groups/other", "operator", json={"max_concurrent": 1}), 403, "forbidden")
    problem(await api("PATCH", "/groups/nope", json={"max_concurrent": 1}), 404, "LD404")
    wrong: list[dict[str, object]] = [
        {"max_concurrent": -1},
        {"max_concurrent": 2**40},
        {"env_vars": {}},
        {"daily_budget_usd": -1},
    ]
    for body in wrong:
        problem(await api("PATCH", "/groups/other", json=body), 400, "LD400")


async def test_limits_are_set_and_removed(api: Api) -> None:
    for limit in ("tool:claude", "model:vendor/opus 5", "tenant:acme", "queue:ü"):
        assert (
            await api("PUT", f"/limits/{limit}", "operator", json={"max_concurrent": 3})
        ).status_code == 204
    listed = (await api("GET", "/limits", "reader")).json()["items"]
    rows = [row for row in listed if row["max_concurrent"] == 3]
    assert [(row["scope"], row["max_concurrent"]) for row in rows] == [
        ("model:vendor/opus 5", 3),
        ("queue:ü", 3),
        ("tenant:acme", 3),
        ("tool:claude", 3),
    ]
    for row in rows:
        assert (await api("DELETE", f"/limits/{row['scope']}", "operator")).status_code == 204
    left = {row["scope"] for row in (await api("GET", "/limits")).json()["items"]}
    assert left.isdisjoint(row["scope"] for row in rows)
    assert (
        problem(await api("DELETE", "/limits/tool:claude"), 404, "LD404") == "there is no limit 'tool:claude'"
    )
    bad = await api("PUT", "/limits/nonsense", json={"max_concurrent": 3})
    assert problem(bad, 400, "LD400").startswith("'nonsense' is not a valid scope")
    foreign = await api("PUT", "/limits/tenant:umbrella", "operator", "acme", json={"max_concurrent": 3})
    problem(foreign, 403, "forbidden")


async def test_stats_are_added_up(api: Api) -> None:
    await api.submit(priority=9)
    api.site.run_next(cost_usd=0.5, auth_mode="key", input_tokens=10)
    [row] = [row for row in (await api("GET", "/stats?by=tool")).json()["items"] if row["key"] == "claude"]
    assert (row["runs"], row["succeeded"], row["cost_usd"], row["input_tokens"]) == (1, 1, 0.5, 10)
    future = "/stats?by=day&since=2099-01-01T00:00:00Z"
    assert (await api("GET", future)).json()["items"] == []
    assert (await api("GET", "/stats?by=tool", "reader", "umbrella")).json()["items"] == []
    for query in ("by=colour", "since=yesterday", "bye=tool"):
        problem(await api("GET", f"/stats?{query}"), 400, "LD400")


async def test_dispatchers_are_listed(api: Api) -> None:
    api.site.db.dispatcher(host="the-host")
    hosts = {row["host"]: row["alive"] for row in (await api("GET", "/dispatchers")).json()["items"]}
    assert hosts["the-host"] is True
