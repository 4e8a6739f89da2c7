"""A clone has the files, refs and history of its source, a git of its own, and no way back."""

import os
import shutil
import subprocess
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from dispatcher.repositories.clones import make_clone, read_clone
from dispatcher.repositories.failures import RepositoryError
from dispatcher.repositories.git import Git
from tests.dispatcher.repositories.making import (
    Yard,
    commit,
    git,
    moved,
    needs_lfs,
    repository,
    snapshot,
    tree,
    write,
)


def refusal(yard: Yard, given: Path, **options: object) -> RepositoryError:
    with pytest.raises(RepositoryError) as caught:
        yard.clone_of(given, **options)  # type: ignore[arg-type]
    return caught.value


def test_a_clone_has_the_files_of_the_base_on_a_branch_of_the_task(yard: Yard) -> None:
    source = repository(yard.allowed / "shop")

    clone, remarks = yard.clone_of(source)

    assert remarks == []
    assert tree(clone.work) == tree(source)
    assert git(clone.work, "status", "--porcelain", "--branch") == "## llmctl/12"
    assert git(clone.work, "rev-parse", "HEAD") == clone.base
    git(clone.work, "fsck", "--strict")


def test_branches_of_the_source_are_those_of_origin_and_tags_are_tags(yard: Yard) -> None:
    source = repository(yard.allowed / "shop")
    git(source, "branch", "feature/x")
    git(source, "branch", "llmctl/12")
    git(source, "update-ref", "refs/heads/HEAD", "HEAD")
    git(source, "tag", "--annotate", "--message", "x", "v1")
    git(source, "update-ref", "refs/secret/notes", "HEAD")

    clone, _ = yard.clone_of(source)

    named = git(clone.work, "for-each-ref", "--format=%(refname)").split()
    assert named == [
        "refs/heads/llmctl/12", "refs/remotes/origin/HEAD", "refs/remotes/origin/feature/x",
        "refs/remotes/origin/llmctl/12", "refs/remotes/origin/main", "refs/tags/v1",
    ]  # fmt: skip
    assert git(clone.work, "describe") == "v1"
    assert git(clone.work, "rev-parse", "origin/HEAD") == clone.base


def test_an_agent_can_commit_but_has_no_address_to_push_to(yard: Yard) -> None:
    source = repository(yard.allowed / "shop")
    git(source, "config", "user.name", 'Ann "the\\first" Lee')
    git(source, "config", "user.email", "ann@example.org")
    before = snapshot(source)
    clone, _ = yard.clone_of(source)
    environment = {"PATH": os.environ["PATH"], "HOME": str(yard.root)}

    def agent(*arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            ["git", *arguments], cwd=clone.work, env=environment, capture_output=True, text=True, check=False
        )

    write(clone.work, {"new": "x"})
    agent("add", ".")
    assert agent("commit", "-m", "done").returncode == 0

    assert agent("log", "-1", "--format=%an %ae").stdout == 'Ann "the\\first" Lee ann@example.org\n'
    assert agent("remote").stdout == ""
    assert agent("push").returncode != 0
    assert agent("push", "origin").returncode != 0
    assert snapshot(source) == before


