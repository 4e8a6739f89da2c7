"""`llmctl merge`: one on top of the other, each proven there; the branch moves once."""

import os
import signal
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest

from tests.cli.conftest import Llmctl, one_postgres
from tests.cli.repositories.projects import Project, lines
from tests.cli.verbs.changes.conftest import RED, Recorder, changed

pytestmark = one_postgres


@pytest.fixture(autouse=True)
def _commands_of_tasks_may_run(llmctl: Llmctl) -> None:
    with (llmctl.directory.parent / "home" / "config.yaml").open("a") as configuration:
        configuration.write("security: {allow_commands: true}\n")


def test_tasks_are_merged_in_the_order_in_which_they_are_named(
    there: Llmctl, record: Recorder, project: Project
) -> None:
    first = record(changed(l1="one"), "--name", "first", prompt="Say one\nand more")
    second = record(changed(l9="nine"), prompt="Say nine")
    begin = project.git("rev-parse", "--short=12", "main")
    done = there("merge", second, first)
    assert done.code == 0, done
    assert [line.split()[0] for line in done.out.splitlines()[1:]] == [second, first]
    assert done.out.count(" merged ") == 2
    assert done.err.startswith(
        f"main moved from {begin} to {project.git('rev-parse', '--short=12', 'main')}: 2 merged"
    )
    assert (project.path / "code").read_text() == lines(l1="one", l9="nine")
    assert project.git("status", "--porcelain") == ""
    messages = project.git("log", "--first-parent", "--format=%B%x00", "-2").split("\0")
    assert messages[0].strip() == f"Task {first}: first\n\nSay one\n\nLlmctl-Task: {first}"
    assert messages[1].strip() == f"Task {second}: Say nine\n\nLlmctl-Task: {second}"
    again = there("merge", second, first)
    assert (again.code, again.out.count("already there")) == (0, 2)


def test_what_conflicts_or_is_red_is_left_and_named_and_the_rest_is_merged(
    there: Llmctl, record: Recorder, project: Project
) -> None:
    good = record(changed(l1="one"), verdict="passed", check="grep -q one code")
    conflicts = record(changed(l1="eins"))
    red = record(changed(l5="five"), verdict="passed", check="echo no good; ! grep -q one code")
    last = record(changed(l9="nine"))
    done = there("merge", good, conflicts, red, last, "-o", "json")
    assert done.code == 5
    rows = done.json()
    assert isinstance(rows, list)
    assert [(row["number"], row["result"]) for row in rows] == [
        (int(good), "merged"),
        (int(conflicts), "conflict"),
        (int(red), "red"),
        (int(last), "merged"),
    ]
    assert rows[1]["files"] == ["code"]
    assert f"task {red}: 'echo no good; ! grep -q one code' exited with 1:\n  no good\n" in done.err
    assert (project.path / "code").read_text() == lines(l1="one", l9="nine")


def test_a_check_runs_on_what_is_merged_by_then_and_not_in_the_checkout(
    there: Llmctl, record: Recorder, project: Project
) -> None:
    numbers = [record(changed(l1="one")), record(changed(l9="nine"))]
    done = there(
        "merge", *numbers, "--check", 'cat code; pwd; test "$(head -1 code)" = one; exit $LLMCTL_TASK'
    )
    assert done.code == 1
    assert str(project.path) + "\n" not in done.err
    assert (project.path / "code").read_text() == lines()
    done = there("merge", *numbers, "--check", 'test "$(head -1 code)" = one')
    assert done.code == 0, done


def test_no_check_and_no_setup_finds_a_key_of_the_person_in_any_process_of_ours(
    there: Llmctl, record: Recorder, tmp_path: Path
) -> None:
    keys = dict.fromkeys(("ANTHROPIC_API_KEY", "AWS_SECRET_ACCESS_KEY", "LLMCTL_TOKEN"), "of-the-person")
    asking = replace(there, environment={**there.environment, **keys})
    # From the check up to `llmctl merge` itself: its variables are those of the kernel's copy, too.
    look = (
        f"exec >> {tmp_path}/seen 2>&1; env; pid=$$; while [ $pid -gt 1 ]; do cat /proc/$pid/environ | tr '\\0' '\\n';"
        " tr '\\0' ' ' < /proc/$pid/cmdline | grep -q '[c]li.main merge' && echo at the top && break;"
        " pid=$(sed 's/.*) . //; s/ .*//' /proc/$pid/stat); done; true"
    )
    number = record(changed(l1="one"), "--setup", look, verdict="passed", check=look)
    assert asking("merge", number).code == 0
    seen = (tmp_path / "seen").read_text(errors="replace")
    assert seen.count("at the top") == 2, seen
    assert f"LLMCTL_TASK={number}" in seen
    assert "of-the-person" not in seen


def test_the_setup_of_a_task_comes_before_its_check(there: Llmctl, record: Recorder) -> None:
    number = record(changed(l1="one"), "--setup", "touch ready", verdict="passed", check="test -f ready")
    assert there("merge", number).code == 0


