"""Who may do what: role by endpoint by tenant, for each route of the application. A new route needs a line here."""

from dataclasses import dataclass

import pytest

from dispatcher.api.application import ROUTES
from tests.dispatcher.api.conftest import ROLES, Api, one_postgres, problem
from tests.fixtures.changed_runs import run_that_changes

pytestmark = [one_postgres, pytest.mark.anyio]

TASK: dict[str, object] = {"tool": "claude", "prompt": "p", "tenant_id": "acme"}
SUBMITTING = {"producer", "operator", "admin"}
OPERATING = {"operator", "admin"}
ADMIN = {"admin"}
ALL = set(ROLES)
EVERYBODY = {*ROLES, "nobody"}


@dataclass(frozen=True)
class Line:
    """One endpoint: who may call it (``nobody`` has no token), and with which body.

    ``elsewhere`` is the status for a token of another tenant than the task's; None where no tenant matters.
    """

    method: str
    path: str
    may: set[str]
    body: object = None
    elsewhere: int | None = None
    good: int = 200


TABLE = (
    Line("GET", "/health", EVERYBODY),
    Line("GET", "/health/ready", EVERYBODY, good=503),
    Line("GET", "/openapi.json", EVERYBODY),
    Line("GET", "/tasks", ALL),
    Line("POST", "/tasks", SUBMITTING, TASK, 403, good=201),
    Line(
        "POST",
        "/tasks/tries",
        SUBMITTING,
        {"task": TASK, "variants": [{}, {}]},
        403,
        good=201,
    ),
    Line("POST", "/tasks/actions", SUBMITTING, {"action": "cancel", "select": {"queue": "nobody's"}}),
    Line("GET", "/tasks/facets", ALL),
    Line("GET", "/tasks/{number:int}", ALL, elsewhere=404),
    Line("GET", "/tasks/{number:int}/runs", ALL, elsewhere=404),
    Line("GET", "/tasks/{number:int}/result", ALL, elsewhere=404),
    Line("GET", "/tasks/{number:int}/diff", ALL, elsewhere=404),
    Line("POST", "/tasks/{number:int}/answer", SUBMITTING, {"answer": "x"}, 404),
    Line("POST", "/tasks/{number:int}/approve", SUBMITTING, {"message": "x"}, 404),
    Line("POST", "/tasks/{number:int}/deny", SUBMITTING, {"message": "x"}, 404),
    Line("GET", "/inbox", ALL),
    Line("GET", "/tasks/{number:int}/files", ALL, elsewhere=404),
    Line("GET", "/tasks/{number:int}/files/{path:path}", ALL, elsewhere=404),
    Line("HEAD", "/tasks/{number:int}/files/{path:path}", ALL, elsewhere=404),
    Line("POST", "/tasks/{number:int}/cancel", SUBMITTING, elsewhere=404),
    Line("POST", "/tasks/{number:int}/retry", SUBMITTING, elsewhere=404),
    Line("POST", "/tasks/{number:int}/hold", SUBMITTING, elsewhere=404),
    Line("POST", "/tasks/{number:int}/release", SUBMITTING, elsewhere=404),
    Line("POST", "/tasks/{number:int}/top", SUBMITTING, elsewhere=404),
    Line("PATCH", "/tasks/{number:int}", SUBMITTING, {"priority": 1}, 404),
    Line("POST", "/tasks/{number:int}/reply", SUBMITTING, {"prompt": "p"}, 404, good=409),
    Line("GET", "/groups", ALL),
    Line("GET", "/groups/{name:str}", ALL),
    Line("PATCH", "/groups/{name:str}", ADMIN, {"max_concurrent": 9}),
    Line("POST", "/groups/{name:str}/pause", OPERATING, {"reason": "r"}),
    Line("POST", "/groups/{name:str}/resume", OPERATING),
    Line("POST", "/groups/{name:str}/cool", OPERATING, {"for_s": 1}),
    Line("POST", "/groups/{name:str}/uncool", OPERATING),
    Line("GET", "/dispatchers", ALL),
    Line("GET", "/limits", ALL),
    Line("PUT", "/limits/{limit:path}", OPERATING, {"max_concurrent": 1}, 403, good=204),
    Line("DELETE", "/limits/{limit:path}", OPERATING, None, 403, good=204),
    Line("GET", "/workflows", ALL),
    Line("GET", "/workflows/{name:str}", ALL, elsewhere=404),
    Line("GET", "/workflows/{name:str}/graph.svg", ALL, elsewhere=404),
    Line("POST", "/workflows/{name:str}/cancel", SUBMITTING, elsewhere=404),
    Line("POST", "/workflows/{name:str}/retry", SUBMITTING, elsewhere=404),
    Line("GET", "/tasks/{number:int}/graph", ALL, elsewhere=404),
    Line("GET", "/schedules", ALL),
    Line("GET", "/schedules/{name:str}", ALL, elsewhere=404),
    Line("PUT", "/schedules/{name:str}", SUBMITTING, {"cron": "@daily", "task": TASK, "tenant": "acme"}, 403),
    Line("DELETE", "/schedules/{name:str}", SUBMITTING, elsewhere=404, good=204),
    Line("POST", "/schedules/{name:str}/run", SUBMITTING, elsewhere=404, good=201),
    Line("POST", "/schedules/{name:str}/pause", SUBMITTING, {}, 404),
    Line("POST", "/schedules/{name:str}/resume", SUBMITTING, elsewhere=404),
    Line("GET", "/stats", ALL),
    Line("GET", "/metrics", ALL),
    Line("POST", "/hooks/{name:str}", EVERYBODY, {}, good=404),
    Line("GET", "/hooks", OPERATING),
    Line("GET", "/hooks/{name:str}/deliveries", OPERATING, good=404),
    Line("POST", "/hooks/{name:str}/retry", OPERATING, good=404),
    Line("POST", "/hooks/{name:str}/test", OPERATING, good=404),
    Line("GET", "/events", ALL),
    Line("GET", "/tasks/{number:int}/events", ALL, elsewhere=404),
    Line("GET", "/tasks/{number:int}/runs/{run_no:int}/log", ALL, elsewhere=404),
    Line("GET", "/tasks/{number:int}/runs/{run_no:int}/log/events", ALL, elsewhere=404),
)
LINES = [pytest.param(line, id=f"{line.method} {line.path}") for line in TABLE]


