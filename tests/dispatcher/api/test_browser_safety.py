"""What other web sites try: their requests come from the same browser that has the cookie."""

import httpx
import pytest
from litestar.types import Receive, Scope, Send

from dispatcher.api.browser_safety import HEADERS, BrowserSafety
from dispatcher.configuration.sections.service import ApiSettings
from tests.dispatcher.api.conftest import Api, one_postgres, problem

pytestmark = [pytest.mark.anyio, one_postgres]

HERE = "http://127.0.0.1:8000"


async def cancel(api: Api, **headers: str) -> httpx.Response:
    """Send what a page would send to cancel all tasks, with the cookie of a person who is logged in."""
    cookie = {"Cookie": f"{api.site.cookie}={api.site.session('admin')}"}
    select = {"action": "cancel", "select": {}, "dry_run": True}
    return await api("POST", "/tasks/actions", None, json=select, headers={**cookie, **headers})


@pytest.mark.parametrize(
    "host",
    [
        "evil.example",
        "evil.example:8000",
        "127.0.0.1.evil.example",
        "127.0.0.1@evil.example",
        "localhost.",
        "[",
        "",
    ],
)
async def test_a_name_that_is_not_ours_is_refused_even_for_reading(api: Api, host: str) -> None:
    detail = problem(await api("GET", "/tasks", headers={"Host": host}), 403, "forbidden")
    assert "is not a name of this server" in detail


@pytest.mark.parametrize("host", ["127.0.0.1:8000", "localhost", "LOCALHOST:8000", "[::1]:8000"])
async def test_our_names_are_served(api: Api, host: str) -> None:
    assert (await api("GET", "/health", None, headers={"Host": host})).status_code == 200


async def test_names_of_the_settings_are_served_and_no_others(api: Api) -> None:
    async def serve(_: Scope, receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"", "more_body": False})

    settings = ApiSettings(host="10.0.0.1", behind_proxy=True, allowed_hosts=("Llm.Example",))
    transport = httpx.ASGITransport(BrowserSafety(serve, settings))  # type: ignore[arg-type]
    async with httpx.AsyncClient(transport=transport) as client:
        for host, status in (("llm.example", 200), ("10.0.0.1", 200), ("other.example", 403)):
            assert (await client.get(f"http://{host}/health")).status_code == status


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "https://evil.example"},
        {"Origin": "http://127.0.0.1:8001"},
        {"Origin": "http://localhost:8000"},
        {"Origin": "null"},
        {"Origin": "http://["},
        {"Origin": ""},
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
        {"Origin": HERE, "Sec-Fetch-Site": "cross-site"},
        {},
    ],
    ids=str,
)
async def test_a_page_of_another_site_cannot_act_with_the_cookie(api: Api, headers: dict[str, str]) -> None:
    problem(await cancel(api, **headers), 403, "forbidden")


@pytest.mark.parametrize("headers", [{"Origin": HERE}, {"Sec-Fetch-Site": "same-origin"}], ids=str)
async def test_our_page_can(api: Api, headers: dict[str, str]) -> None:
    assert (await cancel(api, **headers)).status_code == 200


async def test_a_program_needs_no_origin_but_a_page_with_a_stolen_token_does(api: Api) -> None:
    assert (await api("POST", "/tasks", json={"tool": "claude", "prompt": "p"})).status_code == 201
    stolen = await api(
        "POST", "/tasks", json={"tool": "claude", "prompt": "p"}, headers={"Origin": "https://evil.example"}
    )
    problem(stolen, 403, "forbidden")


async def test_every_answer_has_the_headers(api: Api) -> None:
    answers = [
        await api("GET", "/health", None),
        await api("GET", "/tasks", None),
        await api("GET", "/nowhere"),
        await api("GET", "/tasks", headers={"Host": "evil.example"}),
        await api("GET", "/ui/login", None),
        await api("GET", "/ui/static/page.css", None),
    ]
    wanted = {name.decode(): value.decode() for name, value in HEADERS.items() if name != b"cache-control"}
    for answer in answers:
        assert wanted.items() <= dict(answer.headers).items()
        assert "cache-control" in answer.headers
        assert "access-control-allow-origin" not in answer.headers
