"""What surrounds an agent: its environment, its work directory, its control group, and what is found of it later."""

import os
import signal
import subprocess
import sys
import uuid
from pathlib import Path

import pytest
import trio

from dispatcher.database.rows import InputFile
from dispatcher.errors import DispatchError, UsageError
from dispatcher.host import cgroups
from dispatcher.host.survivors import OWNER, RUN, Sweep, kill_left_over, kill_run, signal_group
from dispatcher.run import environment
from dispatcher.run.conclusion import explain
from dispatcher.run.environment import SecretError
from dispatcher.run.sweeping import Sweeper
from dispatcher.workspaces.run_record import Reading
from dispatcher.workspaces.work_directory import WorkDirectory
from tests.fixtures.starving import starved
from tests.fixtures.users import NOBODY, as_user, needs_root
from wrappers.base import Outcome

MARKS = {RUN: "run", OWNER: "owner"}


def test_an_agent_inherits_what_is_allowed_and_nothing_else() -> None:
    inherited = {
        "PATH": "/bin",
        "HOME": "/home/u",
        "PGPASSWORD": "x",
        "LLMCTL_DATABASE_URL": "x",
        "AWS_KEY": "x",
    }

    built = environment.build({"PLAIN": "value"}, {"OF_THE_CLI": "1"}, MARKS, inherited)

    assert built.variables == {
        "PATH": "/bin", "HOME": "/home/u", "TERM": "dumb", "PLAIN": "value", "OF_THE_CLI": "1", **MARKS
    }  # fmt: skip
    assert built.secrets == ()


def test_references_are_resolved_here_and_now_and_are_secrets(tmp_path: Path) -> None:
    key = tmp_path / "key"
    key.write_text("from a file\n")
    key.chmod(0o600)

    built = environment.build({"A": "env:SOURCE", "B": f"file:{key}"}, {}, MARKS, {"SOURCE": "from here"})

    assert (built.variables["A"], built.variables["B"]) == ("from here", "from a file")
    assert built.secrets == ("from a file", "from here"), "the longest first"


def test_only_what_is_a_key_beyond_doubt_is_one() -> None:
    given = {"API_KEY": "env:A", "REGION": "env:B", "OTHER": "env:C", "A_TOKEN": "env:D"}
    inherited = {"A": "a-long-password", "B": "europe-west4", "C": "sk-ant-0123456789", "D": "short"}

    built = environment.build(given, {}, MARKS, inherited)

    assert set(built.secrets) == set(inherited.values())
    assert built.keys == ("a-long-password", "sk-ant-0123456789")


def test_a_group_cannot_take_the_marks_away() -> None:
    assert environment.build({RUN: "another"}, {OWNER: "another"}, MARKS, {}).variables == MARKS | {
        "TERM": "dumb"
    }


@pytest.mark.parametrize(
    ("mode", "content"), [(0o644, b"key"), (0o640, b"key"), (0o600, b"k\0y"), (0o600, b"\xff")]
)
def test_a_secret_that_others_may_read_or_that_no_variable_can_hold_is_refused(
    tmp_path: Path, mode: int, content: bytes
) -> None:
    key = tmp_path / "key"
    key.write_bytes(content)
    key.chmod(mode)

    with pytest.raises(SecretError, match=str(key)) as caught:
        environment.build({"A": f"file:{key}"}, {}, MARKS, {})

    assert "key" not in str(caught.value).replace(str(key), "")


def test_a_secret_that_is_not_there_is_named(tmp_path: Path) -> None:
    for reference in ("env:NOT_SET", f"file:{tmp_path}/absent"):
        with pytest.raises(SecretError, match=reference.partition(":")[2]):
            environment.build({"A": reference}, {}, MARKS, {})


def test_a_work_directory_keeps_its_id_and_has_one_holder(tmp_path: Path) -> None:
    first = WorkDirectory.hold(tmp_path / "w", "database")
    with pytest.raises(DispatchError, match=f"process {os.getpid()}"):
        WorkDirectory.hold(tmp_path / "w", "database")
    other_database = WorkDirectory.hold(tmp_path / "w", "other")
    first.release()

    again = WorkDirectory.hold(tmp_path / "w", "database")

    assert again.id == first.id == other_database.id
    assert again.mark == first.mark != other_database.mark
    again.release()
    other_database.release()


@pytest.mark.parametrize("content", [b"", b"\xff\xfe", b"not a uuid\n"])
def test_a_directory_whose_id_is_none_is_refused(tmp_path: Path, content: bytes) -> None:
    (tmp_path / ".id").write_bytes(content)

    with pytest.raises(UsageError, match="must hold a uuid"):
        WorkDirectory.hold(tmp_path, "database")


