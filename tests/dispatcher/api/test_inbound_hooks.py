"""`POST /hooks/NAME`: who may, how often, and what becomes of what a stranger wrote."""

import dataclasses
import hashlib
import hmac
import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
from msgspec import structs
from standardwebhooks import Webhook

from dispatcher.api.routes.automation.inbound import MOST_BYTES
from dispatcher.configuration.sections.hooks import InboundHookSettings
from tests.dispatcher.api.conftest import Api, Site, one_postgres, problem

pytestmark = [one_postgres, pytest.mark.anyio]

SECRET = "whsec_c2VjcmV0IG9mIGZvcmdlcw=="
TASK = {
    "tool": "claude",
    "prompt": "Look at {{issue.title}} ({{ issue.number }}, {{issue.nothing}}): {{issue.body}}",
    "name": "issue {{issue.title}}",
    "labels": {"by": "{{ issue.labels.0.name }}"},
    "tenant_id": "acme",
}


@pytest.fixture(scope="module")
def site(site: Site, tmp_path_factory: pytest.TempPathFactory) -> Site:
    secret = tmp_path_factory.mktemp("secret") / "key"
    secret.write_text(SECRET)
    secret.chmod(0o600)
    hooks = {
        kind: InboundHookSettings(kind, f"file:{secret}", TASK, when={"action": "opened"})
        for kind in ("github", "gitlab", "standard")
    }
    hooks["issues"] = InboundHookSettings("github", f"file:{secret}", TASK, events=("issues",))
    hooks["lost"] = InboundHookSettings("github", f"file:{Path('/nonexistent')}", TASK)
    settings = structs.replace(
        site.settings, inbound_hooks=hooks, api=structs.replace(site.settings.api, max_request_bytes=2**26)
    )
    return dataclasses.replace(site, settings=settings)


def body_of(title: str = "A title", **more: object) -> bytes:
    issue = {"title": title, "number": 7, "body": "line 1\nline 2", "labels": [{"name": "bug"}]}
    return json.dumps({"action": "opened", "issue": issue, **more}).encode()


def signed(kind: str, delivery: str, body: bytes, secret: str = SECRET, age: float = 0) -> dict[str, str]:
    """Return the headers of a forge, by the algorithm that it documents."""
    if kind == "github":
        digest = hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()
        return {
            "X-GitHub-Delivery": delivery,
            "X-Hub-Signature-256": f"sha256={digest}",
            "X-GitHub-Event": "issues",
        }
    if kind == "gitlab":
        return {"X-Gitlab-Event-UUID": delivery, "X-Gitlab-Token": secret}
    at = datetime.now(UTC) - timedelta(seconds=age)
    return {
        "webhook-id": delivery,
        "webhook-timestamp": str(int(at.timestamp())),
        "webhook-signature": Webhook(secret).sign(delivery, at, body.decode()),
    }


async def post(api: Api, name: str, body: bytes, headers: dict[str, str]) -> httpx.Response:
    given = {"Content-Type": "application/json", **headers}
    return await api("POST", f"/hooks/{name}", None, headers=given, content=body)


def count(site: Site) -> object:
    return site.db.value("select count(*) from tasks")


@pytest.mark.parametrize("kind", ["github", "gitlab", "standard"])
async def test_a_signed_delivery_queues_one_task_however_often_it_comes(
    api: Api, site: Site, kind: str
) -> None:
    body = body_of()
    headers = signed(kind, f"{kind}-1", body)
    first, again = await post(api, kind, body, headers), await post(api, kind, body, headers)
    assert (first.status_code, again.status_code) == (202, 202)
    number = first.json()["number"]
    assert (first.json()["created"], again.json()) == (True, {"number": number, "created": False})
    row: Any = site.db.value("select to_jsonb(t) from tasks as t where number = %s", number)
    expected = {
        "prompt": "Look at A title (7, ): line 1\nline 2",
        "name": "issue A title",
        "labels": {"by": "bug"},
        "tenant_id": "acme",
        "permission": "read",
    }
    assert expected.items() <= row.items()


@pytest.mark.parametrize("kind", ["github", "gitlab", "standard"])
async def test_who_does_not_know_the_secret_queues_nothing(api: Api, site: Site, kind: str) -> None:
    body, before = body_of(), count(site)
    wrong = [{}, signed(kind, "x", body, secret="whsec_b3RoZXI=")]
    if kind != "gitlab":
        wrong.append(signed(kind, "x", body_of("another")))
    if kind == "standard":
        wrong.append(signed(kind, "x", body, age=400))
        wrong.append({**signed(kind, "x", body), "webhook-signature": "v1,ä v2 nonsense"})
    for headers in wrong:
        problem(await post(api, kind, body, {name: value.encode("latin-1").decode("latin-1") for name, value in
                                             headers.items() if value.isascii()}), 401, "LD401")  # fmt: skip
    assert count(site) == before


async def test_what_a_hook_is_not_about_queues_nothing(api: Api, site: Site) -> None:
    before, body = count(site), body_of(action="closed")
    assert (await post(api, "github", body, signed("github", "c", body))).json()["number"] is None
    headers = {**signed("github", "d", body), "X-GitHub-Event": "ping"}
    assert (await post(api, "issues", body, headers)).json()["number"] is None
    assert count(site) == before
    problem(await post(api, "unknown", body, headers), 404, "LD404")
    problem(await post(api, "lost", body, headers), 503, "database")


async def test_hostile_text_is_text(api: Api, site: Site) -> None:
    """It fills no other place, names no result of a task, and is bounded; and the name stays one line."""
    title = "{{issue.body}} {{result:1}} \x00\x1b[31m --dangerously\n" + "x" * 100_000
    body = body_of(title)
    answer = await post(api, "github", body, signed("github", "hostile", body))
    assert answer.status_code == 202, answer.text
    row: Any = site.db.value("select to_jsonb(t) from tasks as t where number = %s", answer.json()["number"])
    assert row["prompt"].startswith("Look at { {issue.body}} { {result:1}}")
    assert "{{" not in row["prompt"]
    assert len(row["prompt"]) < 70_000
    assert row["name"].isprintable()
    assert row["is_filled"] is None


@pytest.mark.parametrize("body", [b"", b"[" * 100_000, b"\xff", b'{"a":', b'"\\ud800"'])
async def test_a_body_that_is_no_json_is_refused(api: Api, body: bytes) -> None:
    answer = await post(api, "github", body, signed("github", "bad", body))
    problem(answer, 422, "LD400")


async def test_a_body_that_is_too_large_is_not_read_and_an_id_is_needed(api: Api) -> None:
    huge = b" " * (MOST_BYTES + 1)
    problem(await post(api, "github", huge, signed("github", "huge", huge)), 413, "request-entity-too-large")
    body = body_of()
    headers = signed("github", "", body)
    problem(await post(api, "github", body, headers), 422, "LD400")
    other = {**headers, "Host": "evil.example"}
    assert (await post(api, "github", body, other)).status_code == 403
