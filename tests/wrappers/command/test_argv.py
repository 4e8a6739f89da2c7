"""How a described tool is started."""

import signal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.wrappers.command.tool import argv, complaint, request, tool
from wrappers.base import PromptLimit


def test_placeholders_are_filled_in() -> None:
    template = 'argv: [aider, --yes, --message-file, "{prompt_file}", "--tag={run_id}-{permission}"]'

    assert argv(template) == ["aider", "--yes", "--message-file", "/run/prompt", "--tag=the-run-edit"]


def test_a_flag_without_a_value_is_left_out_with_its_list() -> None:
    template = 'argv: [mytool, [--model, "{model}"], --go]'

    assert argv(template) == ["mytool", "--go"]
    assert argv(template, model="large") == ["mytool", "--model", "large", "--go"]


def test_an_argument_without_a_value_is_left_out() -> None:
    template = 'argv: [mytool, --go, "--model={model}", "--session={session}"]'

    assert argv(template, resume="s") == ["mytool", "--go", "--session=s"]


def test_arguments_may_depend_on_the_permission_profile() -> None:
    template = "argv: [mytool, {permission: {read: [--plan, --safe], edit: []}}, --go]"

    assert argv(template, permission="read") == ["mytool", "--plan", "--safe", "--go"]
    assert argv(template, permission="edit") == ["mytool", "--go"]
    assert tool(template).permissions == ["read", "edit"]


def test_a_profile_that_one_part_does_not_name_is_none_of_the_tool() -> None:
    template = "argv: [mytool, {permission: {read: [a], edit: [b]}}, {permission: {edit: [c], full: [d]}}]"

    assert tool(template).permissions == ["edit"]
    assert tool("argv: [mytool]").permissions == ["read", "edit", "full"]


def test_braces_that_are_no_placeholder_stay() -> None:
    template = """argv: [mytool, '{"a": {"b": 1}}', "{{model}}", "{}"]"""

    assert argv(template) == ["mytool", '{"a": {"b": 1}}', "{model}", "{}"]


@given(st.text().filter(lambda text: "\0" not in text))
def test_values_are_never_taken_for_templates(value: str) -> None:
    assert argv('argv: [mytool, "{prompt_file}", "-m{model}"]', model=f"x{value}{{run_id}}")[2] == (
        f"-mx{value}{{run_id}}"
    )


@given(value=st.text(), profile=st.sampled_from(["read", "edit", "full"]))
def test_no_value_takes_an_argument_of_the_profile_away(value: str, profile: str) -> None:
    template = """
    argv: [mytool, {permission: {read: [--read], edit: [--edit], full: [--full]}}, [--model, "{model}"]]
    """

    assert argv(template, model=value, permission=profile)[1] == f"--{profile}"


def test_the_prompt_comes_by_stdin_by_a_pipe_by_file_or_as_an_argument() -> None:
    by_file = tool('argv: [mytool, "{prompt_file}"]')
    as_argument = tool('{argv: [mytool, --, "{prompt}"], prompt: argument}')

    assert tool("").invocation(request()).stdin == "prompt"
    assert tool("prompt: pipe").invocation(request()).stdin == "pipe"
    assert by_file.invocation(request()).stdin == "null"
    assert as_argument.invocation(request(prompt="{model} -x")).argv == ("mytool", "--", "{model} -x")
    assert as_argument.invocation(request()).stdin == "null"
    assert as_argument.takes_prompt_as_argument
    assert not by_file.takes_prompt_as_argument


def test_a_prompt_has_the_length_that_its_way_takes() -> None:
    as_argument = 'argv: [mytool, "{prompt}"]\nprompt: argument\n'

    assert tool("").longest_prompt is None
    assert tool("longest_prompt: 500").longest_prompt == PromptLimit(500, "bytes")
    assert tool(as_argument).longest_prompt == PromptLimit(126 * 1024, "bytes")
    assert tool(f"{as_argument}longest_prompt: 500").longest_prompt == PromptLimit(500, "bytes")


def test_variables_are_filled_in_or_left_out() -> None:
    mytool = tool('env: {XDG: "{config_home}/config", PLAIN: "1", MODEL: "{model}"}')

    assert mytool.invocation(request(config_home="/a")).env == {"XDG": "/a/config", "PLAIN": "1"}
    assert mytool.invocation(request(model="m")).env == {"PLAIN": "1", "MODEL": "m"}


