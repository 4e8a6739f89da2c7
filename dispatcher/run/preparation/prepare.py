"""From a claimed run to a process that can be started: checks, workspace, arguments, environment."""

import os
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import structlog

from dispatcher.configuration.settings import Settings
from dispatcher.host.host_trouble import is_host_trouble
from dispatcher.repositories.leftovers import unrecorded_run
from dispatcher.repositories.sources import is_trusted
from dispatcher.run.preparation import environment, refusals
from dispatcher.run.preparation.config_home import make_config_home
from dispatcher.run.preparation.refusals import cannot, unusable
from dispatcher.run.preparation.usable_here import chosen_home, equip
from dispatcher.run.process.launch import Launch, fed
from dispatcher.workspaces import run_record
from dispatcher.workspaces.short_paths import short_path
from dispatcher.workspaces.work_directory import Workspace
from sql.rows.dispatchers import ClaimedRun, InputFile
from wrappers.base import Request, Wrapper

log = structlog.get_logger()

GO_ON = "Your work on this was cut short. Go on where you stopped. This is what was asked of you:\n\n"


@dataclass(frozen=True, slots=True)
class Prepared:
    """A process to start, and the secrets in its environment, which must not be stored or logged.

    ``keys`` are the secrets that must not appear in its output files either, see :class:`Masking`.
    """

    launch: Launch
    secrets: tuple[str, ...]
    keys: tuple[str, ...]


def prepare(
    claimed: ClaimedRun,
    wrapper: Wrapper,
    workspace: Workspace,
    inputs: Sequence[InputFile],
    settings: Settings,
    owner: str,
    *,
    is_laid_out: bool = False,
) -> Prepared:
    """Lay out the workspace and decide everything about the process. Raises :class:`NotStartedError`.

    A prompt or an input file that is read in pieces is not there yet: see
    :func:`dispatcher.run.preparation.fetching.fetch`. Nor are a clone and the input files in it. A CLI that takes its
    prompt as an argument is prepared once more when it is there.
    ``is_laid_out``: an earlier dispatcher, or an earlier call, did all that.
    This looks at the directory that a task chose, which may be on a dead network mount: call it in a thread then.
    """
    refusals.check_consent(claimed, settings.security)
    refusals.check_directory(claimed, workspace)
    refusals.check_arguments(claimed)
    refusals.check_session(claimed, workspace)
    refusals.check_fallback_model(claimed, wrapper)
    refusals.check_permission(claimed, wrapper)
    prompt = prompt_of(claimed)
    if prompt is not None:
        refusals.check_prompt(prompt, wrapper)
    refusals.check_inputs([file.path for file in inputs], wrapper)
    config_home = chosen_home(claimed.config_home, claimed.env, wrapper)
    try:
        make_config_home(config_home, wrapper, claimed.env.keys())
    except OSError as error:
        what = f"its config home {config_home} could not be made"
        if is_host_trouble(error):
            raise cannot(what, error) from error
        raise unusable(f"{what}: {error}") from error
    if not is_laid_out:
        _lay_out(claimed, workspace, prompt, inputs)
    _lay_out_for(wrapper, workspace)
    request = Request(
        run_id=claimed.run_id,
        prompt_file=str(workspace.prompt),
        prompt=_argument(prompt, wrapper, workspace) if wrapper.takes_prompt_as_argument else None,
        report_directory=str(workspace.report),
        model=claimed.model,
        permission=claimed.permission,
        resume=claimed.session_id,
        config_home=config_home,
        fallback_model=claimed.fallback_model,
        budget_usd=claimed.budget_usd,
        is_untrusted=claimed.repository is not None and not is_trusted(claimed.repository, settings),
    )
    return _process(claimed, wrapper, workspace, request, owner)


def prompt_of(claimed: ClaimedRun) -> str | None:
    """Return what the agent is told; None if the prompt is to be read in pieces, between those of :func:`around`.

    A session that goes on has seen the prompt: it is told only what is new, if there is anything.
    """
    if claimed.goes_on and claimed.follow_up is not None:
        return claimed.follow_up
    if claimed.prompt is None:
        return None
    before, after = around(claimed)
    return before + claimed.prompt + after


def around(claimed: ClaimedRun) -> tuple[str, str]:
    """Return what stands before and after the prompt."""
    if claimed.goes_on:
        return GO_ON, ""
    return "", f"\n\n{claimed.follow_up}" if claimed.follow_up is not None else ""


