"""Whether each group has a login, without a request to its service and without spending a token.

What this proves: every reference of the group resolves in *this* process's environment, and its CLI has a key or a
stored login. Whether the service still accepts it is shown only by a run, which pauses the group if it does not.
"""

import json
import os
import shutil
import tomllib
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from dispatcher.checks.finding import Finding, ok, problem, warning
from dispatcher.checks.groups import Group
from dispatcher.checks.programs import ask
from dispatcher.run import environment
from dispatcher.run.environment import SecretError
from wrappers import gemini
from wrappers.base import Request, Wrapper
from wrappers.logins import LOGINS, Login


def check_logins(
    wrappers: Mapping[str, Wrapper], groups: Sequence[Group], inherited: Mapping[str, str] = os.environ
) -> list[Finding]:
    """Look at each group; ``inherited`` is the environment in which `dispatcher run` would resolve references."""
    known = [group for group in groups if group.tool in wrappers]
    with ThreadPoolExecutor() as pool:
        return [
            finding
            for findings in pool.map(lambda group: _look(wrappers[group.tool], group, inherited), known)
            for finding in findings
        ]


def _look(wrapper: Wrapper, group: Group, inherited: Mapping[str, str]) -> list[Finding]:
    try:
        return _check(wrapper, group, inherited)
    except OSError as error:  # such as a config home in a directory that is not ours to enter
        return [problem(f"group {group.name}", str(error), "look as the user who runs the dispatcher")]


def _check(wrapper: Wrapper, group: Group, inherited: Mapping[str, str]) -> list[Finding]:
    subject = f"group {group.name}"
    config_home = group.home
    request = Request(run_id="", prompt_file="", config_home=str(config_home) if config_home else None)
    try:
        built = environment.build(group.env, wrapper.invocation(request).env, {}, inherited)
    except SecretError as error:
        return [
            problem(subject, str(error), "provide it where the dispatcher runs, or change the group's env")
        ]
    login = LOGINS.get(wrapper.name)
    if config_home is not None and not config_home.is_dir():
        if login is not None and any(built.variables.get(key) for key in login.keys):
            return [
                _login(wrapper, group, login, config_home, built.variables, inherited)
            ]  # the run makes it
        return [
            problem(
                subject,
                f"its config home {config_home} is no directory",
                _how_to_log_in(wrapper, config_home),
            )
        ]
    if login is None:
        return [
            ok(
                subject,
                ("its variables resolve; " if group.env else "") + f"{wrapper.name} is not asked for a login",
            )
        ]
    home = config_home or Path(built.variables.get("HOME", "/")) / login.home
    findings = [_login(wrapper, group, login, home, built.variables, inherited)]
    if wrapper.name == "gemini":
        findings += _gemini_settings(subject, home)
    return findings


def _login(
    wrapper: Wrapper,
    group: Group,
    login: Login,
    home: Path,
    variables: Mapping[str, str],
    inherited: Mapping[str, str],
) -> Finding:
    subject = f"group {group.name}"
    for key in login.keys:
        if key in variables:
            if not variables[key].strip():
                return problem(
                    subject, f"{key} is empty", "give it a value, or take it out of the group's env"
                )
            return ok(
                subject,
                f"uses {key}" + (f" from {group.env[key]}" if variables[key] != group.env[key] else ""),
            )
    if wrapper.name == "codex" and (wanted := _key_of_provider(home)) is not None:
        if variables.get(wanted):
            return ok(subject, f"uses {wanted}, the env_key of the provider in {home / 'config.toml'}")
        return problem(
            subject,
            f"the provider in {home / 'config.toml'} wants {wanted}, which the group has not",
            f"`llmctl group set {group.name} --env {wanted}=env:{wanted}`",
        )
    remedy = _remedy(wrapper, group, login, inherited)
    if login.status:
        program = shutil.which(wrapper.program, path=variables.get("PATH", os.defpath))
        if program is None:
            return warning(
                subject,
                f"{wrapper.program} is not installed, so its login is not known",
                wrapper.install_hint,
            )
        answer = ask([program, *login.status], variables, home if home.is_dir() else Path("/"))
        if answer.exit_code is None:
            return warning(
                subject, f"`{wrapper.program} {' '.join(login.status)}` {answer.output}", "try it by hand"
            )
        if answer.exit_code != 0:
            return problem(subject, f"{wrapper.name} is not logged in, in {home}", remedy)
        return ok(subject, f"{wrapper.name} says that it is logged in, in {home}")
    stored = [home / file for file in login.files]
    if not any(file.is_file() for file in stored):
        return problem(subject, f"{wrapper.name} has no key, and no login in {stored[0]}", remedy)
    return ok(subject, f"has a login in {stored[0]}")


def _remedy(wrapper: Wrapper, group: Group, login: Login, inherited: Mapping[str, str]) -> str:
    for key in (*login.keys, *login.ignored):
        if inherited.get(key):
            return (
                f"{key} of this environment is not passed on by itself:"
                f" `llmctl group set {group.name} --env {login.keys[0]}=env:{key}`"
            )
    return (
        f"{_how_to_log_in(wrapper, group.home)}, or give the group a key: --env {login.keys[0]}=env:VARIABLE"
    )


def _how_to_log_in(wrapper: Wrapper, config_home: Path | None) -> str:
    login = LOGINS.get(wrapper.name)
    if login is None:
        return "make it, or change the group's config_home"
    where = f"{wrapper.config_home_variable}={config_home} " if config_home else ""
    made = f"mkdir -p {config_home} && " if config_home and not config_home.is_dir() else ""
    return f"log in as the user who runs the dispatcher: `{made}{where}{login.command}`"


def _key_of_provider(home: Path) -> str | None:
    """Find the variable in which codex expects the key of a provider that its config.toml names."""
    try:
        config = tomllib.loads((home / "config.toml").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    provider = config.get("model_provider")
    providers = config.get("model_providers")
    entry = providers.get(provider) if isinstance(providers, dict) else None
    key = entry.get("env_key") if isinstance(entry, dict) else None
    return key if isinstance(key, str) else None


def _gemini_settings(subject: str, home: Path) -> list[Finding]:
    file = home / gemini.SETTINGS_FILE
    try:
        settings = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        settings = {}
    for section, wanted in gemini.RECOMMENDED_SETTINGS.items():
        there = settings.get(section) if isinstance(settings, dict) else None
        if not isinstance(there, dict) or any(there.get(key) != value for key, value in wanted.items()):
            return [
                warning(
                    subject,
                    f"{file} lets gemini retry by itself for minutes, update itself or send statistics",
                    f"put into it: {json.dumps(gemini.RECOMMENDED_SETTINGS)}",
                )
            ]
    return []
