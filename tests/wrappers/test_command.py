"""Tools that are described in the configuration."""

import json

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import structs

from wrappers.base import Ending, Outcome, Request, Usage, Wrapper
from wrappers.command.settings import ToolSettings
from wrappers.command.wrapper import command
from wrappers.registry import configured, names


def tool(settings: str) -> Wrapper:
    """The tool `mytool` from its settings in JSON; where its text is the answer, it says that this proves nothing."""
    read = msgspec.json.decode(settings, type=ToolSettings)
    return command("mytool", structs.replace(read, proof="none") if read.output == "text" else read)


def argv(settings: str, model: str | None = None, session: str | None = None) -> list[str]:
    request = Request(run_id="the-run", prompt_file="/run/prompt", model=model, resume=session)
    return list(tool(settings).invocation(request).argv)


def outcome(settings: str, output: str | bytes, exit_code: int | None = 0, stderr: str = "") -> Outcome:
    parser = tool(settings).parser()
    stream = output if isinstance(output, bytes) else output.encode()
    for start in range(0, len(stream), 7):
        parser.feed_stdout(stream[start : start + 7])
    return parser.finish(Ending(exit_code=exit_code, stderr_tail=stderr))


def test_placeholders_are_filled_in() -> None:
    template = (
        '{"argv": ["aider", "--yes", "--message-file", "{prompt_file}", "--tag={run_id}-{permission}"]}'
    )

    assert argv(template) == ["aider", "--yes", "--message-file", "/run/prompt", "--tag=the-run-edit"]


def test_a_flag_without_a_value_is_left_out_with_its_list() -> None:
    template = '{"argv": ["mytool", ["--model", "{model}"], "--go"]}'

    assert argv(template) == ["mytool", "--go"]
    assert argv(template, model="large") == ["mytool", "--model", "large", "--go"]


def test_an_argument_without_a_value_is_left_out() -> None:
    template = '{"argv": ["mytool", "--go", "--model={model}", "--session={session}"]}'

    assert argv(template, session="s") == ["mytool", "--go", "--session=s"]


def test_braces_that_are_no_placeholder_stay() -> None:
    template = json.dumps({"argv": ["mytool", '{"a": {"b": 1}}', "{{model}}", "{}"]})

    assert argv(template) == ["mytool", '{"a": {"b": 1}}', "{model}", "{}"]


@given(st.text().filter(lambda text: "\0" not in text))
def test_values_are_never_taken_for_templates(value: str) -> None:
    assert argv('{"argv": ["mytool", "{prompt_file}", "-m{model}"]}', model=f"x{value}{{run_id}}")[2] == (
        f"-mx{value}{{run_id}}"
    )


@pytest.mark.parametrize(
    ("settings", "complaint"),
    [
        ("{}", "tools.mytool.argv is missing"),
        (
            '{"argv": ["mytool", "{promt_file}"]}',
            "{promt_file} is not a valid placeholder: expected {prompt_file}, {prompt}",
        ),
        ('{"argv": ["mytool", "--model", "{model}"]}', 'write [--model, "{model}"] as a list of its own'),
        ('{"argv": ["{model}", "x"]}', "the first element is the program"),
        ('{"argv": [["mytool", "x"]]}', "the first element is the program"),
        (
            '{"argv": ["mytool"], "prompt": "file"}',
            "{prompt_file} stands in argv exactly when prompt is file",
        ),
        ('{"argv": ["mytool", "{prompt_file}"], "prompt": "stdin"}', "exactly when prompt is file"),
        ('{"argv": ["mytool"], "output": "json"}', "needs answer"),
        ('{"argv": ["mytool"], "answer": "result"}', "answer needs output: json"),
    ],
)
def test_settings_that_make_no_sense_are_refused_with_a_reason(settings: str, complaint: str) -> None:
    with pytest.raises(ValueError, match=r"tools\.mytool") as refusal:
        tool(settings)
    assert complaint in str(refusal.value)


@pytest.mark.parametrize(
    "settings",
    [
        '{"argv": "mytool --go"}',
        '{"argv": ["mytool"], "output": "xml"}',
        '{"argv": ["mytool"], "unknown": 1}',
    ],
)
def test_settings_of_the_wrong_shape_are_refused(settings: str) -> None:
    with pytest.raises(msgspec.ValidationError):
        tool(settings)


