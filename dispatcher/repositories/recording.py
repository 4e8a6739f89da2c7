"""Recording what a run left of its clone as commits in the source. What is recorded may be removed.

The chain begins at the base: the commits of the agent, then one of its index and one of its files where these differ.
It is made in the object store of the source and gets its ref last, so that it is there as a whole or not at all.
"""

import contextlib
import os
import re
import time
import uuid
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import msgspec

from dispatcher.repositories import patches, plain_files
from dispatcher.repositories.agent_work import agent_git, lfs, work_trees
from dispatcher.repositories.agent_work.workshop import Workshop, hash_name_of
from dispatcher.repositories.clones import Clone
from dispatcher.repositories.failures import RepositoryError
from dispatcher.repositories.git import Git, GitError
from dispatcher.repositories.input_files import read_inputs
from dispatcher.repositories.refs import commit_at, pin, require_writable, run_ref
from sql.rows.dispatchers import Change

RECORDED = "recorded"
_CHANGE = "change.json"
_BEGUN = "begun.json"
_SCRATCH = "recording-"
_LARGEST_NESTED = 256 * 2**20
"""Bytes. The commits of a larger repository that the agent cloned into its tree stay out of the source."""
_LONGEST_PROBLEM = 4000


@dataclass(frozen=True)
class RunName:
    """The run whose work is recorded."""

    number: int
    run_no: int
    run_id: str
    task_id: str
    tool: str


class _Begun(msgspec.Struct, frozen=True):
    """When the recording of a run began: a second attempt makes the same commits."""

    run_id: str
    at: int


class _Done(msgspec.Struct, frozen=True):
    run_id: str
    change: Change


def is_recorded(private: Path, run_id: str) -> bool:
    """Return whether all that a run left is in the source, so that its clone may be removed."""
    return plain_files.read_plain(private / RECORDED) == run_id.encode()


def record(clone: Clone, run: RunName, git: Git) -> Change:
    """Record all that the agent left, and return what that is. The same run again returns the same.

    The processes of the run must be dead. Sentences about what could not be recorded are in ``problem``; if work may be
    missing, ``kept_in`` names the directory, which must stay, and the run does not count as recorded.

    Raises :class:`RepositoryError` and OSError; then nothing is recorded, and a later call begins anew.
    """
    if not plain_files.is_directory(clone.private):
        plain_files.remove(clone.private)
        clone.private.mkdir(mode=0o700)
    done = _read(clone.private / _CHANGE, _Done)
    if done is not None and done.run_id == run.run_id and _is_there(clone, done.change, git):
        return _settled(clone, run, done.change)
    require_writable(clone.source)
    for leftover in clone.private.glob(
        f"{_SCRATCH}*"
    ):  # of a dispatcher that was killed; its git may still be there
        with contextlib.suppress(OSError):
            plain_files.remove(leftover)
    scratch = clone.private / f"{_SCRATCH}{uuid.uuid4().hex[:12]}"
    inputs = read_inputs(clone.work, clone.private)
    shop = Workshop(git, clone.source, scratch, hash_name_of(clone.base), inputs)
    try:
        shop.set_up()
        change = _Recording(clone, run, shop, _begin(clone.private, run.run_id)).change()
    except GitError as error:
        if error.error_class == "no_resources":
            raise
        raise RepositoryError("not_recorded", f"git could not record {clone.work}: {error}") from error
    except (
        RecursionError,
        ValueError,
    ) as error:  # hundreds of repositories within each other, odd answers of git
        raise RepositoryError("not_recorded", f"{clone.work} cannot be recorded: {error}") from error
    finally:
        with contextlib.suppress(OSError):
            plain_files.remove(scratch)
    plain_files.write_durably(clone.private / _CHANGE, msgspec.json.encode(_Done(run.run_id, change)))
    return _settled(clone, run, change)


def _settled(clone: Clone, run: RunName, change: Change) -> Change:
    if change.kept_in is None and not is_recorded(clone.private, run.run_id):
        plain_files.write_durably(clone.private / RECORDED, run.run_id.encode())
    return change


def _is_there(clone: Clone, change: Change, git: Git) -> bool:
    return change.ref is not None and commit_at(clone.source, change.ref, git) == change.head_commit


def _begin(private: Path, run_id: str) -> int:
    begun = _read(private / _BEGUN, _Begun)
    if begun is None or begun.run_id != run_id:
        begun = _Begun(run_id, int(time.time()))
        plain_files.write_durably(private / _BEGUN, msgspec.json.encode(begun))
    return begun.at


S = TypeVar("S", bound=msgspec.Struct)


