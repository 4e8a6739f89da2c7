"""`llmctl diff`: exact in a pipe, harmless and complete on a terminal."""

import subprocess
from pathlib import Path

from tests.cli.conftest import Llmctl, PlayedDispatcher, one_postgres
from tests.cli.repositories.projects import Project, lines
from tests.cli.terminal import terminal
from tests.cli.verbs.changes.conftest import PATCH, RED, Recorder, changed

pytestmark = one_postgres


def test_a_patch_in_a_pipe_is_what_git_applies(llmctl: Llmctl, record: Recorder, project: Project) -> None:
    def change(tree: Path) -> None:
        (tree / "code").write_text(lines(l2="two\x1b[31m\u202e"))
        (tree / "bytes").write_bytes(bytes(range(256)))
        (tree / "line\nend").write_bytes(b"\xff no end")

    number = record(change)
    done = subprocess.run(
        [*llmctl.argv, "diff", number],
        cwd=llmctl.directory,
        env=dict(llmctl.environment),
        stdout=subprocess.PIPE,
        check=True,
    )
    project.git("apply", "--index", stdin=done.stdout)
    assert project.git("write-tree") == project.git("rev-parse", f"refs/llmctl/{number}/1^{{tree}}")


def test_patches_of_several_tasks_follow_one_another(
    llmctl: Llmctl, record: Recorder, project: Project
) -> None:
    numbers = [record(changed(l1="one")), record(changed(l9="nine")), record(None)]
    done = llmctl("diff", *numbers)
    assert (done.code, done.err) == (0, f"task {numbers[2]} changed nothing\n")
    project.git("apply", stdin=done.out.encode())
    assert (project.path / "code").read_text() == lines(l1="one", l9="nine")


def test_stat_counts_as_git_does(llmctl: Llmctl, record: Recorder) -> None:
    def change(tree: Path) -> None:
        (tree / "code").write_text(lines(l2="two", l3="three"))
        (tree / "bytes").write_bytes(bytes(range(256)))

    assert llmctl.ok("diff", record(change), "--stat").splitlines() == [
        " bytes | Bin",
        " code  |   4 ++--",
        " 2 files changed, 2 insertions(+), 2 deletions(-)",
    ]


def test_stat_of_many_tasks_is_a_table_with_totals(llmctl: Llmctl, record: Recorder) -> None:
    record(changed(l1="one"), "--name", "first", "--label", "batch=refactor", verdict="passed")
    record(changed(l2="two"), "--label", "batch=refactor", "--retries", "0", verdict="failed", ends=RED)
    record(None, "--label", "batch=refactor")
    record(changed(l3="three"), "--label", "batch=refactor")
    shown = llmctl.ok("diff", "-l", "batch=refactor", "--stat").splitlines()
    assert [line.split() for line in shown[:-1]] == [
        ["TASK", "NAME", "STATE", "CHECK", "FILES", "+", "-"],
        ["1", "first", "succeeded", "green", "1", "1", "1"],
        ["2", "Make", "it", "better", "failed", "red", "1", "1", "1"],
        ["3", "Make", "it", "better", "succeeded", "0"],
        ["4", "Make", "it", "better", "succeeded", "1", "1", "1"],
    ]
    assert shown[-1] == "4 tasks: 1 green, 1 red, 1 not checked, 1 without changes; 3 files, +3 -3"


def test_json_has_every_field_and_the_files(llmctl: Llmctl, record: Recorder, project: Project) -> None:
    number = record(changed(l1="one"), verdict="passed", check="pytest -q")
    rows = llmctl("diff", number, "-o", "json").json()
    assert isinstance(rows, list)
    [row] = rows
    assert row["source"] == str(project.path)
    assert row["ref"] == f"refs/llmctl/{number}/1"
    assert row["stat"] == [{"path": "code", "insertions": 1, "deletions": 1}]
    assert (row["check_command"], row["check_verdict"]) == ("pytest -q", "passed")


