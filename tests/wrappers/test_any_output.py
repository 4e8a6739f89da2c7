"""Whatever an agent prints, its parser returns an outcome that a database can store."""

import json
import math
from collections.abc import Mapping

import msgspec
import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st
from msgspec import structs

from dispatcher.run.conclusion import report
from dispatcher.workspaces.run_record import Reading
from sql.rows.dispatchers import Report
from wrappers.base import Ending, Outcome, Wrapper
from wrappers.command.settings import ToolSettings
from wrappers.registry import configured

JSON = ToolSettings(
    argv=("tool",),
    output="json",
    answer="result",
    error="errors.0",
    session="session_id",
    input_tokens="usage.input_tokens",
    output_tokens="usage.--1",
    cost_usd="total_cost_usd",
)
RULES = """
argv: [tool, "{report_directory}"]
output: jsonl
events:
  - {when: {type: system}, session: session_id, begins: true}
  - {when: {type: assistant, error: null}, answer: [result, message.*.text], say: text}
  - {when: {role: "*"}, activity: ["runs {parameters.command}", "uses {tool_name}"]}
  - {each: permission_denials, denied: "uses {tool_name}"}
  - {when: {subtype: [success, x]}, set: {input_tokens: [usage.*, total_tokens], cost_usd: total_cost_usd}}
  - {add: {input_tokens: input_tokens, cached_input_tokens: cached, output_tokens: [output_tokens, status]}}
  - {when: {type: error}, error: [error, message], status: status, resets_in: resetsAt, resets_at: resetsAt}
  - {when: {type: turn.failed}, class: limit, resets_at: result}
  - {when: {is_error: true}, waits: true}
  - {when: {type: result}, ends: true}
  - {stderr: "(?P<what>.+)[0-9](?P<n>.*)", error: what, say: n, add: {output_tokens: n}}
report: {file: a.json, events: [{each: errors, answer: text, error: message}]}
errors:
  - {match: "(?P<status>.{3})(?P<seconds>.*)"}
  - {match: '(?P<minutes>[^ ]+) (?P<hours>[^ ]+)', class: limit}
  - {match: "(?P<epoch>[0-9]+)|(?P<time>.+)", class: limit}
exit_codes: {42: auth}
"""
LINES = """
argv: [tool]
fails: ["^[0-9]+"]
events:
  - {line: "(?P<what>.*)x(?P<n>[^x]*)", activity: "does {what}", session: n, add: {input_tokens: n}, begins: true}
  - {line: "^(?P<what>success|reject.*)", answer: what, denied: "{what}", ends: true}
"""
WRAPPERS = configured(
    {
        "text": ToolSettings(argv=("tool",), proof="none"),
        "lines": msgspec.convert(yaml.safe_load(LINES), ToolSettings),
        "json": JSON,
        "jsonl": structs.replace(JSON, output="jsonl"),
        "rules": msgspec.convert(yaml.safe_load(RULES), ToolSettings),
    }
)
wrappers = pytest.mark.parametrize("wrapper", WRAPPERS.values(), ids=WRAPPERS.keys())

NUMBERS = [
    "0",
    "-7",
    "1e400",
    "-1e400",
    "NaN",
    "Infinity",
    "1e-400",
    "1.5",
    str(2**63),
    "9" * 400,
    "9" * 5000,
]
TEXTS = ["", "x", "success", "rejected", "\0", "\ud800", "\x1b[2J", "a" * 20_000, "1 2", "/", "-1"]
NAMES = [
    *(
        "type",
        "subtype",
        "session_id",
        "thread_id",
        "is_error",
        "result",
        "errors",
        "usage",
        "total_cost_usd",
    ),
    *("input_tokens", "output_tokens", "cached_input_tokens", "modelUsageSinceLastResult", "costUSD", "item"),
    *("model_usage_since_last_result", "permission_denials", "rate_limit_info", "resetsAt", "unifiedWindows"),
    *("status", "stats", "total_tokens", "cached", "message", "content", "text", "error", "attempt", "role"),
    *(
        "tool_name",
        "tool_id",
        "parameters",
        "changes",
        "path",
        "command",
        "severity",
        "api_error_status",
        "--1",
    ),
]
TYPES = [
    *(
        "system",
        "assistant",
        "rate_limit_event",
        "result",
        "thread.started",
        "item.started",
        "item.completed",
    ),
    *("turn.completed", "turn.failed", "error", "init", "message", "tool_use", "tool_result"),
]
SCALARS = [*NUMBERS, "null", "true", "false", *map(json.dumps, TEXTS)]


