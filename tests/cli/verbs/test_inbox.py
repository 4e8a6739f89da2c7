"""`llmctl inbox`: what waits for a person, and what to type."""

import re

from tests.cli.conftest import Llmctl, PlayedDispatcher, one_postgres
from tests.cli.terminal import terminal

pytestmark = one_postgres


def test_an_empty_inbox_says_so(llmctl: Llmctl) -> None:
    empty = llmctl("inbox")
    assert (empty.code, empty.out, empty.err) == (0, "", "nothing waits for you\n")
    assert llmctl.ok("inbox", "-o", "json") == "[]"


def test_each_row_is_followed_by_the_commands_that_resolve_it(
    llmctl: Llmctl, dispatcher: PlayedDispatcher
) -> None:
    asks = llmctl.submit("claude", "x", "--name", "fix tests")
    dispatcher.run(error_class="question", question="which?", session_id="s")
    proposes = llmctl.submit("claude", "x", "--approve", "--label", "batch=x")
    dispatcher.run(final_text="done")
    llmctl.ok("group", "pause", "codex-main", "--reason", "holidays")
    lines = llmctl.ok("inbox").splitlines()
    assert lines[0].split() == ["KIND", "TASK", "OR", "GROUP", "SINCE", "WHAT"]
    assert re.fullmatch(rf"approval +{proposes} x +\d+s +its answer", lines[1])
    assert lines[2] == f"  llmctl result {proposes} · llmctl approve {proposes} · llmctl deny {proposes}"
    assert re.fullmatch(r"paused +codex-main +\d+s +holidays", lines[3])
    assert lines[4] == "  llmctl group resume codex-main"
    assert re.fullmatch(rf"question +{asks} fix tests +\d+s +which\?", lines[5])
    assert lines[6:] == [f"  llmctl answer {asks} TEXT"]
    rows = llmctl("inbox", "-l", "batch=x", "-o", "json").json()
    assert isinstance(rows, list)
    [row] = rows
    assert (row["kind"], row["number"], row["group_name"]) == ("approval", int(proposes), None)
    assert row["verbs"][1] == f"llmctl approve {proposes}"


def test_the_commands_of_an_inbox_do_what_it_says(llmctl: Llmctl, dispatcher: PlayedDispatcher) -> None:
    for more in ([], ["--approve"], ["--approve"], []):
        llmctl.submit("claude", "x", *more)
        dispatcher.run(**{} if more else {"error_class": "question", "question": "which?", "session_id": "s"})
    while rows := llmctl("inbox", "-o", "json").json():
        assert isinstance(rows, list)
        command = rows[0]["verbs"][-1].removeprefix("llmctl ").split()
        llmctl.ok(*command)
    assert llmctl("inbox").err == "nothing waits for you\n"


def test_it_fits_into_80_columns(llmctl: Llmctl, dispatcher: PlayedDispatcher) -> None:
    llmctl.submit("claude", "x", "--name", "a task with a long name that says much")
    dispatcher.run(error_class="question", question="which? " * 40, session_id="s")
    with terminal(llmctl, "inbox", columns=80) as window:
        assert window.ended() == 0
        _, row, commands = window.screen()
    assert re.fullmatch(r"question +1 a task .*… +\d+s +which\? which\? .*…", row)
    assert commands == "  llmctl answer 1 TEXT"
