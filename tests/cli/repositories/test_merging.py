"""Changes come onto a branch one after the other, and the branch moves once or not at all."""

from pathlib import Path

import pytest

from cli.repositories.checkouts import Recorded, repository_at
from cli.repositories.merging import Branch
from cli.repositories.scratch import Commands, Scratch, scratch_of
from cli.repositories.trees import ConflictError
from dispatcher.errors import UsageError, WrongStateError
from tests.cli.repositories.projects import Project, lines, new_project

MAIN = "refs/heads/main"


def line(project: Project, number: int, **changed: str) -> Recorded:
    return project.record(number, lambda tree: (tree / "code").write_text(lines(**changed)))


def test_changes_come_on_top_of_each_other_and_the_branch_moves_once(project: Project) -> None:
    one, two = line(project, 1, l1="one"), line(project, 2, l5="five")
    before = project.state()
    branch = Branch(project.repository, MAIN)
    assert branch.merge(one, "Task 1: first\n", None)
    assert branch.merge(two, "Task 2: second\n", None)
    assert project.state() == before
    branch.move("llmctl merge")
    assert (project.path / "code").read_text() == lines(l1="one", l5="five")
    assert project.git("status", "--porcelain") == ""
    assert project.git("log", "--first-parent", "--format=%s by %an").splitlines() == [
        "Task 2: second by Ada",
        "Task 1: first by Ada",
        "first by Ada",
    ]
    assert branch.has(one)
    assert branch.has(two)
    assert len(project.git("reflog", "main").splitlines()) == 2


def test_a_conflict_is_left_and_the_others_go_on(project: Project) -> None:
    one, two, three = line(project, 1, l1="one"), line(project, 2, l1="eins"), line(project, 3, l9="nine")
    branch = Branch(project.repository, MAIN)
    branch.merge(one, "1", None)
    with pytest.raises(ConflictError) as conflict:
        branch.merge(two, "2", None)
    assert conflict.value.files == [b"code"]
    branch.merge(three, "3", None)
    branch.move("llmctl merge")
    assert (project.path / "code").read_text() == lines(l1="one", l9="nine")


def test_what_is_not_proven_is_left(project: Project) -> None:
    branch = Branch(project.repository, MAIN)
    assert not branch.merge(line(project, 1, l1="one"), "1", lambda _: False)
    assert branch.tip == branch.begin
    branch.move("llmctl merge")
    assert (project.path / "code").read_text() == lines()


def test_a_branch_that_moved_meanwhile_stays(project: Project) -> None:
    branch = Branch(project.repository, MAIN)
    branch.merge(line(project, 1, l1="one"), "1", None)
    project.write(other="x")
    project.commit()
    before = project.state()
    with pytest.raises(WrongStateError, match="main moved meanwhile"):
        branch.move("llmctl merge")
    assert project.state() == before


def test_a_checkout_that_became_dirty_or_full_of_other_files_meanwhile_stays(project: Project) -> None:
    branch = Branch(project.repository, MAIN)
    branch.merge(project.record(1, lambda tree: (tree / "new").write_text("x")), "1", None)
    project.write(code="mine")
    before = project.state()
    with pytest.raises(WrongStateError, match="uncommitted changes"):
        branch.move("llmctl merge")
    assert project.state() == before
    project.git("checkout", "--quiet", "code")
    project.write(new="mine")
    before = project.state()
    with pytest.raises(WrongStateError, match="new would be overwritten"):
        branch.move("llmctl merge")
    assert project.state() == before


def test_a_change_that_would_overwrite_a_file_is_left_before_its_check_runs(project: Project) -> None:
    change = project.record(1, lambda tree: (tree / "new").write_text("theirs"))
    project.write(new="mine")
    branch = Branch(project.repository, MAIN)
    with pytest.raises(WrongStateError, match="new would be overwritten"):
        branch.merge(change, "1", lambda _: pytest.fail("it was checked"))
    assert branch.tip == branch.begin


def test_a_dirty_checkout_is_refused_at_once(project: Project) -> None:
    project.write(code="mine")
    with pytest.raises(WrongStateError, match="uncommitted changes"):
        Branch(project.repository, MAIN)


def test_a_branch_without_a_checkout_moves_alone(project: Project) -> None:
    change = line(project, 1, l1="one")
    project.git("branch", "release")
    project.write(code="mine, and not committed")
    branch = Branch(project.repository, "refs/heads/release")
    branch.merge(change, "1", None)
    branch.move("llmctl merge")
    assert (project.path / "code").read_text() == "mine, and not committed"
    assert project.git("show", "release:code") + "\n" == lines(l1="one")


def test_a_branch_of_another_work_tree_is_refused(project: Project, tmp_path: Path) -> None:
    project.git("worktree", "add", "--quiet", "-b", "release", str(tmp_path / "linked"))
    with pytest.raises(WrongStateError, match=f"release is checked out in {tmp_path / 'linked'}"):
        Branch(project.repository, "refs/heads/release")


