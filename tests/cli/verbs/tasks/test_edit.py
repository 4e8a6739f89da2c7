"""`llmctl edit`: changes of queued tasks, typed at once or in an editor."""

from dataclasses import replace
from pathlib import Path

import pytest

from tests.cli.conftest import Llmctl, PlayedDispatcher, one_postgres
from tests.cli.terminal import terminal

pytestmark = one_postgres


def shown(llmctl: Llmctl, number: str) -> dict[str, object]:
    task = llmctl("show", number, "-o", "json").json()
    assert isinstance(task, dict)
    return task


def test_what_is_set_is_what_the_task_has(llmctl: Llmctl, tmp_path: Path) -> None:
    number = llmctl.submit("claude", "old", "--model", "opus", "--label", "a=b", "--label", "c=d")
    prompt = tmp_path / "prompt"
    prompt.write_text("new\nprompt")
    said = llmctl.ok(
        *(
            "edit",
            number,
            "--set",
            "priority=8",
            "--set",
            "timeout=2h",
            "--set",
            "model=",
            "--set",
            "retries=0",
        ),
        *("--set", "label.a=", "--set", "label.batch=x", "--set", f"prompt=@{prompt}", "--set", "name=it"),
    )
    assert said == f"task {number} changed"
    task = shown(llmctl, number)
    assert {key: task[key] for key in ("priority", "timeout_s", "model", "max_attempts", "prompt", "name")} == {
        "priority": 8, "timeout_s": 7200, "model": None, "max_attempts": 1, "prompt": "new\nprompt", "name": "it",
    }  # fmt: skip
    assert task["labels"] == {"c": "d", "batch": "x"}
    llmctl("edit", number, "--set", "prompt=-", stdin="from a pipe")
    assert shown(llmctl, number)["prompt"] == "from a pipe"


def test_tasks_that_are_selected_are_edited_together(llmctl: Llmctl) -> None:
    for label in ("batch=x", "batch=x", "batch=y"):
        llmctl.submit("claude", "x", "--label", label)
    said = llmctl("edit", "-l", "batch=x", "--set", "queue=night", "--dry-run")
    assert said.out.splitlines()[0] == "would change 2 tasks:"
    assert llmctl.ok("edit", "-l", "batch=x", "--set", "queue=night", "-y") == "2 tasks changed"
    assert llmctl.ok("ls", "--queue", "night", "-o", "name").splitlines() == ["2", "1"]


def test_a_running_task_is_not_edited(llmctl: Llmctl, dispatcher: PlayedDispatcher) -> None:
    number = llmctl.submit("claude", "x")
    dispatcher.start()
    for words in (["--set", "priority=8"], []):
        refused = llmctl("edit", number, *words, VISUAL="true")
        assert (refused.code, refused.out) == (5, "")
        assert "only a queued task can be edited" in refused.err


@pytest.mark.parametrize(
    ("words", "code", "complaint"),
    [
        (["1", "--set", "priority=77"], 2, "priority: '77' is not a whole number from 1 to 9"),
        (["1", "--set", "tool=codex"], 2, "'tool' cannot be changed: expected name, priority"),
        (["1"], 2, "there is no terminal for an editor"),
        (["1", "2"], 2, "an editor changes one task"),
        (["-l", "a=b"], 2, "an editor changes one task"),
        (["4711", "--set", "priority=8"], 3, "there is no task 4711"),
    ],
)
def test_what_cannot_be_changed_is_refused(
    llmctl: Llmctl, words: list[str], code: int, complaint: str
) -> None:
    llmctl.submit("claude", "x")
    refused = llmctl("edit", *words)
    assert (refused.code, refused.out) == (code, "")
    assert complaint in refused.err


def test_an_editor_whose_command_cannot_be_read_is_named(llmctl: Llmctl) -> None:
    refused = llmctl("edit", llmctl.submit("claude", "x"), VISUAL="", EDITOR="vim '")
    assert (refused.code, refused.out) == (2, "")
    assert refused.err.startswith(
        'error: $EDITOR is "vim \'", which is not a command: a quote is open\nhint: '
    )


