"""What a task will be refused at its run, where that is known when it is submitted."""

from collections.abc import Mapping
from pathlib import Path

from dispatcher.configuration.settings import Settings
from dispatcher.errors import UsageError
from dispatcher.repositories.failures import RepositoryError
from dispatcher.repositories.git import Git
from dispatcher.repositories.sources import find_source, resolve_base
from dispatcher.run.preparation import refusals

LATER = ("after", "after_any", "after_failed", "after_tree", "delay_s", "hold", "input_from", "scheduled_at")
"""Keys of a task that may start when a commit is there that is missing now."""


def require_grantable(task: Mapping[str, object], settings: Settings) -> None:
    """Refuse what the configuration of this host does not grant, and a commit that a repository does not have.

    Only where the dispatcher surely has the same configuration and files: an embedded server has no dispatchers on
    other hosts. Anything else is the dispatcher's to judge. Raises :class:`UsageError`.
    """
    if settings.database.url is not None:
        return
    workdir = task.get("workdir")
    chosen = Path(workdir) if isinstance(workdir, str) else None
    if why := refusals.why_not_granted(task.get("permission"), chosen, settings.security):
        raise UsageError(why)
    repository, ref = task.get("repository"), task.get("ref")
    if isinstance(repository, str) and isinstance(ref, str) and not any(task.get(key) for key in LATER):
        git = Git()
        try:
            source = find_source(repository, settings, git)
        except RepositoryError:
            return  # which is said elsewhere
        try:
            resolve_base(source, ref, git)
        except RepositoryError as error:
            if error.error_class == "invalid_request":
                raise UsageError(str(error)) from error
