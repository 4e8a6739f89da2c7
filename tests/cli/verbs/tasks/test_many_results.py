"""`llmctl wait` and `llmctl result` of many tasks."""

import signal
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import msgspec
import psycopg
import pytest

from tests.cli.conftest import Llmctl, PlayedDispatcher, one_postgres
from tests.cli.terminal import terminal
from tests.cli.verbs.tasks.test_results import listens

pytestmark = one_postgres


@pytest.fixture
def batch(llmctl: Llmctl, dispatcher: PlayedDispatcher) -> Sequence[str]:
    """Of the label batch=x: a task named `sum` that answered, one without a name, one that failed, one that waits."""
    good = llmctl.submit("claude", "a", "--name", "sum", "--label", "batch=x")
    other = llmctl.submit("claude", "b", "--label", "batch=x")
    for run in dispatcher.start():
        dispatcher.finish(run, final_text=f"answer of {run[:0]}one\n")
    bad = llmctl.submit("claude", "c", "--label", "batch=x", "--retries", "0")
    dispatcher.run(error_class="empty_result", error_message="no answer came")
    in_an_hour = "3629s"  # in words "60 min" for a whole minute
    waiting = llmctl.submit("claude", "d", "--label", "batch=x", "--delay", in_an_hour)
    llmctl.submit("claude", "of no batch")
    return good, other, bad, waiting


def names_below(directory: Path) -> list[str]:
    return sorted(str(path.relative_to(directory)) for path in directory.rglob("*") if not path.is_dir())


def test_answers_of_several_tasks_are_told_apart_and_the_exit_code_is_the_worst(
    llmctl: Llmctl, batch: Sequence[str]
) -> None:
    good, other, bad, waiting = batch
    told = llmctl("result", "-l", "batch=x")
    assert told.out == (f"==> task {good} sum <==\nanswer of one\n\n==> task {other} b <==\nanswer of one\n")
    assert told.err.startswith(
        f"error: task {bad} failed: no answer came\ntask {waiting} is queued: scheduled"
    )
    assert told.code == 8
    assert llmctl("result", f"{good}-{bad}").code == 1
    assert llmctl("result", good, other).code == 0


def test_results_of_several_tasks_for_programs(llmctl: Llmctl, batch: Sequence[str]) -> None:
    lines = llmctl("result", "-l", "batch=x", "-o", "jsonl").out.splitlines()
    rows = [msgspec.json.decode(line) for line in lines]
    assert [row["status"] for row in rows] == ["succeeded", "succeeded", "failed", "queued"]
    assert llmctl("result", "-l", "batch=x", "-o", "json").json() == rows
    assert llmctl("result", batch[0], "-o", "json").json() == rows[0]


def test_all_answers_of_a_batch_are_written_into_a_directory(llmctl: Llmctl, batch: Sequence[str]) -> None:
    good, other, bad, waiting = batch
    collected = llmctl("result", "-l", "batch=x", "-d", "answers")
    assert (collected.code, collected.out) == (8, "")
    assert f"error: task {bad} failed: no answer came\n" in collected.err
    assert f"task {waiting} is queued" in collected.err
    assert collected.err.splitlines()[-1] == "wrote 2 answers of 4 tasks below answers"
    assert names_below(llmctl.directory / "answers") == [f"{good}.txt", f"{other}.txt"]
    assert (llmctl.directory / "answers" / f"{good}.txt").read_text() == "answer of one\n"


def test_answers_never_replace_files_unless_forced(llmctl: Llmctl, batch: Sequence[str]) -> None:
    good, other, *_ = batch
    answers = llmctl.directory / "answers"
    answers.mkdir()
    (answers / f"{other}.txt").write_text("mine")
    refused = llmctl("result", "-l", "batch=x", "-d", "answers")
    assert refused.code == 5
    assert "wrote 1 answer of 4 tasks below answers\n" in refused.err
    assert f"error: {other}.txt exists already in answers, with other content" in refused.err
    assert (answers / f"{other}.txt").read_text() == "mine"
    assert llmctl("result", good, other, "-d", "answers", "--force").code == 0
    assert (answers / f"{other}.txt").read_text() == "answer of one\n"


