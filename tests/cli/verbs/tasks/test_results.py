"""`llmctl result`, `wait` and `submit --wait`."""

import re
import signal
import subprocess

import psycopg
import pytest

from sql.rows.output import TaskResult
from tests.cli.conftest import Llmctl, PlayedDispatcher, one_postgres

pytestmark = one_postgres


def listens(llmctl: Llmctl, dispatcher: PlayedDispatcher, reads: str = "task_states") -> None:
    """Return once a command of ours listens and has read what there is: it then waits for events alone."""
    query = """
        SELECT FROM pg_stat_activity AS listener JOIN pg_stat_activity AS reader USING (datname)
        WHERE listener.application_name = 'llmctl listener' AND starts_with(listener.query, 'LISTEN')
            AND reader.application_name = 'llmctl' AND strpos(reader.query, %s) > 0 AND reader.state = 'idle'
            AND datname = current_database()
    """
    while dispatcher.connection.execute(query, [reads]).fetchone() is None:
        dispatcher.connection.execute("SELECT pg_sleep(0.02)")


def test_result_prints_the_final_text_as_it_is(llmctl: Llmctl, dispatcher: PlayedDispatcher) -> None:
    number = llmctl.submit("claude", "x")
    dispatcher.run(final_text="  # Título\n\x1b[1mbold\x1b[0m\tend\n")
    result = llmctl("result", number)
    assert (result.code, result.out, result.err) == (0, "  # Título\n\x1b[1mbold\x1b[0m\tend\n", "")


def test_result_of_a_task_that_has_not_ended_is_pending(llmctl: Llmctl, dispatcher: PlayedDispatcher) -> None:
    number = llmctl.submit("claude", "x", "--delay", "1h")
    waiting = llmctl("result", number)
    assert (waiting.code, waiting.out) == (8, "")
    assert re.fullmatch(rf"task {number} is queued: scheduled to start in (59|60) min\n", waiting.err)
    llmctl.ok("retry", number)
    dispatcher.start()
    running = llmctl("result", number)
    assert (running.code, running.err) == (8, f"task {number} is running\n")


def test_result_of_a_failed_or_canceled_task_says_why(llmctl: Llmctl, dispatcher: PlayedDispatcher) -> None:
    number = llmctl.submit("claude", "x", "--retries", "0")
    dispatcher.run(error_class="empty_result", error_message="no answer came")
    failed = llmctl("result", number)
    assert (failed.code, failed.out) == (1, "")
    assert failed.err == f"error: task {number} failed: no answer came\n"
    other = llmctl.submit("claude", "x")
    llmctl.ok("cancel", other)
    assert (llmctl("result", other).code, llmctl("result", other).err) == (
        1,
        f"error: task {other} was canceled\n",
    )


def test_result_as_json(llmctl: Llmctl, dispatcher: PlayedDispatcher) -> None:
    number = llmctl.submit("claude", "x")
    dispatcher.run(final_text="yes", cost_usd=0.5)
    told = llmctl("result", number, "-o", "json").json()
    assert isinstance(told, dict)
    assert tuple(told) == TaskResult.__struct_fields__
    assert told["result"]["text"] == "yes"


def test_wait_ends_when_the_last_task_has_and_reports_each(
    llmctl: Llmctl, dispatcher: PlayedDispatcher
) -> None:
    good, bad = llmctl.submit("claude", "x"), llmctl.submit("claude", "y", "--retries", "0")
    first, second = dispatcher.start()
    with llmctl.start("wait", good, bad) as waiting:
        listens(llmctl, dispatcher)
        dispatcher.finish(first, final_text="yes")
        dispatcher.finish(second, error_class="agent_error", error_message="no")
        out, err = waiting.communicate(timeout=30)
    assert (waiting.returncode, err) == (1, f"1 succeeded, 1 failed ({bad})\n")
    assert out == f"task {good} succeeded\ntask {bad} failed: no\n"
    assert llmctl("wait", good).code == 0