def test_an_earlier_run_is_shown_by_its_number(
    llmctl: Llmctl, record: Recorder, dispatcher: PlayedDispatcher, project: Project
) -> None:
    number = record(changed(l1="one"), verdict="failed", ends=RED)
    [run] = dispatcher.start()
    later = project.record(2000, changed(l2="two"))
    dispatcher.store(run, ".llmctl/changes.patch", project.patch(later))
    change = {
        "source": str(project.path),
        "base_commit": later.base,
        "ref": later.ref,
        "head_commit": later.head,
    }
    dispatcher.finish(run, final_text="done", change={**change, "files": 1, "insertions": 1, "deletions": 1})
    assert "+two" in llmctl.ok("diff", number)
    assert "+one" in llmctl.ok("diff", number, "--run", "1")
    refused = llmctl("diff", number, "--run", "3")
    assert (refused.code, refused.err.splitlines()[0]) == (3, f"error: task {number} has no run 3")


def test_a_patch_that_is_gone_comes_from_the_repository(
    llmctl: Llmctl, record: Recorder, dispatcher: PlayedDispatcher
) -> None:
    number = record(changed(l1="one"))
    stored = llmctl.ok("diff", number)
    dispatcher.connection.execute("DELETE FROM task_files")
    assert llmctl.ok("diff", number) == stored


def test_what_has_no_change_says_why(llmctl: Llmctl, record: Recorder, dispatcher: PlayedDispatcher) -> None:
    plain = llmctl.submit("claude", "x")
    refused = llmctl("diff", plain)
    assert (refused.code, refused.out) == (5, "")
    assert f"task {plain} works on no repository" in refused.err
    llmctl("cancel", plain)
    waiting = llmctl.submit("claude", "x", "--repo", str(record.project.path))
    assert f"no run of task {waiting} has ended yet" in llmctl("diff", waiting).err
    [run] = dispatcher.start()
    problem = {"source": "/x", "base_commit": "1" * 40, "problem": "the disk is full", "kept_in": "/kept/3-1"}
    dispatcher.finish(run, error_class="not_recorded", change=problem)
    refused = llmctl("diff", waiting)
    assert refused.code == 5
    assert refused.err.splitlines() == [
        f"error: the change of task {waiting} could not be recorded: the disk is full",
        "hint: its work is in /kept/3-1",
    ]
    nothing = record(None)
    assert (done := llmctl("diff", nothing)).code == 0
    assert (done.out, done.err) == ("", f"task {nothing} changed nothing\n")
    assert llmctl("diff", "4711").code == 3


def test_a_terminal_gets_colours_and_obeys_nothing(llmctl: Llmctl, record: Recorder) -> None:
    number = record(changed(l2="two\x1b]0;owned\x07\u202e"))
    with terminal(llmctl, "diff", number) as screen:
        assert screen.ended() == 0
        assert "+two^[]0;owned^G<U+202E>" in screen.seen
        assert "\x1b[32m+two" in screen.seen
        assert "\x1b]0;" not in screen.seen


def test_a_csv_names_repository_ref_and_check_of_each_task(llmctl: Llmctl, project: Project) -> None:
    rows = f"prompt,repo,ref,check\nDo it,{project.path},main,make test\n"
    refused = llmctl("submit", "claude", "--from", "-", "--from-format", "csv", stdin=rows)
    assert (refused.code, "repo" in refused.err) == (2, True)
    number = llmctl.ok(
        "submit", "claude", "--from", "-", "--from-format", "csv", "--columns", "repo,check", "-q", stdin=rows
    )
    told = llmctl("show", number, "-o", "json").json()
    assert isinstance(told, dict)
    assert [told[key] for key in ("repository", "ref", "check_command")] == [
        str(project.path),
        "main",
        "make test",
    ]


def test_the_patch_is_among_the_files_but_only_its_name_fetches_it(llmctl: Llmctl, record: Recorder) -> None:
    number = record(changed(l1="one"))
    assert PATCH in llmctl.ok("files", "ls", number)
    got = llmctl("files", "get", number)
    assert (got.code, got.err.splitlines()) == (
        3,
        [
            f"error: task {number} has no output files but the patch of its change",
            f"hint: `llmctl diff {number}` prints it",
        ],
    )
    assert llmctl.ok("files", "get", number, PATCH, "-o", "-") == llmctl.ok("diff", number)
