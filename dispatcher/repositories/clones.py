"""The clone that a run works in: a repository of its own, which reads the objects of the source.

`git clone` would run what the configuration of the source says, and leave an address behind to which an agent could
push. So it is built here: objects by `objects/info/alternates`, refs by one file, and the files by a git directory of
ours, the private directory beside the clone, whose index later tells the recorder what has changed.
"""

import os
import shutil
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import msgspec

from dispatcher.repositories.git import Git
from dispatcher.repositories.sources import Source

MANIFEST = "clone.json"
CHECKOUT_SECONDS = 3600.0
_DRAFT = ".clone-"


@dataclass(frozen=True)
class Clone:
    """The tree of a run at ``work``, with our ``private`` directory beside it."""

    work: Path
    private: Path
    source: Source
    base: str


class Manifest(msgspec.Struct, frozen=True, kw_only=True):
    """What the private directory says of its clone. It is written last: a clone without it is half made."""

    number: int
    base: str
    path: str
    git_dir: str
    objects: str
    remarks: tuple[str, ...] = ()


def read_clone(work: Path, private: Path) -> Clone | None:
    """Return the clone that an earlier run or dispatcher made; None if there is none, or a half made one.

    Its source has no settings. Raises OSError.
    """
    found = _read(private)
    if found is None or not work.is_dir():
        return None
    source = Source(Path(found.path), Path(found.git_dir), Path(found.objects), None)
    return Clone(work, private, source, found.base)


def make_clone(clone: Clone, number: int, git: Git) -> Sequence[str]:
    """Make the clone of a task, and return remarks for people, such as submodules that are not there.

    A clone that is there already stays; a half made one is thrown away. Raises :class:`RepositoryError` and OSError.
    """
    found = _read(clone.private)
    if found is not None and clone.work.is_dir():
        return found.remarks
    _clear(clone)
    draft = clone.private.parent / f"{_DRAFT}{uuid.uuid4().hex[:12]}"
    draft.mkdir(mode=0o700)
    try:
        built = Clone(draft / "work", draft / "private", clone.source, clone.base)
        manifest = _build(built, number, git)
        (built.private / MANIFEST).write_bytes(msgspec.json.encode(manifest))
        built.work.rename(clone.work)
        built.private.rename(clone.private)
    finally:
        shutil.rmtree(draft, ignore_errors=True)
    return manifest.remarks


def _read(private: Path) -> Manifest | None:
    try:
        return msgspec.json.decode((private / MANIFEST).read_bytes(), type=Manifest)
    except (FileNotFoundError, msgspec.DecodeError):
        return None


def _clear(clone: Clone) -> None:
    """Remove what a killed dispatcher left of a clone. A git that still runs works in a draft of its own."""
    leftovers = [*clone.private.parent.glob(f"{_DRAFT}*"), clone.work, clone.private]
    for leftover in leftovers:
        if leftover.exists():
            shutil.rmtree(leftover)


def _build(clone: Clone, number: int, git: Git) -> Manifest:
    source = clone.source
    branch = f"llmctl/{number}"
    clone.work.mkdir(mode=0o700)
    object_format = git.run("rev-parse", "--show-object-format", git_dir=source.git_dir).decode().strip()
    git.run(
        "init",
        "--quiet",
        "--bare",
        "--template=",
        f"--object-format={object_format}",
        f"--initial-branch={branch}",
        str(clone.private),
    )
    info = clone.private / "objects" / "info"
    info.mkdir(exist_ok=True)
    (info / "alternates").write_bytes(os.fsencode(source.objects) + b"\n")
    repository = clone.work / ".git"
    shutil.copytree(clone.private, repository)
    _write_config(clone, object_format)
    _write_refs(clone, branch, git)
    git.run(
        "read-tree",
        "--reset",
        "-u",
        clone.base,
        git_dir=clone.private,
        work_tree=clone.work,
        index=clone.private / "index",
        timeout=CHECKOUT_SECONDS,
    )
    shutil.copyfile(clone.private / "index", repository / "index")
    return Manifest(
        number=number,
        base=clone.base,
        path=str(source.path),
        git_dir=str(source.git_dir),
        objects=str(source.objects),
    )


def _write_config(clone: Clone, object_format: str) -> None:
    is_sha1 = object_format == "sha1"
    lines = ["[core]", f"\trepositoryformatversion = {0 if is_sha1 else 1}", "\tfilemode = true"]
    lines += ["\tbare = false", "\tlogallrefupdates = true"]
    if not is_sha1:
        lines += ["[extensions]", f"\tobjectformat = {object_format}"]
    lines += ["[user]", "\tname = agent", "\temail = agent@localhost"]
    (clone.work / ".git" / "config").write_text("\n".join(lines) + "\n")


def _write_refs(clone: Clone, branch: str, git: Git) -> None:
    listed = git.run(
        "for-each-ref",
        "--format=%(objectname) %(refname)",
        "refs/heads",
        "refs/tags",
        git_dir=clone.source.git_dir,
    )
    refs = []
    for line in listed.splitlines():
        commit, _, name = line.partition(b" ")
        refs.append((name.replace(b"refs/heads/", b"refs/remotes/origin/", 1), commit))
    content = b"# pack-refs with: sorted\n" + b"".join(b"%b %b\n" % (c, n) for n, c in sorted(refs))
    repository = clone.work / ".git"
    (repository / "packed-refs").write_bytes(content)
    head = repository / "refs" / "heads" / branch
    head.parent.mkdir(parents=True, exist_ok=True)
    head.write_text(f"{clone.base}\n")
    (repository / "HEAD").write_text(f"ref: refs/heads/{branch}\n")
