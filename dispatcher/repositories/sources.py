"""The repositories that tasks may work on: those that config.yaml names, and those below its allowed roots."""

import os
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from dispatcher.configuration.sections.repositories import RepositorySettings
from dispatcher.configuration.settings import Settings
from dispatcher.errors import DispatchError
from dispatcher.repositories.failures import RepositoryError
from dispatcher.repositories.git import GLANCE, Git, GitError


@dataclass(frozen=True)
class Source:
    """A repository of somebody else.

    ``path`` is the top of its work tree, or the bare repository. ``git_dir`` is the directory that all of its work
    trees share; ``objects`` is its store of objects. ``settings`` is None unless config.yaml names it.
    """

    path: Path
    git_dir: Path
    objects: Path
    settings: RepositorySettings | None


def find_source(given: str, settings: Settings, git: Git) -> Source:
    """Return the repository of a name or an absolute path. Raises :class:`RepositoryError` if it may not be used.

    A path inside a work tree stands for all of it, and one that config.yaml names for the named repository, but not
    another repository inside that. It may be on a dead network mount: call this in a thread.
    """
    by_path = given.startswith("/")
    named = _named_by_path(given, settings) if by_path else _named(given, settings)
    roots = None if named is not None else _roots(settings)
    path = given if named is None or by_path else _path_of(named)
    _require_within([path], given, roots)
    _require_directory(path, given)
    top, git_dir = places_of(path, git)
    if named is not None and by_path and places_of(_path_of(named), git)[1] != git_dir:
        named, roots = None, _roots(settings)
    _require_within([top, git_dir], given, roots)
    _require_outside_of_runs([top, git_dir], settings)
    return Source(Path(top), Path(git_dir), Path(git_dir, "objects"), named)


def named_repository(given: str, settings: Settings) -> RepositorySettings | None:
    """Return what config.yaml says of a repository, given its name or its path as config.yaml has it.

    This looks at no file. So a link that is changed meanwhile does not give the trust in one repository to another.
    """
    if not given.startswith("/"):
        return settings.repositories.get(given)
    for named in settings.repositories.values():
        if given == _path_of(named):
            return named
    return None


def is_trusted(given: str, settings: Settings) -> bool:
    """Return whether what the files of a repository tell the agent CLI itself counts."""
    named = named_repository(given, settings)
    return named is not None and named.trusted


def resolve_base(source: Source, ref: str | None, git: Git) -> str:
    """Return the id of the commit to begin with; without a ref it is that of config.yaml, or HEAD.

    Raises :class:`RepositoryError`.
    """
    chosen = ref or (source.settings.ref if source.settings else None) or "HEAD"
    asked = f"{chosen}^{{commit}}"
    try:
        found = git.run(
            "-C", str(source.path), "rev-parse", "--verify", "--quiet", "--end-of-options", asked, timeout=GLANCE
        )  # fmt: skip
    except GitError as error:
        if error.error_class == "no_resources":
            raise
        raise RepositoryError("invalid_request", _why_no_base(source, chosen, git)) from error
    return found.decode().strip()


def _why_no_base(source: Source, ref: str, git: Git) -> str:
    if not git.run("-C", str(source.path), "rev-list", "--all", "-n1"):
        return f"{source.path} has no commit yet: commit something first"
    if ref == "HEAD":
        return f"HEAD of {source.path} is a branch without a commit: name another one with --ref"
    return (
        f"{source.path} has no branch, tag or commit {ref!r}: "
        f"`git -C {source.path} branch --all` and `git tag` list what there is"
    )


def _named(name: str, settings: Settings) -> RepositorySettings:
    found = settings.repositories.get(name)
    if found is None:
        known = ", ".join(settings.repositories) or "none"
        raise RepositoryError(
            "invalid_request",
            f"{name!r} is not a repository that config.yaml names under repositories (it names {known}): "
            "name one of them, or give an absolute path",
        )
    return found


def _named_by_path(path: str, settings: Settings) -> RepositorySettings | None:
    """Return the settings of the repository that a path leads into, the innermost that config.yaml names."""
    real = Path(os.path.realpath(path))
    places = ((os.path.realpath(_path_of(named)), named) for named in settings.repositories.values())
    around = [(place, named) for place, named in places if real.is_relative_to(place)]
    return max(around, key=lambda one: len(one[0]))[1] if around else None


def _path_of(named: RepositorySettings) -> str:
    # Unlike Path.expanduser() this never raises, not even for an unknown home.
    return os.path.expanduser(named.path).rstrip("/") or "/"  # noqa: PTH111


def _roots(settings: Settings) -> list[str] | None:
    """Return the directories below which a path may be; None if it may be anywhere."""
    security = settings.security
    if not security.enforce_path_whitelist:
        return None
    # Unlike Path.resolve() and expanduser() these never raise, not even for an unknown home or a loop of links.
    return [os.path.realpath(os.path.expanduser(root)) for root in security.allowed_roots]  # noqa: PTH111


def _require_within(places: Iterable[str], given: str, roots: list[str] | None) -> None:
    for place in places:
        real = Path(os.path.realpath(place))
        if roots is not None and not any(real.is_relative_to(root) for root in roots):
            which = given if place == given else f"{given} belongs to {place}, which"
            raise RepositoryError(
                "permission_denied",
                f"{which} is not below any of this dispatcher's security.allowed_roots: "
                "add a root to config.yaml, or name the repository there under repositories",
            )


def _require_directory(path: str, given: str) -> None:
    whose = "" if path == given else f"the path of the repository {given}, "
    try:
        is_there = Path(path).is_dir()
    except OSError as error:
        raise RepositoryError("invalid_request", f"{whose}{path} cannot be read: {error.strerror}") from error
    if not is_there:
        raise RepositoryError("invalid_request", f"{whose}{path} is not a directory on this host")


def places_of(path: str, git: Git) -> tuple[str, str]:
    """Return the top of the work tree, or else the bare repository, and the git directory that all work trees share.

    Raises :class:`RepositoryError`.
    """
    asked = ("rev-parse", "--path-format=absolute", "--git-common-dir", "--git-dir", "--is-inside-work-tree")
    try:
        answer = os.fsdecode(git.run("-C", path, *asked, timeout=GLANCE)).split("\n")
        if len(answer) != 4:
            raise RepositoryError("invalid_request", f"the path {path!r} has a line end: rename a directory")
        common, own, is_inside, _ = answer
        if is_inside == "true":
            top = os.fsdecode(git.run("-C", path, "rev-parse", "--show-toplevel", timeout=GLANCE))[:-1]
        else:
            top = own if Path(own).name != ".git" else str(Path(own).parent)
    except GitError as error:
        if error.error_class == "no_resources":
            raise
        if "not a git repository" in error.stderr:
            message = f"{path} is not a git repository: `git init` makes one, or name another directory"
        else:
            message = f"git cannot use the repository {path} ({error}): `git -C {path} status` shows more"
        raise RepositoryError("invalid_request", message) from error
    return top, os.path.realpath(common)


def _require_outside_of_runs(places: Iterable[str], settings: Settings) -> None:
    try:
        runs = os.path.realpath(settings.execution.work_directory())
    except DispatchError:
        return
    for place in places:
        if Path(os.path.realpath(place)).is_relative_to(runs):
            raise RepositoryError(
                "permission_denied",
                f"{place} is inside {runs}, which holds the directories of all runs: "
                "reply to a task to go on in its clone, or `llmctl branch` makes a branch of it",
            )
