"""The files in the git directory of a clone."""

import os
import shutil
from pathlib import Path

from dispatcher.repositories.git import Git
from dispatcher.repositories.source_config import SourceConfig
from dispatcher.repositories.sources import Source

_ESCAPES = str.maketrans({"\\": r"\\", '"': r"\"", "\n": r"\n", "\t": r"\t"})


def make_private(private: Path, source: Source, object_format: str, base: str, git: Git) -> None:
    """Make the git directory by which we write and read the files of the clone, and which no agent's git reads.

    Its HEAD is the base. It has the source's objects, the end of its history if it is shallow, and what it ignores.
    """
    git.run("init", "--quiet", "--bare", "--template=", f"--object-format={object_format}", str(private))
    (private / "HEAD").write_text(f"{base}\n")
    for folder in (private / "objects" / "info", private / "info"):
        folder.mkdir(exist_ok=True)
    (private / "objects" / "info" / "alternates").write_bytes(os.fsencode(source.objects) + b"\n")
    for name in ("shallow", "info/exclude"):
        if (source.git_dir / name).is_file():
            shutil.copyfile(source.git_dir / name, private / name)


def configuration(config: SourceConfig) -> bytes:
    """Return the configuration of the clone. It has no remote, so that nothing is pushed to the source."""
    lines = ["[core]", f"\trepositoryformatversion = {int(config.object_format != 'sha1')}"]
    lines += ["\tfilemode = true", "\tbare = false", "\tlogallrefupdates = true"]
    if config.object_format != "sha1":
        lines += ["[extensions]", f"\tobjectformat = {config.object_format}"]
    if config.identity:
        lines += ["[user]", *(f"\t{key} = {_quoted(value)}" for key, value in config.identity.items())]
    for name, url in config.submodules.items():
        if name.isprintable():
            lines += [f"[submodule {_quoted(name)}]", f"\turl = {_quoted(url)}"]
    return os.fsencode("\n".join(lines) + "\n")


def write_refs(repository: Path, source: Source, branch: str, base: str, git: Git) -> bool:
    """Write the branches of the source as those of `origin`, its tags, and the branch of the clone.

    Returns whether objects of the source are replaced by others.
    """
    listed = git.run(
        "for-each-ref", "--format=%(objectname) %(HEAD)%(refname)", "refs/heads", "refs/tags", "refs/replace",
        git_dir=source.git_dir,
    )  # fmt: skip
    refs: list[tuple[bytes, bytes]] = []
    has_replaced = False
    for line in listed.splitlines():
        commit, _, rest = line.partition(b" ")
        mark, name = rest[:1], rest[1:]
        if name.startswith(b"refs/replace/"):
            has_replaced = True
        elif name.startswith(b"refs/tags/"):
            refs.append((name, commit))
        elif name != b"refs/heads/HEAD":
            tracking = name.replace(b"refs/heads/", b"refs/remotes/origin/", 1)
            refs.append((tracking, commit))
            if mark == b"*":
                _write(repository / "refs/remotes/origin/HEAD", b"ref: %b\n" % tracking)
    packed = b"".join(b"%b %b\n" % (commit, name) for name, commit in sorted(refs))
    _write(repository / "packed-refs", b"# pack-refs with: sorted \n" + packed)
    _write(repository / "refs/heads" / branch, f"{base}\n".encode())
    _write(repository / "HEAD", f"ref: refs/heads/{branch}\n".encode())
    return has_replaced


def copy_hooks(repository: Path, source: Source, config: SourceConfig) -> None:
    """Let the agent's git run the hooks of the source. A relative `core.hooksPath` names a folder of the files."""
    hooks = source.git_dir / "hooks"
    if config.hooks_path is not None:
        place = Path(config.hooks_path).expanduser()
        if not place.is_absolute():
            with (repository / "config").open("ab") as file:
                file.write(os.fsencode(f"[core]\n\thooksPath = {_quoted(config.hooks_path)}\n"))
            return
        hooks = place
    if hooks.is_dir():
        shutil.copytree(hooks, repository / "hooks", ignore=shutil.ignore_patterns("*.sample"))


def _write(file: Path, content: bytes) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(content)


def _quoted(value: str) -> str:
    """Quote a value or the name of a section for a configuration file of git."""
    return f'"{value.translate(_ESCAPES)}"'
