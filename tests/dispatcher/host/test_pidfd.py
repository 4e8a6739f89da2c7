"""A pidfd tells when its process has ended, and a signal reaches no other process."""

import os
import signal
import subprocess

import pytest

from dispatcher.host import pidfd


def test_the_end_of_a_process_is_waited_for_up_to_a_time() -> None:
    with subprocess.Popen(["sleep", "1000"]) as sleeper:
        descriptor = os.pidfd_open(sleeper.pid)
        assert not pidfd.has_ended(descriptor)
        assert not pidfd.has_ended(descriptor, within=0.01)
        sleeper.kill()
        assert pidfd.has_ended(descriptor, within=None)
        os.close(descriptor)


def test_only_a_process_that_is_meant_is_signaled() -> None:
    with subprocess.Popen(["sleep", "1000"]) as sleeper:
        pidfd.signal_if(sleeper.pid, signal.SIGKILL, lambda pid: pid != sleeper.pid)
        assert sleeper.poll() is None
        pidfd.signal_if(sleeper.pid, signal.SIGKILL, lambda pid: pid == sleeper.pid)
        assert sleeper.wait() == -signal.SIGKILL
    with pytest.raises(ProcessLookupError):
        pidfd.signal_if(sleeper.pid, signal.SIGKILL, lambda _: True)
