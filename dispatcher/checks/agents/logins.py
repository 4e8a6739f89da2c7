"""Whether each group has a login. This sends no request to its service and spends no token.

What this proves: every reference of the group resolves in *this* process's environment, and its CLI has a key or a
stored login. Only a run shows whether the service still accepts it, and pauses the group if it does not.
"""

import os
import shutil
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from dispatcher.checks.agents.config_homes import config_home_of, found_in
from dispatcher.checks.agents.programs import ask
from dispatcher.checks.finding import Finding, ok, problem, warning
from dispatcher.checks.groups import Group
from dispatcher.run.preparation import environment
from dispatcher.run.preparation.environment import SecretError
from wrappers.base import Login, Request, Wrapper


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
    except OSError as error:  # such as a config home in a directory that this user may not enter
        return [problem(f"group {group.name}", str(error), "look as the user who runs the dispatcher")]


def _check(wrapper: Wrapper, group: Group, inherited: Mapping[str, str]) -> list[Finding]:
    subject, login, chosen = f"group {group.name}", wrapper.login, group.home
    request = Request(run_id="", prompt_file="", config_home=str(chosen) if chosen else None)
    try:
        built = environment.build(group.env, wrapper.invocation(request).env, {}, inherited)
    except SecretError as error:
        return [
            problem(subject, str(error), "provide it where the dispatcher runs, or change the group's env")
        ]
    variables = built.variables
    is_made = chosen is None or chosen.is_dir()
    will_be_made = login is not None and any(
        variables.get(name) for name in login.variables
    )  # by the first run
    if not is_made and not will_be_made:
        remedy = (
            _how_to_log_in(wrapper, login, chosen) if login else "make it, or change the group's config_home"
        )
        return [problem(subject, f"its config home {chosen} is not a directory", remedy)]
    if login is None:
        resolved = "its variables resolve; " if group.env else ""
        return [ok(subject, f"{resolved}the login of {wrapper.name} is not checked")]
    home = config_home_of(wrapper, group, variables)
    findings = [_login(wrapper, group, login, home, variables, inherited)]
    if is_made and wrapper.advice is not None and (advice := found_in(home, wrapper.advice)) is not None:
        findings.append(warning(subject, f"{home / wrapper.advice.path} {advice.what}", advice.remedy))
    return findings


def _login(
    wrapper: Wrapper,
    group: Group,
    login: Login,
    home: Path,
    variables: Mapping[str, str],
    inherited: Mapping[str, str],
) -> Finding:
    return (
        _variable(group, login, variables)
        or _named_key(group, login, home, variables)
        or _stored(wrapper, group, login, home, variables, _remedy(wrapper, group, login, inherited))
    )


def _variable(group: Group, login: Login, variables: Mapping[str, str]) -> Finding | None:
    """Look at the first of the group's variables that is a login by itself."""
    subject = f"group {group.name}"
    name = next((name for name in login.variables if name in variables), None)
    if name is None:
        return None
    if not variables[name].strip():
        return problem(subject, f"{name} is empty", "give it a value, or take it out of the group's env")
    reference = group.env[name]
    return ok(subject, f"uses {name}" + (f" from {reference}" if variables[name] != reference else ""))


def _named_key(group: Group, login: Login, home: Path, variables: Mapping[str, str]) -> Finding | None:
    """Look at the variable in which a file of the config home wants the key."""
    named = login.key_named_in
    wanted = found_in(home, named) if named is not None else None
    if named is None or wanted is None:
        return None
    if variables.get(wanted):
        return ok(f"group {group.name}", f"uses {wanted}, which {home / named.path} names")
    return problem(
        f"group {group.name}",
        f"{home / named.path} wants the key in {wanted}, which the group does not have",
        f"`llmctl group set {group.name} --env {wanted}=env:{wanted}`",
    )


def _stored(
    wrapper: Wrapper, group: Group, login: Login, home: Path, variables: Mapping[str, str], remedy: str
) -> Finding:
    """Look for a stored login: by the CLI's own command, or, where it has none, in its files."""
    subject = f"group {group.name}"
    if not login.status and not login.files:
        keys = " or ".join(login.variables)
        return warning(
            subject, f"{wrapper.name} has no {keys}, and whether it is logged in is not known", remedy
        )
    if not login.status:
        stored = [home / file for file in login.files]
        if any(file.is_file() for file in stored):
            return ok(subject, f"has a login in {stored[0]}")
        return problem(subject, f"{wrapper.name} has no key, and no login in {stored[0]}", remedy)
    program = shutil.which(wrapper.program, path=variables.get("PATH", os.defpath))
    if program is None:
        return warning(
            subject, f"{wrapper.program} is not installed, so its login is not known", wrapper.install_hint
        )
    answer = ask([program, *login.status], variables, home if home.is_dir() else Path("/"))
    if answer.exit_code is None:
        return warning(
            subject, f"`{wrapper.program} {' '.join(login.status)}` {answer.output}", "try it by hand"
        )
    if answer.exit_code != 0:
        return problem(subject, f"{wrapper.name} is not logged in, in {home}", remedy)
    return ok(subject, f"{wrapper.name} says that it is logged in, in {home}")


def _remedy(wrapper: Wrapper, group: Group, login: Login, inherited: Mapping[str, str]) -> str:
    for name in (*login.variables, *login.mistaken):
        if inherited.get(name):
            wanted = name if name in login.variables else login.suggested or name
            return (
                f"{name} of this environment is not passed on by itself:"
                f" `llmctl group set {group.name} --env {wanted}=env:{name}`"
            )
    log_in = _how_to_log_in(wrapper, login, group.home)
    if not login.suggested:
        return log_in
    return f"{log_in}, or give the group a key: --env {login.suggested}=env:VARIABLE"


def _how_to_log_in(wrapper: Wrapper, login: Login, config_home: Path | None) -> str:
    variable = wrapper.config_home_variable
    where = f"{variable}={config_home} " if config_home and variable else ""
    made = f"mkdir -p {config_home} && " if config_home and not config_home.is_dir() else ""
    return f"log in as the user who runs the dispatcher: `{made}{where}{login.command}`"
