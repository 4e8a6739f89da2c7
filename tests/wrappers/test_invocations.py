"""The arguments and variables with which each CLI is started."""

from typing import Literal, get_args

import pytest

from tests.wrappers.replay import PROMPT_FILE, RUN_ID, request
from wrappers.base import PromptLimit
from wrappers.command.settings import ToolSettings
from wrappers.modes import Permission
from wrappers.registry import built_in, configured


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
