"""What a rule makes of a line."""

import json

import pytest

from tests.wrappers.command.tool import outcome, run, tool
from wrappers.base import Activity, Ending, Event, Finished, Said, SessionStarted, Stuck, Usage, Waits
from wrappers.command.rules import MOST_DENIALS, fits


def jsonl(*rules: str) -> str:
    return "output: jsonl\nanswer: final\nevents:\n" + "".join(f"  - {rule}\n" for rule in rules)


def lines(*values: object) -> str:
    return "".join(json.dumps(value) + "\n" for value in values)


def events(rules: str, *values: object) -> list[Event]:
    return run(rules, lines(*values))[1]


@pytest.mark.parametrize(
    ("wanted", "value", "fitting"),
    [
        ("error", "error", True),
        ("error", "errors", False),
        (1, 1, True),
        (1, True, False),
        (True, 1, False),
        (False, False, True),
        (("a", "b"), "b", True),
        (("a", "b"), "c", False),
        (None, None, True),
        (None, False, True),
        (None, 0, False),
        ("*", "x", True),
        ("*", "", False),
        ("x", ["x"], False),
    ],
)
def test_a_condition_wants_a_value_one_of_several_nothing_or_anything(
    wanted: str | bool | int | tuple[str, ...] | None, value: object, fitting: bool
) -> None:
    assert fits({"key": wanted}, {"key": value}) == fitting


def test_all_conditions_must_hold_and_a_missing_value_is_nothing() -> None:
    assert fits({"a": 1, "b": None}, {"a": 1})
    assert not fits({"a": 1, "b": "*"}, {"a": 1})
    assert fits({"parts.*.type": "tool"}, {"parts": [{"type": "text"}, {"type": "tool"}]})
    assert fits({}, "anything at all")


def test_what_an_agent_says_and_does_is_told() -> None:
    rules = jsonl(
        "{when: {type: text}, say: text}",
        "{when: {type: tool}, activity: ['runs {input.command}', 'edits {input.path}', 'uses {name}']}",
    )

    assert events(
        rules,
        {"type": "text", "text": "I look."},
        {"type": "tool", "name": "bash", "input": {"command": "ls\n-l"}},
        {"type": "tool", "name": "edit", "input": {"path": "a.py"}},
        {"type": "tool", "name": "search"},
        {"type": "tool"},
    ) == [Said("I look.\n"), Activity("runs ls -l"), Activity("edits a.py"), Activity("uses search")]


def test_all_rules_that_fit_are_applied_in_their_order() -> None:
    rules = jsonl("{when: {a: 1}, say: x}", "{when: {b: 2}, say: y}", "{when: {b: 3}, say: x}")

    assert events(rules, {"a": 1, "b": 2, "x": "1", "y": "2"}) == [Said("1\n"), Said("2\n")]


def test_a_rule_looks_at_each_value_of_a_list() -> None:
    rules = jsonl(
        "{each: message.content, when: {type: tool_use}, activity: 'uses {name}'}",
        "{each: message.content, when: {type: text}, say: text}",
        "{each: refused, denied: ['runs {command}', 'edits {path}']}",
    )
    message = {"content": [{"type": "text", "text": "hi"}, {"type": "tool_use", "name": "a"}, 7]}
    told, heard = run(
        rules, lines({"message": message}, {"refused": [{"command": "rm"}, {}, {"path": "dd"}]})
    )

    assert heard == [Activity("uses a"), Said("hi\n")]
    assert told.denials == ("runs rm", "edits dd")


def test_a_turn_that_begins_forgets_answer_error_and_end_and_then_applies_its_own() -> None:
    rules = jsonl(
        "{when: {type: turn}, begins: true}",
        "{when: {type: text}, answer: text}",
        "{when: {type: error}, error: text}",
        "{when: {type: final}, begins: true, answer: text, ends: true}",
    )
    turn, end = {"type": "turn"}, {"type": "final", "text": "done"}

    assert outcome(rules, lines({"type": "text", "text": "early"}, turn)).error_class == "agent_error"
    assert outcome(rules, lines({"type": "error", "text": "x"}, turn, end)).final_text == "done"
    assert outcome(rules, lines({"type": "error", "text": "x"}, end)).final_text == "done"
    assert outcome(rules, lines(end, {"type": "error", "text": "x"})).error_class == "agent_error"
    assert "before it had a result" in str(outcome(rules, lines(end, turn)).error_message)


