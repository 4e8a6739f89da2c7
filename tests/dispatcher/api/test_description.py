"""The description at /openapi.json: whether it is complete, and whether the API does what it says."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, settings
from msgspec import structs
from schemathesis import Case
from schemathesis.checks import not_a_server_error
from schemathesis.config import GenerationConfig, ProjectConfig, ProjectsConfig, SchemathesisConfig
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    ignored_auth,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from dispatcher.api.routes.bodies import NewTask
from tests.dispatcher.api.conftest import Site, described, one_postgres
from tests.dispatcher.api.serving import served

ROOT = Path(__file__).parents[3]
DESCRIPTION = described()
OPERATIONS = {
    f"{method.upper()} {path}": operation
    for path, operations in DESCRIPTION["paths"].items()
    for method, operation in operations.items()
}
OPEN = {"GET /health", "GET /health/ready", "GET /openapi.json", "POST /hooks/{name}"}
PROBLEMS = {"400", "401", "403", "500", "503"}
TASKS = 20
EXAMPLES = 30
CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    ignored_auth,
]


@pytest.mark.parametrize("name", OPERATIONS)
def test_every_route_is_described(name: str) -> None:
    operation = OPERATIONS[name]
    assert operation["summary"]
    assert not operation["summary"].endswith(".")
    assert len(operation["tags"]) == 1
    assert operation["operationId"]
    for parameter in operation.get("parameters", []):
        assert parameter.get("description"), f"{parameter['name']} is not described"
    if name in OPEN:
        assert operation["security"] == [{}]
        return
    assert "security" not in operation  # that of the whole API holds
    assert set(operation["responses"]) >= PROBLEMS
    for status, response in operation["responses"].items():
        if status >= "400":
            assert list(response["content"]) == ["application/problem+json"]
            assert response["content"]["application/problem+json"]["schema"]["$ref"].endswith("/Problem")
    if "requestBody" in operation:
        assert {"413", "415"} <= set(operation["responses"])
        assert operation["requestBody"]["content"]


def test_everything_needs_a_token_unless_it_says_otherwise() -> None:
    assert DESCRIPTION["security"] == [{"token": []}]
    assert DESCRIPTION["components"]["securitySchemes"]["token"] == {"type": "http", "scheme": "bearer"}


def test_a_new_task_has_the_keys_that_the_database_takes() -> None:
    source = (ROOT / "sql/functions/tasks/task_keys.sql").read_text()
    keys = set(re.findall(r'"(\w+)": ', source))
    assert "tool" in keys
    assert {field.name for field in structs.fields(NewTask)} == keys
    described_task = DESCRIPTION["components"]["schemas"]["NewTask"]
    assert set(described_task["properties"]) == keys
    assert described_task["additionalProperties"] is False
    for key, schema in described_task["properties"].items():
        assert schema.get("description"), f"{key} is not described"


@pytest.fixture(scope="module")
def url(site: Site) -> Iterator[str]:
    """An API with a dispatcher that lives, and with tasks 1 to 20 in various states."""
    site.db.run("select register_dispatcher('here', 'boot', 1, 'test', gen_random_uuid(), 86400)")
    site.db.submit_some(
        TASKS, input_files=[{"path": "a/b", "content": "content"}], max_attempts=1, workflow="main"
    )
    for _ in range(4):
        site.run_next(session_id="a session")
        site.run_next("agent_error", error_message="it broke")
    with served(site.settings) as address:
        yield address


SCHEMA = schemathesis.openapi.from_dict(
    DESCRIPTION,
    config=SchemathesisConfig(
        projects=ProjectsConfig(
            default=ProjectConfig(
                generation=GenerationConfig(deterministic=True, max_examples=EXAMPLES, no_shrink=True)
            )
        )
    ),
)


@SCHEMA.hook
def map_path_parameters(_: object, parameters: dict[str, Any] | None) -> dict[str, Any] | None:
    """Let every second request be about something that is there."""
    there = {"name": "main", "path": "a/b", "limit": "tool:claude"}
    found = {}
    for name, value in (parameters or {}).items():
        if name == "number" and isinstance(value, int):
            found[name] = value if value % 2 else 1 + value // 2 % TASKS
        else:
            found[name] = there.get(name, value) if len(str(value)) % 2 else value
    return found


@SCHEMA.hook
def map_query(_: object, query: dict[str, Any] | None) -> dict[str, Any] | None:
    """Let nobody wait."""
    return query and {name: 0 if name == "wait" else value for name, value in query.items()}


@one_postgres
@SCHEMA.parametrize()
@settings(deadline=None, database=None, derandomize=True, suppress_health_check=list(HealthCheck))
def test_the_api_does_what_its_description_says(case: Case[Any], url: str, site: Site) -> None:
    response = case.call(base_url=url, headers={"Authorization": f"Bearer {site.token('admin')}"}, timeout=30)
    case.validate_response(response, checks=CHECKS)
    if response.status_code >= 400 and case.path != "/health/ready":
        assert response.headers["content-type"] == ["application/problem+json"]