def test_a_built_in_tool_takes_no_template() -> None:
    with pytest.raises(ValueError, match=r"tools\.claude: claude is built in and takes command only"):
        configured({"claude": ToolSettings(argv=("claude", "-p"))})


def test_a_configured_tool_stands_beside_those_built_in() -> None:
    wrappers = configured({"aider": ToolSettings(argv=("aider", "{prompt_file}"), proof="none")})

    assert set(wrappers) == {*names(), "aider"}
    assert wrappers["aider"].program == "aider"


def test_the_prompt_comes_by_file_or_by_stdin() -> None:
    request = Request(run_id="the-run", prompt_file="/run/prompt")

    assert tool('{"argv": ["mytool", "{prompt_file}"]}').invocation(request).stdin == "null"
    assert tool('{"argv": ["mytool"], "proof": "none"}').invocation(request).stdin == "prompt"


def test_the_config_home_goes_into_the_variable_of_the_tool() -> None:
    mytool = tool('{"argv": ["mytool"], "config_home_variable": "MYTOOL_HOME"}')
    request = Request(run_id="the-run", prompt_file="/run/prompt", config_home="/accounts/a")

    assert mytool.invocation(request).env == {"MYTOOL_HOME": "/accounts/a"}


TEXT = '{"argv": ["mytool"], "proof": "none"}'
JSON = """{"argv": ["mytool"], "output": "json", "answer": "choices.0.text", "error": "error.message",
    "session": "id", "input_tokens": "usage.in", "output_tokens": "usage.out", "cost_usd": "usage.cost"}"""
JSONL = '{"argv": ["mytool"], "output": "jsonl", "answer": "item.text", "session": "session"}'


def test_the_text_that_a_tool_prints_is_the_answer() -> None:
    assert outcome(TEXT, "\n  all done: ça va 🎉\n\n") == Outcome(final_text="all done: ça va 🎉")


def test_a_failed_exit_is_a_failure_whatever_was_printed() -> None:
    failed = outcome(TEXT, "all done", exit_code=3, stderr="warning: x\nno such model\n")

    assert failed.error_class == "agent_error"
    assert failed.error_message == "mytool failed with exit code 3: no such model"
    assert outcome(TEXT, "all done", exit_code=None).error_class == "agent_error"
    assert outcome(JSON, '{"choices": [{"text": "all done"}]}', exit_code=1).error_class == "agent_error"


@pytest.mark.parametrize(
    ("settings", "output"),
    [
        (TEXT, " \n\n"),
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

    assert empty.error_class == "empty_result"
    assert empty.error_message is not None
    assert empty.error_message.startswith("mytool ended without an answer")


def test_everything_is_found_by_its_path() -> None:
    document = {
        "choices": [{"text": "all done"}],
        "id": "session-1",
        "usage": {"in": 10, "out": 5, "cost": 0.25},
        "error": None,
    }

    assert outcome(JSON, json.dumps(document, indent=2)) == Outcome(
        final_text="all done",
        session_id="session-1",
        usage=Usage(input=10, output=5),
        cost_usd=0.25,
    )


def test_a_value_at_the_path_of_the_error_is_a_failure() -> None:
    failed = outcome(JSON, '{"choices": [{"text": "half"}], "error": {"message": "quota\\nexceeded"}}')

    assert failed.error_class == "agent_error"
    assert failed.error_message == "mytool failed with exit code 0: quota exceeded"
    assert failed.final_text == ""


@pytest.mark.parametrize("nothing", ["null", '""', "false", "[]", "{}"])
def test_nothing_at_the_path_of_the_error_is_no_failure(nothing: str) -> None:
    settings = '{"argv": ["mytool"], "output": "json", "answer": "text", "error": "errors"}'

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


@given(output=st.binary(), exit_code=st.none() | st.integers(-64, 255))
def test_no_bytes_make_a_parser_raise(output: bytes, exit_code: int | None) -> None:
    for settings in (TEXT, JSON, JSONL):
        read = outcome(settings, output, exit_code)
        assert read.succeeded == (read.error_message is None)
        assert "\0" not in read.final_text


def test_of_a_text_without_end_the_end_is_kept() -> None:
    parser = tool(TEXT).parser()
    for number in range(2_000):
        parser.feed_stdout(f"{number:>10}".encode() * 1_000)
    text = parser.finish(Ending(exit_code=0)).final_text

    assert len(text) <= 4 * 1024 * 1024
    assert text.endswith("1999")
