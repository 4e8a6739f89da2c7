"""What people should know of a clone: what of the source is not in it, and which command gets it."""

import re
import shutil
from collections.abc import Iterator, Sequence
from pathlib import Path

from dispatcher.repositories.failures import RepositoryError
from dispatcher.repositories.git import Git
from dispatcher.repositories.sources import Source

SECONDS = 20.0
"""A remark is worth this, and no failure."""
_SUBMODULE = re.compile(rb"(?:\A|\0)160000 [0-9a-f]+ 0\t([^\0]+)")


def about(
    private: Path, work: Path, source: Source, base: str, has_replaced: bool, git: Git
) -> Iterator[str]:
    """Yield sentences about a clone that was just made."""
    if has_replaced:
        yield f"{source.path} replaces objects by others (`git replace -l`): the clone has the original ones"
    if is_dirty(private, source, base, git):
        yield f"{source.path} has uncommitted changes, which are not part of the clone: it has the commit {base[:12]}"
    index = private / "index"
    listed = git.run("ls-files", "--stage", "-z", git_dir=private, index=index)
    if submodules := _SUBMODULE.findall(listed):
        yield (
            f"its submodules are not in the clone ({_some(submodules)}): "
            "--setup 'git submodule update --init --recursive' gets them"
        )
    if b".gitattributes\0" in listed:
        pointers = git.run(
            "ls-files", "-z", ":(attr:filter=lfs)", git_dir=private, work_tree=work, index=index
        ).split(b"\0")[:-1]
        if pointers:
            yield (
                f"its files of Git LFS are pointers in the clone ({_some(pointers)}): "
                "--setup 'git lfs pull' gets their content"
            )


def is_dirty(private: Path, source: Source, base: str, git: Git) -> bool:
    """Return whether the work tree at the base has changes that no commit has; False where that is not known.

    The index is read from a copy, by a git directory of ours: `git status` of the source would run its filters. Without
    them a file of Git LFS could seem changed, so those are left out.
    """
    copy = private / "index.source"
    try:
        asked = git.run(
            "-C", str(source.path), "rev-parse", "--path-format=absolute", "HEAD", "--git-path", "index"
        )
        head, _, place = asked.decode().rstrip("\n").partition("\n")
        if head != base or not (source.path / ".git").exists():
            return False
        shutil.copyfile(place, copy)
        changed = git.run(
            "status", "--porcelain", "-z", "--ignore-submodules=all", "--no-renames",
            "--", ".", ":(exclude,attr:filter=lfs)",
            git_dir=private, work_tree=source.path, index=copy, timeout=SECONDS,
        )  # fmt: skip
    except (RepositoryError, OSError, UnicodeDecodeError):
        return False
    finally:
        copy.unlink(missing_ok=True)
    return bool(changed)


def _some(paths: Sequence[bytes]) -> str:
    """Name the first of these paths, and how many there are."""
    first = paths[0].decode(errors="replace")
    shown = first if first.isprintable() else repr(first)
    return shown if len(paths) == 1 else f"{shown} and {len(paths) - 1} more"
