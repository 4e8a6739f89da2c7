"""A change comes into a checkout whole, or the checkout stays as it is to the byte."""

import os
import stat
from collections.abc import Iterable
from pathlib import Path

import pytest

from cli.repositories.applying import apply
from cli.repositories.checkouts import Recorded, repository_at
from cli.repositories.trees import ConflictError
from cli.repositories.user_git import GitFailedError
from dispatcher.errors import WrongStateError
from tests.cli.repositories.projects import Project, lines, new_project


def no_patch() -> Iterable[bytes]:
    raise AssertionError("the commits are here")


def everything(tree: Path) -> None:
    """Changes a file, renames one, adds a program, a link, bytes and a name with a line end."""
    (tree / "code").write_text(lines(l2="two"))
    (tree / "old name").rename(tree / "new name")
    (tree / "run.sh").write_text("#!/bin/sh\n")
    (tree / "run.sh").chmod(0o755)
    (tree / "link").symlink_to("../outside")
    (tree / "bytes").write_bytes(bytes(range(256)))
    (tree / "deep" / "er").mkdir(parents=True)
    (tree / "deep" / "er" / "line\nend").write_text("x\n")


def require_everything(place: Path) -> None:
    assert (place / "code").read_text() == lines(l2="two")
    assert not (place / "old name").exists()
    assert (place / "new name").read_text() == lines()
    assert stat.S_IMODE((place / "run.sh").stat().st_mode) & 0o111
    assert (place / "link").readlink() == Path("../outside")
    assert (place / "bytes").read_bytes() == bytes(range(256))
    assert (place / "deep" / "er" / "line\nend").read_text() == "x\n"


def test_a_change_is_staged_and_not_committed(project: Project) -> None:
    change = project.record(12, everything)
    differs = apply(project.repository, change, no_patch)
    require_everything(project.path)
    assert project.git("rev-parse", "HEAD") == change.base
    assert project.git("write-tree") == project.git("rev-parse", f"{change.head}^{{tree}}")
    assert project.git("diff", "--name-only") == ""
    assert set(differs.added) == {b"new name", b"run.sh", b"link", b"bytes", b"deep/er/line\nend"}
    assert set(differs.others) == {b"code", b"old name"}


def test_its_patch_does_the_same_where_its_commits_are_not(project: Project, tmp_path: Path) -> None:
    change = project.record(12, everything)
    project.git("clone", "--quiet", ".", str(tmp_path / "other"))
    other = Project(tmp_path / "other")
    gone = Recorded(12, Path("/nowhere"), change.ref, change.base, change.head)
    apply(other.repository, gone, lambda: [project.patch(change)])
    require_everything(other.path)
    assert other.git("write-tree") == project.git("rev-parse", f"{change.head}^{{tree}}")


def test_a_clone_of_the_source_fetches_the_commits(project: Project, tmp_path: Path) -> None:
    change = project.record(12, everything)
    project.git("clone", "--quiet", ".", str(tmp_path / "other"))
    other = Project(tmp_path / "other")
    before = other.git("for-each-ref")
    apply(other.repository, change, no_patch)
    require_everything(other.path)
    assert other.git("for-each-ref") == before
    assert not (other.path / ".git" / "FETCH_HEAD").exists()


def test_a_change_fits_on_what_came_meanwhile(project: Project) -> None:
    change = project.record(12, lambda tree: (tree / "code").write_text(lines(l2="two")))
    project.write(code=lines(l9="nine"))
    project.commit()
    apply(project.repository, change, no_patch)
    assert (project.path / "code").read_text() == lines(l2="two", l9="nine")


def test_only_the_change_comes_to_another_branch_and_not_the_history_below_it(project: Project) -> None:
    project.git("branch", "release")
    project.write(new="of main\n")
    project.commit()
    change = project.record(12, lambda tree: (tree / "code").write_text(lines(l2="two")))
    project.git("checkout", "--quiet", "release")
    apply(project.repository, change, no_patch)
    assert project.git("status", "--porcelain") == "M  code"


def test_what_goes_on_with_an_applied_change_fits_on_it(project: Project) -> None:
    first = project.record(12, lambda tree: (tree / "code").write_text(lines(l2="two")))
    project.git("merge", "--quiet", "--ff-only", first.head)
    second = project.record(13, lambda tree: (tree / "code").write_text(lines(l2="zwei")))
    from_the_beginning = Recorded(13, second.source, second.ref, first.base, second.head)
    apply(project.repository, from_the_beginning, no_patch)
    assert (project.path / "code").read_text() == lines(l2="zwei")


