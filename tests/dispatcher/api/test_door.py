"""Who comes in: a body is read only once its token is known, and then no more of it than its sender may send."""

import pytest

from dispatcher.api.arrival import SMALL
from dispatcher.api.page.login import LARGEST_LOGIN
from tests.dispatcher.api.conftest import Api, one_postgres, problem
from tests.dispatcher.api.page.conftest import HERE

pytestmark = [one_postgres, pytest.mark.anyio]

MB = 2**20
JSON = {"Content-Type": "application/json"}
MADE_UP = {"Authorization": "Bearer llmctl_made-up"}


async def test_a_body_without_a_valid_token_is_not_even_parsed(api: Api) -> None:
    for headers in ({}, MADE_UP):
        for method, path in (("POST", "/tasks"), ("PATCH", "/groups/main"), ("PUT", "/limits/tool:claude")):
            answer = await api(method, path, None, content=b"{nonsense", headers={**JSON, **headers})
            problem(answer, 401, "LD401")
    answer = await api("POST", "/ui/new", None, content=b"x" * MB, headers={"Origin": HERE})
    assert (answer.status_code, answer.headers["location"]) == (303, "/ui/login")


@pytest.mark.parametrize(
    ("role", "method", "path"),
    [
        ("reader", "POST", "/tasks"),
        ("producer", "POST", "/tasks/1/answer"),
        ("admin", "PATCH", "/groups/main"),
        ("admin", "PUT", "/limits/tool:claude"),
    ],
)
async def test_who_has_no_task_to_send_sends_little(api: Api, role: str, method: str, path: str) -> None:
    for size, status in ((SMALL, 400), (SMALL + 1, 413)):
        answer = await api(method, path, role, content=b"x" * size, headers=JSON)
        assert answer.status_code == status, answer.text
    assert f"at most {SMALL:,} bytes" in answer.json()["detail"]


async def test_the_form_to_log_in_is_small(api: Api) -> None:
    for size, status in ((LARGEST_LOGIN, 401), (LARGEST_LOGIN + 1, 413)):
        answer = await api(
            "POST", "/ui/login", None, content=b"token=".ljust(size, b"x"), headers={"Origin": HERE}
        )
        assert answer.status_code == status, answer.text
