"""Changes of tasks as people type them, and as they leave them in an editor."""

import stat
from collections.abc import Mapping
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cli.input.editor import EditedFile
from cli.input.edits import changes_between, changes_of, typed_fields
from dispatcher.errors import DispatchError, UsageError

TASK: Mapping[str, object] = {
    "name": None, "priority": 5, "model": "opus", "fallback_model": None, "permission": "edit", "queue": "default",
    "timeout_s": 5400, "stall_timeout_s": None, "max_attempts": 3, "backoff_s": 30.0,
    "setup_command": None, "check_command": "make", "setup_timeout_s": None, "check_timeout_s": None,
    "labels": {"batch": "x", "count": 3}, "prompt": "first\n  second\n",
}  # fmt: skip


def test_assignments_become_the_keys_of_a_submission(tmp_path: Path) -> None:
    file = tmp_path / "prompt"
    file.write_text("Do = that")
    assert changes_of(
        [
            *(
                "priority=8",
                "model=opus=4",
                "timeout=2h",
                "retries=0",
                "retry-delay=1m",
                "name=",
                "label.batch=x=y",
            ),
            *("label.old=", f"prompt=@{file}"),
        ]
    ) == {
        "priority": 8,
        "model": "opus=4",
        "timeout_s": 7200,
        "max_attempts": 1,
        "backoff_s": 60,
        "name": None,
        "labels": {"batch": "x=y", "old": None},
        "prompt": "Do = that",
    }


@pytest.mark.parametrize(
    ("assignment", "complaint"),
    [
        ("priority", "'priority' is not a change: expected KEY=VALUE"),
        ("priority=10", "priority: '10' is not a whole number from 1 to 9"),
        ("permission=all", "permission: 'all' is not one of read, edit, full"),
        ("timeout=soon", "timeout: 'soon' is not a length of time"),
        ("tool=codex", "'tool' cannot be changed: expected name, priority, "),
        ("label=batch=x", "a label needs its key"),
        ("label.=x", "a label needs its key"),
        ("prompt=", "prompt: the prompt is empty"),
        ("prompt=@/does/not/exist", "cannot read '/does/not/exist'"),
    ],
)
def test_an_assignment_that_means_nothing_is_refused(assignment: str, complaint: str) -> None:
    with pytest.raises(UsageError) as refused:
        changes_of([assignment])
    assert str(refused.value).startswith(complaint)


def test_a_field_is_not_given_twice() -> None:
    with pytest.raises(UsageError, match="priority is given twice"):
        changes_of(["priority=8", "priority=9"])


def test_only_what_a_person_changed_is_sent() -> None:
    before = typed_fields(TASK)
    assert before["timeout"] == "1h30m"
    assert before["retries"] == 2
    assert changes_between(before, before) == {}
    assert changes_between(before, {}) == {}
    after = {**before, "timeout": "2h", "model": None, "retries": 4, "name": "x"}
    assert changes_between(before, after) == {
        "name": "x",
        "model": None,
        "timeout_s": 7200,
        "max_attempts": 5,
    }
    after = {**before, "label": {"batch": "y", "new": 1}}
    assert changes_between(before, after) == {"labels": {"count": None, "batch": "y", "new": "1"}}
    assert changes_between(before, {**before, "label": None}) == {"labels": {"count": None, "batch": None}}


def file_with(fields: Mapping[str, object]) -> EditedFile:
    return EditedFile("12", fields, "# a task\n")


@given(
    st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), min_size=1),
    st.dictionaries(
        st.text(st.characters(exclude_categories=["Cs", "Cc"])), st.integers() | st.text("ab\n: #'\"")
    ),
)
def test_what_an_editor_leaves_as_it_is_comes_back_exactly(prompt: str, labels: dict[str, object]) -> None:
    before = typed_fields({**TASK, "prompt": prompt, "labels": labels})
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("VISUAL", "true")
        with file_with(before) as file:
            assert file.edit() == before
            assert stat.S_IMODE(file.path.stat().st_mode) == 0o600
        assert not file.path.exists()


def test_what_was_typed_is_kept_unless_it_was_done(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("EDITOR", "sed -i s/opus/[/")
    monkeypatch.delenv("VISUAL", raising=False)
    with pytest.raises(UsageError, match="line "), file_with(typed_fields(TASK)) as file:
        file.edit()
    assert str(file.path) in capsys.readouterr().err
    assert "model: [" in file.path.read_text()
    file.path.unlink()


@pytest.mark.parametrize(
    ("command", "complaint"), [("false", "exit code 1"), ("/does/not/exist", "cannot start")]
)
def test_an_editor_that_fails_changes_nothing(
    monkeypatch: pytest.MonkeyPatch, command: str, complaint: str
) -> None:
    monkeypatch.setenv("VISUAL", command)
    with pytest.raises(DispatchError, match=complaint), file_with(typed_fields(TASK)) as file:
        file.edit()
    assert not file.path.exists()
