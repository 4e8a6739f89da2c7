"""`llmctl answer`, `approve` and `deny`, and what those are told who wait for such a task."""

import re
from pathlib import Path

import pytest

from tests.cli.conftest import Llmctl, PlayedDispatcher, one_postgres

pytestmark = one_postgres

CHANGE = {"source": "/src/shop", "base_commit": "0" * 40, "ref": "refs/llmctl/1/1", "head_commit": "1" * 40,
          "files": 3, "insertions": 12, "deletions": 4}  # fmt: skip


@pytest.fixture
def asks(llmctl: Llmctl, dispatcher: PlayedDispatcher) -> str:
    """The number of a task whose agent asks something."""
    number = llmctl.submit("claude", "x")
    dispatcher.run(
        error_class="question", question="The first or the second?\nBoth would do.", session_id="s"
    )
    return number


@pytest.fixture
def proposes(llmctl: Llmctl, dispatcher: PlayedDispatcher) -> str:
    """The number of a task whose result waits for approval."""
    number = llmctl.submit("claude", "x", "--approve", "--label", "batch=x")
    dispatcher.run(final_text="changed", change=CHANGE)
    return number


def test_an_answer_lets_the_agent_go_on(llmctl: Llmctl, dispatcher: PlayedDispatcher, asks: str) -> None:
    assert llmctl.ok("answer", asks, "use the second") == f"task {asks} goes on"
    [run] = dispatcher.claim()
    assert "use the second" in str(run["follow_up"])
    shown = llmctl.ok("show", asks)
    assert re.search(
        r"\n {2}[-0-9: ]+ {2}answered run 1, by role '\S+': use the second \(asked: The first", shown
    )


def test_an_answer_comes_from_a_file_or_from_standard_input(
    llmctl: Llmctl, dispatcher: PlayedDispatcher, asks: str, tmp_path: Path
) -> None:
    (tmp_path / "answer.txt").write_text("the first,\nplease")
    assert llmctl.ok("answer", asks, "-f", tmp_path / "answer.txt", "-o", "name") == asks
    [run] = dispatcher.claim()
    assert str(run["follow_up"]).endswith("the first,\nplease")
    dispatcher.finish(str(run["run_id"]), error_class="question", question="sure?", session_id="s")
    states = llmctl("answer", asks, "-o", "json", stdin="yes").json()
    assert isinstance(states, list)
    assert (states[0]["number"], states[0]["status"], states[0]["wait_reason"]) == (int(asks), "queued", None)


def test_a_question_is_shown_whole(llmctl: Llmctl, asks: str) -> None:
    shown = llmctl.ok("show", asks)
    assert "\nstate       question\n" in shown or re.search(r"^state +question$", shown, re.MULTILINE)
    assert (
        f"question (answer it: `llmctl answer {asks} TEXT`):\n  The first or the second?\n  Both would do."
        in shown
    )


def test_what_cannot_be_answered_is_refused_with_what_to_do(llmctl: Llmctl, asks: str, proposes: str) -> None:
    wrong = llmctl("answer", proposes, "x")
    assert (wrong.code, wrong.out) == (5, "")
    assert wrong.err == (
        f"error: task {proposes} waits for approval: only a task that waits for an answer can be answered\n"
        f"hint: waits for approval of 3 files (+12 −4): `llmctl approve {proposes}` or `llmctl deny {proposes}`\n"
    )
    assert llmctl("answer", "4711", "x").code == 3
    empty = llmctl("answer", asks, "")
    assert (empty.code, empty.err.splitlines()[0]) == (2, "error: the text is empty")
    nothing = llmctl("answer", asks)
    assert nothing.code == 2
    assert f"hint: `llmctl answer {asks} 'TEXT'`" in nothing.err


def test_what_is_approved_has_succeeded_and_what_is_denied_has_failed(
    llmctl: Llmctl, dispatcher: PlayedDispatcher, proposes: str
) -> None:
    other = llmctl.submit("claude", "x", "--approve")
    dispatcher.run(final_text="changed")
    assert llmctl.ok("approve", proposes, "-m", "reads well") == f"task {proposes} approved"
    assert llmctl.ok("deny", other, "--message", "no tests") == f"task {other} denied"
    assert llmctl.ok("result", proposes) == "changed"
    result = llmctl("result", other)
    assert (result.code, result.out) == (1, "")
    assert re.fullmatch(r"error: task \d+ failed: denied by role '\S+': no tests\n", result.err)
    assert "approved run 1, by role " in llmctl.ok("show", proposes)


def test_many_are_approved_at_once(llmctl: Llmctl, dispatcher: PlayedDispatcher, proposes: str) -> None:
    llmctl.submit("claude", "x", "--approve", "--label", "batch=x")
    dispatcher.run(final_text="changed")
    assert llmctl.ok("approve", "-l", "batch=x", "--dry-run").splitlines()[0] == "would approve 2 tasks:"
    unasked = llmctl("approve", "-l", "batch=x")
    assert unasked.code == 2
    assert llmctl.ok("approve", "-l", "batch=x", "-y") == "2 tasks approved"
    again = llmctl("approve", proposes)
    assert (again.code, again.err) == (0, "nothing was changed: it is approved already\n")
    late = llmctl("deny", proposes)
    assert (late.code, late.out) == (5, "")
    assert "has succeeded: only a task that waits for approval can be denied" in late.err


def test_lists_select_and_show_what_waits_for_a_person(llmctl: Llmctl, asks: str, proposes: str) -> None:
    for state, number in (("question", asks), ("approval", proposes)):
        assert llmctl.ok("ls", "-s", state, "-o", "name") == number
        assert llmctl.ok("ls", "--waiting", state, "-o", "name") == number
    listed = llmctl.ok("ls")
    assert (
        f"waits for an answer: The first or the second? Both would do.; `llmctl answer {asks} TEXT`" in listed
    )
    assert f"waits for approval of 3 files (+12 −4): `llmctl approve {proposes}`" in listed


def test_who_waits_is_told_that_a_person_has_to_act_and_waits_on(
    llmctl: Llmctl, dispatcher: PlayedDispatcher, asks: str
) -> None:
    assert llmctl("wait", asks, "--no-block").code == 8
    late = llmctl("wait", asks, "--timeout", "1s")
    assert late.code == 124
    assert f"task {asks} waits for an answer: The first or the second?" in late.err
    with llmctl.start("wait", asks) as waiting:
        assert waiting.stderr is not None
        assert waiting.stdout is not None
        assert "waits for an answer" in waiting.stderr.readline()
        llmctl.ok("answer", asks, "this")
        dispatcher.run(final_text="done")
        assert waiting.stdout.readline() == f"task {asks} succeeded\n"
        assert waiting.wait(60) == 0


def test_who_submits_and_waits_is_told_of_a_question_and_gets_the_result(
    llmctl: Llmctl, dispatcher: PlayedDispatcher
) -> None:
    with llmctl.start("submit", "claude", "x", "--approve", "--wait") as waiting:
        assert waiting.stderr is not None
        assert waiting.stdout is not None
        assert "task 1 queued" in waiting.stderr.readline()
        dispatcher.run(final_text="changed")
        said = waiting.stderr.readline()
        assert said == "task 1 waits for approval of its answer: `llmctl approve 1` or `llmctl deny 1`\n"
        llmctl.ok("approve", "1")
        assert waiting.stdout.readline() == "changed\n"
        assert waiting.wait(60) == 0
