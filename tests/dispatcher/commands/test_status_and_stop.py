"""`dispatcher check`, `status` and `stop`, beside dispatchers that run."""

import fcntl
import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from dispatcher.errors import DispatchError
from dispatcher.workspaces.lock_holder import find_lock_holder, recorded_pid
from tests.fixtures.dispatchers import PATIENCE, Site
from tests.fixtures.users import NOBODY, as_user, needs_root

# Status


def test_status_tells_who_lives_and_what_each_runs(site: Site) -> None:
    gate = site.gate()
    number = site.submit(f"{gate.pass_through}; echo done", name="slow one")
    running = site.start()
    site.wait_for("running", number)
    told = site.command("status")
    assert told.returncode == 0
    database, first, task = told.stdout.splitlines()
    assert database.startswith(f"database    {site.config['database']['name']} on PostgreSQL at ")
    assert f"process {running.pid}, version " in first
    assert ": alive, heartbeat " in first
    assert first.endswith("; runs 1, serves all groups")
    assert task.startswith(f"  {number} slow one  sh, runs for ")
    [as_json] = json.loads(site.command("status", "-o", "json").stdout)["dispatchers"]
    assert (as_json["pid"], as_json["alive"], as_json["tasks"][0]["number"]) == (running.pid, True, number)


def test_status_without_any_dispatcher_says_how_to_start_one(site: Site) -> None:
    told = site.command("status")
    assert told.returncode == 1
    assert told.stdout.splitlines()[1:] == ["dispatcher  none is running; start one: `dispatcher run`"]


def test_a_dispatcher_whose_lease_ran_out_is_away(site: Site) -> None:
    site.start().wait_for("dispatcher started")
    site.sql("UPDATE dispatchers SET lease_expires_at = now() - interval '1 minute'")
    told = site.command("status")
    assert told.returncode == 1
    assert ": away, its agents may still run, heartbeat " in told.stdout


# Stop


def test_stop_waits_for_agents_and_then_for_the_process(site: Site) -> None:
    gate = site.gate()
    number = site.submit(f"{gate.pass_through}; echo done")
    running = site.start()
    site.wait_for("running", number)
    answers: list[subprocess.CompletedProcess[str]] = []
    stopping = threading.Thread(target=lambda: answers.append(site.command("stop")))
    stopping.start()
    running.wait_for("received signal")
    assert site.task(number)["status"] == "running"
    gate.open()
    stopping.join(PATIENCE)
    assert running.wait() == 0
    [answer] = answers
    assert answer.returncode == 0
    assert f"process {running.pid} starts nothing more" in answer.stderr
    assert site.task(number)["status"] == "succeeded"


def test_stop_now_stops_agents_and_gives_their_attempt_back(site: Site) -> None:
    gate = site.gate()
    number = site.submit(f"{gate.pass_through}; echo done")
    running = site.start()
    site.wait_for("running", number)
    assert site.command("stop", "--now").returncode == 0
    assert running.wait() == 0
    assert site.agents() == []
    task = site.task(number)
    assert (task["status"], task["attempt"]) == ("queued", 0)


def test_stop_needs_no_database(site: Site) -> None:
    running = site.start()
    running.wait_for("dispatcher started")
    assert site.command("stop", url="postgresql://nobody@127.0.0.1:1").returncode == 0
    assert running.wait() == 0


def test_stop_without_a_dispatcher_is_no_error(site: Site) -> None:
    first = site.start()
    first.wait_for("dispatcher started")
    first.kill()
    told = site.command("stop")
    assert (told.returncode, told.stderr) == (0, f"no dispatcher holds {site.work_dir}\n")


@pytest.fixture
def held(tmp_path: Path) -> Iterator[Path]:
    """A directory whose lock this process holds, and in which it recorded itself."""
    descriptor = os.open(tmp_path / ".lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
    fcntl.flock(descriptor, fcntl.LOCK_EX)
    os.write(descriptor, str(os.getpid()).encode())
    yield tmp_path
    os.close(descriptor)


def test_the_holder_is_who_has_the_lock_and_nobody_once_it_is_free(held: Path) -> None:
    holder = find_lock_holder(held)
    assert holder is not None
    assert holder.pid == recorded_pid(held) == os.getpid()
    other = held / "other"
    other.mkdir()
    assert find_lock_holder(other) is None
    (other / ".lock").write_text(str(os.getpid()))
    assert find_lock_holder(other) is None


def test_a_process_that_only_has_the_recorded_number_is_never_signalled(held: Path) -> None:
    """Numbers are used again, and another container has others."""
    with subprocess.Popen(["sleep", "1000"]) as bystander:
        (held / ".lock").write_text(str(bystander.pid))
        with pytest.raises(DispatchError, match="we cannot see it"):
            find_lock_holder(held)
        assert bystander.poll() is None
        bystander.kill()
    for unknown in ("", "garbage", str(2**22), "9" * 20):
        (held / ".lock").write_text(unknown)
        with pytest.raises(DispatchError, match="we cannot see it"):
            find_lock_holder(held)


HOLDS_AND_OPENS_OTHER_FILES = """
import fcntl, os, sys
other = os.open("/dev/null", os.O_RDONLY)
lock = os.open(sys.argv[1], os.O_RDWR | os.O_CREAT, 0o600)
fcntl.flock(lock, fcntl.LOCK_EX)
os.write(lock, str(os.getpid()).encode())
print(flush=True)
while True:
    os.close(other)
    assert os.open("/dev/null", os.O_RDONLY) == other
"""


def test_a_holder_is_found_whatever_else_it_opens_and_closes_meanwhile(tmp_path: Path) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", HOLDS_AND_OPENS_OTHER_FILES, str(tmp_path / ".lock")], stdout=subprocess.PIPE
    ) as busy:
        try:
            assert busy.stdout is not None
            busy.stdout.readline()
            for _ in range(5000):
                holder = find_lock_holder(tmp_path)
                assert holder is not None
                assert holder.pid == busy.pid
                os.close(holder._descriptor)
        finally:
            busy.kill()


@needs_root
def test_a_dispatcher_of_another_user_is_left_alone(held: Path, home_of_nobody: Path) -> None:
    place = home_of_nobody / "runs"
    held.rename(place)
    place.chmod(0o755)

    def stop() -> None:
        holder = find_lock_holder(place)
        assert holder is not None
        holder.signal(signal.SIGURG)

    with pytest.raises(PermissionError):
        as_user(NOBODY, stop)


# Check


def test_check_beside_a_running_dispatcher_has_no_problem_but_those_of_the_tests_server(site: Site) -> None:
    running = site.start()
    running.wait_for("dispatcher started")
    told = site.command("check", "-o", "json")
    findings = json.loads(told.stdout)
    problems = [finding["what"] for finding in findings if finding["level"] == "problem"]
    assert [problem.split(":")[0] for problem in problems] == ["fsync is off"]
    assert told.returncode == 1
    seen = {finding["what"] for finding in findings}
    assert f"held by the dispatcher that is process {running.pid}" in seen
    assert any(what.startswith("running on ") for what in seen)
    subjects = {finding["subject"] for finding in findings}
    assert subjects >= {
        "database",
        "work directory",
        "dispatchers",
        "tool sh",
        "group sh",
        "tool claude",
        "machine",
    }
