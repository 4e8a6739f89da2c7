"""What is refused before an agent starts, each with a sentence that says why and what to do."""

import os
from collections.abc import Iterable
from pathlib import Path

from dispatcher.configuration.sections.runs import SecuritySettings
from dispatcher.host.host_trouble import is_host_trouble
from dispatcher.workspaces.work_directory import Workspace
from sql.rows.dispatchers import ClaimedRun
from wrappers.base import PromptLimit, Wrapper, is_among


class NotStartedError(Exception):
    """The agent cannot be started; the message says why and what to do. ``error_class`` is the run's."""

    def __init__(self, error_class: str, message: str) -> None:
        super().__init__(message)
        self.error_class = error_class


def cannot(what: str, error: OSError, *, host_trouble: bool = False) -> NotStartedError:
    """Return the error for something that failed; if the host is to blame, it uses up no attempt."""
    if host_trouble or is_host_trouble(error):
        return NotStartedError("no_resources", f"{what} on this host: {error}")
    return NotStartedError("spawn_failed", f"{what}: {error}")


def unusable(why: str) -> NotStartedError:
    """Return the error that blames this host: no agent of the group can start here, so the group is closed here."""
    return NotStartedError("unusable_here", why)


def check_consent(claimed: ClaimedRun, security: SecuritySettings) -> None:
    """Refuse what the task asks for if this dispatcher's configuration does not grant it, as NotStartedError."""
    if why := why_not_granted(claimed.permission, None, security):
        raise NotStartedError("permission_denied", why)
    if claimed.workdir is None:
        return
    chosen = Path(claimed.workdir)
    try:
        usable = chosen.is_absolute() and chosen.is_dir()
    except OSError as error:
        raise cannot("the task's work directory cannot be used", error) from error
    if not usable:
        raise NotStartedError(
            "spawn_failed", f"the task's work directory {chosen} is not a directory on this host"
        )
    if why := why_not_granted(claimed.permission, chosen, security):
        raise NotStartedError("permission_denied", why)


def why_not_granted(permission: object, workdir: Path | None, security: SecuritySettings) -> str | None:
    """Return why a configuration grants no such permission or work directory; None if it does."""
    if permission == "full" and not security.allow_dangerous_flags:
        return (
            "the task asks for permission full, which this dispatcher does not grant: "
            "set security.allow_dangerous_flags, or submit it with --permission edit"
        )
    if workdir is None or not security.enforce_path_whitelist:
        return None
    # Unlike Path.resolve() and expanduser() these never raise, not even for an unknown home or a loop of links.
    roots = [os.path.realpath(os.path.expanduser(root)) for root in security.allowed_roots]  # noqa: PTH111
    if any(Path(os.path.realpath(workdir)).is_relative_to(root) for root in roots):
        return None
    return f"{workdir} is not below any of this dispatcher's security.allowed_roots"


def check_directory(claimed: ClaimedRun, workspace: Workspace) -> None:
    """Refuse a directory inside the one that holds all runs, as NotStartedError: it may be another task's."""
    if claimed.workdir is None:
        return
    runs = workspace.directory.parent.parent.resolve()
    if Path(claimed.workdir).resolve().is_relative_to(runs):
        raise NotStartedError(
            "permission_denied",
            f"{claimed.workdir} is inside {runs}, which holds the directories of all runs: "
            "reply to a task to continue in its directory",
        )


def check_arguments(claimed: ClaimedRun) -> None:
    """Refuse a model or session that the CLI would read as an option, as NotStartedError.

    submit_tasks() refuses such a task, but rows can be inserted by hand, and the agents of some tools name their
    session.
    """
    given = {"model": claimed.model, "fallback model": claimed.fallback_model, "session": claimed.session_id}
    for what, value in given.items():
        if value is not None and value.startswith("-"):
            raise NotStartedError(
                "invalid_request", f'the {what} {value!r} begins with "-" and would be an option of the CLI'
            )


def check_session(claimed: ClaimedRun, workspace: Workspace) -> None:
    """Refuse to continue a session whose directory is gone, as NotStartedError; a task's own session starts over."""
    if claimed.workdir is not None or workspace.has_own_work or workspace.work.is_dir():
        return
    if claimed.goes_on:
        raise NotStartedError("invalid_request", "the directory of its session is gone: the task starts over")
    raise NotStartedError(
        "spawn_failed",
        f"the directory of the session is no longer on this host: it was kept in {workspace.work} "
        "for execution.keep_sessions",
    )


def check_fallback_model(claimed: ClaimedRun, wrapper: Wrapper) -> None:
    """Refuse a fallback model for a CLI that does not take one, as NotStartedError."""
    if claimed.fallback_model is not None and not wrapper.takes_fallback_model:
        raise NotStartedError(
            "invalid_request", f"{claimed.tool} does not take a fallback model: submit the task without one"
        )


def check_permission(claimed: ClaimedRun, wrapper: Wrapper) -> None:
    """Refuse a permission profile that the CLI cannot keep to, as NotStartedError."""
    if claimed.permission not in wrapper.permissions:
        others = " or ".join(f"--permission {profile}" for profile in wrapper.permissions)
        raise NotStartedError(
            "invalid_request",
            f"{claimed.tool} cannot keep to the profile {claimed.permission}: submit with {others}",
        )


def check_prompt(prompt: str, wrapper: Wrapper) -> None:
    """Refuse a prompt that the CLI would refuse or silently cut off, as NotStartedError."""
    limit = wrapper.longest_prompt
    if limit is not None:
        check_length(limit.length_of(prompt), wrapper, limit)


def check_length(length: int, wrapper: Wrapper, limit: PromptLimit) -> None:
    """Refuse a prompt of this length, as :func:`check_prompt` does."""
    if length <= limit.most:
        return
    raise NotStartedError(
        "invalid_request",
        f"the prompt has {length:,} {limit.unit}, and {wrapper.name} takes at most {limit.most:,}: "
        "put the text into an input file, and tell the agent in the prompt to read it",
    )


def check_inputs(paths: Iterable[str], wrapper: Wrapper) -> None:
    """Refuse input files that would steer the CLI itself, as NotStartedError.

    Somebody who submits a task may tell an agent what to do, but not where its account's key goes or what runs unasked.
    """
    for path in paths:
        if is_among(wrapper.steering_files, path):
            raise NotStartedError(
                "permission_denied",
                f"the input file {path} would tell {wrapper.name} itself what to do, with which service and key: "
                "put such settings into the account's config home, or give the file another name",
            )


def check_clone(workspace: Workspace, wrapper: Wrapper) -> None:
    """Refuse an untrusted clone whose files would steer the CLI itself, as NotStartedError.

    That is for a CLI that nothing keeps from them.

    Call it right before the agent starts: a setup command, or an earlier agent, may have written them.
    """
    for name in wrapper.steering_clones:
        if os.path.lexists(workspace.work / name.rstrip("/")):
            raise NotStartedError(
                "permission_denied",
                f"{name} in the repository would tell {wrapper.name} itself what to do, with which service and key: "
                "if you trust it, say `trusted: true` below repositories in config.yaml and submit with its name; "
                "else take it out of the branch, or give the task to another tool",
            )
