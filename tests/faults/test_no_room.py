"""A host without room for processes, descriptors, threads or memory holds tasks up and fails none."""

import errno
import os
import pwd
import resource
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import trio

from dispatcher.host.host_trouble import is_host_trouble, when_there_is_room
from dispatcher.run.conclusion import explain
from dispatcher.run.output.collect import collect
from dispatcher.run.output.log_file import LogFile
from dispatcher.run.output.masking import Masking
from dispatcher.run.preparation import environment
from dispatcher.run.preparation.config_home import newest_file
from dispatcher.run.process.launch import Launch, launch
from dispatcher.workspaces import run_record
from dispatcher.workspaces.large_files import LargeFiles
from dispatcher.workspaces.run_record import Header, Reading, RunRecord
from tests.fixtures.dispatchers import Dispatcher, Site
from tests.fixtures.faults import with_fault
from tests.fixtures.scarcity import PidsGroup, no_descriptors, no_descriptors_for, small_disk
from tests.fixtures.users import as_user, needs_root
from wrappers.base import Outcome

FAILED = Outcome(error_class="agent_error", error_message="failed")


def run_in_shell(directory: Path, *, open_files: int | None = None) -> Outcome:
    """Run an agent in the shell that watches agents; return the outcome of a run that ended so."""
    header = Header(run_id="run", number=1, run_no=1, tool="sh", boot_id="boot", launched=0.0)
    record = RunRecord.create(directory, header)
    (directory / "prompt").touch()
    what = Launch(
        argv=["/bin/true"],
        cwd=directory,
        stdin=directory / "prompt",
        stdout=directory / "stdout.log",
        stderr=directory / "stderr.log",
        env={},
        open_files=open_files,
    )
    child = launch(what, record)
    record.close()
    assert child.wait() != 0
    stderr = (directory / "stderr.log").read_text() if (directory / "stderr.log").exists() else ""
    return explain(FAILED, run_record.read(directory), finished=False, stderr=stderr)


@pytest.fixture
def stranger() -> Iterator[tuple[pwd.struct_passwd, Path]]:
    """A user who runs nothing yet, and that user's own directory."""
    number = 1_000_000 + os.getpid()
    with tempfile.TemporaryDirectory(prefix="llmctl-test-", dir="/tmp") as directory:
        os.chown(directory, number, number)
        yield pwd.struct_passwd(("stranger", "x", number, number, "", directory, "/bin/sh")), Path(directory)


@needs_root
def test_a_shell_that_cannot_fork_is_trouble_of_the_host(stranger: tuple[pwd.struct_passwd, Path]) -> None:
    user, directory = stranger

    def run() -> Outcome:
        resource.setrlimit(resource.RLIMIT_NPROC, (2, 2))  # this process and the shell
        return run_in_shell(directory)

    outcome = as_user(user, run)

    assert outcome.error_class == "no_resources"
    assert "Cannot fork" in str(outcome.error_message)


def test_a_shell_that_cannot_open_a_file_is_trouble_of_the_host(tmp_path: Path) -> None:
    outcome = run_in_shell(tmp_path, open_files=3)

    assert outcome.error_class == "no_resources"
    assert "Too many open files" in str(outcome.error_message)


@pytest.mark.parametrize(
    ("complaint", "exit_code", "expected"),
    [
        ("llmctl-run: 5: Cannot fork", 2, "no_resources"),
        ("llmctl-run: fork: Resource temporarily unavailable", 254, "no_resources"),
        ("llmctl-run: 5: cannot create /w/stdout.log: No space left on device", 2, "no_resources"),
        ("llmctl-run: 5: cannot open /w/prompt: No such file", 2, "spawn_failed"),
        ("Killed", 137, "agent_error"),
    ],
)
def test_what_a_shell_complains_of_is_told_apart(complaint: str, exit_code: int, expected: str) -> None:
    reading = Reading("ended", exit_code=exit_code, complaint=complaint)

    assert explain(FAILED, reading, finished=False, stderr="").error_class == expected


def look_for_output(directory: Path) -> object:
    (directory / "there").write_text("x")
    files = LargeFiles(directory / "files")
    return lambda: list(collect(directory, ["there"], 100, files, Masking(()), directory))


def look_into_log(directory: Path) -> object:
    (directory / "log").write_text("x")
    log = LogFile(directory / "log")
    log.measure()
    return lambda: log.read(0, 1)


def look_for_secret(directory: Path) -> object:
    (directory / "key").write_text("x")
    (directory / "key").chmod(0o600)
    return lambda: environment.resolve("KEY", f"file:{directory}/key")


def look_for_failure_file(directory: Path) -> object:
    (directory / "note").write_text("x")
    return lambda: newest_file(directory, "note")


@pytest.mark.parametrize("prepare", [look_for_output, look_into_log, look_for_secret, look_for_failure_file])
def test_what_cannot_be_opened_for_want_of_descriptors_is_not_missing(
    tmp_path: Path, prepare: Callable[[Path], Callable[[], object]]
) -> None:
    look = prepare(tmp_path)
    with no_descriptors(), pytest.raises(OSError, match="Too many open files") as caught:
        look()

    assert is_host_trouble(caught.value)
    assert look()


