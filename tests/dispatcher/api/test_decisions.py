"""Answers, approvals and denials over HTTP, and the inbox that lists what waits for them."""

import pytest

from tests.dispatcher.api.conftest import Api, one_postgres, problem
from tests.fixtures.changed_runs import command, run_that_changes

pytestmark = [one_postgres, pytest.mark.anyio]


async def asking(api: Api, **fields: object) -> int:
    number = await api.submit(**fields)
    assert api.site.run_next("question", question="Which one?", session_id="s-1") == number
    return number


async def finished(api: Api, **fields: object) -> int:
    number = await api.submit(repository="shop", approve=True, **fields)
    assert run_that_changes(api.site.db) == number
    return number


async def test_an_answer_lets_the_task_go_on(api: Api) -> None:
    number = await asking(api)
    found = (await api("GET", "/tasks?state=question", "reader")).json()["items"]
    assert [one["number"] for one in found] == [number]
    assert "answer" not in found[0]["actions"]  # a reader's
    task = (await api("GET", f"/tasks/{number}", "producer")).json()
    assert (task["question"], "answer" in task["actions"]) == ("Which one?", True)

    answered = (
        await api("POST", f"/tasks/{number}/answer", "producer", json={"answer": "the second"})
    ).json()
    assert (answered["status"], answered["wait_reason"], answered["question"]) == ("queued", None, None)
    [decision] = answered["decisions"]
    assert (decision["decision"], decision["message"], decision["run_no"]) == ("answered", "the second", 1)
    assert decision["question"] == "Which one?"
    assert decision["decided_by"] == f"token '{api.site.name_of('producer')}'"
    problem(await api("POST", f"/tasks/{number}/answer", json={"answer": "again"}), 409, "LD409")
    await api("POST", f"/tasks/{number}/cancel")


@pytest.mark.parametrize(
    "body", [{"answer": ""}, {"answer": " \n"}, {"answer": "x" * 20_001}, {}, {"text": "x"}]
)
async def test_an_answer_that_is_none_is_refused(api: Api, body: dict[str, str]) -> None:
    number = await asking(api)
    problem(await api("POST", f"/tasks/{number}/answer", json=body), 400, "LD400")
    await api("POST", f"/tasks/{number}/cancel")


@pytest.mark.parametrize("body", [None, {}, {"message": None}, {"message": "reads well"}])
async def test_an_approval_lets_the_task_succeed_with_its_answer(
    api: Api, body: dict[str, str] | None
) -> None:
    number = await finished(api)
    found = (await api("GET", "/tasks?state=approval")).json()["items"]
    assert [one["number"] for one in found] == [number]
    task = (await api("POST", f"/tasks/{number}/approve", "producer", json=body)).json()
    assert task["status"] == "succeeded"
    assert task["decisions"][0]["message"] == (body or {}).get("message")
    assert (
        await api("GET", f"/tasks/{number}/result", headers={"Accept": "text/plain"})
    ).text == "the answer"


async def test_a_denial_says_why(api: Api) -> None:
    number = await finished(api)
    task = (await api("POST", f"/tasks/{number}/deny", json={"message": "it proves nothing"})).json()
    assert (task["status"], task["error_class"]) == ("failed", "denied")
    assert "it proves nothing" in task["error_message"]
    assert (await api("GET", f"/tasks/{number}/diff")).status_code == 200


async def test_what_waits_for_nobody_cannot_be_decided(api: Api) -> None:
    number = await api.submit(delay_s=3600)
    for verb, body in (("answer", {"answer": "x"}), ("approve", {}), ("deny", {})):
        problem(await api("POST", f"/tasks/{number}/{verb}", json=body), 409, "LD409")
        problem(await api("POST", f"/tasks/999999999/{verb}", json=body), 404, "LD404")


async def test_the_inbox_lists_what_waits_for_a_person_with_what_resolves_it(api: Api) -> None:
    question, approval = await asking(api, name="asks", tenant_id="acme"), await finished(api)
    failed = await api.submit(max_attempts=1)
    assert api.site.run_next("agent_error", error_message="it broke") == failed
    await api("POST", "/groups/other/pause", json={"reason": "invoice"})
    items = (await api("GET", "/inbox", "reader")).json()["items"]
    found = {(one["kind"], one["number"] or one["group_name"]): one for one in items}
    asked = found[("question", question)]
    assert (asked["name"], asked["what"]) == ("asks", "Which one?")
    assert any("llmctl answer" in verb for verb in asked["verbs"])
    assert any("llmctl approve" in verb for verb in found[("approval", approval)]["verbs"])
    assert found[("failed", failed)]["what"] == "it broke"
    assert found[("paused", "other")]["what"] == "invoice"
    confined = (await api("GET", "/inbox", "reader", "acme")).json()["items"]
    assert [one["number"] for one in confined] == [question]
    await api("POST", "/groups/other/resume")
    for number in (question, approval):
        await api("POST", f"/tasks/{number}/cancel")


async def test_what_waits_for_a_person_and_what_was_red_is_measured(api: Api) -> None:
    tool = {"queue": "measured"}
    question, approval = await asking(api, **tool), await finished(api, **tool)
    red = await api.submit(repository="shop", max_attempts=1, **tool)
    assert run_that_changes(api.site.db, "check_failed", commands=[command("check", "failed")]) == red
    metrics = (await api("GET", "/metrics", "reader")).text
    for state in ("question", "approval"):
        assert f'llmctl_tasks{{queue="measured",state="{state}",tool="claude"}} 1.0' in metrics
        assert f'llmctl_tasks_waiting{{reason="{state}"}} 1.0' in metrics
    [runs] = [line for line in metrics.splitlines() if 'error_class="check_failed"' in line]
    assert runs.startswith("llmctl_runs_finished_total{")
    for number in (question, approval):
        await api("POST", f"/tasks/{number}/cancel")
