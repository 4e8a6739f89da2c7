"""What an agent inherits, what its references resolve to, and which of its variables are secrets."""

from pathlib import Path

import pytest

from dispatcher.host.survivors import OWNER, RUN
from dispatcher.run.preparation import environment
from dispatcher.run.preparation.environment import SecretError

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
