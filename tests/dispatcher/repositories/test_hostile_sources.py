"""Nothing that a repository names runs when we use it, and nothing in it changes but our refs.

Everything that git can be told to run writes to a canary file. A person's git proves that the canaries sing.
"""

import contextlib
import os
import stat
from pathlib import Path

import pytest

from dispatcher.repositories.failures import RepositoryError
from dispatcher.repositories.git import Git, version_of_git
from tests.dispatcher.repositories.making import GIT, Yard, commit, git, repository, snapshot, tree, write

HOOKS = (
    "applypatch-msg", "pre-applypatch", "post-applypatch", "pre-commit", "pre-merge-commit", "prepare-commit-msg",
    "commit-msg", "post-commit", "pre-rebase", "post-checkout", "post-merge", "pre-push", "pre-receive", "update",
    "proc-receive", "post-receive", "post-update", "reference-transaction", "push-to-checkout", "pre-auto-gc",
    "post-rewrite", "sendemail-validate", "fsmonitor-watchman", "post-index-change",
)  # fmt: skip


class Canary:
    """A program that notes each of its runs, by the name under which it was told to run."""

    def __init__(self, place: Path) -> None:
        place.mkdir()
        self._place = place
        self._program = place / "canary"
        self._program.write_text(f'#!/bin/sh\ntouch "{place}/ran-$1"\ncat 2>/dev/null\nexit 0\n')
        self._program.chmod(0o755)

    def command(self, name: str) -> str:
        return f"{self._program} {name}"

    def script(self, file: Path, name: str) -> None:
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(f"#!/bin/sh\nexec {self.command(name)} </dev/null\n")
        file.chmod(0o755)

    @property
    def ran(self) -> set[str]:
        return {file.name.removeprefix("ran-") for file in self._place.glob("ran-*")}


def make_hostile(source: Path, canary: Canary) -> None:
    """Let everything of the repository that can name a program name the canary."""
    (source / ".gitattributes").write_text(
        "* filter=evil diff=evil merge=evil text=auto ident\n*.proc filter=process\n"
    )
    for name in HOOKS:
        canary.script(source / "hooks" / name, f"tree-hook-{name}")
    commit(source, "attributes")
    for name in HOOKS:
        canary.script(source / ".git/hooks" / name, f"hook-{name}")
    (source / ".git/info").mkdir(exist_ok=True)
    (source / ".git/info/attributes").write_text("* filter=evil diff=evil merge=evil\n")
    (source / ".git/more").write_text(f'[alias]\n\trev-parse = "!{canary.command("alias")}"\n')
    settings = {
        "core.fsmonitor": canary.command("fsmonitor"),
        "core.hooksPath": str(source / "hooks"),
        "core.sshCommand": canary.command("ssh"),
        "core.gitProxy": canary.command("proxy"),
        "core.pager": canary.command("pager"),
        "core.editor": canary.command("editor"),
        "core.askPass": canary.command("askpass"),
        "core.alternateRefsCommand": canary.command("alternates"),
        "credential.helper": f"!{canary.command('credential')}",
        "diff.external": canary.command("diff"),
        "diff.evil.command": canary.command("diff-driver"),
        "diff.evil.textconv": canary.command("textconv"),
        "merge.evil.driver": canary.command("merge"),
        "filter.evil.smudge": canary.command("smudge"),
        "filter.evil.clean": canary.command("clean"),
        "filter.evil.required": "true",
        "filter.process.process": canary.command("process"),
        "filter.process.required": "true",
        "gpg.program": canary.command("gpg"),
        "commit.gpgSign": "true",
        "log.showSignature": "true",
        "include.path": "more",
        "protocol.ext.allow": "always",
        "remote.origin.url": f"ext::{canary.command('ext')}",
        "remote.origin.vcs": "evil",
        "remote.origin.promisor": "true",
        "remote.origin.uploadpack": canary.command("uploadpack"),
        "uploadpack.packObjectsHook": canary.command("pack"),
        "pager.status": canary.command("pager"),
        "trace2.eventTarget": str(source / "trace"),
        "hook.evil.event": "reference-transaction",
        "hook.evil.command": canary.command("hook-of-config"),
        "submodule.evil.update": f"!{canary.command('submodule')}",
        "gc.auto": "1",
        "maintenance.auto": "true",
    }
    for key, value in settings.items():
        git(source, "config", "--file", ".git/config", key, value)


@pytest.fixture
def canary(tmp_path: Path) -> Canary:
    return Canary(tmp_path / "canary")


