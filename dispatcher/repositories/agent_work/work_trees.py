"""The files of a work tree as a tree of git, whatever they are: nothing of them runs, and none is left out silently."""

import os
import shutil
from collections.abc import Collection, Iterable, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from dispatcher.repositories import plain_files
from dispatcher.repositories.agent_work import lfs
from dispatcher.repositories.agent_work.agent_git import AgentGit
from dispatcher.repositories.agent_work.workshop import Workshop, is_unreadable
from dispatcher.repositories.git import GitError

GITLINK = b"160000"
_NOTHING = b"000000"
_EVERYTHING = b":/"
_NAMES = 5


def named(paths: Sequence[bytes]) -> str:
    """Return the first of some paths for a sentence."""
    shown = ", ".join(repr(text_of(path)) for path in paths[:_NAMES])
    return shown if len(paths) <= _NAMES else f"{shown} and {len(paths) - _NAMES:,} more"


def text_of(path: bytes) -> str:
    """Return a path as text that each database and each JSON takes."""
    return path.decode("utf-8", "backslashreplace")


def index_of_base(shop: Workshop, kept: Path, base: str) -> Path:
    """Return an index of the base: a copy of ``kept``, which knows the files by their times, if that is in order.

    Raises OSError.
    """
    index, tree = shop.scratch / "index", shop.line("rev-parse", f"{base}^{{tree}}")
    if plain_files.is_whole_index(kept, shop.hash_name):
        shutil.copy2(kept, index)  # with its time, before which files must have changed to be trusted
        try:
            if shop.line("write-tree", index=index) == tree:
                return index
        except GitError as error:
            if not is_unreadable(error):
                raise
        index.unlink()
    shop.run("read-tree", tree, index=index)
    return index


def track_as_agent(
    shop: Workshop, root: Path, index: Path, base: str | None, agent: AgentGit, trees: Sequence[str]
) -> None:
    """Track in ``index``, which is at ``base``, what the agent's own trees track: ignored files, submodules.

    A file of the base that none of them has is not tracked any more: if it is there, .gitignore decides. Raises
    :class:`GitError`.
    """
    start = base or shop.line("hash-object", "-t", "tree", "--stdin")
    changes = [list(_differences(start, agent, tree)) for tree in trees]
    links = {entry.path for tree in changes for entry in tree if entry.mode == GITLINK != entry.old_mode}
    # A repository that was merely added to another one has its files recorded; a submodule can be fetched again.
    links -= _registered(shop, root) if links else set()
    added = [
        entry for tree in changes for entry in tree if entry.mode != _NOTHING and entry.path not in links
    ]
    gone = [{entry.path for entry in tree if entry.mode == _NOTHING} for tree in changes]
    removed = set.intersection(*gone) if gone else set()
    lines = [b"0 %b\t%b\0" % (b"0" * len(start), path) for path in removed]
    lines += [b"%b %b\t%b\0" % (entry.mode, entry.oid, entry.path) for entry in added]
    if lines:
        shop.run("update-index", "-z", "--replace", "--index-info", index=index, stdin=b"".join(lines))


class _Entry(NamedTuple):
    old_mode: bytes
    mode: bytes
    oid: bytes
    path: bytes


def _differences(start: str, agent: AgentGit, tree: str) -> Iterator[_Entry]:
    """Yield what a tree of the agent has beside that of ``start``, or as something else. Content does not count."""
    fields = agent.run("diff-tree", "-r", "-z", "--no-renames", start, tree).split(b"\0")
    for place, path in zip(fields[::2], fields[1::2], strict=False):
        old_mode, mode, _, oid, kind = place[1:].split(b" ")
        if kind != b"M" or GITLINK in (old_mode, mode):
            yield _Entry(old_mode, mode, oid, path)


