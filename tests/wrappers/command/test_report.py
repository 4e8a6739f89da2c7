"""A file in which a tool reports how its run went."""

import pytest

from tests.wrappers.command.tool import outcome, request, tool
from wrappers.base import Outcome, Usage

VIBE = """
argv: [vibe, --output-dir, "{report_directory}"]
output: jsonl
events: [{when: {role: assistant}, begins: true, answer: text}]
report:
  file: export.json
  events:
    - {when: {outcome: finished}, ends: true}
    - {error: error.message, status: error.code}
    - {session: session_id, set: {input_tokens: usage.in, cost_usd: cost}}
"""
MINI = """
argv: [mini, -o, "{report_directory}/t.json"]
output: text
report:
  file: t.json
  events:
    - {when: {status: Submitted}, answer: submission, ends: true}
    - {when: {status: RateLimit}, error: [message, status], class: throttled}
"""
SAID = '{"role": "assistant", "text": "hi"}\n'


def test_the_wrapper_names_the_file_and_the_tool_is_told_its_directory() -> None:
    vibe = tool(VIBE)

    assert vibe.report_file == "export.json"
    assert vibe.invocation(request(report_directory="/runs/1/report")).argv[-1] == "/runs/1/report"


def test_a_report_says_what_the_output_does_not() -> None:
    report = '{"outcome": "finished", "session_id": "s", "usage": {"in": 7}, "cost": 0.5}'

    assert outcome(VIBE, SAID, report=report) == Outcome(
        final_text="hi", session_id="s", usage=Usage(input=7), cost_usd=0.5
    )


def test_a_report_of_a_failure_counts_whatever_the_output_said() -> None:
    assert outcome(VIBE, SAID, report='{"error": {"message": "no", "code": 402}}').error_class == "no_credit"


@pytest.mark.parametrize("report", ["", "[", "null", "7", "{}", '{"outcome": "finished"', "[" * 100_000])
def test_without_a_report_that_proves_it_there_is_no_success(report: str) -> None:
    assert outcome(VIBE, SAID, report=report).error_class == "agent_error"
    assert outcome(MINI, "a banner\n", report=report).error_class == "agent_error"


def test_the_answer_may_stand_in_the_report_alone() -> None:
    assert (
        outcome(MINI, "a banner\n", report='{"status": "Submitted", "submission": "42"}').final_text == "42"
    )
    assert outcome(MINI, "a banner\n", report='{"status": "Submitted"}').error_class == "empty_result"
    assert outcome(MINI, "", exit_code=1, report='{"status": "RateLimit"}').error_class == "throttled"
