"""A tool that prints one document of JSON, or one on each line."""

import json

import pytest

from tests.wrappers.command.tool import outcome, run
from wrappers.base import Finished, Outcome, Usage

JSON = """
output: json
answer: choices.0.text
error: error.message
session: id
input_tokens: usage.in
output_tokens: usage.out
cost_usd: usage.cost
"""
JSONL = "output: jsonl\nanswer: item.text\nsession: session\n"


@pytest.mark.parametrize(
    ("settings", "output"),
    [
        (JSON, "{}"),
        (JSON, '{"choices": []}'),
        (JSON, '{"choices": [{"text": ""}]}'),
        (JSON, '{"choices": [{"text": null}]}'),
        (JSON, '{"choices": {"0": "x"}}'),
        (JSON, "no json at all"),
        (JSON, '{"choices": [{"text": "cut o'),
        (JSONL, '{"item": {"other": "x"}}\n[]\n'),
    ],
)
def test_no_answer_is_no_success(settings: str, output: str) -> None:
    empty = outcome(settings, output)

    assert (empty.error_class, empty.error_message) == ("empty_result", "mytool ended without an answer")


def test_everything_is_found_by_its_path() -> None:
    document = {
        "choices": [{"text": "all done"}],
        "id": "session-1",
        "usage": {"in": 10, "out": 5, "cost": 0.25},
        "error": None,
    }

    assert outcome(JSON, json.dumps(document, indent=2)) == Outcome(
        final_text="all done", session_id="session-1", usage=Usage(input=10, output=5), cost_usd=0.25
    )


def test_a_value_at_the_path_of_the_error_is_a_failure() -> None:
    failed = outcome(JSON, '{"choices": [{"text": "half"}], "error": {"message": "quota\\nexceeded"}}')

    assert failed.error_class == "agent_error"
    assert failed.error_message == "mytool failed with exit code 0: quota exceeded"
    assert failed.final_text == ""


@pytest.mark.parametrize("nothing", ["null", '""', "false", "[]", "{}"])
def test_nothing_at_the_path_of_the_error_is_no_failure(nothing: str) -> None:
    settings = "output: json\nanswer: text\nerror: errors"

    assert outcome(settings, f'{{"text": "all done", "errors": {nothing}}}').final_text == "all done"


def test_an_answer_that_is_no_text_is_given_as_json() -> None:
    assert outcome(JSON, '{"choices": [{"text": {"verdict": [1, 2]}}]}').final_text == '{"verdict":[1,2]}'


def test_of_several_lines_the_last_with_an_answer_counts() -> None:
    lines = '{"session": "s"}\n{"item": {"text": "first"}}\nnoise\n{"item": {"text": "last"}}\n{"item": {}}'

    assert outcome(JSONL, lines) == Outcome(final_text="last", session_id="s")


def test_a_mark_of_the_byte_order_hides_no_answer() -> None:
    assert outcome(JSON, '\ufeff{"choices": [{"text": "all done"}]}').final_text == "all done"
    assert outcome(JSONL, '\ufeff{"item": {"text": "only"}}\r\n').final_text == "only"


def test_the_last_line_needs_no_newline() -> None:
    assert outcome(JSONL, '{"item": {"text": "last"}}').final_text == "last"


def test_a_failed_exit_is_a_failure_whatever_was_printed() -> None:
    assert outcome(JSON, '{"choices": [{"text": "all done"}]}', exit_code=1).error_class == "agent_error"


def test_what_is_printed_beside_json_is_quoted_where_stderr_is_silent() -> None:
    noise = '{"session": "s"}\n  \x1b[31mError: cannot reach the service\x1b[0m \n\n'

    assert outcome(JSONL, noise, exit_code=1).error_message == (
        "mytool failed with exit code 1: Error: cannot reach the service"
    )
    assert outcome(JSONL, noise, exit_code=1, stderr="broken pipe\n").error_message == (
        "mytool failed with exit code 1: broken pipe"
    )


ENDS = "output: jsonl\nevents: [{when: {type: text}, answer: text}, {when: {type: end}, ends: true}]"
ANSWERED = '{"type": "text", "text": "hi"}\n'
ENDED = f'{ANSWERED}{{"type": "end"}}\n'


def test_where_a_rule_means_the_end_no_run_succeeds_without_it() -> None:
    cut_off = outcome(ENDS, ANSWERED, stderr="connection lost\n")

    assert cut_off.error_class == "agent_error"
    assert cut_off.error_message == "mytool ended with exit code 0 before it had a result: connection lost"
    assert run(ENDS, ENDED) == (Outcome(final_text="hi"), [Finished()])


@pytest.mark.parametrize("exit_code", [None, 143, 130, 137])
def test_a_run_that_is_stopped_after_its_end_has_succeeded(exit_code: int | None) -> None:
    assert outcome(ENDS, ENDED, exit_code=exit_code).final_text == "hi"
    assert outcome(ENDS, ANSWERED, exit_code=exit_code).error_class == "agent_error"


@pytest.mark.parametrize("exit_code", [1, 2, 77, 128])
def test_a_failed_exit_after_the_end_is_a_failure(exit_code: int) -> None:
    assert outcome(ENDS, ENDED, exit_code=exit_code).error_class == "agent_error"
