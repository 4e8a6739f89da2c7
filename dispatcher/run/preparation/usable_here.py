"""Whether this host has what a worker group needs: its program, the keys that its variables name, and its config home.

A dispatcher looks when it starts and when it reads its configuration, and each run finds out before its agent starts.
What is missing keeps the group from this host alone, and uses up no attempt. What the service refuses is another
matter: that holds on every host.
"""

import os
import shutil
from collections.abc import Iterable, Mapping
from pathlib import Path

from dispatcher.configuration.paths import expanded
from dispatcher.errors import UsageError
from dispatcher.run.preparation import environment
from dispatcher.run.preparation.environment import Environment, SecretError
from dispatcher.run.preparation.refusals import NotStartedError, cannot, unusable
from sql.rows.groups import GroupRow
from wrappers.base import Invocation, Request, Wrapper


def why_unusable(groups: Iterable[GroupRow], wrappers: Mapping[str, Wrapper]) -> dict[str, str]:
    """Return what this host lacks for those of the groups that cannot run here. No program is called."""
    found = {}
    for group in groups:
        try:
            wrapper = wrapper_of(group.tool, wrappers)
            home = chosen_home(group.config_home, group.env_vars, wrapper)
            request = Request(run_id="", prompt_file="", config_home=home)
            equip(group.env_vars, home, wrapper, wrapper.invocation(request))
        except NotStartedError as refusal:
            if refusal.error_class == "unusable_here":
                found[group.group_name] = str(refusal)
    return found


def wrapper_of(tool: str, wrappers: Mapping[str, Wrapper]) -> Wrapper:
    """Return how the tool is called. Raises :class:`NotStartedError`."""
    try:
        return wrappers[tool]
    except KeyError:
        raise unusable(
            f"this dispatcher does not know how to call {tool}: describe it under tools: in its config.yaml"
        ) from None


def chosen_home(chosen: str | None, env: Mapping[str, str], wrapper: Wrapper) -> str | None:
    """Return the config home that a group names. Raises :class:`NotStartedError`.

    One that is missing will be made if the group has a key. Without one, the login was in there.
    """
    if not chosen:
        return None
    try:
        home = expanded(chosen)
    except UsageError as error:
        raise unusable(str(error)) from error
    login = wrapper.login
    if login is not None and not any(env.get(name) for name in login.variables) and not _is_directory(home):
        variable = wrapper.config_home_variable
        where = f"{variable}={home} " if variable else ""
        raise unusable(
            f"its config home {home} is not a directory: log in there as the user who runs the dispatcher, "
            f"with `mkdir -p {home} && {where}{login.command}`"
        )
    return str(home)


def _is_directory(path: Path) -> bool:
    try:
        return path.is_dir()
    except OSError:  # such as one in a directory that is closed to us
        return False


def equip(
    env: Mapping[str, str],
    config_home: str | None,
    wrapper: Wrapper,
    invocation: Invocation,
    *,
    extra: Mapping[str, str] | None = None,
    marks: Mapping[str, str] | None = None,
) -> tuple[Environment, str]:
    """Return the environment of an agent of a group with the variables ``env``, and the path of its program.

    Raises :class:`NotStartedError`.
    """
    try:
        given = {**(extra or {}), **invocation.env}
        built = environment.for_account(env, wrapper, config_home, given, marks or {})
    except SecretError as error:
        raise unusable(str(error)) from error
    except OSError as error:
        raise cannot("a secret could not be read", error) from error
    for name in wrapper.login.variables if wrapper.login is not None else ():
        # With an empty key the CLI would use a login of its home.
        if env.get(name) and not built.variables[name].strip():
            raise unusable(f"{name} is {env[name]}, which is empty")
    path = built.variables.get("PATH", os.defpath)
    program = shutil.which(invocation.argv[0], path=path)
    if program is None:
        raise unusable(
            f"{invocation.argv[0]} is not installed on this host, or not on its dispatcher's PATH: "
            f"{wrapper.install_hint} (PATH is {path})"
        )
    return built, program