def as_object(pairs: Mapping[str, str]) -> str:
    """A JSON object whose values are JSON already: Python's own encoder would not write such numbers."""
    return "{" + ",".join(f"{json.dumps(name)}:{value}" for name, value in pairs.items()) + "}"


raw_values = st.recursive(
    st.integers(0, len(SCALARS) - 1).map(SCALARS.__getitem__),
    lambda inner: st.one_of(
        st.lists(inner, max_size=3).map(lambda items: f"[{','.join(items)}]"),
        st.dictionaries(st.sampled_from(NAMES), inner, max_size=5).map(as_object),
    ),
    max_leaves=12,
)
lines = st.builds(
    lambda kind, pairs: as_object({"type": json.dumps(kind), **pairs}),
    st.sampled_from(TYPES),
    st.dictionaries(st.sampled_from(NAMES[1:]), raw_values, max_size=8),
)
DEEP = "[" * 100_000


def outcome(wrapper: Wrapper, stdout: bytes, stderr: bytes = b"", exit_code: int | None = 0) -> Outcome:
    parser = wrapper.parser()
    for start in range(0, len(stdout), 64 * 1024):
        parser.feed_stdout(stdout[start : start + 64 * 1024])
    parser.feed_stderr(stderr)
    parser.failure_file()
    tail = stderr.decode(errors="replace")
    read = stdout[:10_000]
    return parser.finish(Ending(exit_code=exit_code, stderr_tail=tail, failure_file=read, report=read))


def assert_storable(outcome: Outcome) -> None:
    told = msgspec.json.decode(msgspec.json.encode(report("run", outcome, Reading("ended"))), type=Report)
    for count in (told.input_tokens, told.cached_input_tokens, told.output_tokens):
        assert count is None or 0 <= count < 2**62, "tokens_used is the sum of two, and a bigint"
    assert told.cost_usd is None or 0 <= told.cost_usd < math.inf
    texts = [told.final_text, told.session_id, told.error_message, *told.denials]
    assert not any("\0" in text for text in texts if text is not None)


@wrappers
@given(stdout=st.binary(), stderr=st.binary(), exit_code=st.none() | st.integers(-64, 255))
def test_no_bytes_make_a_parser_raise(
    wrapper: Wrapper, stdout: bytes, stderr: bytes, exit_code: int | None
) -> None:
    assert_storable(outcome(wrapper, stdout, stderr, exit_code))


@wrappers
@given(printed=st.lists(lines, max_size=6), exit_code=st.sampled_from([None, 0, 1, 42]))
def test_no_events_make_a_parser_raise(wrapper: Wrapper, printed: list[str], exit_code: int | None) -> None:
    assert_storable(outcome(wrapper, "\n".join(printed).encode(), exit_code=exit_code))


@wrappers
def test_no_depth_makes_a_parser_raise(wrapper: Wrapper) -> None:
    for depth in (500, 990, 3_000, 100_000):
        nested = "[" * depth + "]" * depth
        assert_storable(outcome(wrapper, f'{{"type":"result","result":{nested}}}\n'.encode()))
    assert_storable(outcome(wrapper, DEEP.encode()))


@pytest.mark.parametrize("number", NUMBERS)
def test_a_number_that_counts_nothing_hides_no_answer(number: str) -> None:
    usage = as_object({"input_tokens": number})
    printed = as_object({"result": '"done"', "usage": usage, "total_cost_usd": number})

    for name in ("json", "jsonl"):
        read = outcome(WRAPPERS[name], printed.encode())
        assert (read.error_class, read.final_text) == (None, "done")
        assert_storable(read)


def test_an_answer_may_be_a_number_of_any_length() -> None:
    assert outcome(WRAPPERS["json"], b'{"result": %s}' % (b"7" * 400)).final_text == "7" * 400


def test_true_is_no_number() -> None:
    printed = b'{"result": "done", "usage": {"input_tokens": true}, "total_cost_usd": true}'

    read = outcome(WRAPPERS["json"], printed)

    assert (read.usage, read.cost_usd) == (None, None)


def test_a_path_that_is_no_place_in_a_list_leads_nowhere() -> None:
    printed = b'{"result": "done", "usage": [1, 2]}'

    assert outcome(WRAPPERS["json"], printed).usage is None
