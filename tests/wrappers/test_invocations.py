"""The arguments and variables with which each CLI is started."""

import json
import shlex
from typing import Literal, get_args

import pytest

from wrappers.base import Permission, PromptLimit, Request
from wrappers.command.settings import ToolSettings
from wrappers.registry import built_in, configured, wrapper_of

RUN_ID = "0b8f4f8e-3c63-4f0e-9d0e-6a3f4f1f2a11"
PROMPT_FILE = "/runs/812-1/prompt"


def request(
    model: str | None = None,
    permission: Permission = "edit",
    resume: str | None = None,
    config_home: str | None = None,
) -> Request:
    return Request(
        run_id=RUN_ID,
        prompt_file=PROMPT_FILE,
        model=model,
        permission=permission,
        resume=resume,
        config_home=config_home,
    )


def test_claude_streams_json_and_edits_files() -> None:
    invocation = wrapper_of("claude").invocation(request(model="opus"))

    assert shlex.join(invocation.argv) == (
        "claude -p --output-format stream-json --verbose --permission-mode acceptEdits --model opus "
        f"--session-id {RUN_ID}"
    )
    assert invocation.env["CLAUDE_CODE_MAX_RETRIES"] == "2"


def test_codex_streams_json_in_its_sandbox() -> None:
    invocation = wrapper_of("codex").invocation(request(model="gpt-5"))

    assert shlex.join(invocation.argv) == (
        "codex exec --json --skip-git-repo-check -s workspace-write --disable plugins "
        "-c check_for_update_on_startup=false -c analytics.enabled=false -m gpt-5 -"
    )


def test_gemini_streams_json_and_edits_files() -> None:
    invocation = wrapper_of("gemini").invocation(request(model="gemini-2.5-pro"))

    assert shlex.join(invocation.argv) == (
        "gemini --skip-trust --approval-mode auto_edit -o stream-json -m gemini-2.5-pro "
        f"--session-id {RUN_ID}"
    )
    assert invocation.env == {"GEMINI_CLI_NO_RELAUNCH": "true"}


@pytest.mark.parametrize("cli", built_in())
@pytest.mark.parametrize("permission", get_args(Permission))
def test_dangerous_flags_stand_in_the_profile_full_only(cli: str, permission: Permission) -> None:
    argv = built_in()[cli].invocation(request(permission=permission)).argv
    dangerous = {"--dangerously-skip-permissions", "danger-full-access", "yolo"}

    assert bool(dangerous & set(argv)) == (permission == "full")


@pytest.mark.parametrize("cli", built_in())
def test_a_session_is_resumed_with_flags_before_its_id(cli: str) -> None:
    argv = list(built_in()[cli].invocation(request(resume="the-session", model="m")).argv)

    assert RUN_ID not in argv
    assert argv[argv.index("the-session") - 1].endswith("resume")
    if cli == "codex":
        assert argv[-3:] == ["resume", "the-session", "-"]


@pytest.mark.parametrize("cli", built_in())
def test_the_config_home_goes_into_the_variable_of_the_cli(cli: str) -> None:
    wrapper = built_in()[cli]
    variable = wrapper.config_home_variable

    assert variable is not None
    assert wrapper.invocation(request(config_home="/accounts/main")).env[variable] == "/accounts/main"
    assert variable not in wrapper.invocation(request()).env


@pytest.mark.parametrize("cli", built_in())
def test_the_prompt_stands_in_no_argument(cli: str) -> None:
    invocation = built_in()[cli].invocation(request())

    assert PROMPT_FILE not in invocation.argv
    assert invocation.stdin == "prompt"


@pytest.mark.parametrize(("unit", "length"), [("bytes", 10), ("characters", 4), ("UTF-16 units", 5)])
def test_a_prompt_is_measured_as_its_cli_does(
    unit: Literal["bytes", "characters", "UTF-16 units"], length: int
) -> None:
    assert PromptLimit(1, unit).length_of("aü€🎉") == length


def test_a_new_home_of_gemini_keeps_it_from_retrying_for_minutes() -> None:
    keyed, other = (wrapper_of("gemini").new_home(names) for names in (["GEMINI_API_KEY", "HOME"], ["HOME"]))

    settings = json.loads(keyed[".gemini/settings.json"])
    assert settings["general"] == {"maxAttempts": 2, "enableAutoUpdate": False}
    assert settings["security"] == {"auth": {"selectedType": "gemini-api-key"}}
    assert "security" not in json.loads(other[".gemini/settings.json"])


@pytest.mark.parametrize("cli", built_in())
def test_a_command_in_the_configuration_replaces_the_program_only(cli: str) -> None:
    wrapper = configured({cli: ToolSettings(command="/opt/bin/agent")})[cli]

    assert wrapper.program == "/opt/bin/agent"
    assert wrapper.invocation(request()).argv[0] == "/opt/bin/agent"
    assert wrapper.invocation(request()).argv[1:] == built_in()[cli].invocation(request()).argv[1:]


@pytest.mark.parametrize("cli", built_in())
def test_how_to_install_it_names_the_package_and_its_version(cli: str) -> None:
    assert built_in()[cli].install_hint.startswith("npm install -g @")
    assert built_in()[cli].install_hint[-1].isdigit()
