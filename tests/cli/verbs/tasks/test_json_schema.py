"""The JSON of all verbs: a field that two of them share has one name, one meaning and one format."""

import re
from collections.abc import Iterator

import msgspec
import pytest

from sql.rows.output import WholeRun, WholeTask
from sql.rows.people import RunRow, Task, TaskRow
from tests.cli.conftest import Llmctl, PlayedDispatcher, one_postgres

pytestmark = one_postgres

MOMENT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z")


@pytest.fixture
def finished(llmctl: Llmctl, dispatcher: PlayedDispatcher) -> str:
    number = llmctl.submit(
        "claude", "x", "--name", "n", "--label", "a=b", "--timeout", "2h", "--model", "opus"
    )
    dispatcher.run(
        final_text="yes", cost_usd=0.25, input_tokens=10, output_tokens=5, session_id="s", exit_code=0
    )
    return number


def rows_of(llmctl: Llmctl, *words: str) -> list[dict[str, object]]:
    read = llmctl(*words, "-o", "json").json()
    rows = read if isinstance(read, list) else [read]
    return msgspec.convert(rows, list[dict[str, object]])


def test_fields_that_verbs_share_are_the_same(llmctl: Llmctl, finished: str) -> None:
    submitted = rows_of(llmctl, "submit", "claude", "x", "--key", "k")
    [listed] = rows_of(llmctl, "ls", finished)
    [shown] = rows_of(llmctl, "show", finished)
    [result] = rows_of(llmctl, "result", finished)
    [run] = rows_of(llmctl, "runs", finished)
    assert isinstance(shown["runs"], list)
    for other in (listed, result):
        for key in shown.keys() & other.keys():
            assert other[key] == shown[key], key
    for key in run:
        assert shown["runs"][0][key] == run[key], key
    assert {"number", "id", "status"} <= submitted[0].keys() & listed.keys() & shown.keys() & result.keys()
    [canceled] = rows_of(llmctl, "cancel", str(submitted[0]["number"]))
    assert {key: canceled[key] for key in ("number", "id", "status", "error_message")} == {
        **{key: submitted[0][key] for key in ("number", "id")},
        "status": "canceled",
        "error_message": None,
    }
    assert (listed["attempt"], listed["failures"]) == (shown["attempt"], shown["failures"]) == (1, 0)


def test_keys_stand_in_the_order_of_the_documented_structs(llmctl: Llmctl, finished: str) -> None:
    [listed] = rows_of(llmctl, "ls", finished)
    [shown] = rows_of(llmctl, "show", finished)
    assert tuple(listed) == TaskRow.__struct_fields__
    assert tuple(shown) == WholeTask.__struct_fields__
    assert isinstance(shown["runs"], list)
    assert tuple(shown["runs"][0]) == WholeRun.__struct_fields__
    assert set(Task.__struct_fields__) <= set(shown)
    assert set(RunRow.__struct_fields__) <= set(shown["runs"][0])


VERBS = (
    *(
        ["ls"],
        ["show", "1"],
        ["runs", "1"],
        ["result", "1"],
        ["files", "ls", "1"],
        ["stats"],
        ["stats", "--by", "day"],
    ),
    *(["group", "ls"], ["limit", "ls"], ["token", "ls"], ["submit", "claude", "x"], ["hold", "--all", "-y"]),
)


def fields_of(value: object) -> Iterator[tuple[str, object]]:
    """Each key with its value, at any depth; what people and agents wrote is theirs."""
    if isinstance(value, list):
        for one in value:
            yield from fields_of(one)
    elif isinstance(value, dict):
        for key, one in value.items():
            yield key, one
            if key not in ("labels", "result", "env_vars"):
                yield from fields_of(one)


@pytest.mark.parametrize("verb", VERBS, ids=" ".join)
def test_a_field_has_the_format_of_its_name_in_every_verb(
    llmctl: Llmctl, finished: str, verb: list[str]
) -> None:
    llmctl.ok("limit", "set", "queue:night", "1")
    llmctl("token", "add", "one", "--role", "reader")
    waiting = llmctl.submit("claude", "x", "--delay", "1h")
    rows = rows_of(llmctl, *verb)
    assert rows or verb[0] == "files"
    for key, value in fields_of(rows):
        if value is None:
            continue
        if key.endswith("_at"):
            assert MOMENT.fullmatch(str(value)), key
        elif key.endswith(("_usd", "_s", "_bytes", "_tokens", "_ms")):
            assert isinstance(value, int | float), key
        elif key == "number":
            assert value in (int(finished), int(waiting), int(waiting) + 1)
        elif key == "status":
            assert value in ("queued", "leased", "running", "succeeded", "failed", "canceled"), key


def test_the_forms_of_a_list_hold_the_same(llmctl: Llmctl, finished: str) -> None:
    rows = rows_of(llmctl, "ls")
    lines = [msgspec.json.decode(line) for line in llmctl.ok("ls", "-o", "jsonl").splitlines()]
    for row in (*rows, *lines):
        row["age_s"] = 0
    assert lines == rows
    assert llmctl.ok("ls", "-o", "csv").splitlines()[0].split(",") == list(rows[0])
