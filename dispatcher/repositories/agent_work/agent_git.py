"""What an agent left in its `.git`: objects, refs and index, taken as data and without its configuration."""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from dispatcher.repositories import plain_files
from dispatcher.repositories.agent_work import lfs
from dispatcher.repositories.agent_work.workshop import Workshop, is_unreadable, make_git_dir
from dispatcher.repositories.git import GitError

T = TypeVar("T")

_PSEUDO_REFS = ("ORIG_HEAD", "MERGE_HEAD", "CHERRY_PICK_HEAD", "REVERT_HEAD", "REBASE_HEAD")
_FILES = ("HEAD", "packed-refs", "index", *_PSEUDO_REFS)
_HEAD = re.compile(rb"(ref: refs/[^\0-\x20]+|[0-9a-f]{40}([0-9a-f]{24})?)\s*")
_LOOSE = re.compile(r"[0-9a-f]{38}([0-9a-f]{24})?")
_PACK = re.compile(r"pack-[0-9a-f]+\.(pack|idx)")
_NOT_ITS_WORK = ("refs/remotes/", "refs/llmctl/", "refs/bisect/", "refs/replace/")
_LIST_REFS = ("for-each-ref", "--format=%(objectname) %(refname)")
_MOST_SIDE_REFS = 1000
_MOST_LEFT_BEHIND = 200


@dataclass(frozen=True)
class AgentGit:
    """A copy of the data, in a git directory of ours. ``size`` is that of its objects in bytes."""

    shop: Workshop
    directory: Path
    size: int

    @property
    def objects(self) -> Path:
        return self.directory / "objects"

    @property
    def index(self) -> Path:
        return self.directory / "index"

    def run(self, *arguments: str, index: Path | None = None, stdin: bytes = b"") -> bytes:
        """Run git on its refs, its objects and those of the source. New objects stay here."""
        return self.shop.run(
            *arguments,
            git_dir=self.directory,
            objects=self.objects,
            alternates=[self.shop.source.objects],
            index=index,
            stdin=stdin,
        )


@dataclass(frozen=True)
class Tips:
    """The commits that an agent left: its HEAD, by the names of their refs what else it made, and what it left behind:
    commits that it amended or reset, which only the log of its HEAD names.
    """

    head: str | None
    others: dict[str, str]
    left_behind: Sequence[str]


def attempt(shop: Workshop, what: str, step: Callable[[], T]) -> T | None:
    """Return the result of a step on data of the agent; None, and a sentence in ``lost``, if that is unreadable.

    It is tried twice, so that one failure of another kind costs nothing.
    """
    try:
        return step()
    except GitError as error:
        if not is_unreadable(error):
            raise
    try:
        return step()
    except GitError as error:
        if not is_unreadable(error):
            raise
        shop.lost.append(f"{what}: {error}")
        return None


def take_git_dir(shop: Workshop, source: Path, name: str) -> AgentGit:
    """Take the data of a git directory. Links, FIFOs, alternates, indexes of packs' contents and hooks stay behind.

    Raises OSError.
    """
    target = shop.scratch / name
    is_reftable = plain_files.is_directory(source / "reftable")
    storage = "    refStorage = reftable\n" if is_reftable else ""
    make_git_dir(target, shop.config + storage)
    (target / "HEAD").unlink()
    plain_files.take(shop.git_dir / "shallow", target / "shallow")
    for file in _FILES:
        plain_files.take(source / file, target / file)
    for shared in source.glob("sharedindex.*") if source.is_dir() else ():
        plain_files.take(shared, target / shared.name)
    for tree in ("refs", "reftable"):
        plain_files.take_all(source / tree, target / tree, lambda file: not file.endswith(".lock"))
    (target / "logs" / "refs").mkdir(parents=True)
    if plain_files.is_directory(source / "logs"):
        plain_files.take(source / "logs" / "HEAD", target / "logs" / "HEAD")
        if plain_files.is_directory(source / "logs" / "refs"):
            plain_files.take(source / "logs" / "refs" / "stash", target / "logs" / "refs" / "stash")
    _take_heads_of_work_trees(source / "worktrees", target)
    size = _take_objects(source / "objects", target / "objects")
    return AgentGit(shop, target, size + lfs.take_new(shop, source, target))


def _take_objects(source: Path, target: Path) -> int:
    size = plain_files.take_all(source / "pack", target / "pack", lambda file: bool(_PACK.fullmatch(file)))
    if plain_files.is_directory(source):
        for number in range(256):
            part = f"{number:02x}"
            size += plain_files.take_all(source / part, target / part, lambda f: bool(_LOOSE.fullmatch(f)))
    return size


