"""From a claimed run to a process that can be started: consent, workspace, arguments, environment."""

import contextlib
import os
import shutil
import tempfile
import uuid
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import structlog

from dispatcher.configuration.paths import expanded
from dispatcher.configuration.secret_references import why_secret
from dispatcher.configuration.settings import SecuritySettings
from dispatcher.database.rows import ClaimedRun, InputFile
from dispatcher.errors import UsageError
from dispatcher.host import linux, mounts, survivors
from dispatcher.host.host_trouble import HOST_TROUBLE
from dispatcher.host.own_environment import GIVEN
from dispatcher.run import environment
from dispatcher.run.environment import Environment, SecretError
from dispatcher.run.launch import Launch
from dispatcher.workspaces import run_record
from dispatcher.workspaces.short_paths import short_path
from dispatcher.workspaces.work_directory import Workspace
from wrappers.base import AuthMode, PromptLimit, Request, Wrapper, is_among

log = structlog.get_logger()

GO_ON = "Your work on this was cut short. Go on where you stopped. This is what was asked of you:\n\n"


class NotStartedError(Exception):
    """The agent cannot be started; the message says why and what to do. ``error_class`` is the run's."""

    def __init__(self, error_class: str, message: str) -> None:
        super().__init__(message)
        self.error_class = error_class


def cannot(what: str, error: OSError, *, host_trouble: bool = False) -> NotStartedError:
    """Say that something failed, and whether the task is to blame: trouble of the host uses up no attempt."""
    if host_trouble or error.errno in HOST_TROUBLE:
        return NotStartedError("no_resources", f"{what} on this host: {error}")
    return NotStartedError("spawn_failed", f"{what}: {error}")


def unusable(claimed: ClaimedRun, why: str) -> NotStartedError:
    """Blame the account: with none of its tasks an agent could start, so its group pauses and they wait."""
    return NotStartedError("auth", f"worker group {claimed.group_name}: {why}")


@dataclass(frozen=True, slots=True)
class Prepared:
    """A process to start, and the secrets in its environment, which must not be stored or logged.

    ``keys`` are those that must not even stand in its output files, see :class:`Masking`.
    """

    launch: Launch
    secrets: tuple[str, ...]
    keys: tuple[str, ...]


def prepare(
    claimed: ClaimedRun,
    wrapper: Wrapper,
    workspace: Workspace,
    inputs: Sequence[InputFile],
    security: SecuritySettings,
    owner: str,
) -> Prepared:
    """Lay out the workspace and decide everything about the process. Raises :class:`NotStartedError`.

    A prompt or an input file that is to be read in pieces is not there yet: :func:`dispatcher.run.fetching.fetch`.
    Looks at the directory that a task chose, which may be on a dead network mount: call it in a thread then.
    """
    check_consent(claimed, security)
    check_directory(claimed, workspace)
    check_arguments(claimed)
    check_session(claimed, workspace)
    if claimed.fallback_model is not None and not wrapper.takes_fallback_model:
        raise NotStartedError(
            "invalid_request", f"{claimed.tool} knows no fallback model: submit it without one"
        )
    prompt = None
    if claimed.prompt is not None:
        prompt = GO_ON + claimed.prompt if claimed.goes_on else claimed.prompt
        check_prompt(prompt, wrapper)
    check_inputs([file.path for file in inputs], wrapper)
    try:
        make_config_home(_chosen_home(claimed), wrapper, claimed.env.keys())
        make_room(workspace, claimed.run_id)
        workspace.lay_out(prompt, inputs)
    except OSError as error:
        ours = not workspace.directory.exists()
        raise cannot("the workspace could not be made", error, host_trouble=ours) from error
    request = Request(
        run_id=claimed.run_id,
        prompt_file=str(workspace.prompt),
        model=claimed.model,
        permission=claimed.permission,
        resume=claimed.session_id,
        config_home=_chosen_home(claimed),
        fallback_model=claimed.fallback_model,
        budget_usd=claimed.budget_usd,
    )
    invocation = wrapper.invocation(request)
    try:
        extra = {**temporary(workspace, owner), **invocation.env}
        built = _environment(claimed, wrapper, request.config_home, extra, owner)
    except SecretError as error:
        raise unusable(claimed, str(error)) from error
    except OSError as error:
        raise cannot("a secret could not be read", error) from error
    check_credentials(claimed, wrapper, built)
    path = built.variables.get("PATH", os.defpath)
    program = shutil.which(invocation.argv[0], path=path)
    if program is None:
        raise NotStartedError(
            "spawn_failed",
            f"{invocation.argv[0]} is not installed on this host, or not on its dispatcher's PATH ({path}). "
            f"{wrapper.install_hint}",
        )
    launch = Launch(
        argv=[program, *invocation.argv[1:]],
        cwd=workspace.work,
        stdin=workspace.prompt if invocation.stdin == "prompt" else Path(os.devnull),
        stdout=workspace.stdout,
        stderr=workspace.stderr,
        env=built.variables,
    )
    return Prepared(launch, built.secrets, built.keys)


