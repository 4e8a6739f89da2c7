"""Checks of git, and of the repositories that config.yaml names, as tasks will find them."""

import tempfile
from collections.abc import Iterator
from pathlib import Path

from dispatcher.checks.finding import Finding, ok, problem, warning
from dispatcher.configuration.settings import Settings
from dispatcher.repositories import clone_files, remarks
from dispatcher.repositories.clones import lacks_files
from dispatcher.repositories.failures import RepositoryError
from dispatcher.repositories.git import Git, dotted, program_of_git, version_of_git
from dispatcher.repositories.refs import require_writable
from dispatcher.repositories.source_config import SourceConfig
from dispatcher.repositories.sources import Source, find_source, resolve_base

SUBJECT = "git"


def check_repositories(settings: Settings) -> list[Finding]:
    """Look at git and at each named repository. Raises OSError."""
    try:
        program = program_of_git()
    except RepositoryError as error:
        if settings.repositories:
            return [_refusal(SUBJECT, error)]
        return [ok(SUBJECT, f"needed only for tasks with --repo: {error}")]
    findings = [ok(SUBJECT, f"{program} is {dotted(version_of_git(program))}")]
    for name in settings.repositories:
        try:
            findings += _check(name, settings)
        except RepositoryError as error:
            findings.append(_refusal(f"repository {name}", error))
    return findings


def _check(name: str, settings: Settings) -> Iterator[Finding]:
    """Do what comes before a clone. Raises :class:`RepositoryError`."""
    subject, git = f"repository {name}", Git()
    source = find_source(name, settings, git)
    base = resolve_base(source, None, git)
    require_writable(source)
    yield ok(subject, f"{source.path}: tasks begin at {base[:12]}")
    config = SourceConfig.read(source, base, git)
    with tempfile.TemporaryDirectory(prefix="llmctl-check-") as directory:
        private, empty = Path(directory, "private"), Path(directory, "work")
        empty.mkdir()
        clone_files.make_private(private, source, config.object_format, base, git)
        git.run("read-tree", base, git_dir=private, index=private / "index")
        if config.promisor is not None and _lacks_files(private, base, git):
            raise RepositoryError("invalid_request", lacks_files(source, base, config.promisor))
        for remark in remarks.about(private, empty, source, base, False, git):
            yield _finding(subject, name, source, remark)


def _lacks_files(private: Path, base: str, git: Git) -> bool:
    listed = git.run("rev-list", "--objects", "--no-walk", "--missing=print", base, git_dir=private)
    return any(line.startswith(b"?") for line in listed.splitlines())


def _finding(subject: str, name: str, source: Source, remark: remarks.Remark) -> Finding:
    if remark.setup is None or (source.settings is not None and source.settings.setup is not None):
        return ok(subject, remark.what)
    return warning(subject, remark.what, f"set repositories.{name}.setup to `{remark.setup}`")


def _refusal(subject: str, error: RepositoryError) -> Finding:
    what, found, remedy = str(error).rpartition(": ")
    return problem(subject, what, remedy) if found else problem(subject, str(error), "correct config.yaml")
