"""From a claimed run to a process that can be started: consent, workspace, arguments, environment."""

import os
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from dispatcher import environment
from dispatcher.environment import Environment, SecretError
from dispatcher.launch import Launch
from dispatcher.settings import SecuritySettings
from dispatcher.store import ClaimedRun
from dispatcher.work_directory import Workspace
from wrappers.base import Request, Wrapper

InputFile = tuple[str, bytes, int]


class NotStartedError(Exception):
    """The agent cannot be started; the message says why and what to do. ``error_class`` is the run's."""

    def __init__(self, error_class: str, message: str) -> None:
        super().__init__(message)
        self.error_class = error_class


@dataclass(frozen=True, slots=True)
class Prepared:
    """A process to start, and the secrets in its environment, which must not be stored or logged."""

    launch: Launch
    secrets: tuple[str, ...]


def prepare(
    claimed: ClaimedRun, wrapper: Wrapper, workspace: Workspace, inputs: Sequence[InputFile]
) -> Prepared:
    """Lay out the workspace and decide everything about the process. Raises :class:`NotStartedError`."""
    try:
        workspace.lay_out(claimed.prompt, inputs)
    except OSError as error:
        raise NotStartedError("spawn_failed", f"the workspace could not be made: {error}") from error
    request = Request(
        run_id=claimed.run_id,
        prompt_file=str(workspace.prompt),
        model=claimed.model,
        permission=claimed.permission,
        resume=claimed.session_id,
        config_home=_chosen_home(claimed),
    )
    invocation = wrapper.invocation(request)
    try:
        built = _environment(claimed, wrapper, request.config_home, invocation.env)
    except SecretError as error:
        raise NotStartedError("spawn_failed", f"worker group {claimed.group_name}: {error}") from error
    program = shutil.which(invocation.argv[0], path=built.variables.get("PATH", os.defpath))
    if program is None:
        raise NotStartedError(
            "spawn_failed", f"{invocation.argv[0]} is not installed on this host. {wrapper.install_hint}"
        )
    launch = Launch(
        argv=[program, *invocation.argv[1:]],
        cwd=workspace.work,
        stdin=workspace.prompt if invocation.stdin == "prompt" else Path(os.devnull),
        stdout=workspace.stdout,
        stderr=workspace.stderr,
        env=built.variables,
    )
    return Prepared(launch, built.secrets)


def secrets_of(claimed: ClaimedRun, wrapper: Wrapper) -> tuple[str, ...]:
    """Find the secrets that an adopted run was given; none where they cannot be resolved any more."""
    try:
        return _environment(claimed, wrapper, None, {}).secrets
    except SecretError:
        return ()


def config_home_of(claimed: ClaimedRun, wrapper: Wrapper) -> Path | None:
    """Find where the CLI keeps its configuration and sessions in this run; None where nobody knows."""
    if wrapper.config_home_variable is None:
        return None
    try:
        variables = _environment(claimed, wrapper, _chosen_home(claimed), {}).variables
    except SecretError:
        return None
    if wrapper.config_home_variable in variables:
        return Path(variables[wrapper.config_home_variable])
    if wrapper.default_config_home is None or "HOME" not in variables:
        return None
    return Path(variables["HOME"], wrapper.default_config_home)


def _chosen_home(claimed: ClaimedRun) -> str | None:
    return str(Path(claimed.config_home).expanduser()) if claimed.config_home else None


def _environment(
    claimed: ClaimedRun, wrapper: Wrapper, config_home: str | None, extra: Mapping[str, str]
) -> Environment:
    home = {wrapper.config_home_variable: config_home} if config_home and wrapper.config_home_variable else {}
    return environment.build(claimed.env, {**extra, **home}, claimed.run_id)


def check_consent(claimed: ClaimedRun, security: SecuritySettings) -> None:
    """Refuse what the task asks for and this dispatcher's configuration does not grant, as NotStartedError."""
    if claimed.permission == "full" and not security.allow_dangerous_flags:
        raise NotStartedError(
            "permission_denied",
            "the task asks for permission full, which this dispatcher does not grant: "
            "set security.allow_dangerous_flags, or submit it with --permission edit",
        )
    if claimed.workdir is None:
        return
    chosen = Path(claimed.workdir)
    if not chosen.is_absolute() or not chosen.is_dir():
        raise NotStartedError(
            "spawn_failed", f"the task's work directory {chosen} is no directory on this host"
        )
    roots = [Path(root).expanduser().resolve() for root in security.allowed_roots]
    if security.enforce_path_whitelist and not any(chosen.resolve().is_relative_to(root) for root in roots):
        raise NotStartedError(
            "permission_denied", f"{chosen} is below none of security.allowed_roots of this dispatcher"
        )