def test_an_end_overcomes_the_errors_of_lines_before_it_and_not_those_of_its_own() -> None:
    rules = jsonl(
        "{when: {type: error}, error: text}",
        "{when: {type: result}, error: error.message}",
        "{when: {type: result}, ends: true}",
    )
    failed, end = {"type": "error", "text": "x"}, {"type": "result", "final": "done"}

    assert outcome(rules, lines(failed, end)).final_text == "done"
    assert outcome(rules, lines(failed, {**end, "error": {"message": "x"}})).error_class == "agent_error"
    assert outcome(rules, lines(end, failed)).error_class == "agent_error"


def test_an_end_does_not_overcome_an_error_whose_rule_knows_its_class() -> None:
    rules = jsonl(
        "{when: {type: turn}, begins: true}",
        "{when: {text: filtered}, error: text, class: invalid_request}",
        "{when: {type: end}, ends: true}",
    )
    filtered, end = {"type": "text", "text": "filtered", "final": "filtered"}, {"type": "end"}
    again = {"type": "text", "text": "fine", "final": "fine"}

    assert outcome(rules, lines(filtered, end)).error_class == "invalid_request"
    assert outcome(rules, lines(filtered, {"type": "turn"}, again, end)).final_text == "fine"


def test_an_error_of_a_line_that_waits_counts_only_if_the_run_fails() -> None:
    rules = jsonl(
        "{when: {type: retry}, error: text, status: status, waits: true}",
        "{stderr: 'retries after (?P<status>[0-9]+)', error: status, status: status, waits: true}",
    )
    retry, done = {"type": "retry", "status": 429, "text": "usage"}, {"final": "done"}

    assert outcome(rules, lines(retry, done)).final_text == "done"
    assert outcome(rules, lines(retry)).error_class == "throttled"
    assert outcome(rules, lines(retry, done), exit_code=143).error_class == "throttled"
    assert outcome(rules, lines(done), stderr="retries after 429\n").final_text == "done"
    assert outcome(rules, lines(done), stderr="retries after 503\n", exit_code=1).error_class == "overloaded"


def test_tokens_are_added_or_set() -> None:
    rules = jsonl(
        "{when: {type: step}, add: {input_tokens: [in, cached], cached_input_tokens: cached, output_tokens: out}}",
        "{when: {type: total}, set: {cost_usd: cost}}",
    )
    step = {"type": "step", "in": 10, "cached": 5, "out": 2}
    told = outcome(rules, lines(step, step, {"type": "total", "cost": 1}, {"type": "total", "cost": 2}))

    assert told.usage == Usage(input=30, cached_input=10, output=4)
    assert told.cost_usd == 2


def test_usage_is_known_only_if_something_was_counted() -> None:
    rules = jsonl("{set: {input_tokens: in, cost_usd: cost}}")

    assert outcome(rules, lines({"final": "x"})).usage is None
    assert outcome(rules, lines({"final": "x", "cost": 1})).usage is None
    assert outcome(rules, lines({"final": "x", "in": 0})).usage == Usage()


def test_cached_tokens_are_part_of_the_input() -> None:
    rules = jsonl("{set: {input_tokens: in, cached_input_tokens: cached}}")

    assert outcome(rules, lines({"in": 1, "cached": 5})).usage == Usage(input=5, cached_input=5)


def test_a_session_is_told_once_and_when_it_changes() -> None:
    rules = jsonl("{session: id}")

    assert events(rules, {"id": "s"}, {"id": "s"}, {}, {"id": "t"}) == [
        SessionStarted("s"),
        SessionStarted("t"),
    ]


@pytest.mark.parametrize(
    "hostile", ["-rf", "--config=/tmp/x", "a b", "a\nb", "x" * 201, "\0", "\ud800 ", {"a": 1}]
)
def test_what_could_be_taken_for_an_option_or_cannot_be_an_id_is_no_session(hostile: object) -> None:
    told, heard = run(jsonl("{session: id}"), lines({"id": hostile, "final": "x"}))

    assert (told.session_id, heard) == (None, [])


def test_a_service_that_asks_to_wait_is_reported_with_what_a_new_start_would_lose() -> None:
    rules = jsonl(
        "{when: {type: retry, status: 429}, waits: true}",
        "{when: {type: tool}, activity: works}",
    )
    retry = {"type": "retry", "status": 429}

    assert events(rules, retry, {"type": "tool"}, retry) == [
        Waits(worked=False),
        Activity("works"),
        Waits(worked=True),
    ]
    assert events(rules, {"final": "half"}, retry) == [Waits(worked=True)]