def test_wait_any_ends_with_the_first(llmctl: Llmctl, dispatcher: PlayedDispatcher) -> None:
    first, second = llmctl.submit("claude", "x"), llmctl.submit("claude", "y")
    _, run = dispatcher.start()
    with llmctl.start("wait", "--any", first, second) as waiting:
        listens(llmctl, dispatcher)
        dispatcher.finish(run, final_text="yes")
        out, _ = waiting.communicate(timeout=30)
    assert (waiting.returncode, out) == (0, f"task {second} succeeded\n")


def test_wait_gives_up_in_time_and_says_how_to_go_on(llmctl: Llmctl) -> None:
    one, two = llmctl.submit("claude", "x"), llmctl.submit("claude", "y")
    late = llmctl("wait", one, two, "--timeout", "1s")
    assert (late.code, late.out) == (124, "")
    assert late.err.splitlines() == [
        f"error: not ended in time: {one} {two}",
        f"hint: they go on; `llmctl wait {one} {two}` waits again",
    ]


def test_wait_for_one_task_says_why_it_waits_again(llmctl: Llmctl, dispatcher: PlayedDispatcher) -> None:
    number = llmctl.submit("claude", "x")
    [run] = dispatcher.start()
    with llmctl.start("wait", number) as waiting:
        listens(llmctl, dispatcher)
        dispatcher.finish(run, error_class="auth", error_message="the key is refused")
        assert waiting.stderr is not None
        assert waiting.stderr.readline() == (
            f"task {number} is queued again: claude-main is paused (the key is refused)\n"
        )
        listens(llmctl, dispatcher, "why_waiting")
        llmctl.ok("cancel", number)
        out, _ = waiting.communicate(timeout=30)
    assert (waiting.returncode, out) == (1, f"task {number} canceled: the key is refused\n")


def test_wait_reads_nothing_while_other_tasks_change(llmctl: Llmctl, dispatcher: PlayedDispatcher) -> None:
    number = llmctl.submit("claude", "x", "--delay", "1h")
    with llmctl.start("wait", number) as waiting:
        listens(llmctl, dispatcher)
        before = last_read(dispatcher)
        for _ in range(5):
            llmctl.ok("cancel", llmctl.submit("claude", "another"))
        assert last_read(dispatcher) == before
        llmctl.ok("cancel", number)
        out, _ = waiting.communicate(timeout=30)
    assert (waiting.returncode, out) == (1, f"task {number} canceled\n")


def last_read(dispatcher: PlayedDispatcher) -> object:
    """Return when the command that waits last read: its connection is the oldest of those that read states."""
    return dispatcher.connection.execute(
        """
        SELECT pid, query_start FROM pg_stat_activity
        WHERE query LIKE '%task_states%' AND pid <> pg_backend_pid() AND datname = current_database()
        ORDER BY backend_start LIMIT 1
        """
    ).fetchone()


def test_wait_survives_the_loss_of_its_connections(llmctl: Llmctl, dispatcher: PlayedDispatcher) -> None:
    number = llmctl.submit("claude", "x")
    [run] = dispatcher.start()
    with llmctl.start("wait", number) as waiting:
        listens(llmctl, dispatcher)
        dispatcher.connection.execute(
            """
            SELECT pg_terminate_backend(pid) FROM pg_stat_activity
            WHERE application_name LIKE 'llmctl%' AND datname = current_database()
            """
        )
        listens(llmctl, dispatcher)
        dispatcher.finish(run, final_text="yes")
        out, err = waiting.communicate(timeout=30)
    assert (waiting.returncode, out) == (0, f"task {number} succeeded\n")
    assert "trying again" in err


def test_ctrl_c_ends_the_waiting_and_not_the_task(llmctl: Llmctl, dispatcher: PlayedDispatcher) -> None:
    number = llmctl.submit("claude", "x")
    dispatcher.start()
    with llmctl.start("wait", number) as waiting:
        listens(llmctl, dispatcher)
        waiting.send_signal(signal.SIGINT)
        out, err = waiting.communicate(timeout=30)
    assert (waiting.returncode, out) == (130, "")
    assert err == f"interrupted: it goes on; `llmctl wait {number}` waits again\n"
    assert llmctl("result", number).code == 8


