"""Makes repositories for tests with the real git, and clones of them."""

import hashlib
import os
import shutil
import stat
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from dispatcher.configuration.sections.repositories import RepositorySettings
from dispatcher.configuration.sections.runs import ExecutionSettings, SecuritySettings
from dispatcher.configuration.settings import Settings
from dispatcher.repositories.clones import Clone, make_clone
from dispatcher.repositories.git import Git
from dispatcher.repositories.refs import base_ref, pin
from dispatcher.repositories.sources import find_source, resolve_base

GIT = shutil.which("git") or "git"
"""The git of the test itself, also while PATH leads to another one."""
OWNER = "0123456789abcdef"
needs_lfs = pytest.mark.skipif(shutil.which("git-lfs") is None, reason="needs git-lfs")

_PERSON = {
    "GIT_AUTHOR_NAME": "Ann", "GIT_AUTHOR_EMAIL": "ann@example.org",
    "GIT_COMMITTER_NAME": "Ann", "GIT_COMMITTER_EMAIL": "ann@example.org",
    "GIT_CONFIG_NOSYSTEM": "1", "GIT_CONFIG_GLOBAL": os.devnull,
}  # fmt: skip


def git(directory: Path, *arguments: str, stdin: bytes = b"", env: Mapping[str, str] | None = None) -> str:
    """Run the git of a person in a directory; return what it prints."""
    done = subprocess.run(
        [GIT, *arguments],
        cwd=directory,
        env={**os.environ, **_PERSON, **(env or {})},
        input=stdin,
        capture_output=True,
        check=False,
    )
    assert done.returncode == 0, (arguments, done.stderr)
    return os.fsdecode(done.stdout).strip()


def repository(place: Path, files: Mapping[str, str] | None = None, *options: str) -> Path:
    """Make a repository with one commit of these files."""
    place.mkdir(parents=True)
    git(place, "init", "--quiet", "--template=", "--initial-branch=main", *options)
    write(place, files or {"README": "hello\n", "src/main.py": "print(1)\n"})
    commit(place, "the first commit")
    return place


def write(place: Path, files: Mapping[str, str]) -> None:
    for name, content in files.items():
        (place / name).parent.mkdir(parents=True, exist_ok=True)
        (place / name).write_text(content)


def commit(place: Path, message: str) -> str:
    git(place, "add", "--all")
    git(place, "commit", "--quiet", "--allow-empty", "--message", message)
    return git(place, "rev-parse", "HEAD")


@dataclass(frozen=True)
class Yard:
    """A directory of repositories below the allowed roots, and the directory of runs beside it."""

    root: Path

    @property
    def allowed(self) -> Path:
        return self.root / "allowed"

    @property
    def settings(self) -> Settings:
        return Settings(
            security=SecuritySettings(allowed_roots=(str(self.allowed),)),
            execution=ExecutionSettings(work_dir=str(self.root / "runs")),
        )

    def naming(self, path: Path, **fields: object) -> Settings:
        """Return settings that name this repository `shop`."""
        named = RepositorySettings(path=str(path), **fields)  # type: ignore[arg-type]
        return Settings(repositories={"shop": named}, execution=self.settings.execution)

    def clone_of(
        self,
        given: Path | str,
        number: int = 12,
        *,
        ref: str | None = None,
        settings: Settings | None = None,
        runner: Git | None = None,
    ) -> tuple[Clone, list[str]]:
        """Do what comes before an agent's start: find, resolve, pin, clone. Return the clone and the remarks."""
        runner = runner or Git()
        source = find_source(str(given), settings or self.settings, runner)
        base = resolve_base(source, ref, runner)
        pin(source, base_ref(number), base, OWNER, runner)
        workspace = self.root / "runs" / f"{number}-1"
        workspace.mkdir(parents=True, exist_ok=True)
        clone = Clone(workspace / "work", workspace / "repository", source, base)
        return clone, list(make_clone(clone, number, runner))


def snapshot(place: Path) -> dict[str, str]:
    """Return a digest of everything in a directory but our refs and the objects, by path."""
    found = {}
    for directory, folders, files in os.walk(place):
        for name in (*folders, *files):
            path = Path(directory, name)
            relative = str(path.relative_to(place))
            if "refs/llmctl" in relative or "/objects/" in f"/{relative}/":
                continue
            status = path.lstat()
            if stat.S_ISREG(status.st_mode):
                content = hashlib.sha256(path.read_bytes()).hexdigest()
            else:
                content = str(path.readlink()) if path.is_symlink() else ""
            found[relative] = f"{status.st_mode:o} {content}"
    return found


def tree(place: Path) -> dict[str, str]:
    """Return the content of all files but those of the top `.git`, by path."""
    found = {}
    for directory, folders, files in os.walk(place):
        if Path(directory) == place and ".git" in folders:
            folders.remove(".git")
        for name in files:
            path = Path(directory, name)
            content = f"-> {path.readlink()}" if path.is_symlink() else path.read_text()
            found[str(path.relative_to(place))] = content
    return found


def moved(clone: Clone, workspace: Path) -> Clone:
    """Return the clone at another place, as that of another run."""
    return replace(clone, work=workspace / "work", private=workspace / "repository")