@pytest.mark.parametrize("moved", [False, True])
def test_a_reply_fits_on_what_was_applied_before_it_however_that_was_committed(
    project: Project, moved: bool
) -> None:
    first = project.record(12, lambda tree: (tree / "code").write_text(lines(l2="two")))
    whole = project.record(13, lambda tree: (tree / "code").write_text(lines(l2="zwei", l9="nine")))
    if moved:
        project.write(other="of somebody else\n")
        project.commit()
    apply(project.repository, first, no_patch)
    project.commit("applied by hand")
    with pytest.raises(ConflictError):
        apply(project.repository, whole, no_patch)
    apply(project.repository, whole, no_patch, continued=[first])
    assert (project.path / "code").read_text() == lines(l2="zwei", l9="nine")
    project.commit("the reply, too")
    assert not apply(project.repository, whole, no_patch, continued=[first]).paths


def test_a_reply_to_what_was_not_applied_brings_all_of_it(project: Project) -> None:
    first = project.record(12, lambda tree: (tree / "code").write_text(lines(l2="two")))
    whole = project.record(13, lambda tree: (tree / "code").write_text(lines(l2="zwei", l9="nine")))
    apply(project.repository, whole, no_patch, continued=[first])
    assert (project.path / "code").read_text() == lines(l2="zwei", l9="nine")


@pytest.mark.parametrize("with_patch", [False, True])
def test_a_conflict_names_the_files_and_changes_nothing(project: Project, with_patch: bool) -> None:
    change = project.record(12, everything)
    project.write(code=lines(l2="mine"))
    project.commit()
    before = project.state()
    patch = project.patch(change)
    if with_patch:  # a base that nobody has leaves only the patch
        change = Recorded(12, Path("/nowhere"), change.ref, "1" * 40, "2" * 40)
    with pytest.raises(ConflictError, match=r"task 12 conflicts in code$"):
        apply(project.repository, change, lambda: [patch])
    assert project.state() == before


def test_a_patch_of_another_project_is_refused(project: Project, tmp_path: Path) -> None:
    change = project.record(12, lambda tree: (tree / "code").write_text(lines(l2="two")))
    other = new_project(tmp_path / "else")
    other.write(readme="x\n")
    other.commit()
    before = other.state()
    gone = Recorded(12, Path("/nowhere"), change.ref, change.base, change.head)
    with pytest.raises(WrongStateError, match=r"does not fit .*code"):
        apply(other.repository, gone, lambda: [project.patch(change)])
    assert other.state() == before


@pytest.mark.parametrize("staged", [False, True])
def test_a_dirty_checkout_is_refused(project: Project, staged: bool) -> None:
    change = project.record(12, everything)
    project.write(code=lines(l9="mine"))
    if staged:
        project.git("add", "code")
    before = project.state()
    with pytest.raises(WrongStateError, match=r"uncommitted changes.*: code"):
        apply(project.repository, change, no_patch)
    assert project.state() == before


@pytest.mark.parametrize(
    ("in_the_way", "named"),
    [
        ("bytes", "bytes"),
        ("deep", "deep"),
        ("deep/er/line\nend", "line"),
        ("run.log", "run.log"),
        ("run.sh/inside", "run.sh/inside"),
    ],
)
def test_a_file_in_the_way_is_named_and_kept_also_an_ignored_one(
    project: Project, in_the_way: str, named: str
) -> None:
    def change(tree: Path) -> None:
        everything(tree)
        (tree / "run.log").write_text("theirs")
        Project(tree).git("add", "--force", "run.log")

    recorded = project.record(12, change)
    (project.path / in_the_way).parent.mkdir(parents=True, exist_ok=True)
    (project.path / in_the_way).write_text("mine")
    before = project.state()
    with pytest.raises(WrongStateError, match=f"{named}.* would be overwritten"):
        apply(project.repository, recorded, no_patch)
    with pytest.raises(WrongStateError, match=f"{named}.* would be overwritten"):
        apply(project.repository, recorded, no_patch, dry_run=True)
    assert project.state() == before


def test_a_link_in_the_way_is_not_followed(project: Project, tmp_path: Path) -> None:
    recorded = project.record(12, everything)
    (tmp_path / "outside").mkdir()
    (project.path / "deep").symlink_to(tmp_path / "outside")
    before = project.state()
    with pytest.raises(WrongStateError, match="deep would be overwritten"):
        apply(project.repository, recorded, no_patch)
    assert project.state() == before
    assert list((tmp_path / "outside").iterdir()) == []


