"""What is wrong with the repository that somebody submits a task for, as far as this host knows."""

import os
from collections.abc import Iterator
from pathlib import Path

from cli.repositories.checkouts import repository_at
from dispatcher.configuration import settings
from dispatcher.errors import DispatchError, UsageError
from dispatcher.quantities import plural
from dispatcher.repositories.failures import RepositoryError
from dispatcher.repositories.git import Git
from dispatcher.repositories.sources import find_source


def look_at(given: str) -> Iterator[str]:
    """Yield remarks for people on a repository, which is a name or an absolute path.

    A path that is no repository raises UsageError, but only where the dispatcher surely sees the same files: an
    embedded server has no dispatchers on other hosts. Anything else is the dispatcher's to judge.
    """
    if not given.startswith("/"):
        return
    configuration = settings.load()
    try:
        repository = repository_at(Path(given))
    except DispatchError:
        return  # such as a repository of another user, whom the dispatcher may be
    if configuration.database.url is None:
        if repository is None:
            what = "git repository" if os.path.lexists(given) else "directory on this host"
            raise UsageError(f"{given} is not a {what}", hint="`git init` makes a repository of a directory")
        try:
            find_source(given, configuration, Git())
        except RepositoryError as error:
            yield f"warning: it will be refused: {error}"
    if repository is None or repository.top is None:
        return
    if changed := repository.uncommitted(untracked=True):
        part = "is not part" if len(changed) == 1 else "are not part"
        yield f"{plural(len(changed), 'uncommitted change')} in {repository.top} {part} of it"
