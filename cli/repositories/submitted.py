"""What is wrong with the repository that somebody submits a task for, as far as this host knows."""

import os
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path

from cli.repositories.user_git import ignored_everywhere
from dispatcher.configuration import settings
from dispatcher.errors import UsageError
from dispatcher.quantities import plural
from dispatcher.repositories.clone_files import make_private
from dispatcher.repositories.failures import RepositoryError
from dispatcher.repositories.git import Git
from dispatcher.repositories.remarks import uncommitted
from dispatcher.repositories.source_config import SourceConfig
from dispatcher.repositories.sources import Source, find_source, places_of, resolve_base


def look_at(given: str) -> Iterator[str]:
    """Yield remarks for people on a repository, which is a name or an absolute path.

    A path that is no repository raises UsageError, but only where the dispatcher surely sees the same files: an
    embedded server has no dispatchers on other hosts. Anything else is the dispatcher's to judge. The repository may be
    anybody's, an agent's even: nothing that it names runs.
    """
    if not given.startswith("/"):
        return
    configuration = settings.load()
    is_alone = configuration.database.url is None
    git = Git()
    try:
        top, git_dir = places_of(given, git)
    except RepositoryError as error:
        if is_alone and error.error_class == "invalid_request":
            what = "git repository" if os.path.lexists(given) else "directory on this host"
            raise UsageError(
                f"{given} is not a {what}", hint="`git init` makes a repository of a directory"
            ) from error
        return
    if is_alone:
        try:
            find_source(given, configuration, git)
        except RepositoryError as error:
            yield f"warning: it will be refused: {error}"
    if changed := _uncommitted(Source(Path(top), Path(git_dir), Path(git_dir, "objects"), None), git):
        part = "is not part" if len(changed) == 1 else "are not part"
        yield f"{plural(len(changed), 'uncommitted change')} in {top} {part} of it"


def _uncommitted(source: Source, git: Git) -> Sequence[bytes]:
    """Return the paths that no commit has as they are, by a git directory of ours; nothing where that is not known."""
    with tempfile.TemporaryDirectory(prefix="llmctl-") as directory:
        private = Path(directory, "repository")
        try:
            head = resolve_base(source, "HEAD", git)
            make_private(private, source, SourceConfig.read(source, head, git).object_format, head, git)
        except (RepositoryError, OSError):
            return ()
        return uncommitted(private, source, head, git, ignored=ignored_everywhere())
