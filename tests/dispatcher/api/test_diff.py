"""`/tasks/N/diff`: the patch as a file, its figures as JSON, and why there is none."""

from pathlib import Path

import pytest

from tests.dispatcher.api.conftest import Api, one_postgres, problem
from tests.fixtures.changed_runs import (
    BASE,
    HEAD,
    NOTHING,
    PATCH,
    STAT,
    change,
    command,
    not_recorded,
    run_that_changes,
)

pytestmark = [one_postgres, pytest.mark.anyio]
JSON = {"Accept": "application/json"}


@pytest.mark.parametrize("accept", ["text/x-diff", "*/*", "text/plain", "text/html,*/*;q=0.8"])
async def test_a_patch_is_a_file_that_no_browser_shows(api: Api, accept: str) -> None:
    number = await api.submit(repository="shop")
    run_that_changes(api.site.db)
    answer = await api("GET", f"/tasks/{number}/diff", "reader", headers={"Accept": accept})
    assert answer.status_code == 200
    assert answer.content == PATCH
    assert answer.headers["content-type"].startswith("text/x-diff")
    assert answer.headers["content-disposition"] == f"attachment; filename*=UTF-8''task-{number}.patch"
    assert answer.headers["x-content-type-options"] == "nosniff"


async def test_bytes_that_are_no_text_arrive_as_they_are(api: Api) -> None:
    number = await api.submit(repository="shop")
    patch = b"+\xff\xfe\0\r\n<script>\n"
    run_that_changes(api.site.db, patch=patch)
    assert (await api("GET", f"/tasks/{number}/diff")).content == patch


async def test_json_has_the_figures_and_where_the_change_is(api: Api) -> None:
    number = await api.submit(repository="shop", check_command="make check", name="cart")
    run_that_changes(api.site.db, commands=[command("check", "passed")])
    answer = await api("GET", f"/tasks/{number}/diff", "reader", headers=JSON)
    assert answer.headers["content-type"].startswith("application/json")
    found = answer.json()
    expected = {
        "number": number,
        "name": "cart",
        "status": "succeeded",
        "run_no": 1,
        "source": "/srv/shop",
        "base_commit": BASE,
        "head_commit": HEAD,
        "ref": f"refs/llmctl/{number}/1",
        "files": 2,
        "insertions": 2,
        "deletions": 1,
        "stat": list(STAT),
        "check_verdict": "passed",
        "approval": None,
    }
    assert {key: found[key] for key in expected} == expected


async def test_where_there_is_no_patch_the_problem_says_why(api: Api) -> None:
    without = await api.submit(delay_s=3600)
    sentence = problem(await api("GET", f"/tasks/{without}/diff"), 409, "LD409")
    assert sentence == f"task {without} works in no repository, so it has no diff"
    waiting = await api.submit(repository="shop", delay_s=3600)
    sentence = problem(await api("GET", f"/tasks/{waiting}/diff"), 409, "LD409")
    assert sentence == f"task {waiting} is queued, and nothing of it is recorded yet"
    assert (await api("GET", f"/tasks/{waiting}/diff", headers=JSON)).json()["ref"] is None

    lost = await api.submit(repository="shop", max_attempts=1)
    kept = not_recorded(lost, problem="the disk is full", kept_in="/kept/12")
    run_that_changes(api.site.db, "not_recorded", patch=None, changed=kept)
    sentence = problem(await api("GET", f"/tasks/{lost}/diff"), 409, "LD409")
    assert sentence == (
        f"what task {lost} changed was not recorded: the disk is full; the directory was kept: /kept/12"
    )

    same = await api.submit(repository="shop")
    run_that_changes(api.site.db, patch=None, changed=change(same, **NOTHING))
    assert problem(await api("GET", f"/tasks/{same}/diff"), 409, "LD409") == f"task {same} changed nothing"

    pruned = await api.submit(repository="shop")
    run_that_changes(api.site.db, patch=None)
    answer = await api("GET", f"/tasks/{pruned}/diff")
    assert problem(answer, 409, "LD409") == f"the patch of task {pruned} is not stored any more"
    assert answer.json()["hint"] == f"it is at refs/llmctl/{pruned}/1 in /srv/shop"


async def test_a_large_patch_is_read_from_the_disk_or_the_problem_names_the_place(
    api: Api, tmp_path: Path
) -> None:
    number = await api.submit(repository="shop")
    run_that_changes(api.site.db)
    place = tmp_path / "stored"
    api.site.db.run(
        "update task_files set content = null, storage_url = %s"
        " where task_id = (select id from tasks where number = %s)",
        f"file://{place}",
        number,
    )
    assert str(place) in problem(await api("GET", f"/tasks/{number}/diff"), 404, "file-elsewhere")
    place.write_bytes(PATCH)
    assert (await api("GET", f"/tasks/{number}/diff")).content == PATCH
    place.write_bytes(PATCH.replace(b"cart", b"card"))
    problem(await api("GET", f"/tasks/{number}/diff"), 500, "internal")


async def test_another_tenant_sees_neither_patch_nor_figures(api: Api) -> None:
    number = await api.submit(repository="shop", tenant_id="acme")
    run_that_changes(api.site.db)
    for headers in ({}, JSON):
        problem(
            await api("GET", f"/tasks/{number}/diff", "operator", "umbrella", headers=headers), 404, "LD404"
        )
        assert (
            await api("GET", f"/tasks/{number}/diff", "reader", "acme", headers=headers)
        ).status_code == 200


async def test_what_setup_and_check_printed_is_read_like_a_log(api: Api) -> None:
    number = await api.submit(repository="shop", check_command="make check")
    run_that_changes(api.site.db, printed={"setup": b"installing\n", "check": b"1 \x1b[31mfailed\x1b[0m\n"})
    log = f"/tasks/{number}/runs/1/log"
    assert (await api("GET", f"{log}?stream=setup")).content == b"installing\n"
    answer = await api("GET", f"{log}?stream=check&from=2")
    assert answer.content == b"\x1b[31mfailed\x1b[0m\n"
    assert answer.headers["content-disposition"] == f'attachment; filename="{number}-1-check.log"'
    problem(await api("GET", f"{log}?stream=stdin"), 400, "LD400")
    events = (await api("GET", f"{log}/events?stream=check&view=text")).text
    assert '{"text":"1 failed\\n"}' in events
    assert "event: end" in events