def _take_heads_of_work_trees(source: Path, target: Path) -> None:
    """Make a ref of each commit at which a further work tree stands."""
    if not plain_files.is_directory(source):
        return
    for number, tree in enumerate(sorted(source.iterdir())[:_MOST_SIDE_REFS]):
        content = (plain_files.read_plain(tree / "HEAD", 100) or b"").strip()
        if plain_files.is_directory(tree) and re.fullmatch(rb"[0-9a-f]{40,64}", content):
            (target / "refs" / "worktrees-of-agent").mkdir(exist_ok=True)
            (target / "refs" / "worktrees-of-agent" / str(number)).write_bytes(content + b"\n")


def read_tips(shop: Workshop, agent: AgentGit, base: str | None) -> Tips:
    """Return what the agent's refs name. What cannot be read is in ``shop.lost``. Raises OSError."""
    head_file = agent.directory / "HEAD"
    content = plain_files.read_plain(head_file, 4096) or b""
    if not _HEAD.fullmatch(content):
        head_file.unlink(missing_ok=True)
        head_file.write_bytes(b"ref: refs/heads/llmctl-none\n")
        shop.lost.append("HEAD of the agent's repository is unreadable, so its commits may be missing")

    def listed() -> dict[str, str]:
        return _refs(agent.run(*_LIST_REFS))

    refs = attempt(shop, "the refs of the agent's repository are unreadable", listed) or {}
    others = {
        name.removeprefix("refs/"): oid for name, oid in refs.items() if not name.startswith(_NOT_ITS_WORK)
    }
    names = ["HEAD", *(name for name in _PSEUDO_REFS if (agent.directory / name).exists())]
    found = dict(zip(names, _ids(shop, agent, names), strict=True))
    head = found.pop("HEAD")
    others |= {name: oid for name, oid in found.items() if oid is not None}
    others |= _stashes(shop, agent) if "stash" in others else {}
    branch = content.strip().removeprefix(b"ref: ").decode(errors="replace")
    if head is None and (not content.startswith(b"ref: ") or (agent.directory / branch).is_file()):
        shop.lost.append("HEAD of the agent's repository names a commit that is not there")
    known = [oid for oid in (head, base) if oid is not None]
    others = _new_ones(shop, agent, others, known)
    return Tips(head, others, _left_behind(agent, [*known, *others.values()]))


def _left_behind(agent: AgentGit, known: Sequence[str]) -> Sequence[str]:
    log = plain_files.read_plain(agent.directory / "logs" / "HEAD") or b""
    logged = {
        line.split(b" ")[1].decode(errors="replace") for line in log.splitlines() if line.count(b" ") > 1
    }
    wanted = sorted(oid for oid in logged - {*known} if re.fullmatch(r"(?!0+$)[0-9a-f]{40,64}", oid))
    if not wanted:
        return ()
    asked = "".join([*(f"{oid}\n" for oid in wanted), *(f"^{oid}\n" for oid in known)]).encode()
    try:
        found = agent.run("rev-list", "--ignore-missing", "--stdin", stdin=asked).decode().split()
    except GitError as error:
        if not is_unreadable(error):
            raise
        return ()  # what the agent itself gave up is not missed
    return [oid for oid in found if oid in wanted][:_MOST_LEFT_BEHIND]


def _refs(listed: bytes) -> dict[str, str]:
    lines = (line.partition(" ") for line in listed.decode(errors="replace").split("\n"))
    return {name: oid for oid, _, name in lines if name}


def _ids(shop: Workshop, agent: AgentGit, names: Sequence[str]) -> list[str | None]:
    """Return the id of the commit that each name stands for; None if it is not there."""
    asked = "".join(f"{name}^{{commit}}\n" for name in names).encode()

    def answered() -> bytes:
        return agent.run("cat-file", "--batch-check", stdin=asked)

    lines = (
        (attempt(shop, "the agent's HEAD is unreadable", answered) or b"")
        .decode(errors="replace")
        .splitlines()
    )
    ids = [line.split(" ")[0] if line.split(" ")[1:2] == ["commit"] else None for line in lines]
    return ids if len(ids) == len(names) else [None] * len(names)


def _stashes(shop: Workshop, agent: AgentGit) -> dict[str, str]:
    """Return the stashes below the newest one, which only the log of the ref names."""

    def listed() -> list[str]:
        return agent.run("rev-list", "--walk-reflogs", "refs/stash").decode().split()

    older = (attempt(shop, "older stashes are unreadable", listed) or [])[1:]
    return {f"stash-{number}": oid for number, oid in enumerate(older, 1)}


