"""Which commands a run has before and after its agent, and whether its dispatcher runs them. Pure."""

from dataclasses import dataclass

from dispatcher.configuration.grants import runs_commands
from dispatcher.configuration.sections.repositories import RepositorySettings
from dispatcher.configuration.settings import Settings
from dispatcher.repositories.sources import named_repository
from dispatcher.run.preparation.refusals import NotStartedError
from sql.rows.changes import CommandKind
from sql.rows.dispatchers import ClaimedRun


@dataclass(frozen=True, slots=True)
class Command:
    """``text`` is for a shell, and ``timeout`` in seconds."""

    kind: CommandKind
    text: str
    timeout: float


def setup_of(claimed: ClaimedRun, settings: Settings) -> Command | None:
    """Return what runs before the agent. Where a run goes on in an earlier one's directory, that is done already."""
    if claimed.goes_on or claimed.directory != f"{claimed.number}-{claimed.run_no}":
        return None
    named = _named_repository(claimed, settings)
    text = claimed.setup_command if claimed.setup_command is not None else named and named.setup
    timeout = claimed.setup_timeout_s or (named and named.setup_timeout) or settings.execution.setup_timeout
    return Command("setup", text, timeout) if text else None


def check_of(claimed: ClaimedRun, settings: Settings) -> Command | None:
    """Return what decides after the agent whether the run has succeeded."""
    named = _named_repository(claimed, settings)
    text = claimed.check_command if claimed.check_command is not None else named and named.check
    timeout = claimed.check_timeout_s or (named and named.check_timeout) or settings.execution.check_timeout
    return Command("check", text, timeout) if text else None


def check_allowed(claimed: ClaimedRun, settings: Settings) -> None:
    """Refuse a command that the task brings if this dispatcher's configuration does not grant that.

    Raises :class:`NotStartedError`. Commands of the configuration itself need no grant.
    """
    if runs_commands(settings):
        return
    for option, text in (("--setup", claimed.setup_command), ("--check", claimed.check_command)):
        if text:
            raise NotStartedError(
                "permission_denied",
                f"the task brings a command ({option}), which this dispatcher does not run: set "
                "security.allow_commands, or write the command below repositories: in its config.yaml",
            )


def _named_repository(claimed: ClaimedRun, settings: Settings) -> RepositorySettings | None:
    return named_repository(claimed.repository, settings) if claimed.repository else None
