"""`llmctl apply`, `branch` and `push`: from a task to a checkout, a branch, a remote."""

import shutil
from dataclasses import replace

import pytest

from tests.cli.conftest import Llmctl, PlayedDispatcher, one_postgres
from tests.cli.repositories.projects import Project, lines
from tests.cli.verbs.changes.conftest import PASSED, RED, Recorder, changed

pytestmark = one_postgres


def test_a_change_is_staged_in_the_checkout_and_next_steps_are_said(
    there: Llmctl, record: Recorder, project: Project
) -> None:
    number = record(changed(l1="one"))
    done = there("apply", number)
    assert (done.code, done.out) == (0, f"task {number} is staged in {project.path}: 1 file, +1 -1\n")
    assert (
        done.err == "`git diff --cached` shows it, `git commit` keeps it, `git reset --merge` takes it back\n"
    )
    assert project.git("status", "--porcelain") == "M  code"
    again = there("apply", number)
    assert (again.code, again.out) == (5, "")
    assert "uncommitted changes" in again.err
    project.git("reset", "--quiet", "--merge")
    assert project.git("status", "--porcelain") == ""
    project.git("merge", "--quiet", f"refs/llmctl/{number}/1")
    assert there.ok("apply", number) == f"{project.path} has all of task {number} already"


def test_without_a_checkout_around_the_source_is_meant(
    llmctl: Llmctl, record: Recorder, project: Project
) -> None:
    number = record(changed(l1="one"))
    told = llmctl("apply", number, "-o", "json").json()
    assert told == {"number": int(number), "checkout": str(project.path), "files": ["code"], "staged": True}
    assert (project.path / "code").read_text() == lines(l1="one")


def test_a_dry_run_says_whether_it_fits(there: Llmctl, record: Recorder, project: Project) -> None:
    number = record(changed(l1="one"))
    before = project.state()
    assert there.ok("apply", number, "--dry-run") == f"task {number} fits {project.path}: 1 file"
    assert project.state() == before


def test_a_conflict_names_the_files_and_the_way_on(there: Llmctl, record: Recorder, project: Project) -> None:
    number = record(changed(l1="one"))
    project.write(code=lines(l1="mine"))
    project.commit()
    before = project.state()
    done = there("apply", number)
    assert (done.code, done.out) == (5, "")
    assert done.err.splitlines() == [
        f"error: task {number} conflicts in code",
        f"hint: the checkout is as it was; `llmctl branch {number}` and `git merge llmctl/{number}` let you resolve"
        " it by hand",
    ]
    assert project.state() == before


def test_what_is_not_proven_is_applied_with_a_note(there: Llmctl, record: Recorder) -> None:
    number = record(changed(l1="one"), "--retries", "0", verdict="failed", ends=RED)
    done = there("apply", number)
    assert done.code == 0
    assert done.err.splitlines()[0] == f"note that task {number} is not proven: its check is red"


def test_a_reply_is_applied_and_merged_on_what_was_applied_before_it(
    there: Llmctl, record: Recorder, project: Project
) -> None:
    base = project.git("rev-parse", "HEAD")
    first = record(changed(l1="one"), ends={**PASSED, "session_id": "s"})
    assert there("apply", first).code == 0
    project.commit("by hand")
    reply = record.reply(first, changed(l1="eins", l9="nine"), base)
    assert there("apply", reply, "--dry-run").code == 0
    merged = there("merge", reply)
    assert merged.code == 0, merged
    assert (project.path / "code").read_text() == lines(l1="eins", l9="nine")


def test_a_check_that_was_green_on_an_older_commit_only_is_said_so(
    there: Llmctl, record: Recorder, project: Project
) -> None:
    number = record(changed(l1="one"), verdict="passed", check="make test")
    base = project.git("rev-parse", "HEAD")
    assert "its check was green on" not in there("apply", number, "--dry-run").err
    project.write(other="moved on\n")
    head = project.commit()
    done = there("apply", number)
    assert (
        f"its check was green on {base[:12]}, and not on {head[:12]} that it is staged on: run 'make test' here"
        in done.err
    )