def _new_ones(shop: Workshop, agent: AgentGit, refs: dict[str, str], known: Sequence[str]) -> dict[str, str]:
    """Leave out what ``known`` commits or the refs of the source hold anyway."""
    refs = {name: oid for name, oid in refs.items() if oid not in known}
    if refs:
        theirs = _refs(shop.git.run(*_LIST_REFS, git_dir=shop.source.git_dir))
        held = {oid for name, oid in theirs.items() if not name.startswith("refs/llmctl/")}
        refs = {name: oid for name, oid in refs.items() if oid not in held}
    if not refs:
        return {}
    asked = "".join(f"{oid}\n" for oid in refs.values()) + "".join(f"^{oid}\n" for oid in known)

    def reached() -> set[str]:
        walk = shop.run(
            "rev-list",
            "--stdin",
            objects=agent.objects,
            alternates=[shop.source.objects],
            stdin=asked.encode(),
        )
        return set(walk.decode().split())

    try:
        new = reached()
        refs = {name: oid for name, oid in refs.items() if oid in new or name.startswith("tags/")}
    except GitError as error:
        if not is_unreadable(error):
            raise
    if len(refs) > _MOST_SIDE_REFS:
        shop.lost.append(
            f"of {len(refs):,} further refs that the agent made, {_MOST_SIDE_REFS:,} are recorded"
        )
    return dict(list(refs.items())[:_MOST_SIDE_REFS])


def read_staged(shop: Workshop, agent: AgentGit) -> str | None:
    """Return the tree of the agent's index, with its own side of conflicts; None if it has none. Raises OSError."""
    if not agent.index.exists():
        return None
    if not plain_files.is_whole_index(agent.index, shop.hash_name):
        shop.lost.append("the agent's index is damaged, so what it held beside the files is missing")
        return None

    def written() -> str:
        return agent.run("write-tree", index=agent.index).decode().strip()

    try:
        return written()
    except GitError as error:
        if not is_unreadable(error):
            raise
    resolved = shop.scratch / f"{agent.directory.name}-resolved"

    def without_conflicts() -> str:
        entries = agent.run("ls-files", "--stage", "-z", index=agent.index).split(b"\0")
        chosen = [b"%b %b\t%b\0" % _side(entry) for entry in entries if _side(entry)[0]]
        resolved.unlink(missing_ok=True)
        agent.run("update-index", "-z", "--index-info", index=resolved, stdin=b"".join(chosen))
        return agent.run("write-tree", index=resolved).decode().strip()

    return attempt(shop, "the agent's index is unreadable", without_conflicts)


def _side(entry: bytes) -> tuple[bytes, bytes, bytes]:
    """Return mode, id and path of an entry that stands for its path: stage 0, or in a conflict the agent's own."""
    place, _, path = entry.partition(b"\t")
    mode, oid, stage = (*place.split(b" "), b"", b"", b"")[:3]
    return (mode, oid, path) if stage in (b"0", b"2") else (b"", b"", b"")


def copy_history(shop: Workshop, agent: AgentGit, tips: Sequence[str], base: str | None) -> set[str]:
    """Copy all that the tips need to the source, and return those that are whole there. Raises OSError."""
    if not tips:
        return set()
    try:
        _copy(shop, agent, tips, base)
        return set(tips)
    except GitError as error:
        if not is_unreadable(error):
            raise
    if len(tips) == 1:
        whole = attempt(
            shop, f"the commit {tips[0][:12]} is not whole", lambda: _copy(shop, agent, tips, base)
        )
        return set() if whole is None else set(tips)
    half = len(tips) // 2
    return copy_history(shop, agent, tips[:half], base) | copy_history(shop, agent, tips[half:], base)


def _copy(shop: Workshop, agent: AgentGit, tips: Sequence[str], base: str | None) -> bool:
    wanted = "".join(f"{tip}\n" for tip in tips) + (f"^{base}\n" if base else "")
    # Only what the agent's own store has, and not the source's: --local. Names of objects are computed anew on arrival.
    options = ("-q", "--revs", "--local", "--non-empty", "--window=0")
    agent.run("pack-objects", *options, str(shop.scratch / "copy"), stdin=wanted.encode())
    for pack in shop.scratch.glob("copy-*.pack"):
        with pack.open("rb", buffering=0) as content:
            count = int.from_bytes(content.read(12)[8:], "big")
            content.seek(0)
            # A run with a few commits adds no pack to the source, which reads slower the more of them it has.
            unpack = ("unpack-objects", "-q") if count < 1000 else ("index-pack", "--stdin")
            shop.run(*unpack, stdin=content)
    for leftover in shop.scratch.glob("copy-*"):
        leftover.unlink()
    shop.run("rev-list", "--objects", "--quiet", "--stdin", stdin=wanted.encode())
    return True
