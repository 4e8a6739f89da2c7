"""What a change does to its base: a count for each file, and a patch that `git apply` takes."""

from pathlib import Path

from dispatcher.repositories.agent_work.work_trees import text_of
from dispatcher.repositories.agent_work.workshop import config_of, hash_name_of, make_git_dir
from dispatcher.repositories.clones import Clone
from dispatcher.repositories.failures import RepositoryError
from dispatcher.repositories.git import Git
from sql.rows.dispatchers import Change, FileStat

MOST_FILES = 500
"""Files in the stat of a change."""


def stat_of(numstat: bytes) -> tuple[list[FileStat], int, int]:
    """Read what `git diff-tree --numstat -z` prints: all files, and how many lines are added and removed."""
    fields = iter(numstat.split(b"\0"))
    files: list[FileStat] = []
    for line in fields:
        if not line:
            continue
        added, removed, path = line.split(b"\t", 2)
        if not path:  # a renamed file: the old name and the new one follow
            next(fields)
            path = next(fields)
        files.append(FileStat(path=text_of(path), insertions=_count(added), deletions=_count(removed)))
    return files, sum(f.insertions or 0 for f in files), sum(f.deletions or 0 for f in files)


def _count(text: bytes) -> int | None:
    return None if text == b"-" else int(text)


def write_patch(clone: Clone, change: Change, target: Path, git: Git) -> None:
    """Write the change to the new file ``target`` as a patch for `git apply --3way --binary`.

    Raises :class:`RepositoryError`, also if nothing was recorded, and OSError.
    """
    if change.head_commit is None:
        raise RepositoryError("invalid_request", "nothing was recorded of this run, so there is no patch")
    git_dir = clone.private / "patch"
    make_git_dir(git_dir, config_of(hash_name_of(change.base_commit)))
    git.run(
        "diff-tree",
        "-r",
        "-M",
        "-p",
        "--binary",
        "--full-index",
        "--no-ext-diff",
        "--no-textconv",
        f"--output={target}",
        change.base_commit,
        change.head_commit,
        git_dir=git_dir,
        objects=clone.source.objects,
    )