def _read(path: Path, kind: type[S]) -> S | None:
    try:
        return msgspec.json.decode(plain_files.read_plain(path) or b"", type=kind)
    except msgspec.MsgspecError:
        return None


@dataclass(frozen=True)
class _Chain:
    """The end of a chain, its tree, and by their names the further commits that are to be kept."""

    head: str
    tree: str
    others: dict[str, str]


class _Recording:
    """One recording, whose commits carry the time ``at``, in seconds since the epoch."""

    def __init__(self, clone: Clone, run: RunName, shop: Workshop, at: int) -> None:
        self.clone, self.run, self.shop, self.at = clone, run, shop, at
        self.pins: dict[str, str] = {}
        self.nested = 0
        self.ref = run_ref(run.number, run.run_no)

    def change(self) -> Change:
        """Make everything, and the ref at last."""
        work, base = self.clone.work, self.clone.base
        if plain_files.is_directory(work):
            index = work_trees.index_of_base(self.shop, self.clone.private / "index", base)
            chain = self._chain(work, "agent", index, base)
            head = chain.head
            self.pins = {f"{self.ref}-refs/{name}": oid for name, oid in chain.others.items()} | self.pins
        else:
            head = base
            kind = plain_files.kind_of(work)
            if kind is None:
                self.shop.remarks.append(f"{work} is gone, so nothing of it is recorded")
            else:
                self.shop.lost.append(
                    f"{work} is {kind} and not a directory any more, so nothing of it is recorded"
                )
        change = self._described(head)
        self.shop.give_to_owner()
        for name, commit in self.pins.items():
            self._pin(name, commit)
        return msgspec.structs.replace(change, ref=self._pin(self.ref, head))

    def _pin(self, name: str, commit: str) -> str:
        return pin(self.clone.source, name, commit, self.run.task_id, self.shop.git)

    def _described(self, head: str) -> Change:
        source, base = self.clone.source, self.clone.base
        shown = self.shop.run("diff-tree", "-r", "-M", "--numstat", "-z", "--no-textconv", base, head)
        files, insertions, deletions = patches.stat_of(shown)
        problems = [*self.shop.lost, *self.shop.remarks]
        return Change(
            source=str(source.path),
            base_commit=base,
            head_commit=head,
            files=len(files),
            insertions=insertions,
            deletions=deletions,
            stat=tuple(files[: patches.MOST_FILES]),
            problem="; ".join(problems)[:_LONGEST_PROBLEM] or None,
            kept_in=str(self.clone.work) if self.shop.lost else None,
        )

    def _chain(
        self, root: Path, name: str, index: Path, base: str | None, unless: str | None = None
    ) -> _Chain:
        """Record one repository: its commits, its index, its files, and the repositories within.

        A submodule that is as its commit ``unless`` is not copied to the source.
        """
        shop = self.shop
        agent = self._git_of(root, name)
        tips = agent_git.Tips(None, {}, ()) if agent is None else agent_git.read_tips(shop, agent, base)
        staged = None if agent is None else agent_git.read_staged(shop, agent)
        if agent is not None:
            known, trees = agent, [tree for tree in (tips.head or base, staged) if tree is not None]
            agent_git.attempt(
                shop,
                "what the agent's repository tracks is unreadable",
                lambda: work_trees.track_as_agent(shop, root, index, base, known, trees),
            )
        tree = self._tree(root, index)
        if (
            agent is not None
            and unless is not None
            and self._is_as(agent, unless, tips, {tree, staged or tree})
        ):
            return _Chain(unless, tree, {})
        lfs.keep_files(shop, root)
        whole = self._copied(agent, tips, None if staged == tree else staged, base)
        head = tips.head if tips.head in whole else base
        if staged is not None and staged in whole:
            head = self._upon(head, "Index", staged)
        head = self._upon(head, "Files", tree)
        others = {name: oid for name, oid in tips.others.items() if oid in whole}
        left_behind = [oid for oid in tips.left_behind if oid in whole]
        if left_behind:
            others["left-behind"] = self._commit("Left behind", tree, *left_behind)
        return _Chain(head, tree, others)

    def _is_as(self, agent: agent_git.AgentGit, commit: str, tips: agent_git.Tips, trees: set[str]) -> bool:
        if tips != agent_git.Tips(commit, {}, ()):
            return False
        return {agent.run("rev-parse", f"{commit}^{{tree}}").decode().strip()} == trees

    def _copied(
        self, agent: agent_git.AgentGit | None, tips: agent_git.Tips, staged: str | None, base: str | None
    ) -> set[str]:
        if agent is None:
            return set()
        if base is None and agent.size > _LARGEST_NESTED:
            self.shop.remarks.append(
                f"a repository of {agent.size / 2**20:,.0f} MiB was cloned into the tree: only its files are recorded"
            )
            return set()
        known = {base, self.shop.line("rev-parse", f"{base}^{{tree}}")} if base is not None else set()
        wanted = {
            tip for tip in (tips.head, staged, *tips.others.values(), *tips.left_behind) if tip is not None
        } - known
        lfs.keep_taken(self.shop, agent.directory)
        return agent_git.copy_history(self.shop, agent, sorted(wanted), base) | known

    def _git_of(self, root: Path, name: str) -> agent_git.AgentGit | None:
        """Take the data of the repository at ``root``, unless it is elsewhere or gone."""
        place = root / ".git"
        kind = plain_files.kind_of(place)
        found = plain_files.git_dir_within(self.clone.work, root)
        if found is not None and not (found / "commondir").exists():
            return agent_git.take_git_dir(self.shop, found, name)
        if kind is None and root == self.clone.work:
            self.shop.remarks.append(f"{place} is gone, and with it what the agent committed")
        elif kind is not None and found is None:
            self.shop.lost.append(
                f"{place} is {kind} and not the repository any more: no commit of the agent is recorded"
            )
        return None

    def _tree(self, root: Path, index: Path) -> str:
        """Return the tree of all files, also those of repositories within, which get refs of their own."""
        tree, nested, submodules = work_trees.record_files(self.shop, root, index)
        for path in nested:
            chain = self._within(root, path)
            place = f"--prefix={os.fsdecode(path)}/"
            self.shop.run("read-tree", place, chain.tree, work_tree=root, index=index)
        for path, commit in submodules.items():
            with os.scandir(root / os.fsdecode(path)) as entries:
                is_empty = next(entries, None) is None
            if not is_empty:
                head = self._submodule(root, path, commit)
                line = b"160000 %b\t%b\0" % (head.encode(), path)
                self.shop.run("update-index", "-z", "--index-info", index=index, stdin=line)
        return self.shop.line("write-tree", index=index) if nested or submodules else tree

    def _submodule(self, root: Path, path: bytes, commit: str) -> str:
        """Record what the agent left in a submodule, and return the commit that the tree names for it.

        Files in the directory of a submodule whose repository is not there are no change of it: the tree goes on naming
        ``commit``, since `git submodule update` of everybody else would look for ours in vain.
        """
        chain = self._within(root, path, unless=commit)
        if chain.head == commit:
            return commit
        name = work_trees.text_of(path)
        ref = next(ref for ref, pinned in self.pins.items() if pinned == chain.head)
        if plain_files.git_dir_within(self.clone.work, root / os.fsdecode(path)) is None:
            self.shop.remarks.append(
                f"the submodule {name} is not initialised, and stays at {commit[:12]}: the files in it are at {ref}"
            )
            return commit
        self.shop.remarks.append(
            f"the submodule {name} is at a commit that is nowhere but at {ref}: push it to the repository of the"
            " submodule"
        )
        return chain.head

    def _within(self, root: Path, path: bytes, unless: str | None = None) -> _Chain:
        """Record a repository within another one."""
        slug = re.sub(r"[^A-Za-z0-9_]+", "-", work_trees.text_of(path)).strip("-")[:40] or "repository"
        self.nested += 1
        name = f"{self.nested}-{slug}"
        chain = self._chain(
            root / os.fsdecode(path), f"nested-{name}", self.shop.scratch / f"{name}.index", None, unless
        )
        if chain.head != unless or chain.others:
            ref = f"{self.ref}-nested/{name}"
            self.pins |= {f"{ref}-refs/{other}": oid for other, oid in chain.others.items()}
            self.pins[ref] = chain.head
        return chain

    def _upon(self, parent: str | None, what: str, tree: str) -> str:
        """Return a commit of the tree upon its parent; the parent itself if that has this tree."""
        if parent is None:
            return self._commit(what, tree)
        same = self.shop.line("rev-parse", f"{parent}^{{tree}}") == tree
        return parent if same else self._commit(what, tree, parent)

    def _commit(self, what: str, tree: str, *parents: str) -> str:
        run = self.run
        who = f"llmctl <llmctl@localhost> {self.at} +0000"
        above = [f"tree {tree}", *(f"parent {parent}" for parent in parents)]
        title = f"{what} of task {run.number}, run {run.run_no} ({' '.join(run.tool.split())})"
        lines = [*above, f"author {who}", f"committer {who}", "", title, "", f"Llmctl-Run: {run.run_id}", ""]
        content = "\n".join(lines).encode()
        return self.shop.line("hash-object", "-t", "commit", "-w", "--stdin", stdin=content)
