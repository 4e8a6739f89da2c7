"""A tool that prints text."""

from collections.abc import Iterator
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.wrappers.command.tool import outcome, run, tool
from wrappers.base import Activity, Ending, Finished, Outcome, SessionStarted, Usage
from wrappers.command.parser import LONGEST_TEXT

PLAIN = "proof: none"
AIDER = r"""
fails: ['^litellm\.\w*Error', '^Error: ']
events:
  - {line: '^Session (?P<id>\S+)$', session: id}
  - {line: '^Applied edit to (?P<file>.+)$', activity: 'edits {file}'}
  - line: '^Tokens: (?P<in>\S+) sent, (?P<out>\S+) received\. Cost: (?P<usd>\S+) message'
    add: {input_tokens: in, output_tokens: out, cost_usd: usd}
errors:
  - {match: AuthenticationError, class: auth}
"""
AIDER_SAYS = """\
Session s-1
The change is made.
It is small.
Applied edit to a.py
Tokens: 2.4k sent, 7 received. Cost: $0.0060 message, $0.0060 session.
"""


def test_the_text_that_a_tool_prints_is_the_answer() -> None:
    assert outcome(PLAIN, "\n  all done: ça va 🎉\n\n") == Outcome(final_text="all done: ça va 🎉")


def test_a_text_with_nothing_in_it_is_no_answer() -> None:
    empty = outcome(PLAIN, " \n\n")

    assert (empty.error_class, empty.error_message) == ("empty_result", "mytool ended without an answer")


def test_a_line_that_a_rule_knows_is_no_part_of_the_answer() -> None:
    told, events = run(AIDER, AIDER_SAYS)

    assert told == Outcome(
        final_text="The change is made.\nIt is small.",
        session_id="s-1",
        usage=Usage(input=2400, output=7),
        cost_usd=0.006,
    )
    assert events == [SessionStarted("s-1"), Activity("edits a.py")]


def test_a_line_that_means_a_failure_fails_the_run_with_exit_code_0() -> None:
    failed = outcome(AIDER, f"{AIDER_SAYS}litellm.AuthenticationError: no key\n")

    assert failed.error_class == "auth"
    assert failed.error_message == (
        "mytool was refused by its service: log in again, or replace the key; then resume its group "
        "(mytool said: litellm.AuthenticationError: no key)"
    )
    assert (failed.final_text, failed.cost_usd) == ("", 0.006)


def test_patterns_look_through_colours_and_line_ends_of_windows() -> None:
    assert outcome(AIDER, "\x1b[31mError: broken\x1b[0m\r\n").error_class == "agent_error"
    assert outcome(AIDER, "all done\r\n\x1b[1mSession s-2\x1b[0m\r\n").session_id == "s-2"


def test_patterns_look_at_the_beginning_of_a_line_only() -> None:
    assert outcome("fails: [broken]", "x" * 4_000 + "broken").succeeded
    assert not outcome("fails: [broken]", "x" * 3_900 + "broken").succeeded


def test_a_rule_that_finds_the_answer_makes_the_rest_noise() -> None:
    text = "fails: [Error]\nevents: [{line: '^Answer: (?P<text>.*)', answer: text}]"

    assert outcome(text, "Banner\nAnswer: 42\nBye\n").final_text == "42"
    assert outcome(text, "Banner\nBye\n").error_class == "empty_result"


def test_a_turn_that_begins_forgets_the_text_so_far() -> None:
    text = "fails: ['^Error']\nevents: [{line: '^## Turn', begins: true}]"

    assert outcome(text, "first\nError: x\n## Turn 2\nsecond\n").final_text == "second"
    assert outcome(text, "first\n## Turn 2\nError: x\n").error_class == "agent_error"


def test_a_line_that_says_nothing_is_left_out_of_the_answer() -> None:
    assert outcome("fails: [Error]\nevents: [{line: '^Banner'}]", "Banner 1\nhello\n").final_text == "hello"


def test_where_a_line_means_the_end_no_run_succeeds_without_it() -> None:
    text = "events: [{line: '^Done', ends: true}]"
    told, events = run(text, "hello\nDone.\n")

    assert (told.final_text, events) == ("hello", [Finished()])
    assert outcome(text, "hello\n").error_message == "mytool ended with exit code 0 before it had a result"


def test_a_failed_exit_is_a_failure_whatever_was_printed() -> None:
    failed = outcome(PLAIN, "all done", exit_code=3, stderr="warning: x\nno such model\n")

    assert failed.error_class == "agent_error"
    assert failed.error_message == "mytool failed with exit code 3: no such model"
    assert outcome(PLAIN, "all done", exit_code=None).error_class == "agent_error"


def test_what_a_model_may_have_written_explains_no_failure() -> None:
    text = f"{PLAIN}\nerrors: [{{match: usage limit, class: limit}}]"
    failed = outcome(text, "I raised the usage limit\n\n", exit_code=1)

    assert failed.error_class == "agent_error"
    assert failed.error_message == "mytool failed with exit code 1 and did not say why"


@pytest.mark.parametrize("end", [b"\n", b""])
def test_a_text_without_end_takes_no_square_of_time_and_keeps_its_end(end: bytes) -> None:
    parser = tool("fails: [Error]").parser()
    for number in range(32 * 1024):
        parser.feed_stdout(b"%1024d" % number + end)
    text = parser.finish(Ending(exit_code=0)).final_text

    assert len(text) <= LONGEST_TEXT
    assert text.endswith("32767")


def test_lines_without_number_are_kept_in_little_room() -> None:
    parser = tool("fails: [Error]").parser()
    for _ in range(1024):
        parser.feed_stdout(b"%39d\n" % 7 * 300)
    text = parser.finish(Ending(exit_code=0)).final_text

    assert LONGEST_TEXT - 50 < len(text) <= LONGEST_TEXT


def cut(stream: bytes, places: list[int]) -> Iterator[bytes]:
    bounds = sorted({0, len(stream), *(place % (len(stream) + 1) for place in places)})
    return (stream[start:end] for start, end in pairwise(bounds))


@given(st.lists(st.integers(0, 10_000)))
def test_chunks_may_end_anywhere(places: list[int]) -> None:
    parser = tool(AIDER).parser()
    stream = AIDER_SAYS.replace("small", "ça va 🎉").encode()
    events = [event for chunk in cut(stream, places) for event in parser.feed_stdout(chunk)]

    told = parser.finish(Ending(exit_code=0))

    assert (told, events) == run(AIDER, stream, step=len(stream))
    assert told.final_text == "The change is made.\nIt is ça va 🎉."
