"""`llmctl logs` of several tasks."""

import base64
from collections.abc import Sequence

import pytest

from tests.cli.conftest import Llmctl, PlayedDispatcher, one_postgres
from tests.cli.terminal import terminal
from tests.cli.verbs.tasks.test_results import listens

pytestmark = one_postgres


@pytest.fixture
def runs(llmctl: Llmctl, dispatcher: PlayedDispatcher) -> Sequence[str]:
    """The runs of the tasks 1 and 2, which print what the test lets them print."""
    dispatcher.connection.execute("SELECT put_tool('aider')")
    dispatcher.connection.execute("SELECT put_group('aider-main', 'aider', 'main', 2)")
    for _ in range(2):
        llmctl.submit("aider", "x", "--label", "batch=x")
    return dispatcher.start()


class Printing:
    """Stores what agents print, as a dispatcher does."""

    def __init__(self, dispatcher: PlayedDispatcher) -> None:
        self._dispatcher = dispatcher
        self._ends: dict[str, int] = {}

    def __call__(self, run: str, content: bytes) -> None:
        begin = self._ends.get(run, 0)
        self._ends[run] = end = begin + len(content)
        chunk = {"starts_at": begin, "ends_at": end, "content": base64.b64encode(content).decode()}
        self._dispatcher.append(run, {"stdout_bytes": end, "chunks": [{"stream": "stdout", **chunk}]})


@pytest.fixture
def prints(dispatcher: PlayedDispatcher) -> Printing:
    return Printing(dispatcher)


def test_each_line_says_which_task_it_is_of(
    llmctl: Llmctl, dispatcher: PlayedDispatcher, runs: Sequence[str], prints: Printing
) -> None:
    first, second = runs
    prints(first, b"one\ntwo\nlast")
    prints(second, b"uno\n")
    dispatcher.finish(first, final_text="yes")
    dispatcher.finish(second, error_class="invalid_request", error_message="it broke")
    shown = llmctl("logs", "-l", "batch=x")
    assert (shown.code, shown.out) == (0, "[1] one\n[1] two\n[1] last\n[2] uno\n")
    assert shown.err == "[2] run 1 failed: it broke\n"
    assert llmctl("logs", "1-2", "--tail", "1").out == "[1] last\n[2] uno\n"
    assert llmctl("logs", "1").out == "one\ntwo\nlast"


def test_several_tasks_are_followed_at_once_and_lines_stay_whole(
    llmctl: Llmctl, dispatcher: PlayedDispatcher, runs: Sequence[str], prints: Printing
) -> None:
    first, second = runs
    prints(first, b"begun, ")
    with llmctl.start("logs", "-f", "1", "2") as following:
        assert following.stdout is not None
        listens(llmctl, dispatcher, "read_output")
        prints(second, b"uno\n")
        assert following.stdout.readline() == "[2] uno\n"
        prints(first, b"ended\n")
        assert following.stdout.readline() == "[1] begun, ended\n"
        dispatcher.finish(second, final_text="yes")
        prints(first, b"the rest")
        dispatcher.finish(first, final_text="yes")
        out, err = following.communicate(timeout=30)
    assert (following.returncode, out, err) == (0, "[1] the rest\n", "")


def test_following_several_tasks_survives_a_lost_connection(
    llmctl: Llmctl, dispatcher: PlayedDispatcher, runs: Sequence[str], prints: Printing
) -> None:
    first, second = runs
    with llmctl.start("logs", "-f", "1-2") as following:
        assert following.stdout is not None
        assert following.stderr is not None
        prints(first, b"one\n")
        assert following.stdout.readline() == "[1] one\n"
        dispatcher.connection.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            " WHERE application_name LIKE 'llmctl%' AND datname = current_database()"
        )
        assert "trying again" in following.stderr.readline()
        prints(second, b"uno\n")
        assert following.stdout.readline() == "[2] uno\n"
        for run in runs:
            dispatcher.finish(run, final_text="yes")
        out, _ = following.communicate(timeout=30)
    assert (following.returncode, out) == (0, "")


def test_a_run_that_one_of_several_tasks_does_not_have_is_said_and_the_others_are_shown(
    llmctl: Llmctl, dispatcher: PlayedDispatcher, runs: Sequence[str], prints: Printing
) -> None:
    prints(runs[0], b"one\n")
    for run in runs:
        dispatcher.finish(run, final_text="yes")
    llmctl.submit("aider", "x", "--delay", "1h")
    shown = llmctl("logs", "1", "3", "--run", "1")
    assert (shown.code, shown.out) == (3, "[1] one\n")
    assert "task 3 has no run 1" in shown.err


def test_a_log_of_each_task_is_written_into_a_directory(
    llmctl: Llmctl, dispatcher: PlayedDispatcher, runs: Sequence[str], prints: Printing
) -> None:
    prints(runs[0], b"one\n\x1b[1mtwo\x1b[0m\n")
    prints(runs[1], b"uno\n")
    for run in runs:
        dispatcher.finish(run, final_text="yes")
    llmctl.submit("aider", "x", "--delay", "1h")
    written = llmctl("logs", "1-3", "-d", "logs")
    assert (written.code, written.out) == (0, "")
    assert written.err.splitlines() == [
        "[3] task 3 is queued and has not started yet",
        "wrote 2 logs below logs",
    ]
    logs = llmctl.directory / "logs"
    assert {path.name: path.read_text() for path in logs.iterdir()} == {
        "1.log": "one\ntwo\n",
        "2.log": "uno\n",
    }
    again = llmctl("logs", "1-3", "-d", "logs")
    assert (again.code, again.err.splitlines()[-1]) == (0, "wrote 0 logs below logs; 2 were there already")
    (logs / "1.log").write_text("mine")
    assert llmctl("logs", "1-3", "-d", "logs").code == 5
    assert (logs / "1.log").read_text() == "mine"
    assert llmctl("logs", "2", "-d", "logs", "--tail", "0", "--force").code == 0
    assert (logs / "2.log").read_text() == ""
    assert llmctl("logs", "1", "-f", "-d", "logs").code == 2


def test_files_have_the_number_of_a_task_that_was_named_by_its_uuid(
    llmctl: Llmctl, dispatcher: PlayedDispatcher, runs: Sequence[str], prints: Printing
) -> None:
    prints(runs[0], b"one\n")
    dispatcher.store(runs[0], "report.md", b"x")
    dispatcher.finish(runs[0], final_text="yes")
    [task, _] = dispatcher.connection.execute("SELECT id::text FROM tasks ORDER BY number").fetchall()
    assert llmctl("logs", task[0], "-d", "out").err == "wrote 1 log below out\n"
    assert llmctl("files", "get", task[0], "--flat", "-d", "out").code == 0
    assert llmctl("result", task[0], "-d", "out").code == 0
    assert llmctl("logs", task[0]).out == "one\n"
    assert sorted(path.name for path in (llmctl.directory / "out").iterdir()) == [
        "1-report.md",
        "1.log",
        "1.txt",
    ]


def test_in_a_terminal_each_task_has_a_colour(
    llmctl: Llmctl, dispatcher: PlayedDispatcher, runs: Sequence[str], prints: Printing
) -> None:
    prints(runs[0], b"one\n")
    for run in runs:
        dispatcher.finish(run, final_text="yes")
    with terminal(llmctl, "logs", "1-2") as shown:
        assert shown.ended() == 0
    assert "\x1b[33m[1]\x1b[0m one" in shown.seen
    assert "[1] one" in shown.screen()
