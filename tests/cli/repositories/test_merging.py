"""Changes come onto a branch one after the other, and the branch moves once or not at all."""

import os
import select
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from cli.repositories.checkouts import Recorded, repository_at
from cli.repositories.merging import Branch
from cli.repositories.scratch import Commands, Scratch, scratch_of
from cli.repositories.trees import ConflictError
from dispatcher.errors import UsageError, WrongStateError
from dispatcher.host import cgroups
from dispatcher.run.preparation.environment import INHERITED, TEMPORARY
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
    with scratch_of(bare.repository, lambda _: None) as scratch:
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


@pytest.fixture
def scratch(project: Project) -> Iterator[Scratch]:
    with scratch_of(project.repository, lambda _: None) as scratch:
        yield scratch


class TestProof:
    """A check runs after the setup in a tree of its own, with what a check of a run has, and decides on its change."""

    def test_a_tree_is_that_of_its_commit_whatever_an_earlier_check_left(
        self, project: Project, scratch: Scratch
    ) -> None:
        head = project.git("rev-parse", "HEAD")
        spoils = Commands("echo x > code; mkdir -p deep; touch new deep/er kept.log; git init -q inner")
        assert scratch.prove(head, 1, spoils) is None
        clean = Commands('test -z "$(git status --porcelain --ignored)" && test $LLMCTL_TASK = 2')
        assert scratch.prove(head, 2, clean) is None

    def test_no_check_decides_on_the_next_change_by_what_it_writes_to_git(
        self, project: Project, scratch: Scratch, tmp_path: Path
    ) -> None:
        head, ran = project.git("rev-parse", "HEAD"), tmp_path / "ran"
        lies = f"sh -c 'touch {ran}; echo green'"
        spoils = Commands(
            f'git config filter.lie.smudge "{lies}"; git config filter.lie.clean "{lies}"; mkdir -p .git/info;'
            f' echo "* filter=lie" > .git/info/attributes; git config core.fsmonitor "{lies}";'
            f' printf "#!/bin/sh\ntouch {ran}\n" > .git/hooks/post-checkout; chmod +x .git/hooks/*; true'
        )
        assert scratch.prove(head, 1, spoils) is None
        failure = scratch.prove(head, 2, Commands("grep green code"))
        assert failure is not None
        assert not ran.exists()

    def test_a_check_sees_no_variable_that_a_check_of_a_run_does_not(
        self, project: Project, scratch: Scratch, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        for name in ("ANTHROPIC_API_KEY", "AWS_SECRET_ACCESS_KEY", "LLMCTL_DATABASE_URL", "SSH_AUTH_SOCK"):
            monkeypatch.setenv(name, "of the person")
        failure = scratch.prove(project.git("rev-parse", "HEAD"), 1, Commands("env; exit 1", "env >&2"))
        assert failure is not None
        assert "of the person" not in failure.tail
        names = {line.partition("=")[0] for line in failure.tail.splitlines()}
        assert names - {"PWD", "OLDPWD", "SHLVL", "_", *INHERITED, *TEMPORARY} == {
            *("TERM", "LLMCTL_TASK", "LLMCTL_RUN", "LLMCTL_OWNER", "GIT_CEILING_DIRECTORIES")
        }

    @pytest.mark.parametrize("verdict", ["true", "false", "kill -9 $PPID; kill -9 $$"])
    def test_nothing_that_a_check_starts_outlives_it(
        self, project: Project, scratch: Scratch, tmp_path: Path, verdict: str
    ) -> None:
        fifo = tmp_path / "fifo"
        os.mkfifo(fifo)
        # Two of other sessions and parents; one of them has cleared its environment, and is found by its group.
        starts = f"setsid sh -c 'exec 9>{fifo}; exec sleep 1000' & exec 9>{fifo}; {verdict}"
        if cgroups.parent_of_runs() is not None:
            starts = f"(env -i setsid sh -c 'exec 9>{fifo}; exec sleep 1000' &) ; {starts}"
        reader = os.open(fifo, os.O_RDONLY | os.O_NONBLOCK)
        try:
            failure = scratch.prove(project.git("rev-parse", "HEAD"), 1, Commands(starts))
            assert (failure is None) is (verdict == "true")
            poll = select.poll()
            poll.register(reader, select.POLLHUP)
            assert poll.poll(10_000)  # every process that could write is gone
        finally:
            os.close(reader)

    def test_what_failed_is_told_with_the_end_of_its_output(self, project: Project, scratch: Scratch) -> None:
        head = project.git("rev-parse", "HEAD")
        failure = scratch.prove(head, 1, Commands("echo on out; echo on err >&2; exit 3"))
        assert failure is not None
        assert (failure.how, failure.tail) == ("exited with 3", "on out\non err\n")
        failure = scratch.prove(head, 1, Commands("kill -TERM $$"))
        assert failure is not None
        assert failure.how == "was ended by SIGTERM"
        failure = scratch.prove(head, 1, Commands("true", "yes | head -c 1000000; echo end; false"))
        assert failure is not None
        assert (len(failure.tail), failure.tail[-4:]) == (4000, "end\n")

    def test_a_check_that_takes_too_long_is_ended_with_all_that_it_started(
        self, project: Project, scratch: Scratch
    ) -> None:
        head = project.git("rev-parse", "HEAD")
        failure = scratch.prove(head, 1, Commands("sleep 1000 & sleep 1000", check_timeout=0.2))
        assert failure is not None
        assert failure.how == "took longer than 0.2 s"

    def test_a_check_that_spoils_its_directories_leaves_nothing_and_stops_nothing(
        self, project: Project, scratch: Scratch, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
        head = project.git("rev-parse", "HEAD")
        spoils = Commands(
            "mkdir -p a/b; touch a/b/c; chmod 000 a/b a .; rm -f ../check/log; ln -s /etc/passwd ../check/log"
        )
        failure = scratch.prove(head, 1, spoils)
        assert failure is None or "root:" not in failure.tail
        assert scratch.prove(head, 2, Commands("true")) is None
        assert not list(tmp_path.glob("llmctl-merge-*"))

    def test_the_setup_comes_before_each_check(
        self, project: Project, scratch: Scratch, tmp_path: Path
    ) -> None:
        head = project.git("rev-parse", "HEAD")
        log = tmp_path / "log"
        for number in (1, 2):
            commands = Commands("test -f ready.log", f"echo setup >> {log}; touch ready.log")
            assert scratch.prove(head, number, commands) is None
        assert log.read_text() == "setup\n" * 2

    def test_a_setup_that_fails_is_told(self, project: Project, scratch: Scratch) -> None:
        failure = scratch.prove(project.git("rev-parse", "HEAD"), 1, Commands("true", "exit 4"))
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
            with scratch_of(repository, lambda _: None) as scratch:
                assert scratch.prove(repository.head(), 1, Commands("test -f code && git log")) is None

    def test_the_repository_does_not_notice(self, project: Project, scratch: Scratch) -> None:
        before = project.state()
        scratch.prove(project.repository.head(), 1, Commands("git tag x; git commit --allow-empty -m y"))
        assert project.state() == before

    def test_what_a_killed_merge_left_ends_with_the_next_one(
        self, project: Project, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
        fifo = tmp_path / "fifo"
        os.mkfifo(fifo)
        script = (
            "import sys; from pathlib import Path; from cli.repositories.checkouts import repository_at;"
            "from cli.repositories.scratch import Commands, scratch_of; r = repository_at(Path(sys.argv[1]));\n"
            "with scratch_of(r, print) as s: s.prove(r.head(), 1, Commands(sys.argv[2]))"
        )
        check = f"exec 9>{fifo}; echo started >&9; setsid sleep 1000"
        command = [sys.executable, "-c", script, str(project.path), check]
        environment = {**os.environ, "TMPDIR": str(tmp_path)}
        with subprocess.Popen(command, env=environment) as process, fifo.open() as left:
            assert left.readline() == "started\n"
            process.kill()
            process.wait()
            assert list(tmp_path.glob("llmctl-merge-*"))
            with scratch_of(project.repository, lambda _: None):
                assert left.read() == ""
                assert not list(tmp_path.glob("llmctl-merge-*"))
