"""A source, and runs whose agents are shell scripts: what they left is recorded, and read back."""

import os
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from dispatcher.repositories.clones import Clone, make_clone
from dispatcher.repositories.git import Git
from dispatcher.repositories.recording import RunName, record
from dispatcher.repositories.sources import Source
from sql.rows.dispatchers import Change

WHO = {
    "GIT_AUTHOR_NAME": "Ada",
    "GIT_AUTHOR_EMAIL": "ada@example.com",
    "GIT_COMMITTER_NAME": "Ada",
    "GIT_COMMITTER_EMAIL": "ada@example.com",
}
IDENTITY = {
    "PATH": os.environ["PATH"],
    "HOME": "/nonexistent",
    "GIT_CONFIG_NOSYSTEM": "1",
    "GIT_CONFIG_GLOBAL": "/dev/null",
    "GIT_CONFIG_COUNT": "1",
    "GIT_CONFIG_KEY_0": "safe.directory",
    "GIT_CONFIG_VALUE_0": "*",
    **WHO,
}


def sh(script: str, directory: Path) -> str:
    """Run a script as people or agents would, and return what it prints."""
    ran = subprocess.run(
        ["/bin/sh", "-ec", script], cwd=directory, env=IDENTITY, capture_output=True, check=False
    )
    assert ran.returncode == 0, ran.stderr.decode(errors="replace")
    return ran.stdout.decode(errors="surrogateescape")


def git(directory: Path, *arguments: str) -> str:
    """Run git in a repository, and return what it prints without the last line end."""
    ran = subprocess.run(["git", *arguments], cwd=directory, env=IDENTITY, capture_output=True, check=False)
    assert ran.returncode == 0, ran.stderr.decode(errors="replace")
    return ran.stdout.decode(errors="surrogateescape").rstrip("\n")


@dataclass(frozen=True)
class Run:
    """One run in its workspace."""

    clone: Clone
    name: RunName

    @property
    def work(self) -> Path:
        return self.clone.work

    def agent(self, script: str) -> None:
        sh(script, self.work)

    def files(self) -> dict[bytes, bytes]:
        """Return the content of each file and the target of each link, without any .git."""
        found = {}
        for name, directories, names in os.walk(self.work):
            directories[:] = [name for name in directories if name != ".git"]
            for file in (Path(name, entry) for entry in [*names, *directories] if entry != ".git"):
                path = os.fsencode(file.relative_to(self.work))
                if file.is_symlink():
                    found[path] = os.fsencode(file.readlink())
                elif file.is_file():
                    found[path] = file.read_bytes()
        return found

    def record(self, engine: Git | None = None) -> Change:
        return record(self.clone, self.name, engine or Git())


class Repository:
    """The user's repository."""

    def __init__(self, path: Path, *options: str) -> None:
        self.path, self.runs = path, path.parent / f"{path.name}-runs"
        self.runs.mkdir()
        path.mkdir()
        git(path, "init", "-q", "-b", "main", *options)

    @property
    def source(self) -> Source:
        return Source(self.path, self.path / ".git", self.path / ".git" / "objects", None)

    def commit(self, message: str = "More", **files: str | bytes) -> str:
        """Commit files, in whose names `__` stands for a dot and `_in_` for a slash."""
        for name, content in files.items():
            file = self.path / name.replace("__", ".").replace("_in_", "/")
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_bytes(content if isinstance(content, bytes) else content.encode())
        git(self.path, "add", "-A")
        git(self.path, "commit", "-q", "-m", message)
        return git(self.path, "rev-parse", "HEAD")

    def run(self, number: int = 12, run_no: int = 1, base: str = "HEAD") -> Run:
        """Make the clone of a run."""
        workspace = self.runs / f"{number}-{run_no}"
        workspace.mkdir()
        commit = git(self.path, "rev-parse", base)
        clone = Clone(workspace / "work", workspace / "repository", self.source, commit)
        make_clone(clone, number, Git())
        return Run(clone, RunName(number, run_no, f"run-{number}-{run_no}", f"task-{number:08x}", "claude"))

    def tree(self, commit: str | None) -> dict[bytes, bytes]:
        """Return the content of each file of a commit. A link has its target, and a submodule its commit."""
        assert commit is not None
        listed = subprocess.run(
            ["git", "ls-tree", "-r", "-z", commit],
            cwd=self.path,
            env=IDENTITY,
            capture_output=True,
            check=True,
        ).stdout
        found = {}
        for entry in listed.split(b"\0")[:-1]:
            place, _, path = entry.partition(b"\t")
            _, kind, oid = place.split(b" ")
            found[path] = oid if kind == b"commit" else self.blob(oid.decode())
        return found

    def blob(self, oid: str) -> bytes:
        return subprocess.run(
            ["git", "cat-file", "blob", oid], cwd=self.path, env=IDENTITY, capture_output=True, check=True
        ).stdout

    def refs(self) -> dict[str, str]:
        """Return our refs."""
        lines = git(
            self.path, "for-each-ref", "--format=%(refname) %(objectname)", "refs/llmctl"
        ).splitlines()
        return dict(line.split(" ") for line in lines)

    def subjects(self, commit: str | None, base: str) -> Sequence[str]:
        """Return the subjects of the commits from the base on, the oldest first."""
        return git(self.path, "log", "--reverse", "--format=%s", f"{base}..{commit}").splitlines()