def _lay_out(
    claimed: ClaimedRun, workspace: Workspace, prompt: str | None, inputs: Sequence[InputFile]
) -> None:
    is_clone = claimed.repository is not None
    try:
        put_aside_leftovers(workspace, claimed.run_id)
        workspace.lay_out(prompt, () if is_clone else inputs, with_work=not is_clone)
    except OSError as error:
        ours = not workspace.directory.exists()
        raise cannot("the workspace could not be made", error, host_trouble=ours) from error


def _lay_out_for(wrapper: Wrapper, workspace: Workspace) -> None:
    """Make what only some CLIs need. Raises :class:`NotStartedError`."""
    try:
        if wrapper.stdin == "pipe":
            workspace.make_pipe()
        if wrapper.report_file is not None:
            workspace.make_report()
    except OSError as error:
        raise cannot("the workspace could not be made", error) from error


def _argument(prompt: str | None, wrapper: Wrapper, workspace: Workspace) -> str | None:
    """Return the prompt as an argument: no CLI takes it for an option. None while it is not there.

    Raises :class:`NotStartedError`.
    """
    if prompt is None:
        try:
            prompt = workspace.read_prompt()
        except FileNotFoundError:
            return None
        except OSError as error:
            raise cannot("the prompt could not be read", error) from error
        refusals.check_prompt(prompt, wrapper)
    return f"\n{prompt}" if prompt.startswith("-") else prompt


def _process(
    claimed: ClaimedRun, wrapper: Wrapper, workspace: Workspace, request: Request, owner: str
) -> Prepared:
    """Decide on the program, arguments, files and environment of the process."""
    invocation = wrapper.invocation(request)
    extra = _temporary(workspace, owner)
    if claimed.repository is not None:
        extra |= _ceiling(workspace)
    marks = environment.marks_of(claimed.run_id, owner)
    built, program = equip(claimed.env, request.config_home, wrapper, invocation, extra=extra, marks=marks)
    argv = [program, *invocation.argv[1:]]
    launch = Launch(
        argv=fed(argv, workspace.pipe) if invocation.stdin == "pipe" else argv,
        cwd=workspace.work,
        stdin=Path(os.devnull) if invocation.stdin == "null" else workspace.prompt,
        stdout=workspace.stdout,
        stderr=workspace.stderr,
        env=built.variables,
    )
    return Prepared(launch, built.secrets, built.keys)


def put_aside_leftovers(workspace: Workspace, run_id: str) -> None:
    """Put aside the directory of a run that the database does not know. Raises OSError.

    A database that was restored from a dump gives the same numbers again, and so does one whose server crashed before
    it committed the claim for which the directory was made. A directory that was kept for a session would be removed
    some day, so it is removed now; any other may be all that is left of a result.
    """
    if not workspace.directory.exists():
        return
    header = run_record.read(workspace.directory).header
    if workspace.kept_until is not None and unrecorded_run(workspace) is None:
        workspace.discard()
    elif header is None or header.run_id != run_id:
        aside = workspace.directory.with_name(f"{workspace.directory.name}.{uuid.uuid4()}")
        workspace.directory.rename(aside)
        log.warning("put aside the files of a run that the database does not know", path=str(aside))


def environment_of_command(claimed: ClaimedRun, workspace: Workspace, owner: str) -> Mapping[str, str]:
    """Return the environment of a command before or after the agent: that of the agent, without its account.

    Raises :class:`NotStartedError`.
    """
    given = {"LLMCTL_TASK": str(claimed.number), **_temporary(workspace, owner), **_ceiling(workspace)}
    return environment.build({}, given, environment.marks_of(claimed.run_id, owner)).variables


def _ceiling(workspace: Workspace) -> dict[str, str]:
    """Return the variable that keeps git from a repository above, if there is none in the work directory any more."""
    return {"GIT_CEILING_DIRECTORIES": str(workspace.work.parent)}


def _temporary(workspace: Workspace, owner: str) -> dict[str, str]:
    """Return the variables that name the run's own directory for temporary files, by a short path.

    Raises :class:`NotStartedError`.
    """
    try:
        place = short_path(workspace.tmp, workspace.directory.parent, owner)
    except OSError as error:
        raise cannot("a directory for temporary files could not be named", error) from error
    return dict.fromkeys(environment.TEMPORARY, place)
