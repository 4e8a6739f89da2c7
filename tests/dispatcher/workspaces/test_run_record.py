"""One file, which a real shell locks and writes, shows every state that a crash can leave."""

import os
import signal
from pathlib import Path

import msgspec
import pytest
import trio

from dispatcher.host import linux
from dispatcher.host.survivors import Marks
from dispatcher.run.process.held_process import HeldProcess
from dispatcher.run.process.launch import Child, Launch, launch
from dispatcher.workspaces import run_record
from dispatcher.workspaces.run_record import Header, RunRecord

MARKS = Marks(run="r", owner="o")
HEADER = Header(run_id="r", number=1, run_no=1, tool="sh", boot_id=linux.boot_id(), launched=0.0)


def start(directory: Path, script: str, *, argv: list[str] | None = None) -> Child:
    """Start a script like an agent, with a FIFO `gate` that it may read."""
    (directory / "work").mkdir()
    (directory / "prompt").write_text("hello")
    os.mkfifo(directory / "gate")
    record = RunRecord.create(directory, HEADER)
    process = launch(
        Launch(
            argv=argv or ["/bin/sh", "-c", script],
            cwd=directory / "work",
            stdin=directory / "prompt",
            stdout=directory / "stdout.log",
            stderr=directory / "stderr.log",
            env={"PATH": os.environ["PATH"], "LLMCTL_RUN": MARKS.run, "LLMCTL_OWNER": MARKS.owner},
        ),
        record,
    )
    record.close()
    return process


def begun(directory: Path) -> None:
    """Wait until the agent has reached `echo >../gate`."""
    assert (directory / "gate").read_text() == "\n"


BEGIN = "echo >../gate; "


def test_no_file_means_never_started(tmp_path: Path) -> None:
    assert run_record.read(tmp_path).state == "never_started"


def test_a_record_that_nobody_holds_and_that_names_no_start_was_never_started(tmp_path: Path) -> None:
    RunRecord.create(tmp_path, HEADER).close()

    reading = run_record.read(tmp_path)

    assert (reading.state, reading.header) == ("never_started", HEADER)


def test_a_record_is_made_once(tmp_path: Path) -> None:
    RunRecord.create(tmp_path, HEADER).close()

    with pytest.raises(FileExistsError):
        RunRecord.create(tmp_path, HEADER)


def test_a_record_that_is_held_but_names_no_start_is_starting(tmp_path: Path) -> None:
    record = RunRecord.create(tmp_path, HEADER)

    assert run_record.read(tmp_path).state == "starting"
    record.close()


def test_the_lock_passes_to_the_shell_and_lives_as_long_as_it(tmp_path: Path) -> None:
    process = start(tmp_path, BEGIN + "read x <../gate; echo answer")
    begun(tmp_path)

    alive = run_record.read(tmp_path)
    (tmp_path / "gate").write_text("go\n")
    process.wait()
    ended = run_record.read(tmp_path)

    assert (alive.state, alive.pid) == ("alive", process.pid)
    assert (ended.state, ended.pid, ended.exit_code) == ("ended", process.pid, 0)
    assert (tmp_path / "stdout.log").read_text() == "answer\n"


def test_the_exit_code_is_the_agents(tmp_path: Path) -> None:
    assert start(tmp_path, "exit 7").wait() == 7
    assert run_record.read(tmp_path).exit_code == 7


def test_a_shell_that_was_killed_is_dead_and_not_ended(tmp_path: Path) -> None:
    process = start(tmp_path, BEGIN + "exec sleep 1000")
    begun(tmp_path)
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()

    reading = run_record.read(tmp_path)

    assert (reading.state, reading.exit_code) == ("dead", None)


def test_a_signal_to_the_group_ends_the_agent_and_not_the_shell(tmp_path: Path) -> None:
    process = start(tmp_path, BEGIN + "exec sleep 1000")
    begun(tmp_path)
    run_record.note_stop(tmp_path, "canceled")
    os.killpg(process.pid, signal.SIGTERM)
    process.wait()

    reading = run_record.read(tmp_path)

    assert (reading.state, reading.exit_code, reading.stop_reason) == ("ended", 143, "canceled")


