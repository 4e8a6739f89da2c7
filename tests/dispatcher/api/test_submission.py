"""`POST /tasks`: one task or many, from JSON, JSON lines or a form with files."""

import json

import pytest
import trio

from tests.dispatcher.api.conftest import Api, one_postgres, problem

pytestmark = [one_postgres, pytest.mark.anyio]

TASK = {"tool": "claude", "prompt": "write a poem"}


async def test_a_new_task_has_a_number_and_a_place(api: Api) -> None:
    answer = await api("POST", "/tasks", "producer", json={**TASK, "labels": {"batch": "x"}, "priority": 9})
    assert answer.status_code == 201
    assert answer.headers["location"] == f"/tasks/{answer.json()['number']}"
    assert answer.json()["status"] == "queued"
    assert answer.json()["created"] is True
    task = (await api("GET", answer.headers["location"], "producer")).json()
    assert (task["prompt"], task["labels"], task["priority"]) == ("write a poem", {"batch": "x"}, 9)


async def test_an_unknown_key_is_refused_by_its_name(api: Api) -> None:
    answer = await api("POST", "/tasks", json={**TASK, "promt": "typo"})
    assert problem(answer, 400, "LD400") == "promt is not a key of a task"


async def test_the_sentence_is_the_one_of_the_database(api: Api) -> None:
    answer = await api("POST", "/tasks", json={**TASK, "priority": 12})
    assert problem(answer, 400, "LD400") == "priority must be a number from 1 to 9 (9 is first), not 12"
    answer = await api("POST", "/tasks", json={"tool": "clade", "prompt": "p"})
    assert problem(answer, 400, "LD400").startswith("unknown tool 'clade'")
    assert "config.yaml" in answer.json()["hint"]


async def test_numbers_in_labels_are_kept_as_they_are_written(api: Api) -> None:
    body = b'{"tool": "claude", "prompt": "p", "labels": {"n": 123456789012345678901234567890.5}}'
    answer = await api("POST", "/tasks", content=body, headers={"Content-Type": "application/json"})
    assert answer.status_code == 201
    kept = api.site.db.value("select labels::text from tasks where number = %s", answer.json()["number"])
    assert kept == '{"n": 123456789012345678901234567890.5}'


async def test_a_known_key_queues_nothing_and_is_said_to_be_known(api: Api) -> None:
    first = await api("POST", "/tasks", json=TASK, headers={"Idempotency-Key": "k1"})
    again = await api("POST", "/tasks", json=TASK, headers={"Idempotency-Key": "k1"})
    in_body = await api("POST", "/tasks", json={**TASK, "idempotency_key": "k1"})
    assert (first.status_code, again.status_code, in_body.status_code) == (201, 200, 200)
    assert "idempotent-replayed" not in first.headers
    assert again.headers["idempotent-replayed"] == in_body.headers["idempotent-replayed"] == "true"
    assert again.headers["location"] == first.headers["location"]


async def test_the_same_key_with_another_payload_is_refused(api: Api) -> None:
    first = await api("POST", "/tasks", json=TASK, headers={"Idempotency-Key": "k2"})
    other = await api("POST", "/tasks", json={**TASK, "prompt": "else"}, headers={"Idempotency-Key": "k2"})
    assert problem(other, 422, "LD422").startswith(f"task {first.json()['number']} has this idempotency key")
    assert other.json()["number"] == first.json()["number"]


async def test_header_and_body_may_not_name_different_keys(api: Api) -> None:
    answer = await api(
        "POST", "/tasks", json={**TASK, "idempotency_key": "a"}, headers={"Idempotency-Key": "b"}
    )
    assert "differ" in problem(answer, 400, "LD400")
    answer = await api("POST", "/tasks", json=[TASK], headers={"Idempotency-Key": "b"})
    assert "is for one task" in problem(answer, 400, "LD400")


async def test_of_two_requests_with_a_key_at_once_only_one_queues(api: Api) -> None:
    statuses: list[int] = []
    locations: set[str] = set()

    async def submit() -> None:
        answer = await api("POST", "/tasks", json=TASK, headers={"Idempotency-Key": "at once"})
        statuses.append(answer.status_code)
        locations.add(answer.headers["location"])

    async with trio.open_nursery() as nursery:
        for _ in range(6):
            nursery.start_soon(submit)
    assert sorted(statuses) == [200] * 5 + [201]
    assert len(locations) == 1


@pytest.mark.parametrize("media_type", ["application/json", "application/jsonl", "application/x-ndjson"])
async def test_many_tasks_are_queued_in_order(api: Api, media_type: str) -> None:
    tasks = [json.dumps({**TASK, "name": f"n{place}"}) for place in range(3)]
    body = f"[{','.join(tasks)}]" if media_type == "application/json" else "\n".join(tasks) + "\n\n"
    answer = await api("POST", "/tasks", content=body, headers={"Content-Type": media_type})
    assert answer.status_code == 201
    numbers = [task["number"] for task in answer.json()["items"]]
    names = api.site.db.rows("select name from tasks where number = any(%s) order by number", numbers)
    assert names == [("n0",), ("n1",), ("n2",)]


