"""A branch of a change is made where the change is, and never moved."""

from pathlib import Path

import pytest

from cli.repositories import branches
from cli.repositories.checkouts import Recorded, repository_at
from cli.repositories.places import checkout_for, repository_of
from dispatcher.errors import DispatchError, NotFoundError, UsageError, WrongStateError
from dispatcher.repositories.clones import Clone, make_clone
from dispatcher.repositories.git import Git
from dispatcher.repositories.sources import Source
from dispatcher.workspaces.work_directory import PRIVATE
from tests.cli.repositories.projects import Project, new_project


@pytest.fixture
def change(project: Project) -> Recorded:
    return project.record(12, lambda tree: (tree / "new").write_text("x"))


def test_a_branch_is_made_once(project: Project, change: Recorded) -> None:
    assert branches.create(project.repository, "llmctl/12", change)
    assert project.git("rev-parse", "llmctl/12") == change.head
    assert not branches.create(project.repository, "llmctl/12", change)


def test_a_branch_at_another_commit_stays(project: Project, change: Recorded) -> None:
    before = project.state()
    with pytest.raises(WrongStateError, match=r"branch main exists in .*shop, at another commit"):
        branches.create(project.repository, "main", change)
    assert project.state() == before


@pytest.mark.parametrize("name", ["", "-f", "a..b", "a b", "x.lock", "a\nb", "@{-1}"])
def test_what_cannot_be_a_name_is_refused(project: Project, change: Recorded, name: str) -> None:
    with pytest.raises(UsageError, match="not a valid name of a branch"):
        branches.create(project.repository, name, change)


def test_the_source_counts_before_the_directory(project: Project, change: Recorded, tmp_path: Path) -> None:
    project.git("clone", "--quiet", "--mirror", ".", str(tmp_path / "mirror"))
    assert repository_of(change, tmp_path / "mirror").place == project.path
    away = Recorded(12, Path("/nowhere"), change.ref, change.base, change.head)
    assert repository_of(away, tmp_path / "mirror").place == tmp_path / "mirror"
    with pytest.raises(NotFoundError, match="/nowhere, where task 12 is recorded, is not on this host"):
        repository_of(away, tmp_path)


def test_a_ref_that_is_gone_is_said(project: Project, change: Recorded, tmp_path: Path) -> None:
    lost = Recorded(12, project.path, change.ref, change.base, "1" * 40)
    with pytest.raises(NotFoundError, match=f"no commit {'1' * 12} of task 12: {change.ref} is gone"):
        repository_of(lost, tmp_path)


def test_the_checkout_of_the_directory_counts_before_the_source(project: Project, tmp_path: Path) -> None:
    other = new_project(tmp_path / "other")
    (other.path / "below").mkdir()
    assert checkout_for(project.path, other.path / "below").place == other.path
    assert checkout_for(project.path, tmp_path).place == project.path
    project.git("clone", "--quiet", "--bare", ".", str(tmp_path / "bare"))
    with pytest.raises(WrongStateError, match="bare repository"):
        checkout_for(tmp_path / "bare", tmp_path)
    with pytest.raises(NotFoundError, match="no checkout"):
        checkout_for(Path("/nowhere"), tmp_path)


def test_a_push_runs_the_hooks_of_the_user_and_overwrites_nothing(
    project: Project, change: Recorded, tmp_path: Path
) -> None:
    project.git("clone", "--quiet", "--bare", ".", str(tmp_path / "bare"))
    project.git("remote", "add", "origin", str(tmp_path / "bare"))
    hook = project.path / ".git" / "hooks" / "pre-push"
    hook.write_text(f"#!/bin/sh\ncat > {tmp_path}/pushed\n")
    hook.chmod(0o755)
    assert branches.push(project.repository, "origin", "llmctl/12", change) is None
    remote = Project(tmp_path / "bare")
    assert remote.git("rev-parse", "llmctl/12") == change.head
    assert change.head in (tmp_path / "pushed").read_text()
    project.write(other="x")
    project.commit()
    project.git("push", "--quiet", "origin", "main")
    with pytest.raises(DispatchError, match="git push to origin failed"):
        branches.push(project.repository, "origin", "main", change)
    hook.write_text("#!/bin/sh\nexit 1\n")
    with pytest.raises(DispatchError, match="git push to origin failed"):
        branches.push(project.repository, "origin", "more", change)


def test_a_push_runs_no_hook_that_a_change_can_bring(
    project: Project, change: Recorded, tmp_path: Path
) -> None:
    project.git("clone", "--quiet", "--bare", ".", str(tmp_path / "bare"))
    project.git("remote", "add", "origin", str(tmp_path / "bare"))
    hook = project.path / ".husky" / "pre-push"
    hook.parent.mkdir()
    hook.write_text(f"#!/bin/sh\nenv > {tmp_path}/seen\n")
    hook.chmod(0o755)
    project.git("config", "core.hooksPath", ".husky")
    remark = branches.push(project.repository, "origin", "llmctl/12", change)
    assert remark is not None
    assert f"those in {hook.parent} are files that changes of tasks can replace" in remark
    assert Project(tmp_path / "bare").git("rev-parse", "llmctl/12") == change.head
    assert not (tmp_path / "seen").exists()


def test_a_repository_that_git_does_not_trust_is_not_taken_for_none(tmp_path: Path, project: Project) -> None:
    assert repository_at(tmp_path) is None
    assert repository_at(tmp_path / "nothing") is None
    (project.path / ".git" / "config").write_text("[core\n")
    with pytest.raises(DispatchError, match="bad config"):
        repository_at(project.path)


def test_no_git_of_the_user_runs_in_the_clone_of_a_run(project: Project, tmp_path: Path) -> None:
    common = project.path / ".git"
    source = Source(project.path, common, common / "objects", None)
    clone = Clone(tmp_path / "work", tmp_path / PRIVATE, source, project.git("rev-parse", "HEAD"))
    make_clone(clone, 12, Git())
    ran = tmp_path / "ran"
    (clone.work / "deep").mkdir()
    with (clone.work / ".git" / "config").open("a") as configuration:
        configuration.write(f'[core]\n\tfsmonitor = "touch {ran}"\n')
    with pytest.raises(WrongStateError, match=f"{clone.work} is the clone of a run"):
        repository_at(clone.work / "deep")
    assert not ran.exists()
    project.git("fetch", "--quiet", str(clone.work), "HEAD")
    assert not ran.exists()
