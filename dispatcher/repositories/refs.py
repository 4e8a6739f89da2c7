"""Our refs in a source: what keeps the base and the result of a run, and what people find them by."""

import os
from pathlib import Path

from dispatcher.repositories.failures import RepositoryError
from dispatcher.repositories.git import Git, GitError
from dispatcher.repositories.sources import Source


def base_ref(number: int) -> str:
    return f"refs/llmctl/{number}/base"


def run_ref(number: int, run_no: int) -> str:
    return f"refs/llmctl/{number}/{run_no}"


def pin(source: Source, ref: str, commit: str, owner: str, git: Git) -> str:
    """Create the ref in the source, so that the commit is never collected as garbage; return the ref's name.

    No ref is ever moved: where one of this name has another commit, because another database used the same number or
    an earlier clone had another base, the name gets a suffix, ``-<8 hex of owner>`` and then also the commit's.
    Raises :class:`RepositoryError` if the source cannot be written.
    """
    require_writable(source)
    names = (ref, f"{ref}-{_hex(owner)}", f"{ref}-{_hex(owner)}-{commit[:8]}")
    for name in names:
        try:
            git.run("update-ref", "--stdin", "-z", git_dir=source.git_dir, stdin=_creation(name, commit))
        except GitError as error:
            found = commit_at(source, name, git)
            if found is None:
                raise _cannot_pin(source, name, error) from error
            if found != commit:
                continue
        return name
    raise RepositoryError("invalid_request", f"{source.path} has refs {', '.join(names)} of somebody else")


def commit_at(source: Source, ref: str, git: Git) -> str | None:
    """Return what a ref names; None if there is no such ref."""
    try:
        return git.run("rev-parse", "--verify", "--quiet", ref, git_dir=source.git_dir).decode().strip()
    except GitError:
        return None


def require_writable(source: Source) -> None:
    """Raise :class:`RepositoryError` for a source in which no result could be stored."""
    refs = source.git_dir / "refs"
    for place in (source.git_dir, source.objects, refs, refs / "llmctl"):
        if place.is_dir() and not os.access(place, os.W_OK | os.X_OK):
            raise _read_only(source, place)


def _creation(name: str, commit: str) -> bytes:
    return f"create {name}\0{commit}\0".encode()


def _cannot_pin(source: Source, name: str, error: GitError) -> RepositoryError:
    if any(words in error.stderr for words in ("Permission denied", "Read-only file system")):
        return _read_only(source, source.git_dir)
    if error.error_class == "no_resources":
        return error
    return RepositoryError("invalid_request", f"{source.path} does not take the ref {name}: {error}")


def _read_only(source: Source, place: Path) -> RepositoryError:
    return RepositoryError(
        "permission_denied",
        f"the dispatcher cannot write to {place}, and the result of the task is stored in {source.path}: "
        "make it writable for the dispatcher's user, or name a clone of it",
    )


def _hex(owner: str) -> str:
    return "".join(letter for letter in owner.lower() if letter in "0123456789abcdef")[:8]