def secrets_of(claimed: ClaimedRun, shell: int | None) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Find the secrets that an adopted run was given: in its ``shell`` while that lives, and as they are by now.

    Returns them all, and the keys among them. A secret that was replaced or taken away meanwhile is not found any
    more when the shell has ended. Raises OSError when this host has no room to look.
    """
    given = linux.environment_of(shell) if shell is not None else {}
    if given.get(survivors.RUN) != claimed.run_id:
        given = {}  # the shell has ended meanwhile, and its number is somebody else's
    secrets = {*environment.passwords_among(given or GIVEN).items()}
    for name, reference in claimed.env.items():
        found = {given.get(name)}
        try:
            found.add(environment.resolve(name, reference))
        except SecretError as error:
            log.warning(
                "a secret of an adopted run is not known any more", task=claimed.number, error=str(error)
            )
        secrets |= {(name, value) for value in found if value and value != reference}
    # What its group names no more is known by its looks.
    ours = {*environment.INHERITED, *environment.TEMPORARY, survivors.RUN, survivors.OWNER}
    forgotten = given.keys() - claimed.env.keys() - ours
    secrets |= {(name, given[name]) for name in forgotten if why_secret(name, given[name])}
    return tuple({value for _, value in secrets}), environment.keys_among(secrets)


def check_directory(claimed: ClaimedRun, workspace: Workspace) -> None:
    """Refuse a directory within the one where runs live, as NotStartedError: it may be another task's."""
    runs = workspace.directory.parent.parent.resolve()
    if claimed.workdir is not None and Path(claimed.workdir).resolve().is_relative_to(runs):
        raise NotStartedError(
            "permission_denied",
            f"{claimed.workdir} is inside of {runs}, where the directories of all runs are: "
            "reply to a task to go on in its directory",
        )


def check_arguments(claimed: ClaimedRun) -> None:
    """Refuse a model or session that the CLI would take for an option, as NotStartedError.

    submit_tasks() refuses such a task, but rows may be inserted by hand, and agents of some tools name their session.
    """
    given = {"model": claimed.model, "fallback model": claimed.fallback_model, "session": claimed.session_id}
    for what, value in given.items():
        if value is not None and value.startswith("-"):
            raise NotStartedError(
                "invalid_request", f'the {what} {value!r} begins with "-" and would be an option of the CLI'
            )


def check_session(claimed: ClaimedRun, workspace: Workspace) -> None:
    """Refuse to go on with a session whose directory is gone, as NotStartedError; a task's own one begins anew."""
    if claimed.workdir is not None or workspace.has_own_work or workspace.work.is_dir():
        return
    if claimed.goes_on:
        raise NotStartedError("invalid_request", "the directory of its session is gone: it starts over")
    raise NotStartedError(
        "spawn_failed",
        f"the directory of the session is not on this host any more: it was kept for execution.keep_sessions, "
        f"in {workspace.work}",
    )


def check_credentials(claimed: ClaimedRun, wrapper: Wrapper, built: Environment) -> None:
    """Refuse a key that a reference found to be empty, as NotStartedError: the CLI would use a login of its home."""
    for name in wrapper.login.variables if wrapper.login is not None else ():
        if claimed.env.get(name) and not built.variables[name].strip():
            raise unusable(claimed, f"{name} is {claimed.env[name]}, which is empty")


def check_prompt(prompt: str, wrapper: Wrapper) -> None:
    """Refuse a prompt that the CLI would refuse or, without a word, cut off, as NotStartedError."""
    limit = wrapper.longest_prompt
    if limit is not None:
        check_length(limit.length_of(prompt), wrapper, limit)


def check_length(length: int, wrapper: Wrapper, limit: PromptLimit) -> None:
    """Refuse a prompt of this length, as :func:`check_prompt` does."""
    if length <= limit.most:
        return
    raise NotStartedError(
        "invalid_request",
        f"the prompt has {length:,} {limit.unit}, and {wrapper.name} takes {limit.most:,} at most: "
        "put the text into an input file, and say in the prompt to read it",
    )