def test_what_has_come_since_can_be_collected_again(
    llmctl: Llmctl, dispatcher: PlayedDispatcher, batch: Sequence[str]
) -> None:
    *_, waiting = batch
    llmctl("result", "-l", "batch=x", "-d", "answers")
    llmctl.ok("retry", waiting)
    dispatcher.run(final_text="at last")
    again = llmctl("result", "-l", "batch=x", "-d", "answers")
    assert again.code == 1  # one of them has failed
    assert again.err.splitlines()[-1] == "wrote 1 answer of 4 tasks below answers; 2 were there already"
    assert (llmctl.directory / "answers" / f"{waiting}.txt").read_text() == "at last\n"


def test_ctrl_c_says_how_many_answers_are_written(llmctl: Llmctl, database: str) -> None:
    llmctl("submit", "--from", "-", "claude", "x", stdin="{}\n" * 100)
    with psycopg.connect(database, autocommit=True) as connection:
        connection.execute("SET session_replication_role = replica")
        connection.execute(
            """
            UPDATE tasks SET status = CASE number WHEN 1 THEN 'succeeded' ELSE 'failed' END, finished_at = now(),
                result = '{"text": "yes"}', error_class = 'agent_error', error_message = repeat('x', 2000)
            """
        )
    with llmctl.start("result", "--all", "-d", "answers") as collecting:
        assert collecting.stderr is not None
        # What is said about the others is more than a pipe holds, so the command cannot end before all is read.
        assert collecting.stderr.readline().startswith("error: task 2 failed: xxx")
        collecting.send_signal(signal.SIGINT)
        _, err = collecting.communicate(timeout=30)
    assert collecting.returncode == 130
    assert err.endswith("interrupted: wrote 1 answer below answers\n")
    assert names_below(llmctl.directory / "answers") == ["1.txt"]


@pytest.mark.parametrize(
    ("name", "file"),
    [
        ("tidy-up_2", "1-tidy-up_2.txt"),
        ("../out", "1.txt"),
        ("a/b", "1.txt"),
        ("größe", "1-größe.txt"),
        ("n" * 99, "1.txt"),
    ],
)
def test_a_file_is_called_as_its_task_if_files_can_be(
    llmctl: Llmctl, dispatcher: PlayedDispatcher, name: str, file: str
) -> None:
    llmctl.submit("claude", "a", f"--name={name}")
    dispatcher.run(final_text="yes")
    assert llmctl("result", "1", "-d", "answers", "--names").code == 0
    assert names_below(llmctl.directory) == [f"answers/{file}"]


def test_results_of_more_tasks_than_one_call_reads_are_all_there(
    llmctl: Llmctl, dispatcher: PlayedDispatcher, database: str
) -> None:
    llmctl("submit", "--from", "-", "claude", "x", stdin="{}\n" * 350)
    with psycopg.connect(database, autocommit=True) as connection:
        connection.execute("SET session_replication_role = replica")
        connection.execute(
            "UPDATE tasks SET status = 'succeeded', finished_at = now(), result = jsonb_build_object('text', number)"
        )
    collected = llmctl("result", "--all", "-d", "answers")
    assert (collected.code, collected.err) == (0, "wrote 350 answers of 350 tasks below answers\n")
    assert (llmctl.directory / "answers" / "333.txt").read_text() == "333\n"


def test_nothing_selected_is_said(llmctl: Llmctl) -> None:
    for verb in ("result", "wait", "logs", "files get", "files ls"):
        none = llmctl(*verb.split(), "-l", "batch=x")
        assert (none.code, none.out, none.err) == (0, "", "no task is selected\n"), verb
        untold = llmctl(*verb.split())
        assert (untold.code, untold.out) == (2, "")
        assert "no task is selected: expected numbers" in untold.err


def test_wait_takes_what_is_selected_when_it_begins(llmctl: Llmctl, dispatcher: PlayedDispatcher) -> None:
    first, second = (llmctl.submit("claude", "x", "--label", "batch=x") for _ in range(2))
    runs = dispatcher.start()
    with llmctl.start("wait", "-l", "batch=x") as waiting:
        listens(llmctl, dispatcher)
        llmctl.submit("claude", "later", "--label", "batch=x", "--delay", "1h")
        for run in runs:
            dispatcher.finish(run, final_text="yes")
        out, err = waiting.communicate(timeout=30)
    assert (waiting.returncode, err) == (0, "2 succeeded\n")
    assert out == f"task {first} succeeded\ntask {second} succeeded\n"