@pytest.mark.parametrize(
    ("bad", "sentence"),
    [
        ({"tool": "clade"}, "unknown tool 'clade'"),
        ({"priority": 0}, "priority must be a number from 1 to 9"),
        ({"scheduled_at": "yesterday-ish"}, "a task was not understood"),
        ({"prompt": "a\0b"}, "there is a NUL character"),
        ({"retry_on": ["nonsense"]}, "retry_on: 'nonsense' is not an error"),
        ({"tenant_id": "foreign"}, "the database does not permit this"),
    ],
)
async def test_the_first_bad_task_of_many_is_named_and_none_is_queued(
    api: Api, bad: dict[str, object], sentence: str
) -> None:
    before = api.site.db.value("select count(*) from tasks")
    tasks = [TASK, TASK, {**TASK, **bad}, TASK, {**TASK, **bad}]
    answer = await api("POST", "/tasks", "producer", "acme", json=tasks)
    assert answer.json()["task"] == 3
    assert answer.json()["detail"].startswith(f"task 3: {sentence}")
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.status_code == (403 if "tenant_id" in bad else 400)
    assert api.site.db.value("select count(*) from tasks") == before


async def test_a_line_that_is_no_json_is_named(api: Api) -> None:
    body = f"{json.dumps(TASK)}\n{{oops\n"
    answer = await api("POST", "/tasks", content=body, headers={"Content-Type": "application/jsonl"})
    assert problem(answer, 400, "LD400").startswith("task 2: the body is not valid: JSON is malformed")
    assert answer.json()["task"] == 2


async def test_a_form_brings_input_files(api: Api) -> None:
    answer = await api(
        "POST",
        "/tasks",
        data={"task": json.dumps({**TASK, "input_files": [{"path": "a.txt", "content": "A"}]})},
        files=[("input", ("docs/b.bin", b"\x00\xff")), ("input", ("ü c.txt", "Ü".encode()))],
    )
    assert answer.status_code == 201, answer.text
    listed = (await api("GET", f"{answer.headers['location']}/files")).json()["items"]
    assert [(file["path"], file["size_bytes"]) for file in listed] == [
        ("a.txt", 1),
        ("docs/b.bin", 2),
        ("ü c.txt", 2),
    ]


@pytest.mark.parametrize("name", ["../up", "/etc/passwd", "a/../b", "a//b", "."])
async def test_an_input_file_cannot_be_named_outside_of_the_work_directory(api: Api, name: str) -> None:
    files = [{"path": name, "content": "x"}]
    answer = await api("POST", "/tasks", json={**TASK, "input_files": files})
    assert "holds a name that is not allowed" in problem(answer, 400, "LD400")
    answer = await api("POST", "/tasks", data={"task": json.dumps(TASK)}, files=[("input", (name, b"x"))])
    assert "holds a name that is not allowed" in problem(answer, 400, "LD400")


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"5",
        b'"text"',
        b"null",
        b'{"tool": "claude", "prompt": "\\u0000"}',
        b'{"tool": "claude", "prompt": "\\ud800"}',
        b'{"tool": "claude", "prompt": "\xff"}',
        b'{"tool": "claude", "prompt": "p", "labels": {"n": 1e400000}}',
        b'{"tool": "claude", "prompt": "p", "labels": ' + b'{"a":' * 900 + b"1" + b"}" * 900 + b"}",
        b'{"tool": "claude", "prompt": "p", "labels": ' + b"[" * 100_000,
        b'{"tool": "claude", "prompt": "p", "idempotency_key": 5}',
        b'{"tool": "claude", "prompt": "p", "idempotency_key": 1e400}',
        b'{"tool": "claude", "prompt": "p", "idempotency_key": %d}' % (2**99),
        b'[{"tool": "claude", "prompt": "p"}, 5]',
    ],
)
async def test_a_hostile_body_is_a_bad_request(api: Api, body: bytes) -> None:
    headers = {"Content-Type": "application/json"}
    answer = await api("POST", "/tasks", content=body, headers=headers)
    if b"idempotency_key" in body:
        problem(
            await api("POST", "/tasks", content=body, headers={**headers, "Idempotency-Key": "k"}),
            400,
            "LD400",
        )
    if b'{"a":' in body:  # deep, but a database can hold it
        assert answer.status_code == 201
    else:
        problem(answer, 400, "LD400")


async def test_a_form_that_is_not_understood_is_a_bad_request(api: Api) -> None:
    answer = await api("POST", "/tasks", files=[("input", ("a", b"x"))])
    assert "expected one field `task`" in problem(answer, 400, "LD400")
    answer = await api("POST", "/tasks", data={"task": json.dumps(TASK)}, files=[("other", ("a", b"x"))])
    assert "expected one field `task`" in problem(answer, 400, "LD400")
    form = "multipart/form-data; boundary=b"
    for body in (b"nonsense", b'--b\r\nContent-Disposition: form-data; name="task"\r\n\r\n\xff\r\n--b--\r\n'):
        answer = await api("POST", "/tasks", content=body, headers={"Content-Type": form})
        problem(answer, 400, "LD400")
    answer = await api("POST", "/tasks", content=b"x", headers={"Content-Type": "multipart/form-data"})
    problem(answer, 400, "LD400")