def check_inputs(paths: Iterable[str], wrapper: Wrapper) -> None:
    """Refuse input files that would steer the CLI itself, as NotStartedError.

    Who submits a task may tell an agent what to do, and not where its account's key goes or what runs unasked.
    """
    for path in paths:
        if is_among(wrapper.steering_files, path):
            raise NotStartedError(
                "permission_denied",
                f"the input file {path} would tell {wrapper.name} itself what to do, with which service and key: "
                "put such settings into the account's config home, or give the file another name",
            )


def make_room(workspace: Workspace, run_id: str) -> None:
    """Put aside what a run left of which the database knows nothing. Raises OSError.

    It was restored from a dump, and gives the numbers again that it gave since then. What was kept for a session would
    be removed some day, and is now; the rest may be all that is left of a result.
    """
    if not workspace.directory.exists():
        return
    header = run_record.read(workspace.directory).header
    if workspace.kept_until is not None:
        workspace.discard()
    elif header is not None and header.run_id != run_id:
        aside = workspace.directory.with_name(f"{workspace.directory.name}.{uuid.uuid4()}")
        workspace.directory.rename(aside)
        log.warning("put aside what a run left that the database does not know", path=str(aside))


def make_config_home(chosen: str | None, wrapper: Wrapper, variables: Collection[str]) -> None:
    """Create an account's config home where it is missing, for its owner alone, with settings. Raises OSError.

    It is made under another name and then given its own, so that nobody ever finds one without its settings. One that
    is there belongs to whoever made it, and nothing in it is touched.
    """
    if chosen is None or (home := Path(chosen)).is_dir():
        return
    home.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    made = Path(tempfile.mkdtemp(prefix=f".{home.name}.", dir=home.parent))
    try:
        for name, text in wrapper.new_home(variables).items():
            file = made / name
            file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            file.write_text(text, encoding="utf-8")
        made.rename(home)
    except OSError:
        with contextlib.suppress(OSError):
            mounts.remove_tree(made)
        if not home.is_dir():  # else another run of the account was faster
            raise


def temporary(workspace: Workspace, owner: str) -> Mapping[str, str]:
    """Return the variables that lead an agent to its own directory of temporary files, by a short name."""
    place = short_path(workspace.tmp, workspace.directory.parent, owner)
    return dict.fromkeys(environment.TEMPORARY, place)


def auth_mode_of(claimed: ClaimedRun, wrapper: Wrapper) -> AuthMode | None:
    """Say how the agent proves who it is, by the variables that its group has; None where nobody knows."""
    if wrapper.login is None:
        return None
    return next((mode for name, mode in wrapper.login.variables.items() if claimed.env.get(name)), "login")


def config_home_of(claimed: ClaimedRun, wrapper: Wrapper) -> Path | None:
    """Find where the CLI keeps its configuration and sessions in this run; None where nobody knows."""
    if wrapper.config_home_variable is None:
        return None
    try:
        variables = _environment(claimed, wrapper, _chosen_home(claimed), {}, "").variables
    except (SecretError, NotStartedError):
        return None
    if wrapper.config_home_variable in variables:
        return Path(variables[wrapper.config_home_variable])
    if wrapper.default_config_home is None or "HOME" not in variables:
        return None
    return Path(variables["HOME"], wrapper.default_config_home)


def _chosen_home(claimed: ClaimedRun) -> str | None:
    if not claimed.config_home:
        return None
    try:
        return str(expanded(claimed.config_home))
    except UsageError as error:
        raise unusable(claimed, str(error)) from error


def _environment(
    claimed: ClaimedRun, wrapper: Wrapper, config_home: str | None, extra: Mapping[str, str], owner: str
) -> Environment:
    home = {wrapper.config_home_variable: config_home} if config_home and wrapper.config_home_variable else {}
    marks = {survivors.RUN: claimed.run_id, survivors.OWNER: owner}
    return environment.build(claimed.env, {**extra, **home}, marks)


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
    try:
        usable = chosen.is_absolute() and chosen.is_dir()
    except OSError as error:
        raise cannot("the task's work directory cannot be used", error) from error
    if not usable:
        raise NotStartedError(
            "spawn_failed", f"the task's work directory {chosen} is no directory on this host"
        )
    # Unlike those of Path these raise for no root, also where it names nobody's home or is a loop of links.
    roots = [os.path.realpath(os.path.expanduser(root)) for root in security.allowed_roots]  # noqa: PTH111
    if security.enforce_path_whitelist and not any(chosen.resolve().is_relative_to(root) for root in roots):
        raise NotStartedError(
            "permission_denied", f"{chosen} is below none of security.allowed_roots of this dispatcher"
        )
