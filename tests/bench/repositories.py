"""P12: what it costs to give a run a tree of its own, and to record what it left there."""

import os
import random
import shutil
import statistics
import subprocess
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter

from dispatcher.configuration.sections.runs import SecuritySettings
from dispatcher.configuration.settings import Settings
from dispatcher.repositories.clones import Clone, make_clone
from dispatcher.repositories.git import Git
from dispatcher.repositories.recording import RunName, record
from dispatcher.repositories.refs import base_ref, pin
from dispatcher.repositories.sources import find_source, resolve_base
from tests.bench.result import MissingError, Result
from tests.bench.stage import CONCURRENCY, Stage

FILE_BYTES = 20_000
"""Of random bytes, which git cannot compress: 10,000 files are 200 MB of objects."""
EDITED = 50
"""One of so many files is edited by the agent."""
_OWNER = "0123456789abcdef"


@dataclass(frozen=True)
class Times:
    """Seconds until the tree is there, and for recording what was edited in it."""

    tree: float
    recorded: float

    @property
    def both(self) -> float:
        return self.tree + self.recorded


@dataclass(frozen=True)
class Yard:
    """A source, and where its trees are made."""

    root: Path
    source: Path

    def ours(self, number: int) -> Times:
        workspace = self.root / f"run-{number}"
        workspace.mkdir()
        git = Git()
        settings = Settings(security=SecuritySettings(allowed_roots=(str(self.root),)))
        start = perf_counter()
        source = find_source(str(self.source), settings, git)
        base = resolve_base(source, None, git)
        pin(source, base_ref(number), base, _OWNER, git)
        clone = Clone(workspace / "work", workspace / "repository", source, base)
        make_clone(clone, number, git)
        made = perf_counter()
        edit(clone.work)
        edited = perf_counter()
        run = RunName(number=number, run_no=1, run_id=f"run-{number}", task_id=f"task-{number}", tool="bench")
        change = record(clone, run, git)
        done = perf_counter()
        if change.problem is not None or change.files != edits(clone.work):
            raise RuntimeError(f"{change.files} files were recorded: {change.problem}")
        shutil.rmtree(workspace)
        return Times(made - start, done - edited)

    def worktree(self, number: int) -> Times:
        place = self.root / f"worktree-{number}"
        start = perf_counter()
        _git(self.source, "worktree", "add", "--quiet", "-b", f"worktree-{number}", str(place))
        made = perf_counter()
        edit(place)
        edited = perf_counter()
        _git(place, "add", "-A")
        _git(place, "commit", "--quiet", "-m", "done")
        done = perf_counter()
        _git(self.source, "worktree", "remove", "--force", str(place))
        return Times(made - start, done - edited)


def repositories(stage: Stage) -> list[Result]:
    """P12: clone + record against `git worktree add` + `git add -A` + `git commit`, and 16 of ours at once."""
    if shutil.which("git") is None:
        raise MissingError("needs git: apt install git")
    root = stage.directory / "repositories"
    yard = Yard(root, root / "source")
    files = stage.sizes.repository_files
    _make(yard.source, files)
    numbers = iter(range(1, 1_000_000))
    pairs = [_pair(yard, next(numbers), turn) for turn in range(stage.sizes.repository_rounds)]
    ours, theirs = zip(*pairs, strict=True)
    single = [
        _row("clone", ours, theirs, lambda times: times.tree, None),
        _row("record", ours, theirs, lambda times: times.recorded, None),
        _row(f"clone + record of {files:,} files", ours, theirs, lambda times: times.both, 1.5),
    ]
    start = perf_counter()
    with ThreadPoolExecutor(CONCURRENCY) as pool:
        list(pool.map(yard.ours, [next(numbers) for _ in range(CONCURRENCY)]))
    at_once = perf_counter() - start
    in_turn = CONCURRENCY * statistics.median(times.both for times in theirs)
    shutil.rmtree(root)
    return [
        *single,
        Result(
            measure=f"P12 {CONCURRENCY} clones + records at once",
            ours=f"{at_once:.2f} s",
            reference=f"{in_turn:.2f} s for {CONCURRENCY} work trees in turn",
            ratio=at_once / in_turn,
            goal=1.5,
        ),
    ]


def edit(tree: Path) -> None:
    """Do the agent's work: change one of so many files, and write as many new ones."""
    for file in _edited(tree):
        with file.open("ab") as opened:
            opened.write(b"edited\n")
        file.with_suffix(".new").write_bytes(b"new\n")


def edits(tree: Path) -> int:
    return 2 * len(_edited(tree))


def _edited(tree: Path) -> Sequence[Path]:
    return sorted(tree.glob("*/*.txt"))[::EDITED]


def _pair(yard: Yard, number: int, turn: int) -> tuple[Times, Times]:
    """Measure both, first the one and in the next turn the other."""
    if turn % 2:
        theirs = yard.worktree(number)
        return yard.ours(number), theirs
    return yard.ours(number), yard.worktree(number)


def _row(
    what: str,
    ours: Sequence[Times],
    theirs: Sequence[Times],
    part: Callable[[Times], float],
    goal: float | None,
) -> Result:
    own, other = statistics.median(map(part, ours)), statistics.median(map(part, theirs))
    return Result(
        measure=f"P12 {what}",
        ours=f"{own * 1000:.0f} ms",
        reference=f"{other * 1000:.0f} ms git worktree add, add -A, commit",
        ratio=statistics.median(part(one) / part(two) for one, two in zip(ours, theirs, strict=True)),
        goal=goal,
    )


def _make(source: Path, files: int) -> None:
    source.mkdir(parents=True)
    _git(source, "init", "--quiet", "--template=")
    content = random.Random(1)
    for number in range(files):
        folder = source / f"folder{number % 100}"
        folder.mkdir(exist_ok=True)
        (folder / f"file{number}.txt").write_bytes(content.randbytes(FILE_BYTES))
    _git(source, "add", "-A")
    _git(source, "commit", "--quiet", "-m", "all files")
    _git(source, "repack", "-a", "-d", "--quiet", "--window=0")


def _git(directory: Path, *arguments: str) -> None:
    person = {"GIT_CONFIG_NOSYSTEM": "1", "GIT_CONFIG_GLOBAL": os.devnull}
    for role in ("AUTHOR", "COMMITTER"):
        person |= {f"GIT_{role}_NAME": "bench", f"GIT_{role}_EMAIL": "bench@localhost"}
    subprocess.run(["git", *arguments], cwd=directory, env={**os.environ, **person}, check=True)
