"""The holder of a work directory is the process that has the lock, and not one that has its pid by now."""

import fcntl
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from dispatcher.errors import DispatchError
from dispatcher.workspaces.lock_holder import find_lock_holder, recorded_pid
from tests.fixtures.users import NOBODY, as_user, needs_root


@pytest.fixture
def held(tmp_path: Path) -> Iterator[Path]:
    """A directory whose lock this process holds, with its pid in it."""
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
    """Pids are used again, and another container has other pids."""
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
