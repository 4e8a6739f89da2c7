"""Schedules over HTTP."""

import pytest

from tests.dispatcher.api.conftest import Api, one_postgres, problem

pytestmark = [one_postgres, pytest.mark.anyio]

NIGHTLY = {"cron": "30 2 * * *", "zone": "Europe/Berlin", "task": {"tool": "claude", "prompt": "Report"}}


async def test_a_schedule_is_put_run_paused_resumed_and_removed(api: Api) -> None:
    made = await api("PUT", "/schedules/nightly", "producer", "acme", json=NIGHTLY)
    assert made.status_code == 200, made.text
    assert (made.json()["tenant_id"], made.json()["overlap"]) == ("acme", "skip")
    assert [one["name"] for one in (await api("GET", "/schedules", "reader")).json()["items"]] == ["nightly"]
    assert (await api("GET", "/schedules", "reader", "other")).json()["items"] == []
    problem(await api("GET", "/schedules/nightly", "reader", "other"), 404, "LD404")
    problem(await api("POST", "/schedules/nightly/run", "producer", "other"), 404, "LD404")
    run = await api("POST", "/schedules/nightly/run", "producer", "acme")
    assert run.status_code == 201
    assert (await api("GET", "/schedules/nightly")).json()["last_task"] == run.json()["number"]
    paused = await api("POST", "/schedules/nightly/pause", json={"reason": "holidays"})
    assert paused.json()["pause_reason"] == "holidays"
    assert (await api("POST", "/schedules/nightly/resume")).json()["pause_class"] is None
    assert (await api("DELETE", "/schedules/nightly", "reader")).status_code == 403
    assert (await api("DELETE", "/schedules/nightly")).status_code == 204
    assert (await api("GET", "/schedules")).json()["items"] == []


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"cron": "61 * * * *"}, "bad minute"),
        ({"zone": "Mars"}, "not a known time zone"),
        ({"task": {"tool": "claude"}}, "needs a prompt"),
        ({"catch_up": "all", "overlap": "skip"}, "needs overlap queue"),
    ],
)
async def test_what_cannot_be_a_schedule_is_refused(api: Api, change: dict[str, object], why: str) -> None:
    answer = await api("PUT", "/schedules/nightly", json={**NIGHTLY, **change})
    assert answer.status_code == 400
    assert why in answer.text
