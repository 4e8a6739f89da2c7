"""Whatever goes wrong is a problem in JSON with a sentence and a stable type, also what the framework finds."""

from collections.abc import AsyncIterator

import httpx
import pytest

from dispatcher.api.application import application
from dispatcher.api.gateway import open_gateway
from dispatcher.configuration.sections.service import DatabaseSettings
from dispatcher.configuration.settings import Settings
from dispatcher.errors import shortened
from tests.dispatcher.api.conftest import Api, Site, one_postgres, problem

pytestmark = [one_postgres, pytest.mark.anyio]


async def test_a_path_that_does_not_exist(api: Api) -> None:
    for path in ("/nope", "/tasks/1/nope", "/tasks/1/2/3", "/%00", "/tasks/", "/tasks//nope"):
        answer = await api("GET", path)
        if answer.status_code != 200:
            problem(answer, 404, "not-found")


async def test_a_method_that_a_path_does_not_have(api: Api) -> None:
    answer = await api("DELETE", "/tasks")
    problem(answer, 405, "method-not-allowed")
    assert set(answer.headers["allow"].replace(" ", "").split(",")) >= {"GET", "POST"}


async def test_a_body_that_is_too_large(api: Api) -> None:
    most = api.site.settings.api.max_request_bytes
    large = b'{"tool": "claude", "prompt": "' + b"x" * most + b'"}'
    answer = await api("POST", "/tasks", content=large, headers={"Content-Type": "application/json"})
    problem(answer, 413, "request-entity-too-large")
    assert answer.json()["title"] == "Request Entity Too Large", "Python has two titles for it"

    async def in_pieces() -> AsyncIterator[bytes]:
        for begin in range(0, len(large), 2**16):
            yield large[begin : begin + 2**16]

    answer = await api("POST", "/tasks", content=in_pieces(), headers={"Content-Type": "application/json"})
    problem(answer, 413, "request-entity-too-large")


@pytest.mark.parametrize(
    "body", [b"{", b"\xff", b"[]", b'{"max_concurrent": "two"}', b'{"max_concurrent": 1e400}']
)
async def test_a_body_that_does_not_fit_its_type(api: Api, body: bytes) -> None:
    answer = await api("PATCH", "/groups/main", content=body, headers={"Content-Type": "application/json"})
    assert problem(answer, 400, "LD400")


async def test_a_value_that_no_database_can_hold(api: Api) -> None:
    for answer in (
        await api("POST", "/groups/main/pause", json={"reason": "a\0b"}),
        await api("POST", "/groups/a%00b/pause"),
        await api("PUT", "/limits/queue:%00", json={"max_concurrent": 1}),
    ):
        problem(answer, 400, "LD400")


async def test_a_message_that_quotes_much_is_shortened(api: Api) -> None:
    answer = await api("POST", "/tasks", json={"tool": "x" * 100_000, "prompt": "p"})
    detail = problem(answer, 400, "LD400")
    assert len(detail) < 3_000
    assert detail.endswith(shortened(detail)[-20:])


async def test_a_host_that_is_not_ours(api: Api) -> None:
    problem(await api("GET", "/tasks", headers={"Host": "evil.example"}), 403, "forbidden")
    answer = await api("POST", "/tasks", json={}, headers={"Origin": "https://evil.example"})
    problem(answer, 403, "forbidden")


async def test_what_cannot_be_asked_of_a_database_that_is_away_is_said(site: Site) -> None:
    away = Settings(
        database=DatabaseSettings(url="postgresql://nobody@127.0.0.1:1/nothing?connect_timeout=1")
    )
    async with open_gateway(away) as gateway:
        app = application(away, gateway, None)  # type: ignore[arg-type]
        transport = httpx.ASGITransport(app)  # type: ignore[arg-type]
        async with httpx.AsyncClient(transport=transport, base_url="http://localhost") as client:
            answer = await client.get("/tasks", headers={"Authorization": "Bearer x"})
            assert "the database" in problem(answer, 503, "database")
            assert (await client.get("/health")).json() == {"status": "ok"}


async def test_a_bug_is_logged_and_says_nothing(api: Api, capfd: pytest.CaptureFixture[str]) -> None:
    api.site.db.run("alter function list_limits() rename to list_limits_away")
    api.site.db.run(
        "create function list_limits() returns table (scope text, current_concurrent text, max_concurrent integer,"
        " budget_usd numeric, spent_usd numeric, token_budget bigint, spent_tokens bigint, unknown_cost_runs integer)"
        " security definer language sql as $$ select 'a', 'not a number', 1, 1.0, 1.0, 1::bigint, 1::bigint, 1 $$"
    )
    try:
        answer = await api("GET", "/limits")
    finally:
        api.site.db.run("drop function list_limits()")
        api.site.db.run("alter function list_limits_away() rename to list_limits")
    assert problem(answer, 500, "internal") == "the request failed; the log of the API says more"
    assert "Expected `int`" in capfd.readouterr().out