def test_nothing_of_a_hostile_source_runs_and_nothing_of_it_changes(yard: Yard, canary: Canary) -> None:
    source = repository(yard.allowed / "shop", {"README": "hello\n", "x.proc": "x\n"})
    make_hostile(source, canary)
    write(source, {"README": "dirty\n", "new": "x"})
    before = snapshot(source)

    clone, remarks = yard.clone_of(source)

    assert canary.ran == set()
    assert snapshot(source) == before
    assert len(remarks) == 1
    assert (clone.work / "README").read_text() == "hello\n"
    assert git(source, "rev-parse", "refs/llmctl/12/base") == clone.base
    assert not (source / "trace").exists()


def test_the_canaries_of_a_hostile_source_sing_for_a_person(yard: Yard, canary: Canary) -> None:
    source = repository(yard.allowed / "shop", {"README": "hello\n", "x.proc": "x\n"})
    make_hostile(source, canary)
    write(source, {"README": "dirty\n"})
    git(source, "update-ref", "refs/heads/new", "HEAD")
    git(source, "diff")
    git(source, "checkout-index", "--force", "README")

    assert {"fsmonitor", "diff-driver", "smudge", "tree-hook-reference-transaction"} <= canary.ran


def test_nothing_of_a_hostile_source_gets_into_the_clone(yard: Yard, canary: Canary) -> None:
    source = repository(yard.allowed / "shop", {"README": "hello\n", "x.proc": "x\n"})
    make_hostile(source, canary)
    clone, _ = yard.clone_of(source)

    write(clone.work, {"README": "changed\n"})
    git(clone.work, "status")
    git(clone.work, "diff")
    commit(clone.work, "the agent's")
    git(clone.work, "log", "--show-signature")

    assert canary.ran == set()
    assert str(canary.command("")).strip() not in (clone.work / ".git/config").read_text()


def test_the_hooks_of_a_source_run_for_the_agent_only_where_config_says_so(
    yard: Yard, canary: Canary
) -> None:
    source = repository(yard.allowed / "shop")
    for name in HOOKS:
        canary.script(source / ".git/hooks" / name, name)
    before = snapshot(source)

    clone, _ = yard.clone_of("shop", settings=yard.naming(source, hooks=True))

    assert canary.ran == set()
    assert snapshot(source) == before
    commit(clone.work, "the agent's")
    assert "pre-commit" in canary.ran


def test_objects_that_a_hostile_source_lacks_are_not_fetched(yard: Yard, canary: Canary) -> None:
    source = repository(yard.allowed / "shop")
    blob = git(source, "rev-parse", "HEAD:README")
    (source / ".git/objects" / blob[:2] / blob[2:]).unlink()
    make_config = {
        "extensions.partialClone": "origin",
        "core.repositoryFormatVersion": "1",
        "remote.origin.promisor": "true",
        "remote.origin.url": f"ext::{canary.command('ext')}",
        "protocol.ext.allow": "always",
    }
    for key, value in make_config.items():
        git(source, "config", key, value)

    with pytest.raises(RepositoryError):
        yard.clone_of(source)

    assert canary.ran == set()


def test_a_ref_does_not_become_an_option(yard: Yard, canary: Canary) -> None:
    source = repository(yard.allowed / "shop")

    for ref in (f"--exec={canary.command('ref')}", "--help", "--output=/tmp/x"):
        with pytest.raises(RepositoryError, match="has no branch, tag or commit"):
            yard.clone_of(source, ref=ref)

    assert canary.ran == set()


def planted(source: Path, entries: list[tuple[str, str, bytes]]) -> str:
    """Commit a tree of (mode, kind, name) that git itself would never write. Return the commit."""
    blob = git(source, "hash-object", "-w", "--stdin", stdin=b"#!/bin/sh\necho planted\n")
    inner = git(source, "mktree", stdin=f"100755 blob {blob}\tpost-checkout\n".encode())
    binary = b"".join(
        f"{mode} ".encode() + name + b"\0" + bytes.fromhex(blob if kind == "blob" else inner)
        for mode, kind, name in entries
    )
    planted_tree = git(source, "hash-object", "-w", "-t", "tree", "--literally", "--stdin", stdin=binary)
    return git(source, "commit-tree", planted_tree, "-m", "planted")


@pytest.mark.parametrize(
    "name", [b".git", b".GIT", b".Git", b"git~1", b"..", b".", b".git ", b".git."], ids=ascii
)
def test_names_that_would_leave_the_tree_or_become_a_git_directory_are_refused(
    yard: Yard, name: bytes
) -> None:
    source = repository(yard.allowed / "shop")
    base = planted(source, [("40000", "tree", name)])
    (yard.root / "runs" / "12-1").mkdir(parents=True)

    with pytest.raises(RepositoryError) as caught:
        yard.clone_of(source, ref=base)

    assert caught.value.error_class == "invalid_request"
    assert list((yard.root / "runs/12-1").iterdir()) == []
    assert sorted(place.name for place in yard.root.iterdir()) == ["allowed", "runs"]


