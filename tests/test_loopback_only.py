"""The network namespace in which the real CLIs run."""

import subprocess
import sys
from pathlib import Path

import pytest

from tests.real_agents import unavailable

CONNECT_TO_ITSELF = """
import socket
with socket.create_server(("127.0.0.1", 0)) as server:
    socket.create_connection(server.getsockname(), 5).close()
print("connected")
"""

CONNECT_TO_THE_WORLD = """
import socket
try:
    socket.create_connection(("192.0.2.1", 80), 5)
except OSError as error:
    print(error.strerror)
"""


def inside(*command: str) -> str:
    """The output of a command in a new namespace."""
    done = subprocess.run(
        [sys.executable, "-m", "tests.loopback_only", *command],
        cwd=Path(__file__).parent.parent,
        capture_output=True,
        text=True,
        check=False,
    )
    if "no network namespace of our own" in done.stderr:
        unavailable(done.stderr.strip())
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_there_is_no_interface_but_loopback() -> None:
    interfaces = inside("cat", "/proc/self/net/dev").splitlines()[2:]

    assert [line.split(":")[0].strip() for line in interfaces] == ["lo"]


def test_loopback_is_up() -> None:
    assert inside(sys.executable, "-c", CONNECT_TO_ITSELF) == "connected\n"


def test_nothing_else_can_be_reached() -> None:
    assert inside(sys.executable, "-c", CONNECT_TO_THE_WORLD) == "Network is unreachable\n"


def test_the_program_keeps_its_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LLMCTL_MARK", "kept")

    assert "LLMCTL_MARK=kept" in inside("env").splitlines()
