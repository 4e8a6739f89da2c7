"""How `llmctl watch` ends by itself, what it prints without a screen, and which tasks it is about."""

import json
import signal

from tests.cli.conftest import Llmctl, PlayedDispatcher, one_postgres
from tests.cli.live.test_watch import row
from tests.cli.terminal import ALTERNATE, terminal

pytestmark = one_postgres


def test_it_is_about_the_tasks_that_are_selected(llmctl: Llmctl, dispatcher: PlayedDispatcher) -> None:
    llmctl.submit("claude", "x", "--name", "ours", "--label", "batch=x")
    llmctl.submit("codex", "x", "--name", "another", "--label", "batch=y")
    printed = llmctl.ok("watch", "-l", "batch=x")
    assert "ours" in printed
    assert "another" not in printed
    assert "queued 1" in printed
    with terminal(llmctl, "watch", "-l", "batch=x") as watching:
        watching.until_shown("0 of 1 done")
        dispatcher.run(final_text="done")
        watching.until_shown("1 of 1 done")
        assert not any("another" in line for line in watching.screen())
        watching.type("q")
        assert watching.ended() == 0


def test_it_ends_when_all_are_done_and_tells_scripts_whether_all_succeeded(
    llmctl: Llmctl, dispatcher: PlayedDispatcher
) -> None:
    llmctl.submit("claude", "x", "--label", "batch=good")
    llmctl.submit("claude", "x", "--label", "batch=bad", "--retries", "0")
    good, bad = dispatcher.start()
    with (
        terminal(llmctl, "watch", "-l", "batch=good", "--exit-when", "done") as watching,
        llmctl.start("watch", "-l", "batch=bad", "--exit-when", "done") as piped,
    ):
        watching.until_shown("running 1")
        dispatcher.finish(good, final_text="done")
        assert watching.ended() == 0
        assert "succeeded 1" in watching.seen.split(ALTERNATE[1])[-1], "the last state stays readable"
        dispatcher.finish(bad, error_class="agent_error", error_message="it broke")
        out, err = piped.communicate(timeout=30)
        assert (piped.returncode, err) == (1, "")
        assert "it broke" in out
        assert "\x1b" not in out
    assert llmctl("watch", "-l", "batch=good", "--exit-when", "done").code == 0
    assert llmctl("watch", "-l", "batch=bad", "--exit-when", "done").code == 1
    nothing = llmctl("watch", "-l", "batch=none", "--exit-when", "done")
    assert (nothing.code, nothing.err) == (3, "error: no task is selected: there is nothing to wait for\n")


def test_it_ends_with_the_first_that_fails(llmctl: Llmctl, dispatcher: PlayedDispatcher) -> None:
    for _ in range(2):
        llmctl.submit("claude", "x", "--retries", "0")
    run, _ = dispatcher.start()
    with terminal(llmctl, "watch", "--exit-when", "failed") as watching:
        watching.until_shown("running 2")
        dispatcher.finish(run, error_class="agent_error", error_message="it broke")
        assert watching.ended() == 1


def test_who_ends_it_before_the_tasks_are_done_learns_that_they_are_not(
    llmctl: Llmctl, dispatcher: PlayedDispatcher
) -> None:
    llmctl.submit("claude", "x")
    for key, code in (("q", 8), ("\x03", 130)):
        with terminal(llmctl, "watch", "--exit-when", "done") as watching:
            watching.until_shown("queued 1")
            watching.type(key)
            assert watching.ended() == code


def test_json_lines_tell_each_change_of_a_state(llmctl: Llmctl, dispatcher: PlayedDispatcher) -> None:
    number = int(llmctl.submit("claude", "x", "--name", "evil\x1b[2J"))
    with llmctl.start("watch", "-o", "jsonl", "--exit-when", "done") as watching:
        assert watching.stdout is not None

        def told() -> tuple[int, str]:
            assert watching.stdout is not None
            line = watching.stdout.readline()
            assert "\x1b" not in line
            task = json.loads(line)
            return task["number"], task["status"]

        assert told() == (number, "queued")
        [run] = dispatcher.start()
        assert told() == (number, "running")
        dispatcher.finish(run, final_text="done")
        assert told() == (number, "succeeded")
        assert watching.stdout.read() == ""
        assert watching.wait(30) == 0


def test_once_prints_the_table_also_on_a_terminal(llmctl: Llmctl, dispatcher: PlayedDispatcher) -> None:
    number = llmctl.submit("claude", "x", "--name", "the-task")
    with terminal(llmctl, "watch", "--once") as printed:
        assert printed.ended() == 0
        assert "the-task" in row(printed.screen(), number)
        assert ALTERNATE[0] not in printed.seen
    [line] = llmctl.ok("watch", "--once", "-o", "jsonl").splitlines()
    assert json.loads(line)["name"] == "the-task"


def test_a_terminal_that_cannot_be_drawn_on_gets_the_table_once(
    llmctl: Llmctl, dispatcher: PlayedDispatcher
) -> None:
    llmctl.submit("claude", "x", "--name", "the-task")
    with terminal(llmctl, "watch", TERM="dumb") as printed:
        assert printed.ended() == 0
        assert "the-task" in printed.seen
        assert "\x1b" not in printed.seen


def test_json_lines_end_with_ctrl_c(llmctl: Llmctl, dispatcher: PlayedDispatcher) -> None:
    llmctl.submit("claude", "x")
    with llmctl.start("watch", "-o", "jsonl") as watching:
        assert watching.stdout is not None
        watching.stdout.readline()
        watching.send_signal(signal.SIGINT)
        watching.communicate(timeout=30)
        assert watching.returncode == 130
