"""How `codex exec --json` is called (measured with 0.169.0), and everything else that is known about it."""

import signal
import tomllib
from collections.abc import Iterator

from wrappers.base import (
    GentleStop,
    HomeFile,
    Login,
    NamespaceSandbox,
    PromptLimit,
    Request,
    Versions,
    Wrapper,
)
from wrappers.codex.parser import CodexParser
from wrappers.modes import Permission

VERSION = "0.169.0"

SANDBOXES: dict[Permission, str] = {
    "read": "read-only",
    "edit": "workspace-write",
    "full": "danger-full-access",
}

# With `plugins`, git would clone a repository before each run. `exec` never asks the user, whatever the configuration
# says. The retries of the built-in provider cannot be configured, and those of another provider should not be: without
# retries a broken connection ends the run, and with a single one codex sleeps for ten minutes if the service says so.
# So the parser reports when codex waits (`Waits`).
QUIET = (
    "--disable",
    "plugins",
    "-c",
    "check_for_update_on_startup=false",
    "-c",
    "analytics.enabled=false",
)


def arguments(request: Request) -> Iterator[str]:
    yield from ("exec", "--json", "--skip-git-repo-check", "-s", SANDBOXES[request.permission], *QUIET)
    if request.model:
        yield from ("-m", request.model)
    if request.resume:
        yield from ("resume", request.resume)  # after all flags: it takes no -s
    yield "-"


def key_of_provider(config: str) -> str | None:
    """Find the variable in which codex expects the key of the provider that its config.toml names."""
    try:
        settings = tomllib.loads(config)
    except ValueError:
        return None
    provider, providers = settings.get("model_provider"), settings.get("model_providers")
    entry = providers.get(str(provider)) if isinstance(providers, dict) else None
    key = entry.get("env_key") if isinstance(entry, dict) else None
    return key if isinstance(key, str) else None


LOGIN = Login(
    variables={"CODEX_API_KEY": "key"},
    suggested="CODEX_API_KEY",
    command="codex login",
    status=("login", "status"),
    mistaken=("OPENAI_API_KEY",),
    key_named_in=HomeFile("config.toml", key_of_provider),
)

WRAPPER = Wrapper(
    name="codex",
    program="codex",
    install_hint=f"npm install -g @openai/codex@{VERSION}",
    arguments=arguments,
    parser=CodexParser,
    # SIGTERM would end it at once and leave behind the commands that run outside its sandbox. SIGINT has no effect
    # in the first moment, before the turn has started; then the grace runs out.
    stop=GentleStop(signal.SIGINT, 2.0),
    config_home_variable="CODEX_HOME",
    default_config_home=".codex",
    longest_prompt=PromptLimit(2**20, "characters"),
    # codex reads it only in a directory that a person has declared trusted, which a new clone never is.
    steering_files=(".codex/",),
    versions=Versions("0.142.0", VERSION, ("0.142.0", "0.155.1", "0.171.0")),
    login=LOGIN,
    # codex brings bubblewrap along for it.
    sandbox=NamespaceSandbox(("sandbox", "--", "true")),
)