def test_what_was_recorded_elsewhere_is_said_when_a_change_is_applied(
    there: Llmctl, record: Recorder
) -> None:
    number = record(
        changed(l1="one"), problem="the submodule lib is not initialised, and stays at 123456789012"
    )
    done = there("apply", number)
    assert done.code == 0, done
    assert "the submodule lib is not initialised, and stays at" in done.err


def test_a_host_that_has_only_a_clone_takes_the_patch(
    there: Llmctl, record: Recorder, project: Project
) -> None:
    number = record(changed(l1="one"))
    clone = project.path.parent / "clone"
    project.git("clone", "--quiet", "--single-branch", f"file://{project.path}", str(clone))
    shutil.move(project.path, project.path.parent / "gone")
    assert replace(there, directory=clone).ok("diff", number, "--stat").endswith("1 deletion(-)")
    done = replace(there, directory=clone)("apply", number)
    assert done.code == 0, done
    assert (clone / "code").read_text() == lines(l1="one")
    refused = replace(there, directory=clone)("branch", number)
    assert refused.code == 3
    assert "is not on this host" in refused.err
    nowhere = replace(there, directory=clone.parent)("apply", number)
    assert (nowhere.code, "go to a clone of it" in nowhere.err) == (3, True)


def test_a_branch_is_made_in_the_source(llmctl: Llmctl, record: Recorder, project: Project) -> None:
    number = record(changed(l1="one"))
    head = project.git("rev-parse", f"refs/llmctl/{number}/1")
    assert llmctl.ok("branch", number) == f"branch llmctl/{number} is at {head[:12]} in {project.path}"
    assert (
        llmctl.ok("branch", number) == f"branch llmctl/{number} was already at {head[:12]} in {project.path}"
    )
    assert project.git("rev-parse", f"llmctl/{number}") == head
    told = llmctl("branch", number, "better", "-o", "json").json()
    assert told == {"branch": "better", "commit": head, "repository": str(project.path), "created": True}
    refused = llmctl("branch", number, "main")
    assert (refused.code, "branch main exists" in refused.err) == (5, True)
    assert llmctl("branch", number, "a..b").code == 2


def test_a_push_needs_a_remote_in_the_configuration(
    llmctl: Llmctl, record: Recorder, project: Project, dispatcher: PlayedDispatcher
) -> None:
    number = record(changed(l1="one"))
    refused = llmctl("push", number)
    assert (refused.code, refused.out) == (2, "")
    assert refused.err.splitlines() == [
        f"error: config.yaml names no remote to which changes of {project.path} may be pushed",
        f"hint: write `repositories: {{shop: {{path: {project.path}, push: origin}}}}` into it",
    ]
    remote = project.path.parent / "remote"
    project.git("clone", "--quiet", "--bare", ".", str(remote))
    project.git("remote", "add", "origin", str(remote))
    with (llmctl.directory.parent / "home" / "config.yaml").open("a") as configuration:
        configuration.write(f"repositories: {{shop: {{path: {project.path}, push: origin}}}}\n")
    done = llmctl("push", number)
    assert (done.code, done.out) == (0, f"task {number} is branch llmctl/{number} of origin\n")
    assert llmctl("push", number, "--branch", "better").code == 0
    assert Project(remote).git("rev-parse", "better") == project.git("rev-parse", f"refs/llmctl/{number}/1")
    red = record(changed(l2="two"), "--retries", "0", verdict="failed", ends=RED)
    refused = llmctl("push", red)
    assert (refused.code, "its check is red" in refused.err) == (5, True)
    assert llmctl("push", red, "--any-state").code == 0


@pytest.mark.parametrize("verb", ["apply", "branch", "push"])
def test_a_task_without_a_change_is_refused(llmctl: Llmctl, record: Recorder, verb: str) -> None:
    refused = llmctl(verb, record(None))
    assert (refused.code, refused.out) == (5, "")
    assert "changed nothing" in refused.err
    assert llmctl(verb, "4711").code == 3