def test_without_an_identity_the_agent_gets_a_neutral_one_and_that_of_its_user_counts(
    yard: Yard, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = repository(yard.allowed / "shop")
    monkeypatch.setenv("HOME", str(yard.root))

    neutral, _ = yard.clone_of(source, 1)
    (yard.root / ".gitconfig").write_text("[include]\n\tpath = more\n[user]\n\tname = Bob\n")
    (yard.root / "more").write_text("[user]\n\temail = bob@example.org\n")
    own, _ = yard.clone_of(source, 2)

    assert git(neutral.work, "config", "user.name") == "llmctl"
    assert git(neutral.work, "config", "user.email") == "llmctl@localhost"
    assert "user" not in (own.work / ".git/config").read_text()


def test_two_clones_share_no_file(yard: Yard) -> None:
    source = repository(yard.allowed / "shop")
    first, _ = yard.clone_of(source, 1)
    second, _ = yard.clone_of(source, 2)

    write(first.work, {"README": "changed"})
    shutil.rmtree(first.work / ".git")

    assert tree(second.work) == tree(source)
    assert git(second.work, "status", "--porcelain") == ""
    assert (source / "README").read_text() == "hello\n"


def test_making_it_again_changes_nothing(yard: Yard) -> None:
    source = repository(yard.allowed / "shop")
    write(source, {"README": "dirty"})
    clone, remarks = yard.clone_of(source)
    write(clone.work, {"README": "the agent's"})

    assert make_clone(clone, 12, Git()) == tuple(remarks)
    assert (clone.work / "README").read_text() == "the agent's"


def test_a_clone_is_found_again_by_its_private_directory(yard: Yard) -> None:
    source = repository(yard.allowed / "shop")
    clone, _ = yard.clone_of(source)

    assert read_clone(clone.work, clone.private) == clone
    shutil.rmtree(clone.work)
    assert read_clone(clone.work, clone.private) == clone
    assert read_clone(clone.work, yard.root / "runs/13-1/repository") is None


@pytest.mark.parametrize("left", ["draft", "work only", "private only", "empty work"])
def test_what_a_killed_dispatcher_left_is_made_again(yard: Yard, left: str) -> None:
    source = repository(yard.allowed / "shop")
    clone, _ = yard.clone_of(source)
    workspace = clone.work.parent
    match left:
        case "draft":
            (workspace / ".clone-x").mkdir()
            clone.work.rename(workspace / ".clone-x" / "work")
            clone.private.rename(workspace / ".clone-x" / "private")
        case "work only":
            shutil.rmtree(clone.private)
        case "private only":
            shutil.rmtree(clone.work)
            (clone.private / "clone.json").write_text("")
        case _:
            shutil.rmtree(clone.work)
            shutil.rmtree(clone.private)
            clone.work.mkdir()

    make_clone(clone, 12, Git())

    assert tree(clone.work) == tree(source)
    assert git(clone.work, "status", "--porcelain") == ""
    aside = [place.name for place in workspace.iterdir() if place.name not in ("work", "repository")]
    assert len(aside) == (left == "work only")
    assert all(name.startswith("aside-") for name in aside)


def test_uncommitted_changes_stay_out_with_a_remark(yard: Yard) -> None:
    source = repository(yard.allowed / "shop")
    commit(source, "the second")
    write(source, {"README": "changed"})
    before = snapshot(source)

    clone, remarks = yard.clone_of(source, 1)
    _, of_another_base = yard.clone_of(source, 2, ref="main~1")

    assert remarks == [
        f"{source} has uncommitted changes, which are not part of a clone: it has the commit {clone.base[:12]}"
    ]
    assert of_another_base == []
    assert (clone.work / "README").read_text() == "hello\n"
    assert snapshot(source) == before


def test_a_new_file_is_an_uncommitted_change_and_an_ignored_one_is_not(yard: Yard) -> None:
    source = repository(yard.allowed / "shop")
    (source / ".git/info").mkdir(exist_ok=True)
    (source / ".git/info/exclude").write_text("*.log\n")
    write(source, {"x.log": ""})
    clone, without = yard.clone_of(source, 1)
    write(source, {"test_new.py": ""})

    _, remarks = yard.clone_of(source, 2)

    assert without == []
    assert len(remarks) == 1
    write(clone.work, {"y.log": ""})
    assert git(clone.work, "status", "--porcelain") == ""


def test_hooks_are_copied_only_where_config_says_so(yard: Yard) -> None:
    source = repository(yard.allowed / "shop")
    (source / ".git/hooks").mkdir()
    (source / ".git/hooks/pre-commit").write_text("#!/bin/sh\nexit 1\n")
    (source / ".git/hooks/pre-commit").chmod(0o755)

    without, _ = yard.clone_of("shop", 1, settings=yard.naming(source))
    clone, _ = yard.clone_of("shop", 2, settings=yard.naming(source, hooks=True))
    git(source, "config", "core.hooksPath", "tools/hooks")
    relative, _ = yard.clone_of("shop", 3, settings=yard.naming(source, hooks=True))

    assert not (without.work / ".git/hooks").exists()
    assert os.access(clone.work / ".git/hooks/pre-commit", os.X_OK)
    assert git(relative.work, "config", "core.hooksPath") == "tools/hooks"


def test_a_shallow_source_gives_a_shallow_clone(yard: Yard) -> None:
    origin = repository(yard.root / "origin")
    commit(origin, "the second")
    source = yard.allowed / "shop"
    git(yard.root, "clone", "--quiet", "--depth=1", f"file://{origin}", str(source))

    clone, remarks = yard.clone_of(source)

    assert remarks == []
    assert git(clone.work, "log", "--format=%s") == "the second"
    git(clone.work, "fsck")


def partial(yard: Yard) -> Path:
    origin = repository(yard.root / "origin", {"a": "1", "b": "2"})
    git(origin, "config", "uploadpack.allowFilter", "true")
    source = yard.allowed / "shop"
    git(yard.root, "clone", "--quiet", "--no-checkout", "--filter=blob:none", f"file://{origin}", str(source))
    return source


def test_a_partial_source_works_while_its_objects_are_there(yard: Yard) -> None:
    source = partial(yard)
    git(source, "checkout", "--quiet", "main")

    clone, _ = yard.clone_of(source)

    assert tree(clone.work) == {"a": "1", "b": "2"}


def test_a_partial_source_without_the_objects_says_the_command_that_gets_them(yard: Yard) -> None:
    source = partial(yard)

    refused = refusal(yard, source)

    assert refused.error_class == "invalid_request"
    assert f"{source} is a partial clone, and files of" in str(refused)
    command = str(refused).split("`")[1]
    subprocess.run(command, shell=True, check=True, capture_output=True)
    assert tree(yard.clone_of(source)[0].work) == {"a": "1", "b": "2"}


def test_a_broken_source_is_refused_with_what_git_says(yard: Yard) -> None:
    source = repository(yard.allowed / "shop")
    blob = git(source, "rev-parse", "HEAD:README")
    (source / ".git/objects" / blob[:2] / blob[2:]).unlink()

    refused = refusal(yard, source)

    assert refused.error_class == "invalid_request"
    assert "cannot be checked out" in str(refused)
    assert f"`git -C {source} fsck` shows more" in str(refused)
    assert list((yard.root / "runs/12-1").iterdir()) == []


def test_submodules_stay_out_with_a_remark_whose_command_gets_them(yard: Yard) -> None:
    library = repository(yard.allowed / "library", {"lib": "x"})
    source = repository(yard.allowed / "shop")
    allow = ("-c", "protocol.file.allow=always")
    git(source, *allow, "submodule", "--quiet", "add", "../library", "vendor/lib")
    git(source, "config", "submodule.vendor/lib.url", str(library))
    commit(source, "with a library")

    clone, remarks = yard.clone_of(source)

    assert remarks == [
        "the files of submodules are not in a clone (vendor/lib): "
        "--setup 'git submodule update --init --recursive' gets them"
    ]
    assert list((clone.work / "vendor/lib").iterdir()) == []
    assert git(clone.work, "status", "--porcelain") == ""
    git(clone.work, *allow, "submodule", "update", "--init", "--recursive")
    assert (clone.work / "vendor/lib/lib").read_text() == "x"


@needs_lfs
def test_files_of_lfs_are_pointers_with_a_remark_whose_command_gets_them_from_the_source(yard: Yard) -> None:
    source = repository(yard.allowed / "shop")
    git(source, "lfs", "install", "--local")
    git(source, "lfs", "track", "*.bin")
    write(source, {"big.bin": "the content\n"})
    commit(source, "a large file")
    before = snapshot(source)

    clone, remarks = yard.clone_of(source)

    assert remarks == [
        "the files of Git LFS are pointers in a clone (big.bin): --setup 'git lfs pull' gets them"
    ]
    assert (clone.work / "big.bin").read_text().startswith("version https://git-lfs")
    git(clone.work, "lfs", "install", "--local")
    git(clone.work, "lfs", "pull")
    assert (clone.work / "big.bin").read_text() == "the content\n"
    assert git(clone.work, "status", "--porcelain") == ""
    assert snapshot(source) == before


def test_replaced_objects_of_the_source_are_not_replaced_in_the_clone(yard: Yard) -> None:
    source = repository(yard.allowed / "shop")
    blob = git(source, "rev-parse", "HEAD:README")
    git(source, "replace", blob, git(source, "hash-object", "-w", "--stdin", stdin=b"other"))

    clone, remarks = yard.clone_of(source)

    assert (clone.work / "README").read_text() == "hello\n"
    assert "replaces objects by others" in remarks[0]


def test_a_source_with_alternates_of_its_own_works(yard: Yard) -> None:
    origin = repository(yard.root / "origin")
    middle, source = yard.allowed / "middle", yard.allowed / "shop"
    git(yard.root, "clone", "--quiet", "--shared", str(origin), str(middle))
    git(yard.root, "clone", "--quiet", "--shared", str(middle), str(source))
    alternates = source / ".git/objects/info/alternates"
    alternates.write_text(os.path.relpath(alternates.read_text().strip(), source / ".git/objects") + "\n")

    clone, _ = yard.clone_of(source)

    assert git(clone.work, "status", "--porcelain") == ""
    git(clone.work, "fsck")


@pytest.mark.parametrize("options", [["--object-format=sha256"], ["--ref-format=reftable"]])
def test_other_formats_of_objects_and_refs_work(yard: Yard, options: list[str]) -> None:
    source = repository(yard.allowed / "shop", None, *options)

    clone, _ = yard.clone_of(source)

    assert git(source, "rev-parse", "refs/llmctl/12/base") == clone.base
    assert tree(clone.work) == tree(source)
    git(clone.work, "fsck")
    commit(clone.work, "more")


def test_a_bare_source_and_a_work_tree_work(yard: Yard) -> None:
    place = repository(yard.allowed / "shop")
    git(place, "clone", "--quiet", "--bare", ".", str(yard.allowed / "bare.git"))
    git(place, "worktree", "add", "--quiet", "-b", "other", str(yard.allowed / "second"))

    for number, given in enumerate((yard.allowed / "bare.git", yard.allowed / "second"), 1):
        clone, remarks = yard.clone_of(given, number)
        assert (tree(clone.work), remarks) == (tree(place), [])
    assert git(place, "rev-parse", "refs/llmctl/2/base")


@pytest.mark.parametrize("options", [[], ["--ref-format=reftable"]])
def test_sixteen_clones_at_once_meet_no_lock(yard: Yard, options: list[str]) -> None:
    files = {f"folder{number % 7}/file{number}": f"{number}\n" for number in range(100)}
    source = repository(yard.allowed / "shop", files, *options)
    git(source, "pack-refs", "--all")

    with ThreadPoolExecutor(16) as pool:
        made = list(pool.map(lambda number: yard.clone_of(source, number), range(1, 49)))

    assert all(tree(clone.work) == files for clone, _ in made)
    pinned = git(source, "for-each-ref", "--format=%(refname)", "refs/llmctl").split()
    assert sorted(pinned) == sorted(f"refs/llmctl/{number}/base" for number in range(1, 49))


def test_a_clone_works_at_the_place_of_another_run(yard: Yard) -> None:
    source = repository(yard.allowed / "shop")
    clone, _ = yard.clone_of(source)
    other = moved(clone, yard.root / "runs" / "12-2")
    other.work.parent.mkdir()

    assert make_clone(other, 12, Git()) == ()
    assert tree(other.work) == tree(source)