def test_the_config_home_goes_into_the_variable_of_the_tool() -> None:
    mytool = tool("config_home_variable: MYTOOL_HOME")

    assert mytool.invocation(request(config_home="/accounts/a")).env == {"MYTOOL_HOME": "/accounts/a"}


def test_what_protects_an_account_reaches_the_wrapper() -> None:
    mytool = tool("""
    stop: {signal: INT, grace: 8}
    config_home_files: {settings.json: "{}"}
    default_config_home: .mytool
    steering_files: [.mytool/, mytool.json]
    steering_clones: [mytool.json]
    env_files: [.env]
    credentials: {MYTOOL_TOKEN: token, MYTOOL_KEY: key}
    login: {command: mytool login, status: [auth, status], files: [auth.json]}
    versions: {oldest: 1.0.0, measured: 1.2.0}
    models: [a/b]
    install: npm install -g mytool
    """)

    assert (mytool.stop.signal, mytool.stop.grace) == (signal.SIGINT, 8)
    assert mytool.new_home(()) == {"settings.json": "{}"}
    assert mytool.default_config_home == ".mytool"
    assert (mytool.steering_files, mytool.steering_clones) == ((".mytool/", "mytool.json"), ("mytool.json",))
    assert (mytool.env_files, mytool.models) == ((".env",), ("a/b",))
    assert mytool.install_hint == "npm install -g mytool"
    assert mytool.versions is not None
    assert (mytool.versions.oldest, mytool.versions.measured) == ("1.0.0", "1.2.0")
    assert mytool.login is not None
    assert (mytool.login.suggested, mytool.login.variables["MYTOOL_KEY"]) == ("MYTOOL_TOKEN", "key")
    assert (mytool.login.command, mytool.login.status) == ("mytool login", ("auth", "status"))
    assert mytool.login.files == ("auth.json",)


def test_a_tool_of_which_little_is_known_gets_what_is_safe() -> None:
    mytool = tool("")

    assert (mytool.stop.signal, mytool.stop.grace) == (signal.SIGTERM, 5)
    assert mytool.login is None
    assert mytool.versions is None
    assert "tools.mytool.command" in mytool.install_hint


def test_proof_is_what_a_tool_says_it_has() -> None:
    assert not tool("proof: none").is_proven
    assert tool("fails: [^Error]").is_proven


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("argv: []", "tools.mytool.argv is missing"),
        (
            'argv: [mytool, "{promt_file}"]',
            "{promt_file} is not a valid placeholder: expected {prompt_file}, {prompt}",
        ),
        ('argv: [mytool, --model, "{model}"]', 'write [--model, "{model}"] as a list of its own'),
        ('argv: ["{model}", x]', "the first element is the program"),
        ("argv: [[mytool, x]]", "the first element is the program"),
        ("{argv: [mytool], prompt: file}", "{prompt_file} stands in argv exactly when prompt is file"),
        ('{argv: [mytool, "{prompt_file}"], prompt: stdin}', "exactly when prompt is file"),
        ("{argv: [mytool], prompt: argument}", "{prompt} stands in argv exactly when prompt is argument"),
        ('argv: [mytool, "{prompt}"]', "{prompt} stands in argv exactly when prompt is argument"),
        ('env: {ASK: "{prompt}"}', "tools.mytool.env: {prompt} stands in argv only"),
        ('env: {A: "{x}"}', "tools.mytool.env.A: {x} is not a valid placeholder"),
        ("env: {A-B: x}", "tools.mytool.env: 'A-B' is not a valid name of a variable"),
        ("credentials: {A B: key}", "tools.mytool.credentials: 'A B' is not a valid name"),
        (
            "argv: [mytool, {permission: {read: [a]}}, {permission: {full: [b]}}]",
            "no permission profile is in each of its parts",
        ),
        (
            'argv: [mytool, {permission: {read: [--safe, "-m{model}"]}}]',
            "tools.mytool.argv[1].permission.read: {model} may have no value, which would leave out all",
        ),
    ],
)
def test_what_makes_no_sense_is_refused_with_a_reason(text: str, expected: str) -> None:
    assert expected in complaint(text)
