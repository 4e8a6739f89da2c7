"""Asking a person, on a real pseudo terminal."""

import os
import subprocess
import sys

import pytest

from cli.input.confirmation import confirm
from dispatcher.errors import UsageError
from tests.cli.conftest import ROOT

ASKS = """
from cli.input.confirmation import confirm
from dispatcher.errors import DispatchError
try:
    confirm("Cancel 3 tasks?", yes=False)
    print("goes on")
except DispatchError as error:
    print(error)
"""


def answered(typed: bytes) -> tuple[str, str]:
    """What stands on standard output, a pipe, and on the terminal, after somebody has typed this."""
    ours, theirs = os.openpty()
    with subprocess.Popen(
        [sys.executable, "-c", ASKS], cwd=ROOT, stdin=theirs, stdout=subprocess.PIPE, stderr=theirs
    ) as process:
        os.close(theirs)
        os.write(ours, typed)
        said, _ = process.communicate(timeout=60)
        shown = os.read(ours, 65536)
        os.close(ours)
    return said.decode().strip(), shown.decode()


@pytest.mark.parametrize("typed", [b"y\n", b"YES\n"])
def test_a_yes_goes_on(typed: bytes) -> None:
    said, shown = answered(typed)
    assert said == "goes on"
    assert "Cancel 3 tasks? [y/N]" in shown


@pytest.mark.parametrize("typed", [b"\n", b"n\n", b"what?\n", b"\x04"])
def test_anything_else_changes_nothing(typed: bytes) -> None:
    assert answered(typed)[0] == "not confirmed: nothing was changed"


def test_where_nobody_can_be_asked_only_yes_goes_on() -> None:
    confirm("Cancel 3 tasks?", yes=True)
    with pytest.raises(UsageError, match=r"Cancel 3 tasks\?") as refused:
        confirm("Cancel 3 tasks?", yes=False)
    assert "-y" in str(refused.value.hint)