def test_a_slash_in_a_name_leads_nowhere(yard: Yard) -> None:
    source = repository(yard.allowed / "shop")

    with pytest.raises(RepositoryError):
        yard.clone_of(source, ref=planted(source, [("100644", "blob", b"../../escaped")]))

    assert not list(yard.root.rglob("escaped"))


def test_a_link_and_a_folder_of_one_name_do_not_write_through_the_link(yard: Yard) -> None:
    source = repository(yard.allowed / "shop")
    target = yard.root / "target"
    target.mkdir()
    link = git(source, "hash-object", "-w", "--stdin", stdin=str(target).encode())
    blob = git(source, "hash-object", "-w", "--stdin", stdin=b"x")
    folder = git(source, "mktree", stdin=f"100644 blob {blob}\tescaped\n".encode())
    binary = b"120000 a\0" + bytes.fromhex(link) + b"40000 a\0" + bytes.fromhex(folder)
    both = git(source, "hash-object", "-w", "-t", "tree", "--literally", "--stdin", stdin=binary)
    base = git(source, "commit-tree", both, "-m", "planted")

    with contextlib.suppress(RepositoryError):
        yard.clone_of(source, ref=base)

    assert list(target.iterdir()) == []


def test_a_work_tree_elsewhere_is_refused(yard: Yard) -> None:
    source = repository(yard.allowed / "shop")
    git(source, "config", "core.worktree", "/")

    with pytest.raises(RepositoryError, match="belongs to /, which is not below"):
        yard.clone_of(source)


def test_odd_names_links_and_modes_arrive_as_they_are(yard: Yard) -> None:
    files = {
        "a\nb": "line end", 'quote"': "q", "tab\there": "t", "-rf": "option", "ünï": "u", "Case": "1", "case": "2",
        ":(top)x": "magic", "sp ace/ x ": "s", "*": "star", "CON": "dos",
    }  # fmt: skip
    source = repository(yard.allowed / "shop", files)
    (source / "link").symlink_to("/etc/passwd")
    (source / "dangling").symlink_to("../../nowhere")
    (source / "tool").write_text("#!/bin/sh\n")
    (source / "tool").chmod(0o755)
    commit(source, "odd")

    clone, remarks = yard.clone_of(source)

    assert remarks == []
    assert tree(clone.work) == tree(source)
    assert stat.S_IMODE((clone.work / "tool").stat().st_mode) & 0o100
    assert git(clone.work, "status", "--porcelain") == ""


def test_bytes_that_are_no_text_are_names_too(yard: Yard) -> None:
    source = repository(yard.allowed / "shop")
    base = planted(source, [("100644", "blob", b"\xff\xfe")])

    clone, _ = yard.clone_of(source, ref=base)

    assert [os.fsencode(file.name) for file in clone.work.iterdir()].count(b"\xff\xfe") == 1


def test_a_submodule_with_a_hostile_address_is_only_a_remark(yard: Yard, canary: Canary) -> None:
    source = repository(yard.allowed / "shop")
    head = git(source, "rev-parse", "HEAD")
    git(source, "update-index", "--add", "--cacheinfo", f"160000,{head},evil")
    (source / ".gitmodules").write_text(
        f'[submodule "evil"]\n\tpath = evil\n\turl = ext::{canary.command("ext")}\n\tupdate = !{canary.command("up")}\n'
    )
    git(source, "add", ".gitmodules")
    git(source, "commit", "--quiet", "-m", "evil")
    git(source, "config", "submodule.evil.url", f"ext::{canary.command('ext')}")

    clone, remarks = yard.clone_of(source)

    assert "the files of submodules are not in a clone (evil)" in remarks[0]
    assert canary.ran == set()
    assert "up" not in git(clone.work, "config", "--get-regexp", "submodule.*").split()


def test_a_git_in_the_files_of_the_source_is_not_run(
    yard: Yard, canary: Canary, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = repository(yard.allowed / "shop")
    canary.script(source / "git", "git")
    commit(source, "a git")
    monkeypatch.chdir(source)
    monkeypatch.setenv("PATH", f".:{os.environ['PATH']}")

    yard.clone_of(source)

    assert canary.ran == set()


def test_ten_thousand_files_are_cloned(yard: Yard) -> None:
    files = {f"{number % 97}/{number % 11}/{number}": f"{number}\n" for number in range(10_000)}
    source = repository(yard.allowed / "shop", files)

    clone, _ = yard.clone_of(source)

    assert tree(clone.work) == files
    assert git(clone.work, "status", "--porcelain") == ""
    assert version_of_git(GIT) >= (2, 38)
    assert (
        Git().run("diff-files", git_dir=clone.private, work_tree=clone.work, index=clone.private / "index")
        == b""
    )