@pytest.mark.parametrize(
    ("option", "reads", "again"),
    [
        ("--wait", "task_states", "`llmctl wait 1` waits"),
        ("--follow", "log_state", "`llmctl logs -f 1` follows it"),
    ],
)
def test_ctrl_c_on_a_submit_that_waits_says_how_to_go_on(
    llmctl: Llmctl, dispatcher: PlayedDispatcher, option: str, reads: str, again: str
) -> None:
    with llmctl.start("submit", "claude", "x", option) as waiting:
        listens(llmctl, dispatcher, reads)
        waiting.send_signal(signal.SIGINT)
        out, err = waiting.communicate(timeout=30)
    assert (waiting.returncode, out) == (130, "")
    assert err.splitlines()[-1] == f"interrupted: it goes on; {again} again"
    assert llmctl("result", "1").code == 8


@pytest.mark.parametrize(
    ("report", "code", "out", "complaint"),
    [
        ({"final_text": "the answer"}, 0, "the answer\n", ""),
        (
            {"error_class": "invalid_request", "error_message": "not understood"},
            1,
            "",
            "failed: not understood",
        ),
    ],
)
def test_submit_wait_prints_the_result_alone(
    llmctl: Llmctl, dispatcher: PlayedDispatcher, report: dict[str, str], code: int, out: str, complaint: str
) -> None:
    with llmctl.start("submit", "claude", "x", "--wait") as waiting:
        listens(llmctl, dispatcher)
        dispatcher.run(**report)
        printed, err = waiting.communicate(timeout=30)
    assert (waiting.returncode, printed) == (code, out)
    assert err.startswith("task 1 queued\n")
    assert complaint in err


def test_submit_wait_of_a_canceled_task_fails(llmctl: Llmctl, dispatcher: PlayedDispatcher) -> None:
    with llmctl.start("submit", "claude", "x", "--wait", "-q") as waiting:
        listens(llmctl, dispatcher)
        llmctl.ok("cancel", "1")
        _, err = waiting.communicate(timeout=30)
    assert (waiting.returncode, err.splitlines()) == (1, ["1", "error: task 1 was canceled"])


def test_submit_wait_has_a_timeout_and_leaves_the_task(llmctl: Llmctl) -> None:
    late = llmctl("submit", "claude", "x", "--wait", "--wait-timeout", "1s")
    assert (late.code, late.out) == (124, "")
    assert llmctl("result", "1").code == 8


def test_a_task_that_is_deleted_while_somebody_waits_is_not_found(
    llmctl: Llmctl, dispatcher: PlayedDispatcher, database: str
) -> None:
    number = llmctl.submit("claude", "x")
    with llmctl.start("wait", number) as waiting, psycopg.connect(database, autocommit=True) as connection:
        listens(llmctl, dispatcher)
        for forged in ("", "[7]", '{"numbers": 7}'):
            connection.execute("SELECT pg_notify('task_event', %s)", [forged])
        connection.execute("DELETE FROM tasks")
        connection.execute("SELECT notify_task_event('deleted', ARRAY[%s]::bigint[])", [number])
        _, err = waiting.communicate(timeout=30)
    assert (waiting.returncode, err.splitlines()[0]) == (3, f"error: there is no task {number}")


def test_a_reader_that_goes_away_causes_no_traceback(llmctl: Llmctl) -> None:
    for _ in range(3):
        llmctl.submit("claude", "x", "--name", "n" * 60_000)
    piped = subprocess.run(
        ["bash", "-c", f"{' '.join(llmctl.argv)} ls -o csv | head -c 10"],
        capture_output=True,
        text=True,
        cwd=llmctl.directory,
        env=dict(llmctl.environment),
        timeout=60,
        check=False,
    )
    assert (piped.stdout, piped.stderr) == ("number,id,", "")