def test_wait_without_blocking_says_at_once_what_is_pending(llmctl: Llmctl, batch: Sequence[str]) -> None:
    good, other, bad, waiting = batch
    now = llmctl("wait", "-l", "batch=x", "--no-block")
    assert now.code == 8
    assert now.err == f"2 succeeded, 1 failed ({bad}), 1 pending ({waiting})\n"
    assert now.out.splitlines()[0] == f"task {good} succeeded"
    assert llmctl("wait", good, other, "--no-block").code == 0
    assert llmctl("wait", good, bad, "--no-block").code == 1
    assert llmctl("wait", good, waiting, "--any", "--no-block").code == 0
    assert llmctl("wait", waiting, "--any", "--no-block").code == 8
    assert llmctl("wait", waiting, "--no-block", "--timeout", "1s").code == 2


def test_wait_for_programs_prints_a_line_of_json_for_each(llmctl: Llmctl, batch: Sequence[str]) -> None:
    good, _, bad, _ = batch
    waited = llmctl("wait", good, bad, "-o", "json")
    assert (waited.code, waited.err) == (1, "")
    rows = [msgspec.json.decode(line) for line in waited.out.splitlines()]
    assert [(str(row["number"]), row["status"]) for row in rows] == [(good, "succeeded"), (bad, "failed")]


def test_in_a_terminal_wait_shows_how_far_it_is(llmctl: Llmctl, dispatcher: PlayedDispatcher) -> None:
    for _ in range(2):
        llmctl.submit("claude", "x", "--retries", "0")
    one, two = dispatcher.start()
    with terminal(llmctl, "wait", "--all") as waiting:
        waiting.until("nothing ended", lambda _: "0 of 2 ended" in waiting.seen)
        dispatcher.finish(one, error_class="empty_result", error_message="no answer came")
        waiting.until("one ended", lambda _: "1 of 2 ended, 1 failed" in waiting.seen)
        dispatcher.finish(two, final_text="yes")
        assert waiting.ended() == 1
    assert "task 1 failed: no answer came" in waiting.seen
    assert waiting.screen()[-1] == "1 succeeded, 1 failed (1)"


def test_what_nobody_looks_at_has_no_bar(llmctl: Llmctl) -> None:
    for _ in range(2):
        llmctl.submit("claude", "x", "--delay", "1h")
    in_ci = replace(llmctl, environment={**llmctl.environment, "CI": "true"})
    with terminal(in_ci, "wait", "1-2", "--timeout", "1s") as waiting:
        assert waiting.ended() == 124
    assert "of 2 ended" not in waiting.seen
    assert llmctl("wait", "1-2", "--timeout", "1s").err.startswith("error: not ended in time")


def test_ctrl_c_in_a_terminal_removes_the_bar_and_says_how_to_go_on(llmctl: Llmctl) -> None:
    for _ in range(2):
        llmctl.submit("claude", "x", "--delay", "1h")
    with terminal(llmctl, "wait", "1-2") as waiting:
        waiting.until("the bar", lambda _: "0 of 2 ended" in waiting.seen)
        waiting.process.send_signal(signal.SIGINT)
        assert waiting.ended() == 130
    assert "interrupted: they go on; `llmctl wait 1 2` waits again" in waiting.seen
    assert "\x1b[?25h" in waiting.seen  # the cursor is there again


def test_wait_for_ten_thousand_tasks(llmctl: Llmctl, database: str, dispatcher: PlayedDispatcher) -> None:
    llmctl("submit", "--from", "-", "claude", "x", stdin="{}\n" * 10_000)
    with llmctl.start("wait", "--all") as waiting, psycopg.connect(database, autocommit=True) as connection:
        listens(llmctl, dispatcher)
        connection.execute("SELECT count(*) FROM act_on_tasks('cancel', '{\"states\": [\"waiting\"]}')")
        out, err = waiting.communicate(timeout=60)
    assert (waiting.returncode, len(out.splitlines())) == (1, 10_000)
    assert err.startswith("10,000 canceled (1, 2, 3,")