def _registered(shop: Workshop, root: Path) -> set[bytes]:
    """Return the paths that .gitmodules names."""
    file = root / ".gitmodules"
    if plain_files.read_plain(file) is None:
        return set()
    try:
        asked = ("--file", str(file), "--no-includes", "-z", "--get-regexp", r"^submodule\..*\.path$")
        found = shop.run("config", *asked).split(b"\0")
    except GitError as error:
        if not is_unreadable(error):
            raise
        return set()
    return {entry.partition(b"\n")[2] for entry in found}


def record_files(shop: Workshop, root: Path, index: Path) -> tuple[str, list[bytes], dict[bytes, str]]:
    """Bring ``index`` up to the files below ``root`` and return its tree.

    Also return the repositories below ``root``, whose files are not in it, and the submodules with their commits.
    Raises :class:`GitError` and OSError.
    """
    survey = plain_files.survey(root)
    if survey.special:
        _leave_out(shop, index, root, survey.special)
    if survey.closed:
        shop.lost.append(f"the dispatcher may not read {named(survey.closed)}")
    others = _untracked(shop, root, index)
    given = {path for path in others if _is_as_given(shop, root / os.fsdecode(path))}
    untracked = [path for path in others if path not in given]
    nested = [path[:-1] for path in untracked if path.endswith(b"/")]
    submodules = dict(_gitlinks(shop, index))
    there = [path for path in submodules if plain_files.is_directory(root / os.fsdecode(path))]
    lfs.record_pointers(shop, root, index, survey.attributes, untracked)
    _add(shop, root, index, [*nested, *there, *given])
    return shop.line("write-tree", index=index), nested, {path: submodules[path] for path in there}


def _leave_out(shop: Workshop, index: Path, root: Path, special: Sequence[bytes]) -> None:
    """Forget files that were replaced by FIFOs, sockets or devices, which hold nothing."""
    shop.run(
        "update-index", "-z", "--force-remove", "--stdin", work_tree=root, index=index, stdin=_lines(special)
    )
    shop.remarks.append(f"FIFOs, sockets and devices are left out: {named(special)}")


def _untracked(shop: Workshop, root: Path, index: Path) -> list[bytes]:
    listed = shop.run("ls-files", "-z", "--others", "--exclude-standard", work_tree=root, index=index)
    return listed.split(b"\0")[:-1]


def _is_as_given(shop: Workshop, file: Path) -> bool:
    """Return whether it is an input file of the task that the agent left as it was."""
    return file in shop.inputs and plain_files.digest(file) == shop.inputs[file]


def _gitlinks(shop: Workshop, index: Path) -> Iterator[tuple[bytes, str]]:
    for entry in shop.run("ls-files", "-z", "--stage", index=index).split(b"\0"):
        if entry.startswith(GITLINK):
            place, _, path = entry.partition(b"\t")
            yield path, place.split(b" ")[1].decode()


def _add(shop: Workshop, root: Path, index: Path, but: Collection[bytes]) -> None:
    """Add all files but ``but`` and what is below: in repositories git would read another configuration."""
    wanted = _lines([_EVERYTHING, *(b":(top,exclude,literal)" + path for path in but)])
    add = ("add", "--all", "--ignore-errors", "--pathspec-from-file=-", "--pathspec-file-nul")

    def added() -> None:
        shop.run(*add, work_tree=root, index=index, stdin=wanted)

    try:
        added()
    except GitError as error:
        if not is_unreadable(error):
            raise
    else:
        return
    # Some file does not fit the attributes that the tree gives it, or git does not take a name.
    try:
        shop.leave_files_raw()
        added()
    except GitError as error:
        if not is_unreadable(error) or error.exit_code != 1:
            raise
        left = [path for path in _untracked(shop, root, index) if not path.endswith(b"/") and path not in but]
        changed = shop.run(
            "diff-files", "-z", "--name-only", "--ignore-submodules=all", work_tree=root, index=index
        )
        left += changed.split(b"\0")[:-1]
        shop.lost.append(f"git does not take {named(left)}: {error}" if left else str(error))


def _lines(paths: Iterable[bytes]) -> bytes:
    return b"".join(path + b"\0" for path in paths)
