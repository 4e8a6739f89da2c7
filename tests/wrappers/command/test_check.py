"""Descriptions that contradict themselves, or say nothing, are refused with their place."""

import msgspec
import pytest

from tests.wrappers.command.tool import complaint, settings_of, tool
from wrappers.command.settings import ToolSettings
from wrappers.registry import configured, names

JSONL = "output: jsonl\nanswer: a\n"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("output: json", "tools.mytool: output: json needs answer"),
        ("answer: result", "tools.mytool: answer needs output: json or output: jsonl"),
        ("{cost_usd: c}", "tools.mytool: cost_usd needs output: json"),
        (f"{JSONL}fails: [x]", "tools.mytool: fails needs output: text"),
        ("fails: ['(']", "tools.mytool.fails[0]: '(' is not a regular expression"),
        (
            "{output: text, events: [{stderr: x, waits: true}]}",
            "its text does not tell a success from a failure: give the lines that mean a failure under fails",
        ),
        (f"{JSONL}session: a..b", "tools.mytool.session: 'a..b' is not a valid path"),
        (f"{JSONL}events: [{{answer: a..b}}]", "tools.mytool.events[0].answer: 'a..b' is not a valid path"),
        (
            f"{JSONL}events: [{{each: .a, answer: b}}]",
            "tools.mytool.events[0].each: '.a' is not a valid path",
        ),
        (f"{JSONL}events: [{{when: {{a.: 1}}, ends: true}}]", "tools.mytool.events[0].when: 'a.' is not"),
        (f"{JSONL}events: [{{add: {{cost_usd: ..}}}}]", "tools.mytool.events[0].add.cost_usd: '..' is not"),
        (f"{JSONL}events: [{{when: {{a: 1}}}}]", "tools.mytool.events[0] says what a line is, and not what"),
        (f"{JSONL}events: [{{line: x, ends: true}}]", "tools.mytool.events[0]: line needs output: text"),
        (f"{JSONL}events: [{{each: a, stderr: x, ends: true}}]", "a rule has one of when, line and stderr"),
        (f"{JSONL}events: [{{status: a}}]", "tools.mytool.events[0].status needs error or class"),
        (f"{JSONL}events: [{{resets_in: a}}]", "tools.mytool.events[0].resets_in needs error or class"),
        (f"{JSONL}events: [{{stderr: x, begins: true}}]", "a line of stderr begins no turn"),
        (
            f"{JSONL}events: [{{stderr: '[', ends: true}}]",
            "tools.mytool.events[0].stderr: '[' is not a regular",
        ),
        (
            f"{JSONL}events: [{{stderr: '(?P<a>x)', error: b}}]",
            "tools.mytool.events[0].error: the pattern has no group (?P<b>...): its groups are a",
        ),
        (
            f"{JSONL}events: [{{stderr: x, activity: 'retries {{b}}'}}]",
            "tools.mytool.events[0].activity: the pattern has no group (?P<b>...): it has none",
        ),
        (
            f"{JSONL}events: [{{stderr: '(?P<n>.)', add: {{input_tokens: [n, m]}}}}]",
            "tools.mytool.events[0].add.input_tokens: the pattern has no group (?P<m>...)",
        ),
        (
            "fails: [x]\nevents: [{when: {a: 1}, ends: true}]",
            "tools.mytool.events[0]: with output: text a rule has line or stderr",
        ),
        (f"{JSONL}errors: [{{class: auth}}]", "tools.mytool.errors[0] needs match or status"),
        (f"{JSONL}errors: [{{match: x}}]", "tools.mytool.errors[0] needs class, or a group (?P<status>"),
        (
            f"{JSONL}errors: [{{match: '*', class: auth}}]",
            "tools.mytool.errors[0].match: '*' is not a regular",
        ),
        (
            f"{JSONL}errors: [{{match: '(?P<hour>1)', class: limit}}]",
            "tools.mytool.errors[0].match: (?P<hour>...) says nothing: expected seconds, minutes, hours",
        ),
        (
            f"{JSONL}report: {{file: a, events: []}}",
            "tools.mytool.report needs {report_directory} in argv or env",
        ),
        (f'{JSONL}env: {{A: "{{report_directory}}"}}', "{report_directory} needs report, which says what"),
        (
            f'{JSONL}env: {{A: "{{report_directory}}"}}\nreport: {{file: ../a, events: []}}',
            "tools.mytool.report.file: expected the name of a file",
        ),
        (
            f'{JSONL}env: {{A: "{{report_directory}}"}}\nreport: {{file: a, events: [{{stderr: x, ends: true}}]}}',
            "tools.mytool.report.events[0]: a report is one value of JSON, and has no stderr",
        ),
        (
            f'{JSONL}env: {{A: "{{report_directory}}"}}\nreport: {{file: a, events: [{{waits: true}}]}}',
            "tools.mytool.report.events[0].waits: a report is read when the run is over",
        ),
    ],
)
def test_what_makes_no_sense_is_refused_with_its_place(text: str, expected: str) -> None:
    assert expected in complaint(text)


@pytest.mark.parametrize(
    "text",
    [
        "argv: mytool --go",
        "output: xml",
        "unknown: 1",
        "output: jsonl\nevents: [{whne: {a: 1}}]",
        "exit_codes: {0: auth}",
        "exit_codes: {1: unknown}",
        "stop: {signal: KILL}",
        "stop: {grace: 0}",
        "argv: [mytool, {permission: {write: []}}]",
        "longest_prompt: 0",
        "errors: [{status: 99, class: auth}]",
    ],
)
def test_settings_of_the_wrong_shape_are_refused(text: str) -> None:
    with pytest.raises(msgspec.ValidationError):
        tool(text)


def test_an_exit_code_is_a_number_also_in_json() -> None:
    read = msgspec.json.decode('{"exit_codes": {"77": "auth"}}', type=ToolSettings)

    assert read.exit_codes == settings_of("exit_codes: {77: auth}").exit_codes == {77: "auth"}


def test_a_built_in_tool_takes_no_template() -> None:
    with pytest.raises(ValueError, match=r"tools\.claude: claude is built in and takes command only"):
        configured({"claude": ToolSettings(argv=("claude", "-p"))})


def test_a_configured_tool_stands_beside_those_that_need_no_entry() -> None:
    wrappers = configured({"aider": ToolSettings(argv=("aider", "{prompt_file}"), proof="none")})

    assert set(wrappers) == {*names(), "aider"}
    assert wrappers["aider"].program == "aider"