def test_a_cli_that_repeats_itself_is_stuck_after_so_many_lines() -> None:
    rules = ["{when: {type: end}, ends: true}", "{when: {type: step, reason: unknown}, stuck: 3}"]
    round_ = {"type": "step", "reason": "unknown"}

    assert events(jsonl(*rules), round_, {"type": "step"}, round_) == []
    assert events(jsonl(*rules), round_, round_, {"type": "step"}, round_) == [Stuck()]


def test_denials_are_named_and_a_run_without_an_answer_then_lacked_permission() -> None:
    rules = jsonl("{when: {type: denied}, denied: 'runs {command}'}")
    denied = {"type": "denied", "command": "rm -r /"}

    assert outcome(rules, lines(denied, {"final": "I may not."})).denials == ("runs rm -r /",)
    refused = outcome(rules, lines(denied))
    assert refused.error_class == "permission_denied"
    assert refused.denials == ("runs rm -r /",)
    assert len(outcome(rules, lines(*[denied] * 500)).denials) == MOST_DENIALS


def test_an_error_needs_something_at_its_path_also_with_a_class() -> None:
    rules = jsonl("{when: {type: result}, error: [error.message, error.name], class: limit}")

    assert outcome(rules, lines({"type": "result", "final": "x", "error": {}})).final_text == "x"
    assert outcome(rules, lines({"type": "result", "error": {"name": "Quota"}})).error_class == "limit"


def test_a_class_alone_makes_each_line_that_fits_an_error() -> None:
    rules = jsonl("{when: {type: filtered}, class: invalid_request}")

    assert outcome(rules, lines({"type": "filtered"}), stderr="blocked\n").error_message == (
        "mytool had its request refused, and would have it refused again: change the task or its model "
        "(mytool said: blocked)"
    )


STDERR = (
    "output: jsonl\nanswer: final\n"
    + r"""
events:
  - {when: {type: turn}, begins: true}
  - {stderr: '^WARN .*rate limit.*(?P<code>429)', waits: true}
  - {stderr: '^FATAL (?P<what>.*)', error: what}
  - {stderr: '^session (?P<id>\S+)', session: id, activity: 'thinks'}
"""
)


def test_lines_of_stderr_have_rules_too() -> None:
    told, heard = run(
        STDERR,
        lines({"final": "x"}),
        stderr="session s1\nWARN 1: rate limit, 429\r\n\x1b[1mFATAL broken\x1b[0m",
    )

    assert heard == [SessionStarted("s1"), Activity("thinks"), Waits(worked=True)]
    assert (told.session_id, told.error_message) == ("s1", "mytool failed with exit code 0: broken")


@pytest.mark.parametrize("is_first", [True, False])
def test_an_error_on_stderr_counts_wherever_it_stands(is_first: bool) -> None:
    parser = tool(STDERR).parser()
    if is_first:
        parser.feed_stderr(b"FATAL broken\n")
    parser.feed_stdout(lines({"type": "turn"}, {"final": "x"}).encode())
    if not is_first:
        parser.feed_stderr(b"FATAL broken\n")

    assert parser.finish(Ending(exit_code=0)).error_class == "agent_error"


def test_an_error_on_stderr_is_overcome_by_an_end_in_order() -> None:
    rules = jsonl("{when: {type: end}, ends: true}", "{stderr: 'FATAL (?P<what>.*)', error: what}")

    assert outcome(rules, lines({"final": "x", "type": "end"}), stderr="FATAL a\n").final_text == "x"
    assert outcome(rules, lines({"type": "end"}), stderr="FATAL a\n").error_class == "agent_error"
    assert outcome(rules, lines({"final": "x"}), stderr="FATAL a\n").error_message == (
        "mytool failed with exit code 0: a"
    )
    known = rules.replace("error: what", "error: what, class: limit")
    assert outcome(known, lines({"final": "x", "type": "end"}), stderr="FATAL a\n").error_class == "limit"


def test_a_line_of_stderr_without_end_takes_little_memory() -> None:
    parser = tool(STDERR).parser()
    for _ in range(64):
        assert list(parser.feed_stderr(b"x" * 1024 * 1024)) == []
    assert list(parser.feed_stderr(b"\nsession s2\n")) == [SessionStarted("s2"), Activity("thinks")]


def test_an_end_is_told() -> None:
    assert events(jsonl("{when: {type: end}, ends: true}"), {"type": "end"}) == [Finished()]
