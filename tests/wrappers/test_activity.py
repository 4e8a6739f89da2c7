"""The few words on what an agent does."""

import pytest

from wrappers import activity


@pytest.mark.parametrize(
    ("command", "shown"),
    [
        ("pytest -q", "runs pytest -q"),
        ("/bin/bash -lc 'pytest -q'", "runs pytest -q"),
        ("bash -c 'echo \"a b\" && ls'", 'runs echo "a b" && ls'),
        ('/bin/bash -lc "it\'s"', "runs it's"),
        ("/bin/bash -lc pytest", "runs pytest"),
        ("bash script.sh", "runs bash script.sh"),
        ("git commit -m 'first\nsecond'", "runs git commit -m 'first second'"),
        ("/bin/sh -c '\x1b[31mred'", "runs red"),
    ],
)
def test_a_command_is_shown_without_the_shell_around_it(command: str, shown: str) -> None:
    assert activity.runs(command).text == shown


def test_a_path_is_shown_from_the_work_directory() -> None:
    assert activity.edits("/repo/src/app.py", "/repo").text == "edits src/app.py"
    assert activity.edits("/etc/hosts", "/work").text == "edits /etc/hosts"
    assert activity.edits("/workshop/app.py", "/work").text == "edits /workshop/app.py"


def test_a_huge_command_is_cut() -> None:
    shown = activity.runs("/bin/bash -lc 'cat > file <<EOF\n" + "x" * 10_000_000 + "'").text

    assert shown.startswith("runs cat > file <<EOF x")
    assert len(shown) == 200