def test_a_bare_source_takes_changes(project: Project, tmp_path: Path) -> None:
    change = line(project, 1, l1="one")
    project.git("clone", "--quiet", "--mirror", ".", str(tmp_path / "bare"))
    bare = Project(tmp_path / "bare")
    bare.git("config", "user.name", "Ada")
    bare.git("config", "user.email", "ada@example.org")
    branch = Branch(bare.repository, MAIN)
    with scratch_of(bare.repository, branch.tip) as scratch:
        assert branch.merge(
            change, "1", lambda commit: scratch.prove(commit, 1, Commands("cat code")) is None
        )
    branch.move("llmctl merge")
    assert bare.git("show", "main:code") + "\n" == lines(l1="one")


def test_no_identity_and_no_such_branch_are_said_at_once(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(WrongStateError, match="has no branch nothing"):
        Branch(project.repository, "refs/heads/nothing")
    project.git("config", "user.useConfigOnly", "true")
    project.git("config", "--unset", "user.email")
    monkeypatch.delenv("EMAIL", raising=False)
    with pytest.raises(UsageError, match="does not know who commits"):
        Branch(project.repository, MAIN)


def test_a_change_that_would_bring_other_commits_does_not_fit(project: Project) -> None:
    project.git("branch", "release")
    project.write(other="x")
    project.commit()
    change = line(project, 1, l1="one")
    assert not Branch(project.repository, "refs/heads/release").fits(change)
    assert Branch(project.repository, MAIN).fits(change)


class TestProof:
    """A check runs in a tree of its own, after the setup."""

    def test_the_tree_is_that_of_the_commit_whatever_an_earlier_check_left(self, project: Project) -> None:
        head = project.git("rev-parse", "HEAD")
        with scratch_of(project.repository, project.repository.head()) as scratch:
            spoils = Commands("echo x > code; mkdir -p deep; touch new deep/er kept.log; git init -q inner")
            assert scratch.prove(head, 1, spoils) is None
            clean = Commands(
                'test -z "$(git status --porcelain)" && test -f kept.log && test $LLMCTL_TASK = 2'
            )
            assert scratch.prove(head, 2, clean) is None

    def test_what_failed_is_told_with_the_end_of_its_output(self, project: Project) -> None:
        head = project.git("rev-parse", "HEAD")
        with scratch_of(project.repository, project.repository.head()) as scratch:
            failure = scratch.prove(head, 1, Commands("echo on out; echo on err >&2; exit 3"))
            assert failure is not None
            assert (failure.how, failure.tail) == ("exited with 3", "on out\non err\n")

    def test_a_check_that_takes_too_long_is_ended_with_all_that_it_started(self, project: Project) -> None:
        head = project.git("rev-parse", "HEAD")
        with scratch_of(project.repository, project.repository.head()) as scratch:
            failure = scratch.prove(head, 1, Commands("sleep 1000 & sleep 1000", check_timeout=0.2))
            assert failure is not None
            assert failure.how == "took longer than 0.2 s"

    def test_the_setup_runs_once_and_again_before_a_check_is_believed_to_fail(
        self, project: Project, tmp_path: Path
    ) -> None:
        head = project.git("rev-parse", "HEAD")
        log = tmp_path / "log"

        def prove(scratch: Scratch, check: str) -> bool:
            return scratch.prove(head, 1, Commands(check, f"echo setup >> {log}; touch ready.log")) is None

        with scratch_of(project.repository, project.repository.head()) as scratch:
            assert prove(scratch, "test -f ready.log")
            assert prove(scratch, "test -f ready.log")
            assert log.read_text() == "setup\n"
            assert prove(scratch, f"grep -c setup {log} | grep -q 2")
            assert not prove(scratch, "false")
            assert log.read_text() == "setup\n" * 3

    def test_a_setup_that_fails_is_told_and_tried_again(self, project: Project) -> None:
        head = project.git("rev-parse", "HEAD")
        with scratch_of(project.repository, project.repository.head()) as scratch:
            for _ in range(2):
                failure = scratch.prove(head, 1, Commands("true", "exit 4"))
                assert failure is not None
                assert (failure.command, failure.how) == ("exit 4", "exited with 4")

    def test_a_shallow_and_a_sha256_repository_have_trees_too(self, project: Project, tmp_path: Path) -> None:
        project.commit("second")
        project.git("clone", "--quiet", "--depth=1", f"file://{project.path}", str(tmp_path / "shallow"))
        other = new_project(tmp_path / "long", "--object-format=sha256")
        other.write(code="x")
        other.commit()
        for place in (tmp_path / "shallow", other.path):
            repository = repository_at(place)
            assert repository is not None
            with scratch_of(repository, repository.head()) as scratch:
                assert scratch.prove(repository.head(), 1, Commands("test -f code && git log")) is None

    def test_the_repository_does_not_notice(self, project: Project) -> None:
        before = project.state()
        with scratch_of(project.repository, project.repository.head()) as scratch:
            scratch.prove(project.repository.head(), 1, Commands("git tag x; git commit --allow-empty -m y"))
        assert project.state() == before