def test_only_what_is_proven_is_merged_unless_somebody_insists(
    there: Llmctl, record: Recorder, project: Project
) -> None:
    red = record(changed(l1="one"), "--retries", "0", verdict="failed", ends=RED)
    waits = record(changed(l9="nine"), "--approve")
    nothing = record(None)
    done = there("merge", red, waits, nothing, "-o", "json")
    assert done.code == 5
    rows = done.json()
    assert isinstance(rows, list)
    assert [row["result"] for row in rows] == ["left", "left", "no changes"]
    assert rows[0]["why"] == "its check is red; --any-state merges it"
    assert rows[1]["why"].startswith(f"it waits for an approval: `llmctl approve {waits}`")
    assert done.err.splitlines()[-1].startswith("main stays at ")
    assert there("merge", red, waits, "--any-state", "--no-check").code == 0
    assert (project.path / "code").read_text() == lines(l1="one", l9="nine")


def test_a_command_of_a_task_needs_the_permission_of_this_host(
    there: Llmctl, record: Recorder, project: Project
) -> None:
    configuration = Path(there.environment["HOME"]) / "config.yaml"
    configuration.write_text(
        configuration.read_text().replace("allow_commands: true", "allow_commands: false")
    )
    number = record(changed(l1="one"), verdict="passed", check=f"touch {project.path.parent}/ran")
    done = there("merge", number)
    assert done.code == 5
    assert "security.allow_commands" in done.out
    assert not (project.path.parent / "ran").exists()
    assert there("merge", number, "--check", "true").code == 0


def test_a_dirty_checkout_and_a_detached_head_are_refused_at_once(
    there: Llmctl, record: Recorder, project: Project
) -> None:
    number = record(changed(l1="one"))
    project.write(code="mine")
    before = project.state()
    refused = there("merge", number)
    assert (refused.code, "uncommitted changes" in refused.err) == (5, True)
    assert project.state() == before
    project.git("checkout", "--quiet", "--force", "--detach")
    refused = there("merge", number)
    assert (refused.code, "on no branch" in refused.err) == (5, True)
    assert there("merge", number, "--into", "main").code == 0
    assert project.git("show", "main:code") + "\n" == lines(l1="one")
    assert there("merge", number, "--into", "nothing").code == 5
    assert there("merge", number, "--check", "x", "--no-check").code == 2


def test_a_file_in_the_way_is_said_and_nothing_moves(
    there: Llmctl, record: Recorder, project: Project
) -> None:
    number = record(lambda tree: (tree / "new").write_text("theirs"))
    project.write(new="mine")
    before = project.state()
    refused = there("merge", number)
    assert (refused.code, "new would be overwritten" in refused.out) == (5, True)
    assert project.state() == before


def test_ctrl_c_ends_the_check_and_leaves_everything_as_it_was(
    there: Llmctl, record: Recorder, project: Project, tmp_path: Path
) -> None:
    number = record(changed(l1="one"))
    before = project.state()
    fifo = tmp_path / "fifo"
    subprocess.run(["mkfifo", fifo], check=True)
    check = f"trap 'exit 0' TERM; echo started > {fifo}; while :; do sleep 0.1; done"
    with there.start("merge", number, "--check", check) as process:
        assert fifo.read_text() == "started\n"
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=30)
        assert (process.returncode, out) == (130, "")
    assert err == "interrupted: nothing was merged, main is as it was\n"
    assert project.state() == before


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_a_signal_that_ends_us_ends_the_check_and_leaves_nothing_behind(
    there: Llmctl, record: Recorder, project: Project, tmp_path: Path, number: signal.Signals
) -> None:
    task = record(changed(l1="one"))
    before = project.state()
    scratch, fifo = tmp_path / "scratch", tmp_path / "fifo"
    scratch.mkdir()
    os.mkfifo(fifo)
    environment = {**there.environment, "TMPDIR": str(scratch)}
    check = f"trap '' TERM HUP; echo $$ > {fifo}; exec 9> {fifo}; while :; do sleep 0.1; done"
    with replace(there, environment=environment).start("merge", task, "--check", check) as process:
        with fifo.open() as check_lives:
            assert check_lives.readline()
            assert list(scratch.iterdir())
            process.send_signal(number)
            assert check_lives.read() == ""  # at its end, although it ignores the signal
        out, err = process.communicate(timeout=30)
    assert (process.returncode, out) == (-number, "")
    assert err == "interrupted: nothing was merged, main is as it was\n"
    assert list(scratch.iterdir()) == []
    assert project.state() == before


def test_tasks_of_several_repositories_need_one_to_be_chosen(
    llmctl: Llmctl, record: Recorder, tmp_path: Path
) -> None:
    number = record(changed(l1="one"))
    done = llmctl("merge", number)
    assert done.code == 0, done  # outside of any checkout, the repository of the tasks is meant
    assert (record.project.path / "code").read_text() == lines(l1="one")