def test_an_editor_changes_what_its_user_changed(llmctl: Llmctl) -> None:
    number = llmctl.submit("claude", "first\nsecond", "--priority", "3", "--label", "a=b")
    before = shown(llmctl, number)
    edited = llmctl("edit", number, EDITOR="sed -i 's/^priority: 3/priority: 8/; s/second/third/'", VISUAL="")
    assert (edited.code, edited.err) == (0, "")
    assert edited.out.splitlines() == [
        f"task {number} changed",
        "  priority: 3 → 8",
        "  prompt: first second → first third",
    ]
    after = shown(llmctl, number)
    changed = {key for key in after if after[key] != before[key]} - {"updated_at", "why"}
    assert changed == {"priority", "prompt"}
    assert after["prompt"] == "first\nthird"


def test_a_task_that_has_ended_is_tried_again_with_other_settings(llmctl: Llmctl) -> None:
    number = llmctl.submit("claude", "old", "--check", "false")
    llmctl.ok("cancel", number)
    assert f"`llmctl retry {number} --edit`" in llmctl("edit", number, "--set", "priority=8").err
    said = llmctl.ok(
        "retry", number, "--set", "prompt=new", "--set", "check=make test", "--set", "check-timeout=5m"
    )
    assert said == f"task {number} queued"
    task = shown(llmctl, number)
    assert [task[key] for key in ("status", "prompt", "check_command", "check_timeout_s")] == [
        "queued", "new", "make test", 300,
    ]  # fmt: skip


def test_an_editor_changes_a_task_that_is_tried_again(llmctl: Llmctl) -> None:
    number = llmctl.submit("claude", "old", "--check", "false")
    llmctl.ok("cancel", number)
    left = llmctl("retry", number, "--edit", VISUAL="true")
    assert (left.code, left.err) == (0, "nothing was changed: it is not tried again\n")
    assert shown(llmctl, number)["status"] == "canceled"
    edited = llmctl("retry", number, "--edit", VISUAL="sed -i 's/^check: .*/check: make/; s/old/new/'")
    assert edited.out.splitlines() == [
        f"task {number} queued", "  check: false → make", "  prompt: old → new",
    ]  # fmt: skip
    assert shown(llmctl, number)["status"] == "queued"
    refused = llmctl("retry", number, "--edit", "--set", "priority=8")
    assert (refused.code, refused.out) == (2, "")


def test_an_editor_that_changes_nothing_changes_nothing(llmctl: Llmctl) -> None:
    number = llmctl.submit("claude", "x")
    edited = llmctl("edit", number, VISUAL="true")
    assert (edited.code, edited.out, edited.err) == (0, "", "nothing was changed\n")


@pytest.mark.parametrize(
    ("script", "complaint"),
    [
        ("s/^priority: 5/priority: 50/", "priority: '50' is not a whole number"),
        ("s/^priority: 5/priority: [/", "line "),
        ("s/^priority: 5/importance: 5/", "'importance' cannot be changed"),
        ("s/^model: null/model: '-x'/", "model"),
    ],
)
def test_what_was_written_is_kept_when_it_is_refused(
    llmctl: Llmctl, tmp_path: Path, script: str, complaint: str
) -> None:
    number = llmctl.submit("claude", "x")
    kept_in = tmp_path / "temporary"
    kept_in.mkdir()
    refused = llmctl("edit", number, VISUAL=f'sed -i "{script}"', TMPDIR=str(kept_in))
    assert (refused.code, refused.out) == (2, "")
    assert complaint in refused.err
    [kept] = kept_in.iterdir()
    assert f"what you wrote is in {kept}" in refused.err
    assert "prompt: x" in kept.read_text()


def test_at_a_terminal_a_text_that_is_refused_opens_again(llmctl: Llmctl, tmp_path: Path) -> None:
    number = llmctl.submit("claude", "x")
    script = tmp_path / "editor"
    # The first time it makes a mistake, and the second time it repairs it.
    script.write_text(
        '#!/bin/sh\ngrep -q "priority: 50" "$1" && exec sed -i s/50/7/ "$1"\nexec sed -i "s/priority: 5/&0/" "$1"\n'
    )
    script.chmod(0o755)
    llmctl = replace(
        llmctl, environment={**llmctl.environment, "EDITOR": str(script), "TMPDIR": str(tmp_path)}
    )
    with terminal(llmctl, "edit", number) as window:
        window.until_shown("Open it again? [y/N]")
        window.type("n\n")
        assert window.ended() == 2
        assert window.seen.count("not a whole number") == 1
        assert "what you wrote is in" in window.seen
    with terminal(llmctl, "edit", number) as window:
        window.until_shown("Open it again? [y/N]")
        window.type("y\n")
        assert window.ended() == 0
    assert shown(llmctl, number)["priority"] == 7
