"""How `gemini` is called with stream-json (measured with 0.61.0), and everything else that is known about it."""

import signal
from collections.abc import Iterator

from wrappers.base import (
    ContainerSandbox,
    GentleStop,
    HomeFile,
    Login,
    PromptLimit,
    Request,
    Versions,
    Wrapper,
)
from wrappers.gemini.parser import GeminiParser
from wrappers.gemini.settings import SETTINGS_FILE, new_home, sandbox_wanted, what_is_missing
from wrappers.modes import Permission

VERSION = "0.61.0"

# In `default` the model is not even offered the tools that write.
APPROVAL_MODES: dict[Permission, str] = {"read": "default", "edit": "auto_edit", "full": "yolo"}

# The last two are for Vertex AI, which bills what is used: a key, and the path of a service account's file.
LOGIN = Login(
    variables={
        "GEMINI_API_KEY": "key",
        "GOOGLE_API_KEY": "key",
        "GOOGLE_APPLICATION_CREDENTIALS": "key",
    },
    suggested="GEMINI_API_KEY",
    command="gemini",
    files=(".gemini/oauth_creds.json",),
)


def arguments(request: Request) -> Iterator[str]:
    yield from ("--skip-trust", "--approval-mode", APPROVAL_MODES[request.permission], "-o", "stream-json")
    if request.model:
        yield from ("-m", request.model)
    yield from ("--resume", request.resume) if request.resume else ("--session-id", request.run_id)


WRAPPER = Wrapper(
    name="gemini",
    program="gemini",
    install_hint=f"npm install -g @google/gemini-cli@{VERSION}",
    arguments=arguments,
    parser=GeminiParser,
    # Without this variable gemini starts itself a second time, and the first process ignores SIGTERM.
    environment={"GEMINI_CLI_NO_RELAUNCH": "true"},
    # SIGTERM ends gemini at once, but leaves behind the commands that it runs.
    stop=GentleStop(signal.SIGTERM, 2.0),
    config_home_variable="GEMINI_CLI_HOME",
    default_config_home=".",
    new_home=new_home,
    # gemini's readStdin() cuts off the rest, and only a debug log says so.
    longest_prompt=PromptLimit(8 * 2**20, "bytes"),
    # gemini takes variables that it lacks from these files, such as the address of its service. It does not let the
    # agent write them.
    steering_files=(".gemini/", ".env"),
    # It starts without a terminal only in a directory that is trusted, and nothing keeps it from these then: the option
    # --ignore-env, which its code looks for, is refused as unknown.
    steering_clones=(".gemini/", ".env"),
    versions=Versions(VERSION, VERSION),
    login=LOGIN,
    # gemini makes a sandbox only if the account's settings or variables ask for one, and exits with 44 if it cannot.
    sandbox=ContainerSandbox(
        programs=("docker", "podman"),
        variable="GEMINI_SANDBOX",
        key="tools.sandbox",
        setting=HomeFile(SETTINGS_FILE, sandbox_wanted),
    ),
    advice=HomeFile(SETTINGS_FILE, what_is_missing),
    env_files=(".gemini/.env", ".env"),
)