def test_what_finds_no_room_waits_for_it(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("there")
    refusals = [OSError(errno.EMFILE, os.strerror(errno.EMFILE))]

    def read() -> str:
        if refusals:
            raise refusals.pop()
        return (tmp_path / "file").read_text()

    assert trio.run(when_there_is_room, "a test", read) == "there"


def test_an_end_that_meets_a_dispatcher_without_descriptors_loses_nothing(site: Site) -> None:
    gate = site.gate()
    number = site.submit(
        f"{gate.pass_through}; head -c 300000 /dev/zero >file; echo words >&2; echo done",
        output_files=["file"],
        max_attempts=1,
    )
    dispatcher = site.start()
    site.wait_for("running", number)

    with no_descriptors_for(dispatcher.pid):
        gate.open()
        dispatcher.wait_for("no room on this host")

    site.wait_for("succeeded", number)
    (run,) = site.runs(number)
    assert (run["stdout_trunc"], run["stderr"], run["output_files"]) == ("done\n", "words\n", ["file"])
    assert site.task(number)["attempt"] == 0


@pytest.mark.parametrize(
    "trouble",
    ["MemoryError()", "OSError(24, 'Too many open files')", 'RuntimeError("can\'t start new thread")'],
)
def test_trouble_of_the_host_anywhere_in_a_run_uses_up_no_attempt(site: Site, trouble: str) -> None:
    broken = with_fault(f"""
from wrappers.command.parser import TextParser
original, left = TextParser.finish, [1]
def finish(self, ending):
    if left[0]:
        left[0] -= 1
        raise {trouble}
    return original(self, ending)
TextParser.finish = finish
""")
    number = site.submit("echo done", max_attempts=1)
    site.start(prefix=broken)
    site.wait_until(lambda: site.task(number)["wait_reason"] == "retry")
    task = site.task(number)
    assert (task["attempt"], task["error_class"]) == (0, "no_resources")

    site.sql("SELECT retry_task(%s)", str(number))

    site.wait_for("succeeded", number)


def test_room_for_the_shell_and_not_for_its_agent_fails_no_task(site: Site, pids_group: PidsGroup) -> None:
    site.start(prefix=pids_group.prefix)
    site.wait_for("succeeded", site.submit("echo done"))

    numbers: list[int] = []

    def lacked_room() -> bool:
        return bool(site.sql("SELECT FROM task_runs WHERE error_class = 'no_resources'"))

    def all_succeeded() -> bool:
        return all(site.task(number)["status"] == "succeeded" for number in numbers)

    # What counts as room for one may be room for two, if a process of the last run had not gone yet.
    while not lacked_room():
        pids_group.limit(pids_group.count() + 1)
        numbers += site.submit_many([{"tool": "sh", "prompt": "echo done", "max_attempts": 1}] * 4)
        site.wait_until(lambda: lacked_room() or all_succeeded())
    pids_group.limit(None)

    def succeeded_again() -> bool:
        site.sql("UPDATE tasks SET next_attempt_at = now() WHERE wait_reason = 'retry'")
        return all_succeeded()

    site.wait_until(succeeded_again)
    assert {row["error_class"] for row in site.sql("SELECT error_class FROM task_runs")} == {
        None,
        "no_resources",
    }


def waits_for_room(site: Site, number: int) -> str:
    """Wait until the task waits without an attempt used; return why."""
    site.wait_until(lambda: site.task(number)["wait_reason"] == "retry")
    task = site.task(number)
    assert (task["attempt"], task["error_class"]) == (0, "no_resources")
    return str(task["error_message"])


@needs_root
@pytest.mark.parametrize("end", ["exit 0", "echo sorry >&2; exit 1"])
def test_an_agent_that_fails_on_a_full_disk_uses_up_no_attempt(site: Site, end: str) -> None:
    with small_disk(site.work_dir, "8m"):
        site.start()
        number = site.submit(f"head -c 20000000 /dev/zero >filler 2>/dev/null; {end}", max_attempts=1)

        assert "is full: " in waits_for_room(site, number)


@needs_root
def test_an_agent_that_fails_without_inodes_uses_up_no_attempt(site: Site) -> None:
    with small_disk(site.work_dir, "8m", inodes=100):
        site.start()
        number = site.submit(
            "n=0; while touch file$n 2>/dev/null; do n=$((n + 1)); done; exit 1", max_attempts=1
        )

        assert "has no inodes left: " in waits_for_room(site, number)


@pytest.mark.parametrize("words", ["Disk quota exceeded", "ENOSPC: no space left on device, write"])
def test_an_agent_that_ends_with_words_of_a_full_disk_uses_up_no_attempt(site: Site, words: str) -> None:
    site.start()
    number = site.submit(f"echo 'cannot write: {words}' >&2; exit 1", max_attempts=1)

    assert words in waits_for_room(site, number)


def test_an_agent_that_only_writes_about_full_disks_fails_as_ever(site: Site) -> None:
    number = site.submit("echo 'No space left on device is what it means'; exit 1", max_attempts=1)

    site.run()

    assert site.task(number)["error_class"] == "agent_error"


def assert_no_traceback(dispatcher: Dispatcher) -> None:
    """A line of the log, which is JSON, may contain a traceback; what people see may not."""
    story = dispatcher.story()
    assert not any(line.startswith("Traceback") for line in story.splitlines()), story


@pytest.mark.parametrize("files", [9, 12, 31])
def test_a_start_without_descriptors_says_so_in_a_sentence(site: Site, files: int) -> None:
    limited = site.start("--until-empty", prefix=["sh", "-c", f'ulimit -n {files}; exec "$@"', "sh"])

    assert limited.wait() == 1, limited.story()

    assert_no_traceback(limited)
    assert "error: this " in limited.story()


@pytest.mark.parametrize("processes", [1, 2, 4, 6])
def test_a_start_without_threads_says_so_in_a_sentence(
    site: Site, pids_group: PidsGroup, processes: int
) -> None:
    pids_group.limit(processes)
    limited = site.start("--until-empty", prefix=pids_group.prefix)

    assert limited.wait() == 1, limited.story()

    assert_no_traceback(limited)
    assert "error: this host has no room for the dispatcher" in limited.story()
