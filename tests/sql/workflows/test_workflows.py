"""Workflows as lists and as graphs of what comes after what."""

from collections.abc import Mapping
from typing import Any

import pytest

from tests.sql.client import Client
from tests.sql.refused import refused


def graph(db: Client, name: str, tenant: str | None = None, most: int = 1000) -> Mapping[str, Any]:
    told = db.value("select show_workflow(%s, %s, %s)", name, tenant, most)
    assert isinstance(told, dict)
    return told


def edges(told: Mapping[str, Any]) -> set[tuple[int, int, str, str]]:
    return {(edge["source"], edge["target"], edge["kind"], edge["state"]) for edge in told["edges"]}


def numbers(told: Mapping[str, Any]) -> list[int]:
    return [node["number"] for node in told["nodes"]]


def release(db: Client, **more: object) -> None:
    """Tasks 1 to 4: a plan, two that come after it, and one that comes after these."""
    db.submit_all(
        [
            {"tool": "claude", "prompt": prompt, "step": prompt, "workflow": "release", **after, **more}
            for prompt, after in (
                ("plan", {}),
                ("login", {"after": ["plan"]}),
                ("billing", {"after": ["plan"]}),
                ("check", {"after": ["login"], "after_any": ["billing"]}),
            )
        ]
    )


def test_a_workflow_is_told_with_its_tasks_and_edges(db: Client) -> None:
    release(db)
    db.group("main", slots=9)
    me = db.dispatcher()
    [run] = db.claim(me).runs
    db.finish(me, run, cost_usd=2)
    told = graph(db, "release")
    assert (told["name"], told["tenant_id"], told["is_cut"]) == ("release", "default", False)
    assert numbers(told) == [1, 2, 3, 4]
    assert told["nodes"][0]["status"] == "succeeded"
    assert edges(told) == {
        (1, 2, "succeeded", "met"),
        (1, 3, "succeeded", "met"),
        (2, 4, "succeeded", "open"),
        (3, 4, "ended", "open"),
    }
    row = db.one("select name, tasks, states, failed, unmet, cost_usd, max_concurrent from list_workflows()")
    assert row == ("release", 4, {"succeeded": 1, "queued": 2, "dependency": 1}, 0, 0, 2, None)


def test_what_a_task_of_a_workflow_comes_after_is_shown_though_it_belongs_to_none(db: Client) -> None:
    db.submit("before")
    db.submit("in it", workflow="w", after=[1])
    db.submit("after it", after=[2])
    told = graph(db, "w")
    assert [(node["number"], node["is_outside"]) for node in told["nodes"]] == [(1, True), (2, False)]
    whole = db.value("select show_graph('2')")
    assert isinstance(whole, dict)
    assert numbers(whole) == [1, 2, 3]
    assert whole["name"] is None


def test_a_large_workflow_and_a_large_graph_are_cut(db: Client) -> None:
    release(db)
    told = graph(db, "release", most=2)
    assert (numbers(told), told["is_cut"], edges(told)) == ([1, 2], True, {(1, 2, "succeeded", "open")})
    near = db.value("select show_graph('4', 3)")
    assert isinstance(near, dict)
    assert (numbers(near), near["is_cut"]) == ([2, 3, 4], True)


def test_the_newest_workflows_come_first_and_active_tasks_count(db: Client) -> None:
    db.group("main", slots=1)
    db.submit("a", workflow="old")
    db.submit("b", workflow="new")
    db.submit("c")
    me = db.dispatcher()
    db.start(me, *db.claim(me).runs)
    assert db.rows("select name, states, running_s is not null from list_workflows()") == [
        ("new", {"queued": 1}, False),
        ("old", {"running": 1}, True),
    ]
    assert db.rows("select name from list_workflows(p_limit => 1)") == [("new",)]
    assert db.rows("select name from list_workflows('nobody')") == []


def test_a_name_of_several_tenants_needs_one_of_them(db: Client) -> None:
    db.submit("a", workflow="w", tenant_id="acme")
    db.submit("b", workflow="w", tenant_id="umbrella")
    with refused("LD400", "several tenants have a workflow 'w': acme, umbrella"):
        graph(db, "w")
    assert numbers(graph(db, "w", "umbrella")) == [2]
    assert db.rows("select tenant_id, tasks from list_workflows('acme')") == [("acme", 1)]


@pytest.mark.parametrize("tenant", [None, "acme"])
def test_a_workflow_that_does_not_exist_is_refused(db: Client, tenant: str | None) -> None:
    db.submit("a", workflow="w")
    with refused("LD404", "there is no workflow 'v'" if tenant is None else "there is no workflow 'w'"):
        graph(db, "v" if tenant is None else "w", tenant)