def test_a_daemon_of_the_agent_does_not_keep_the_lock(tmp_path: Path) -> None:
    process = start(tmp_path, "setsid sleep 1000 & echo $! >daemon")
    process.wait()

    assert run_record.read(tmp_path).state == "ended"
    os.kill(int((tmp_path / "work" / "daemon").read_text()), signal.SIGKILL)


def test_what_the_shell_complains_of_is_in_the_record(tmp_path: Path) -> None:
    (tmp_path / "work").mkdir()
    os.mkfifo(tmp_path / "gate")
    record = RunRecord.create(tmp_path, HEADER)
    log = tmp_path / "log"
    no_prompt = Launch(
        argv=["true"], cwd=tmp_path / "work", stdin=tmp_path / "absent", stdout=log, stderr=log, env={}
    )
    process = launch(no_prompt, record)
    record.close()
    process.wait()

    reading = run_record.read(tmp_path)

    assert reading.exit_code not in (0, None)
    assert reading.complaint is not None
    assert "absent" in reading.complaint


def test_half_a_last_line_does_not_count(tmp_path: Path) -> None:
    record = RunRecord.create(tmp_path, HEADER)
    os.write(record.descriptor, b"started 12\nexit 1")
    record.close()

    reading = run_record.read(tmp_path)

    assert (reading.state, reading.pid, reading.exit_code) == ("dead", 12, None)


def test_garbage_is_no_verdict(tmp_path: Path) -> None:
    garbage = [b"\xff\x00 not a header", b"started x", b"exit -1", b"stop whatever"]
    endless = [b"started " + b"1" * 5_000, b"exit 99999999999", b"exit " + b"1" * 5_000, b""]
    (tmp_path / "run").write_bytes(b"\n".join([*garbage, *endless]))

    reading = run_record.read(tmp_path)

    assert (reading.state, reading.header, reading.exit_code, reading.stop_reason) == (
        "never_started",
        None,
        None,
        None,
    )


def test_a_first_line_of_any_depth_is_no_header(tmp_path: Path) -> None:
    header = msgspec.json.encode(HEADER)[:-1] + b',"more":' + b"[" * 50_000
    (tmp_path / "run").write_bytes(header + b"\n")

    assert run_record.read(tmp_path).header is None


def test_a_record_of_any_size_is_read_at_both_ends(tmp_path: Path) -> None:
    record = RunRecord.create(tmp_path, HEADER)
    os.write(record.descriptor, b"started 12\n" + b"noise\n" * 1_000_000 + b"exit 4\n")
    record.close()

    reading = run_record.read(tmp_path)

    assert (reading.pid, reading.exit_code) == (12, 4)
    assert len(reading.complaint or "") < 200_000


@pytest.mark.parametrize("put", [os.mkfifo, os.mkdir, lambda path: path.symlink_to("/etc/passwd")])
def test_something_else_in_its_place_is_an_error_and_holds_nobody_up(tmp_path: Path, put: object) -> None:
    assert callable(put)
    put(tmp_path / "run")

    with pytest.raises(OSError):  # noqa: PT011
        run_record.read(tmp_path)
    with pytest.raises(OSError):  # noqa: PT011
        run_record.note_stop(tmp_path, "timeout")


def test_a_shell_is_adopted_by_its_lock_and_not_by_its_number(tmp_path: Path) -> None:
    process = start(tmp_path, BEGIN + "read x <../gate")
    begun(tmp_path)
    adopted = HeldProcess.adopt(tmp_path, process.pid, MARKS)
    assert adopted is not None
    with adopted:
        assert not adopted.has_ended
        (tmp_path / "gate").write_text("go\n")
        trio.run(adopted.end)
        assert adopted.has_ended

    process.wait()
    # The pid may belong to any process now, such as ours.
    assert HeldProcess.adopt(tmp_path, os.getpid(), MARKS) is None
    assert HeldProcess.adopt(tmp_path, process.pid, MARKS) is None
