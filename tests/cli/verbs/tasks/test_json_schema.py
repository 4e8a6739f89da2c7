"""The JSON of all verbs: a field that two of them share has one name, one meaning and one format."""

import re

import msgspec
import pytest

from sql.output_rows import WholeRun, WholeTask
from sql.rows import RunRow, Task, TaskRow
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
    assert (canceled["number"], canceled["status"]) == (submitted[0]["number"], "canceled")
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


@pytest.mark.parametrize("verb", ["ls", "show", "runs"])
def test_moments_are_in_utc_and_money_is_a_number(llmctl: Llmctl, finished: str, verb: str) -> None:
    [row] = rows_of(llmctl, verb, finished)
    moments = {key: value for key, value in row.items() if key.endswith("_at") and value is not None}
    assert moments
    for key, value in moments.items():
        assert MOMENT.fullmatch(str(value)), key
    runs = row["runs"] if isinstance(row.get("runs"), list) else [row]
    assert isinstance(runs, list)
    assert runs[0]["cost_usd"] == 0.25


def test_the_forms_of_a_list_hold_the_same(llmctl: Llmctl, finished: str) -> None:
    rows = rows_of(llmctl, "ls")
    lines = [msgspec.json.decode(line) for line in llmctl.ok("ls", "-o", "jsonl").splitlines()]
    for row in (*rows, *lines):
        row["age_s"] = 0
    assert lines == rows
    assert llmctl.ok("ls", "-o", "csv").splitlines()[0].split(",") == list(rows[0])