@needs_root
def test_what_an_agent_made_read_only_is_deleted_like_all_else(home_of_nobody: Path) -> None:
    def discard() -> list[str]:
        held = WorkDirectory.hold(home_of_nobody / "w", "database")
        workspace = held.workspace(1, 1)
        workspace.lay_out("prompt", [InputFile("pkg/mod/file", b"x", 0o444, 1)])
        (workspace.work / "elsewhere").symlink_to("/")
        (workspace.work / "pkg" / "mod").chmod(0o500)
        (workspace.work / "pkg").chmod(0)
        workspace.discard()
        trio.run(held.trash.empty)
        return [entry.name for entry in (workspace.directory.parent / "trash").iterdir()]

    assert as_user(NOBODY, discard) == []


@pytest.fixture
def held(tmp_path: Path) -> WorkDirectory:
    return WorkDirectory.hold(tmp_path / "w", "database")


def test_input_files_do_not_follow_links_out_of_a_chosen_directory(
    held: WorkDirectory, tmp_path: Path
) -> None:
    chosen = tmp_path / "project"
    chosen.mkdir()
    (tmp_path / "outside").mkdir()
    (chosen / "way").symlink_to(tmp_path / "outside")
    workspace = held.workspace(1, 1, chosen)

    with pytest.raises(PermissionError):
        workspace.lay_out("prompt", [InputFile("way/file", b"x", 0o644, 1)])

    assert list((tmp_path / "outside").iterdir()) == []


def test_input_files_replace_nothing_but_themselves(held: WorkDirectory, tmp_path: Path) -> None:
    chosen = tmp_path / "project"
    chosen.mkdir()
    held.workspace(1, 1, chosen).lay_out("prompt", [InputFile("new", b"x", 0o644, 1)])
    held.workspace(1, 2, chosen).lay_out("prompt", [InputFile("new", b"x", 0o644, 1)])

    for run_no, other in enumerate((b"other", b"xx", b""), start=3):
        with pytest.raises(FileExistsError):
            held.workspace(1, run_no, chosen).lay_out("prompt", [InputFile("new", other, 0o644, len(other))])


def test_a_run_is_laid_out_once(held: WorkDirectory) -> None:
    held.workspace(1, 1).lay_out("prompt", [])

    with pytest.raises(FileExistsError):
        held.workspace(1, 1).lay_out("prompt", [])


def test_discarded_workspaces_are_gone_when_the_trash_is_emptied(held: WorkDirectory) -> None:
    workspace = held.workspace(1, 1)
    workspace.lay_out("prompt", [InputFile("deep/in/there", b"x", 0o444, 1)])

    workspace.discard()
    assert not workspace.directory.exists()
    workspace.discard()
    trio.run(held.trash.empty)

    assert held.workspaces() == []
    assert list((workspace.directory.parent / "trash").iterdir()) == []


@pytest.fixture
def new_run() -> str:
    """A mark of the test's own: others run at the same time, and kill what has theirs."""
    return str(uuid.uuid4())


def start_marked(process_group: int = 0, /, **marks: str) -> subprocess.Popen[str]:
    """Start a process that has these variables, in a group of its own or this one; return once it runs."""
    process = subprocess.Popen(
        [sys.executable, "-c", "print(flush=True); input()"],
        env=marks,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        process_group=process_group,
        text=True,
    )
    assert process.stdout is not None
    process.stdout.readline()
    return process


def test_processes_of_a_run_are_found_by_its_mark_and_no_others(new_run: str) -> None:
    ours, theirs = (
        start_marked(**{RUN: new_run}),
        start_marked(**{RUN: f"not {new_run}"}, NOTE=f"{RUN}={new_run}"),
    )

    assert kill_run(new_run) == Sweep([new_run], frozenset())

    assert ours.wait() == -9
    assert theirs.poll() is None
    theirs.kill()
    theirs.wait()


def test_a_process_that_dies_late_is_waited_for_and_counted_once(new_run: str) -> None:
    slow = start_marked(**{RUN: new_run})
    killed: list[str] = []
    with starved(slow.pid):
        while (sweep := kill_run(new_run)).alive:
            killed += sweep.killed
        assert slow.poll() == -9
    assert [*killed, *sweep.killed] == [new_run]


def test_without_a_signal_for_groups_only_processes_of_the_run_in_the_group_are_signaled(
    new_run: str,
) -> None:
    """Linux before 6.9 has none for an adopted group, of which the number may be another's by now."""
    ours, elsewhere = (start_marked(**{RUN: new_run}) for _ in range(2))
    stranger = start_marked(ours.pid)

    signal_group(ours.pid, new_run, signal.SIGTERM)

    assert ours.wait() == -signal.SIGTERM
    for process in (elsewhere, stranger):
        assert process.poll() is None
        process.kill()
        process.wait()


def test_what_is_left_over_is_what_has_our_mark_and_a_run_that_is_over(new_run: str) -> None:
    us, them = f"us {new_run}", f"not {new_run}"
    over = start_marked(**{RUN: "over", OWNER: us})
    active = start_marked(**{RUN: "active", OWNER: us})
    strange = start_marked(**{RUN: "over", OWNER: them})

    assert kill_left_over(us, lambda run_id: run_id != "active").killed == ["over"]

    assert over.wait() == -9
    for process in (active, strange):
        assert process.poll() is None
        process.kill()
        process.wait()


