"""What people should know of a clone: what of the source is not in it, and which command gets it."""

import os
import re
import shutil
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from dispatcher.repositories.failures import RepositoryError
from dispatcher.repositories.git import Git
from dispatcher.repositories.sources import Source

SECONDS = 5.0
"""A remark is worth this, and no failure."""
_SUBMODULE = re.compile(rb"(?:\A|\0)160000 [0-9a-f]+ 0\t([^\0]+)")


class Remark(NamedTuple):
    """What of the source is not in a clone, and the setup command that gets it, if one does."""

    what: str
    setup: str | None = None

    def __str__(self) -> str:
        return self.what if self.setup is None else f"{self.what}: --setup '{self.setup}' gets them"


def about(
    private: Path, work: Path, source: Source, base: str, has_replaced: bool, git: Git
) -> Iterator[Remark]:
    """Yield remarks on a clone that was just made, or would be: ``work`` may lack all files."""
    if has_replaced:
        yield Remark(
            f"{source.path} replaces objects by others (`git replace -l`): a clone has the original ones"
        )
    if uncommitted(private, source, base, git):
        yield Remark(
            f"{source.path} has uncommitted changes, which are not part of a clone: it has the commit {base[:12]}"
        )
    index = private / "index"
    listed = git.run("ls-files", "--stage", "-z", git_dir=private, index=index)
    if submodules := _SUBMODULE.findall(listed):
        yield Remark(
            f"the files of submodules are not in a clone ({_some(submodules)})",
            "git submodule update --init --recursive",
        )
    if b".gitattributes\0" in listed:
        pointers = git.run(
            "ls-files", "-z", ":(attr:filter=lfs)", git_dir=private, work_tree=work, index=index
        ).split(b"\0")[:-1]
        if pointers:
            yield Remark(f"the files of Git LFS are pointers in a clone ({_some(pointers)})", "git lfs pull")


def uncommitted(
    private: Path, source: Source, base: str, git: Git, *, ignored: str = os.devnull
) -> Sequence[bytes]:
    """Return the paths that differ from the base, if the work tree is at the base; nothing where that is not known.

    New files count unless .gitignore, or the file ``ignored``, excludes them. The index is read from a copy, by a git
    directory of ours: `git status` of the source would run its filters. Without them a file of Git LFS could seem
    changed, so those are left out.
    """
    copy = private / "index.source"
    try:
        asked = git.run(
            "-C", str(source.path), "rev-parse", "--path-format=absolute", "HEAD", "--git-path", "index"
        )
        head, _, place = asked.decode().rstrip("\n").partition("\n")
        if head != base or not (source.path / ".git").exists():
            return ()
        shutil.copyfile(place, copy)
        changed = git.run(
            "-c", f"core.excludesFile={ignored}",
            "status", "--porcelain", "-z", "--ignore-submodules=all", "--no-renames",
            "--untracked-files=normal", "--", ".", ":(exclude,attr:filter=lfs)",
            git_dir=private, work_tree=source.path, index=copy, timeout=SECONDS,
        )  # fmt: skip
    except (RepositoryError, OSError, UnicodeDecodeError):
        return ()
    finally:
        copy.unlink(missing_ok=True)
    return [entry[3:] for entry in changed.split(b"\0")[:-1]]


def _some(paths: Sequence[bytes]) -> str:
    """Name the first of these paths, and how many there are."""
    first = paths[0].decode(errors="replace")
    shown = first if first.isprintable() else repr(first)
    return shown if len(paths) == 1 else f"{shown} and {len(paths) - 1} more"
