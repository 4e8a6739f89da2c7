"""Bodies and parameters mean what /openapi.json says: nothing of another type is taken for them."""

import json
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as some

from tests.dispatcher.api.conftest import Api, described, one_postgres, problem

pytestmark = [one_postgres, pytest.mark.anyio]

DESCRIPTION = described()
SCHEMAS = DESCRIPTION["components"]["schemas"]
OF_TYPE: dict[str, some.SearchStrategy[Any]] = {
    "string": some.text(max_size=3),
    "integer": some.integers(-3, 3),
    "number": some.floats(0, 9).filter(lambda number: number % 1 != 0),
    "boolean": some.booleans(),
    "null": some.none(),
    "array": some.just([[]]),
    "object": some.just({"nobody": {}}),
}


def declared(schema: dict[str, Any]) -> dict[str, Any]:
    return declared(SCHEMAS[schema["$ref"].rpartition("/")[2]]) if "$ref" in schema else schema


def types_of(schema: dict[str, Any]) -> set[str]:
    """Return the JSON types that a schema permits; all of them if it does not say."""
    schema = declared(schema)
    if choices := schema.get("oneOf") or schema.get("anyOf"):
        return set().union(*map(types_of, choices))
    if "enum" in schema or "const" in schema:
        return {"string", "null"}
    permitted = schema.get("type", list(OF_TYPE))
    return set(permitted) if isinstance(permitted, list) else {permitted}


def least(schema: dict[str, Any]) -> Any:
    """Return a value that a schema permits, without anything that may be left out."""
    schema = declared(schema)
    if choices := schema.get("oneOf") or schema.get("anyOf"):
        return least(choices[0])
    if "enum" in schema:
        return schema["enum"][0]
    return {
        "object": {name: least(schema["properties"][name]) for name in schema.get("required", ())},
        "array": [],
        "string": "claude",
    }.get(schema.get("type", "string"), 1)


def wrong_fields() -> list[tuple[str, dict[str, Any], str, str]]:
    """Return each field of each body, with what the body needs beside it, and a type that it does not have."""
    found = []
    for path, operations in DESCRIPTION["paths"].items():
        for method, operation in operations.items():
            content = operation.get("requestBody", {}).get("content", {})
            schema = content.get("application/json", {}).get("schema", {})
            body = next(
                (
                    declared(one)
                    for one in (schema, *schema.get("oneOf", ()))
                    if declared(one).get("properties")
                ),
                {},
            )
            for name, field in body.get("properties", {}).items():
                right = types_of(field)
                wrong = set(OF_TYPE) - right - ({"integer"} if "number" in right else set())
                found += [(f"{method.upper()} {path}", least(body), name, kind) for kind in sorted(wrong)]
    return found


WRONG = wrong_fields()
assert len(WRONG) > 100


@settings(
    max_examples=3 * len(WRONG), suppress_health_check=list(HealthCheck), derandomize=True, database=None
)
@given(some.sampled_from(WRONG), some.data())
async def test_no_field_takes_a_value_of_another_type(
    api: Api, wrong: tuple[str, dict[str, Any], str, str], data: Any
) -> None:
    operation, rest, name, kind = wrong
    method, _, path = operation.partition(" ")
    value = data.draw(OF_TYPE[kind])
    for place, filled in (("{number}", "1"), ("{name}", "main"), ("{limit}", "tool:claude")):
        path = path.replace(place, filled)
    answer = await api(
        method, path, content=json.dumps({**rest, name: value}), headers={"Content-Type": "application/json"}
    )
    assert 400 <= answer.status_code < 500, (operation, name, value, answer.text)


@pytest.mark.parametrize("since", ["0.5", "5", "2031-01-31T22:00:00", "tomorrow"])
@pytest.mark.parametrize("path", ["/stats", "/tasks"])
async def test_a_time_is_written_with_its_zone_and_never_a_number(api: Api, path: str, since: str) -> None:
    assert "since" in problem(await api("GET", path, params={"since": since}), 400, "LD400")


async def test_what_is_no_truth_value_is_not_taken_for_one(api: Api) -> None:
    body = {"action": "cancel", "select": {"queue": "nobody's"}, "dry_run": 0}
    assert "bool" in problem(await api("POST", "/tasks/actions", json=body), 400, "LD400")
