"""Real repositories with recorded changes, and what of them must not move."""

import hashlib
import os
import subprocess
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from cli.repositories.checkouts import Recorded, Repository, repository_at

ENVIRONMENT = {
    **{name: value for name, value in os.environ.items() if not name.startswith("GIT_")},
    "GIT_CONFIG_GLOBAL": "/dev/null",
    "GIT_CONFIG_NOSYSTEM": "1",
}


@dataclass(frozen=True)
class Project:
    """A repository of a user."""

    path: Path

    def git(self, *arguments: str, stdin: bytes = b"") -> str:
        done = subprocess.run(
            ["git", "-C", self.path, *arguments],
            input=stdin,
            stdout=subprocess.PIPE,
            check=True,
            env=ENVIRONMENT,
        )
        return os.fsdecode(done.stdout.removesuffix(b"\n"))

    def write(self, **files: str) -> None:
        for name, content in files.items():
            (self.path / name).write_text(content)

    def commit(self, message: str = "more") -> str:
        self.git("add", "--all")
        self.git("commit", "--quiet", "--allow-empty", "--message", message)
        return self.git("rev-parse", "HEAD")

    def record(self, number: int, change: Callable[[Path], object], base: str | None = None) -> Recorded:
        """Record what ``change`` does to a tree of its own, as a dispatcher does at the end of a run."""
        base = base or self.git("rev-parse", "HEAD")
        tree = self.path.parent / f"tree-{number}"
        self.git("worktree", "add", "--quiet", "--detach", str(tree), base)
        change(tree)
        head = Project(tree).commit(f"what task {number} left")
        self.git("worktree", "remove", "--force", str(tree))
        ref = f"refs/llmctl/{number}/1"
        self.git("update-ref", ref, head)
        return Recorded(number, self.path, ref, base, head)

    def patch(self, change: Recorded) -> bytes:
        return subprocess.run(
            ["git", "-C", self.path, "diff", "--binary", "--full-index", change.base, change.head],
            stdout=subprocess.PIPE,
            check=True,
            env=ENVIRONMENT,
        ).stdout

    @property
    def repository(self) -> Repository:
        found = repository_at(self.path)
        assert found is not None
        return found

    def state(self) -> Mapping[str, str]:
        """What a refusal must not change: every file but objects, and all refs, byte by byte."""
        found = {}
        for directory, names, files in os.walk(self.path):
            if directory == str(self.path / ".git"):
                names.remove("objects")
            for file in (Path(directory, name) for name in [*files, *names]):
                if file.is_symlink() or file.is_file():
                    content = os.fsencode(file.readlink()) if file.is_symlink() else file.read_bytes()
                    found[str(file)] = f"{file.lstat().st_mode:o} {hashlib.sha256(content).hexdigest()}"
        return found


def new_project(path: Path, *options: str) -> Project:
    path.mkdir()
    project = Project(path)
    project.git("init", "--quiet", "--initial-branch=main", *options)
    for key, value in {"user.name": "Ada", "user.email": "ada@example.org"}.items():
        project.git("config", key, value)
    return project


def lines(**changed: str) -> str:
    """A text of ten lines, some of which are changed: ``lines(l3="three")``."""
    return "".join(f"{changed.get(f'l{number}', number)}\n" for number in range(1, 11))
