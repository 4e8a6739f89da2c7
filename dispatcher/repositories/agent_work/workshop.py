"""The git directory of ours in which a change is recorded: our configuration, the objects of the source."""

import contextlib
import os
import signal
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO

from dispatcher.repositories import plain_files
from dispatcher.repositories.git import Git, GitError
from dispatcher.repositories.sources import Source

_PATIENCE = 24 * 3600.0
"""Seconds. How long a step takes depends on what the agent left; what stops a run stops git, too."""
_CRASHES = {-signal.SIGSEGV, -signal.SIGBUS, -signal.SIGABRT, -signal.SIGFPE, -signal.SIGILL}
_RAW = b"* -text !eol !ident !filter !working-tree-encoding\n"
"""Attributes that leave each file as it is."""

# What is recorded may be removed elsewhere, so it must survive a crash of the machine. Names that Windows or macOS take
# for .git are refused, because the change may go anywhere.
_CONFIG = """\
[core]
    repositoryFormatVersion = 1
    bare = true
    symlinks = true
    fileMode = true
    ignoreCase = false
    precomposeUnicode = false
    protectHFS = true
    protectNTFS = true
    autocrlf = false
    safecrlf = false
    bigFileThreshold = 100m
    fsync = objects,derived-metadata,reference
    fsyncMethod = batch
    sharedRepository = {shared}
[pack]
    compression = 1
[extensions]
    objectFormat = {hash_name}
"""


@dataclass
class Workshop:
    """Runs git on a directory of ours, made anew for each recording in ``scratch``. Objects go to the source.

    ``lost`` has a sentence for each thing that could not be recorded and for which the agent's directory is kept;
    ``remarks`` are about what holds no work. ``large_files`` are those of Git LFS below a repository, by its top.
    ``inputs`` has the SHA-256 of each input file that was placed in the tree.
    """

    git: Git
    source: Source
    scratch: Path
    hash_name: str
    inputs: Mapping[Path, str] = field(default_factory=dict)
    config: str = ""
    lost: list[str] = field(default_factory=list)
    remarks: list[str] = field(default_factory=list)
    large_files: dict[Path, list[Path]] = field(default_factory=dict)

    @property
    def git_dir(self) -> Path:
        return self.scratch / "git"

    def set_up(self) -> None:
        """Make the directory. Raises OSError."""
        self.scratch.mkdir(mode=0o700)
        self.config = config_of(self.hash_name, self._shared())
        make_git_dir(self.git_dir, self.config)
        (self.git_dir / "info").mkdir()
        for name in ("shallow", "info/exclude"):
            if (content := plain_files.read_plain(self.source.git_dir / name)) is not None:
                (self.git_dir / name).write_bytes(content)

    def _shared(self) -> str:
        """Return who may read and write the files of the source's repository, as git words it."""
        asked = "--file", str(self.source.git_dir / "config"), "--default=umask", "core.sharedRepository"
        return self.git.run("config", "--get", *asked).decode(errors="replace").strip()

    def run(
        self,
        *arguments: str,
        index: Path | None = None,
        work_tree: Path | None = None,
        git_dir: Path | None = None,
        objects: Path | None = None,
        alternates: Sequence[Path] = (),
        stdin: bytes | BinaryIO = b"",
    ) -> bytes:
        """Run git and return what it prints. Raises as :meth:`Git.run` does."""
        return self.git.run(
            *arguments,
            git_dir=git_dir or self.git_dir,
            work_tree=work_tree,
            index=index,
            objects=objects or self.source.objects,
            alternates=alternates,
            stdin=stdin,
            timeout=_PATIENCE,
        )

    def line(self, *arguments: str, index: Path | None = None, stdin: bytes = b"") -> str:
        """Run git and return the one line that it prints."""
        return self.run(*arguments, index=index, stdin=stdin).decode("ascii").strip()

    def give_to_owner(self) -> None:
        """Give directories of objects that root made to the user whose repository it is, who writes there, too."""
        owner = self.source.objects.stat()
        if os.geteuid() != 0 or owner.st_uid == 0:
            return
        for place in (self.source.objects / f"{number:02x}" for number in range(256)):
            with contextlib.suppress(FileNotFoundError):
                if place.lstat().st_uid == 0:
                    os.chown(place, owner.st_uid, owner.st_gid, follow_symlinks=False)

    def leave_files_raw(self) -> None:
        """Convert no file from now on, whatever the attributes in the tree say. Raises OSError."""
        (self.git_dir / "info" / "attributes").write_bytes(_RAW)


def config_of(hash_name: str, shared: str = "umask") -> str:
    """Return our configuration; ``shared`` says who may read and write new objects."""
    return _CONFIG.format(shared=shared, hash_name=hash_name)


def hash_name_of(commit: str) -> str:
    """Return the hash that made this id."""
    return "sha1" if len(commit) == 40 else "sha256"


def make_git_dir(directory: Path, config: str) -> None:
    """Make the least that git takes for a git directory. Raises OSError."""
    for part in ("refs", "objects"):
        (directory / part).mkdir(mode=0o700, parents=True, exist_ok=True)
    (directory / "HEAD").write_bytes(b"ref: refs/heads/llmctl-none\n")
    (directory / "config").write_text(config)


def is_unreadable(error: GitError) -> bool:
    """Return whether git failed because of what it read, and not for trouble of this host."""
    return error.exit_code in _CRASHES or error.error_class != "no_resources"