@pytest.fixture(scope="module", autouse=True)
def streams_end_at_once(api: Api) -> None:
    api.changes.end()


async def called(api: Api, line: Line, role: str, *tenants: str) -> tuple[int, str]:
    """Call an endpoint about a task of acme, which has ended where that is needed, and about a limit of acme."""
    verb = line.path.rpartition("/")[2]
    runs = "{run_no:int}" in line.path or verb in ("diff", "answer", "approve", "deny")
    files = [{"path": "in/put", "content": "x"}]
    number = await api.submit(
        tenant_id="acme",
        priority=9 if runs else 5,
        input_files=files,
        approve=verb in ("approve", "deny"),
        workflow="other" if "/workflows/" in line.path else None,
    )
    if verb == "diff":
        assert run_that_changes(api.site.db) == number
    elif runs:
        asked = {"error_class": "question", "question": "Which one?"} if verb == "answer" else {}
        assert api.site.run_next(**asked) == number
    if line.path.endswith("/retry"):
        await api("POST", f"/tasks/{number}/cancel")
    if line.path.endswith("/release"):
        await api("POST", f"/tasks/{number}/hold")
    if line.method == "DELETE":
        await api("PUT", "/limits/tenant:acme", json={"max_concurrent": 1})
    if line.path.startswith("/schedules/"):
        nightly = {"cron": "@daily", "task": TASK, "tenant": "acme"}
        assert (await api("PUT", "/schedules/other", json=nightly)).status_code == 200
    path = (
        line.path.replace("{number:int}", str(number))
        .replace("{run_no:int}", "1")
        .replace("{path:path}", "in/put")
        .replace("{name:str}", "other")
        .replace("{limit:path}", "tenant:acme")
    )
    answer = await api(line.method, path, None if role == "nobody" else role, *tenants, json=line.body)
    if verb in ("top", "answer"):
        await api("POST", f"/tasks/{number}/cancel")  # the next test claims its own task
    if answer.status_code in (401, 403) and line.method != "HEAD":
        problem(answer, answer.status_code, "LD401" if answer.status_code == 401 else "forbidden")
    return answer.status_code, answer.headers.get("content-type", "")


async def test_every_route_has_a_line(api: Api) -> None:
    offered = {
        (method, path) for handler in ROUTES for method in handler.http_methods for path in handler.paths
    }
    assert offered == {(line.method, line.path) for line in TABLE}


@pytest.mark.parametrize("role", [*ROLES, "nobody"])
@pytest.mark.parametrize("line", LINES)
async def test_a_role_may_do_what_its_line_says(api: Api, line: Line, role: str) -> None:
    status, _ = await called(api, line, role)
    if role in line.may:
        assert status == line.good
    else:
        assert status == (401 if role == "nobody" else 403)


@pytest.mark.parametrize("role", ["producer", "reader", "operator"])
@pytest.mark.parametrize("line", [line for line in LINES if line.values[0].elsewhere])  # type: ignore[union-attr]
async def test_a_tenant_reaches_its_own_tasks_and_no_others(api: Api, line: Line, role: str) -> None:
    if role not in line.may:
        assert (await called(api, line, role, "umbrella"))[0] in (403, 404)
        return
    assert (await called(api, line, role, "umbrella"))[0] == line.elsewhere
    assert (await called(api, line, role, "acme", "umbrella"))[0] == line.good


@pytest.mark.parametrize(
    "header", ["Bearer llmctl_unknown", "Bearer ", "Basic YTpi", "Bearer ü", "llmctl_x", ""]
)
async def test_a_token_that_is_none_opens_nothing(api: Api, header: str) -> None:
    answer = await api("GET", "/tasks", None, headers={"Authorization": header.encode()})  # type: ignore[dict-item]
    problem(answer, 401, "LD401")
    assert answer.headers["www-authenticate"] == "Bearer"


async def test_a_token_that_was_removed_or_has_expired_opens_nothing(api: Api) -> None:
    token = {"Authorization": f"Bearer {api.site.token('reader', 'gone')}"}
    assert (await api("GET", "/tasks", None, headers=token)).status_code == 200
    api.site.db.run("update api_tokens set expires_at = now() - interval '1 s' where tenants = '{gone}'")
    problem(await api("GET", "/tasks", None, headers=token), 401, "LD401")
    api.site.db.run("delete from api_tokens where tenants = '{gone}'")
    problem(await api("GET", "/tasks", None, headers=token), 401, "LD401")