@pytest.mark.skipif(cgroups.parent_of_runs() is None, reason="no control group can be made here")
def test_a_control_group_is_killed_whole_with_what_is_beneath_it() -> None:
    parent = cgroups.parent_of_runs()
    assert parent is not None
    group = parent / f"llmctl-test-{os.getpid()}"
    (group / "beneath").mkdir(parents=True)
    process = start_marked()
    hidden = start_marked()
    (group / "cgroup.procs").write_text(str(process.pid))
    (group / "beneath" / "cgroup.procs").write_text(str(hidden.pid))
    assert cgroups.is_populated(group)

    assert cgroups.kill(group, within=10)

    assert (process.wait(), hidden.wait()) == (-9, -9)
    assert not group.exists()
    assert cgroups.kill(group, within=0), "what is gone is empty"


@pytest.mark.skipif(cgroups.parent_of_runs() is None, reason="no control group can be made here")
def test_a_run_record_that_lies_about_the_control_group_makes_nobody_else_a_victim() -> None:
    parent = cgroups.parent_of_runs()
    assert parent is not None
    group = parent / f"llmctl-test-{os.getpid()}"
    group.mkdir()
    bystander = start_marked()
    (group / "cgroup.procs").write_text(str(bystander.pid))
    sweeper = Sweeper("us", parent)
    sweeper.begin("run")

    sweeper.adopt_group("run", str(group))
    trio.run(sweeper.kill, "run")

    assert bystander.poll() is None
    assert cgroups.kill(group, within=10)
    bystander.wait()


@pytest.mark.parametrize("way", ["a link", "a directory", "up and down again"])
def test_a_run_record_does_not_make_us_write_into_anything_but_a_control_group(
    tmp_path: Path, way: str
) -> None:
    precious = tmp_path / "precious"
    precious.write_text("untouched")
    group = tmp_path / "llmctl-us-run"
    group.mkdir()
    (group / "cgroup.events").write_text("populated 1\n")
    (group / "cgroup.kill").symlink_to(precious)
    told = {
        "a link": tmp_path / "elsewhere" / "llmctl-us-run",
        "a directory": group,
        "up and down again": Path(f"/sys/fs/cgroup/../../..{group}"),
    }
    (tmp_path / "elsewhere").symlink_to(tmp_path)
    sweeper = Sweeper("us", None)
    sweeper.begin("run")

    sweeper.adopt_group("run", str(told[way]))
    trio.run(sweeper.kill, "run")

    assert precious.read_text() == "untouched"
    assert group.exists()


@pytest.mark.skipif(cgroups.parent_of_runs() is None, reason="no control group can be made here")
def test_control_groups_of_any_number_and_depth_are_removed() -> None:
    parent = cgroups.parent_of_runs()
    assert parent is not None
    group = parent / f"llmctl-test-{os.getpid()}"
    for depth in range(1010):
        os.makedirs("/".join([str(group), *["a"] * depth]), exist_ok=True)  # noqa: PTH103

    assert cgroups.remove(group)

    assert not group.exists()


ENDED = Reading("ended", exit_code=1)
FAILED = Outcome(error_class="agent_error", error_message="failed")
SUCCEEDED = Outcome(final_text="fine")
LIMITED = Outcome(error_class="limit", error_message="limited")


@pytest.mark.parametrize(
    ("outcome", "reading", "finished", "stderr", "expected"),
    [
        (SUCCEEDED, Reading("ended", exit_code=0), False, "", None),
        (SUCCEEDED, Reading("ended", exit_code=0, stop_reason="canceled"), False, "", "canceled"),
        (SUCCEEDED, Reading("ended", exit_code=0, stop_reason="canceled"), True, "", None),
        (FAILED, Reading("dead", stop_reason="timeout"), True, "", "timeout"),
        (FAILED, Reading("dead", stop_reason="throttled"), False, "", "throttled"),
        (LIMITED, Reading("dead", stop_reason="throttled"), False, "", "limit"),
        (LIMITED, Reading("dead", stop_reason="canceled"), False, "", "canceled"),
        (FAILED, Reading("dead"), False, "", "lost"),
        (FAILED, ENDED, False, "", "agent_error"),
        (FAILED, Reading("ended", exit_code=2, complaint="no such directory"), False, "", "spawn_failed"),
        (FAILED, Reading("ended", exit_code=137, complaint="Killed"), False, "", "agent_error"),
        (FAILED, Reading("ended", exit_code=127), False, "llmctl-run: 5: x: not found", "spawn_failed"),
        (FAILED, Reading("ended", exit_code=127), False, "my script: x: not found", "agent_error"),
    ],
)
def test_the_cause_is_named_and_not_the_symptom(
    outcome: Outcome, reading: Reading, finished: bool, stderr: str, expected: str | None
) -> None:
    assert explain(outcome, reading, finished=finished, stderr=stderr).error_class == expected