def test_a_directory_that_is_tracked_makes_way_for_a_file(project: Project) -> None:
    (project.path / "d").mkdir()
    (project.path / "d" / "one").write_text("1")
    project.commit()

    def change(tree: Path) -> None:
        (tree / "d" / "one").unlink()
        (tree / "d").rmdir()
        (tree / "d").write_text("a file\n")
        (tree / "code").unlink()
        (tree / "code").mkdir()
        (tree / "code" / "inside").write_text("x")

    apply(project.repository, project.record(12, change), no_patch)
    assert (project.path / "d").read_text() == "a file\n"
    assert (project.path / "code" / "inside").read_text() == "x"


def test_a_dry_run_stages_nothing(project: Project) -> None:
    change = project.record(12, everything)
    before = project.state()
    assert len(apply(project.repository, change, no_patch, dry_run=True).paths) == 7
    assert project.state() == before


def test_a_detached_head_and_a_linked_work_tree_take_a_change(project: Project, tmp_path: Path) -> None:
    change = project.record(12, everything)
    project.git("worktree", "add", "--quiet", "--detach", str(tmp_path / "linked"))
    before = project.state()
    linked = repository_at(tmp_path / "linked")
    assert linked is not None
    apply(linked, change, no_patch)
    require_everything(tmp_path / "linked")
    index = str(project.path / ".git" / "worktrees" / "linked" / "index")
    after = project.state()
    assert {key: value for key, value in after.items() if key != index} == {
        key: value for key, value in before.items() if key != index
    }


def test_a_repository_without_a_commit_says_so(project: Project, tmp_path: Path) -> None:
    change = project.record(12, everything)
    empty = new_project(tmp_path / "empty")
    with pytest.raises(WrongStateError, match="no commit yet"):
        apply(empty.repository, change, no_patch)


def test_no_hook_of_the_repository_runs(project: Project) -> None:
    change = project.record(12, everything)
    for name in ("post-checkout", "pre-commit", "post-index-change", "reference-transaction", "post-merge"):
        hook = project.path / ".git" / "hooks" / name
        hook.write_text(f"#!/bin/sh\ntouch {project.path}/ran\n")
        hook.chmod(0o755)
    apply(project.repository, change, no_patch)
    assert not (project.path / "ran").exists()


def test_what_cannot_be_written_leaves_the_checkout_as_it_was(project: Project) -> None:
    def change(tree: Path) -> None:
        (tree / "a").write_text("first\n")
        (tree / "code").write_text(lines(l2="two"))
        (tree / "kept" / "z").write_text("last\n")

    (project.path / "kept").mkdir()
    (project.path / "kept" / "y").write_text("there\n")
    project.commit()
    recorded = project.record(12, change)
    # A filter that fails for one file is as good as a full disk: git has written others by then.
    (project.path / ".git" / "info" / "attributes").write_text("kept/z filter=full\n")
    project.git("config", "filter.full.smudge", "false")
    project.git("config", "filter.full.required", "true")
    before = {key: value for key, value in project.state().items() if not key.endswith("/.git/index")}
    with pytest.raises(GitFailedError, match="kept/z"):
        apply(project.repository, recorded, no_patch)
    after = {key: value for key, value in project.state().items() if not key.endswith("/.git/index")}
    assert after == before
    assert project.git("status", "--porcelain") == ""


def test_a_hostile_path_is_refused(project: Project) -> None:
    blob = project.git("hash-object", "-w", "--stdin", stdin=b"[core]\n\tfsmonitor = touch /tmp/x\n")
    inner = project.git("mktree", stdin=f"100644 blob {blob}\tconfig\n".encode())
    tree = project.git("mktree", stdin=f"040000 tree {inner}\t.git\n".encode())
    base = project.git("rev-parse", "HEAD")
    head = project.git("commit-tree", tree, "-p", base, "-m", "hostile")
    before = {key: value for key, value in project.state().items() if not key.endswith("/.git/index")}
    with pytest.raises(GitFailedError, match="\\.git"):
        apply(project.repository, Recorded(12, project.path, "refs/llmctl/12/1", base, head), no_patch)
    after = {key: value for key, value in project.state().items() if not key.endswith("/.git/index")}
    assert after == before


def test_the_repository_that_calls_a_hook_of_ours_is_not_meant(
    project: Project, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    other = new_project(tmp_path / "else")
    other.write(readme="x\n")
    other.commit()
    change = project.record(12, everything)
    monkeypatch.setenv("GIT_DIR", str(other.path / ".git"))
    monkeypatch.setenv("GIT_INDEX_FILE", str(other.path / ".git" / "index"))
    before = other.state()
    apply(project.repository, change, no_patch)
    require_everything(project.path)
    assert other.state() == before
    assert os.environ["GIT_DIR"]
