"""What a clone takes from the configuration of its source: as data, and only what is named here."""

import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from dispatcher.repositories.git import GLANCE, Git, GitError
from dispatcher.repositories.sources import Source

NEUTRAL = {"name": "llmctl", "email": "llmctl@localhost"}
"""The identity for commits of an agent where neither the source nor its user has one."""
_QUESTION = r"^(user\.(name|email)|core\.hookspath|submodule\..*\.url|remote\..*\.promisor)$"


@dataclass(frozen=True)
class SourceConfig:
    """``identity`` holds `name` and `email` as far as the clone must say them; ``promisor`` names the remote of a
    partial clone; ``submodules`` holds the address of each submodule by its name."""

    object_format: str
    identity: Mapping[str, str]
    hooks_path: str | None = None
    promisor: str | None = None
    submodules: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def read(cls, source: Source, base: str, git: Git) -> "SourceConfig":
        """Raises :class:`GitError` and OSError."""
        object_format = "sha1" if len(base) == 40 else "sha256"
        identity: dict[str, str] = {}
        submodules: dict[str, str] = {}
        hooks_path = promisor = None
        listed = _matching(git, "--local", git_dir=source.git_dir)
        for key, value in listed:
            section, name = key.partition(".")[0], key.rpartition(".")[2]
            middle = key[len(section) + 1 : -len(name) - 1]
            if section == "user":
                identity[name] = value
            elif section == "core":
                hooks_path = value
            elif section == "submodule":
                submodules[middle] = value
            elif value == "true":
                promisor = middle
        return cls(object_format, _completed(identity, git), hooks_path, promisor, submodules)


def _completed(identity: Mapping[str, str], git: Git) -> Mapping[str, str]:
    """Add a neutral identity, unless the agent's git finds one in the files of its user."""
    missing = NEUTRAL.keys() - identity.keys()
    for file in _user_files():
        if not missing:
            break
        missing -= {key.rpartition(".")[2] for key, _ in _matching(git, "--file", str(file))}
    return {**identity, **{key: NEUTRAL[key] for key in NEUTRAL if key in missing}}


def _user_files() -> Iterator[Path]:
    home = os.environ.get("HOME")
    places = [Path("/etc/gitconfig")]
    if home:
        places += [Path(home, ".config", "git", "config"), Path(home, ".gitconfig")]
    return (place for place in places if place.is_file())


def _matching(git: Git, *where: str, git_dir: Path | None = None) -> Iterator[tuple[str, str]]:
    """Return the keys of our interest, in which only the part between the dots keeps its case, with their values."""
    try:
        listed = git.run(
            "config", *where, "--includes", "-z", "--get-regexp", _QUESTION, git_dir=git_dir, timeout=GLANCE
        )
    except GitError as error:
        if error.exit_code != 1:  # 1: there is none
            raise
        return
    for item in listed.split(b"\0")[:-1]:
        key, _, value = os.fsdecode(item).partition("\n")
        yield key, value
