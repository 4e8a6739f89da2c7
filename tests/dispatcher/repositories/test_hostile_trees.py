"""Nothing that an agent left runs while it is recorded, and the user's repository stays as it was."""

import hashlib
import os
from pathlib import Path

import pytest

from tests.dispatcher.repositories.runs import Repository, git

HOOKS = [
    "pre-commit",
    "post-commit",
    "commit-msg",
    "reference-transaction",
    "post-index-change",
    "post-checkout",
    "fsmonitor-watchman",
    "pre-auto-gc",
    "post-rewrite",
    "update",
]
SETTINGS = [
    "core.fsmonitor",
    "core.sshCommand",
    "core.pager",
    "core.editor",
    "core.alternateRefsCommand",
    "core.gitProxy",
    "diff.external",
    "diff.run.textconv",
    "diff.run.command",
    "filter.run.clean",
    "filter.run.smudge",
    "filter.run.process",
    "merge.run.driver",
    "gpg.program",
    "uploadpack.packObjectsHook",
    "credential.helper",
    "alias.add",
]


@pytest.fixture
def repository(tmp_path: Path) -> Repository:
    repository = Repository(tmp_path / "shop")
    repository.commit(a="one\n", b="two\n")
    return repository


def trap(git_dir: Path, canary: Path) -> None:
    """Make a repository run a command wherever git lets one."""
    command = f"touch {canary}; cat"
    for setting in SETTINGS:
        git(git_dir, "config", "-f", "config", setting, command)
    git(git_dir, "config", "-f", "config", "commit.gpgSign", "true")
    git(git_dir, "config", "-f", "config", "filter.run.required", "true")
    (git_dir / "hooks").mkdir(exist_ok=True)
    for hook in HOOKS:
        (git_dir / "hooks" / hook).write_text(f"#!/bin/sh\n{command}\n")
        (git_dir / "hooks" / hook).chmod(0o755)


def fingerprint(repository: Repository) -> dict[str, str]:
    """Return a digest of each file of the user's repository that is no object and no ref of ours."""
    found = {}
    for file in sorted(repository.path.rglob("*")):
        name = str(file.relative_to(repository.path))
        if file.is_file() and not name.startswith((".git/objects/", ".git/refs/llmctl/")):
            found[name] = hashlib.sha256(file.read_bytes()).hexdigest()
    return found


def test_nothing_of_agent_or_source_runs_and_the_source_stays_as_it_was(
    repository: Repository, tmp_path: Path
) -> None:
    canary = tmp_path / "canary"
    run = repository.run()
    run.agent(
        "echo '* filter=run diff=run merge=run' > .gitattributes; echo x >> a; git add a; git commit -qm X"
    )
    run.agent("git init -q sub; cd sub; echo s > s; git add s; git commit -qm S; echo t > t")
    run.agent("git init -q link; echo l > link/l; echo y >> b; git add b")
    run.agent(
        "printf '[submodule \"sub\"]\\n path = sub\\n url = ext::sh\\n update = !touch x\\n' > .gitmodules"
    )
    run.agent(f"printf '[include]\\n path = {tmp_path}/included\\n' >> .gitmodules; git add sub")
    (tmp_path / "included").write_text(f"[core]\n fsmonitor = touch {canary}\n")
    for git_dir in (run.work / ".git", run.work / "sub" / ".git", repository.path / ".git"):
        trap(git_dir, canary)
        with (git_dir / "config").open("a") as config:
            config.write(f"[include]\n path = {tmp_path}/included\n")
    left, before = run.files(), fingerprint(repository)
    change = run.record()
    assert not canary.exists()
    assert fingerprint(repository) == before
    tree = repository.tree(change.head_commit)
    assert {path: content for path, content in left.items() if not path.startswith(b"sub/")} == {
        path: content for path, content in tree.items() if path != b"sub"
    }
    nested = repository.refs()["refs/llmctl/12/1-nested/2-sub"]
    assert tree[b"sub"].decode() == nested
    assert repository.tree(nested) == {b"s": b"s\n", b"t": b"t\n"}
    run.agent("git status > /dev/null 2>&1 || true")
    assert canary.exists()  # so the traps were set


def test_what_links_and_alternates_lead_to_is_not_copied(repository: Repository, tmp_path: Path) -> None:
    secret = Repository(tmp_path / "secret")
    commit = secret.commit(secret="secret\n")
    blob = git(secret.path, "rev-parse", "HEAD:secret")
    for number, script in enumerate(
        [
            f"echo {secret.path}/.git/objects > .git/objects/info/alternates",
            f"rm -r .git/objects; ln -s {secret.path}/.git/objects .git/objects",
            f"rm -r .git; ln -s {secret.path}/.git .git",
            f"rm -r .git; ln -s {repository.path}/.git .git",
            f"rm -r .git; echo gitdir: {secret.path}/.git > .git",
            f"mkdir .git/objects/{blob[:2]}; ln -s {secret.path}/.git/objects/{blob[:2]}/* .git/objects/{blob[:2]}",
        ]
    ):
        run = repository.run(number=number)
        run.agent(f"{script}; [ -L .git ] || [ -f .git ] || echo {commit} > .git/HEAD; echo x >> a")
        before = fingerprint(repository)
        change = run.record()
        assert fingerprint(repository) == before
        assert change.kept_in == str(run.work)
        assert repository.tree(change.head_commit)[b"a"] == b"one\nx\n"
        assert not any(blob[2:] in name for _, _, names in os.walk(repository.path) for name in names)


def test_two_clones_of_one_source_never_mix(repository: Repository) -> None:
    one, two = repository.run(number=1), repository.run(number=2)
    one.agent("echo 1 > only1; git add .; git commit -qm 1; echo 1 >> a")
    two.agent("echo 2 > only2; git add .; git commit -qm 2; echo 2 >> a")
    first, second = one.record(), two.record()
    assert repository.tree(first.head_commit) == one.files()
    assert repository.tree(second.head_commit) == two.files()
    assert git(repository.path, "status", "--porcelain") == ""
