"""`llmctl logs` of output that is stored already."""

import base64

import pytest

from tests.cli.conftest import Llmctl, PlayedDispatcher, one_postgres
from tests.wrappers.record import RECORDED

pytestmark = one_postgres


def prints(
    dispatcher: PlayedDispatcher,
    run: str,
    *pieces: bytes,
    stream: str = "stdout",
    more: int = 0,
    **told: object,
) -> None:
    """Store what an agent printed, piece by piece; ``more`` bytes are over the cap."""
    end = 0
    for piece in pieces:
        start, end = end, end + len(piece)
        content = base64.b64encode(piece).decode()
        chunk = {"stream": stream, "starts_at": start, "ends_at": end, "content": content}
        dispatcher.append(run, {f"{stream}_bytes": end + more, "chunks": [chunk], **told})


@pytest.fixture
def printed(llmctl: Llmctl, dispatcher: PlayedDispatcher) -> str:
    """A task with one run that printed five lines, a colour, and half of a character."""
    dispatcher.connection.execute("SELECT put_tool('aider')")
    dispatcher.connection.execute("SELECT put_group('aider-main', 'aider', 'main', 2)")
    number = llmctl.submit("aider", "x")
    (run,) = dispatcher.start()
    prints(dispatcher, run, b"one\ntwo\n\x1b[3", b"1mthree\x1b[0m\nfo\xc3", b"\xbcr\nfive")
    prints(dispatcher, run, b"a warning\n", stream="stderr", stdout_bytes=33)
    dispatcher.finish(run, final_text="done")
    return number


def test_logs_prints_the_lines_without_control_sequences(llmctl: Llmctl, printed: str) -> None:
    assert llmctl.ok("logs", printed) == "one\ntwo\nthree\nfoür\nfive"


def test_raw_prints_every_byte(llmctl: Llmctl, printed: str) -> None:
    assert llmctl.ok("logs", "--raw", printed) == "one\ntwo\n\x1b[31mthree\x1b[0m\nfoür\nfive"


def test_stderr_is_shown_on_demand(llmctl: Llmctl, printed: str) -> None:
    assert llmctl.ok("logs", "--stderr", printed) == "a warning"


@pytest.mark.parametrize(
    ("most", "lines"), [("2", "foür\nfive"), ("0", ""), ("99", "one\ntwo\nthree\nfoür\nfive")]
)
def test_tail_shows_the_last_lines(llmctl: Llmctl, printed: str, most: str, lines: str) -> None:
    assert llmctl.ok("logs", "--tail", most, printed) == lines
    assert llmctl.ok("logs", "--tail", most, "-f", printed) == lines


def test_the_output_of_a_built_in_cli_is_retold(llmctl: Llmctl, dispatcher: PlayedDispatcher) -> None:
    number = llmctl.submit("claude", "x")
    (run,) = dispatcher.start()
    recorded = (RECORDED / "claude" / "write.out").read_bytes()
    prints(dispatcher, run, recorded[:1000], recorded[1000:])
    assert llmctl.ok("logs", number) == "[edits report.md]\nWritten."
    assert llmctl.ok("logs", "--raw", number) == recorded.decode().removesuffix("\n")


def test_the_last_run_is_shown_and_any_other_on_demand(llmctl: Llmctl, dispatcher: PlayedDispatcher) -> None:
    number = llmctl.submit("codex", "x", "--retry-delay", "0")
    for attempt in (1, 2):
        (run,) = dispatcher.start()
        prints(
            dispatcher,
            run,
            b'{"type":"item.completed","item":{"type":"agent_message","text":"try %d"}}\n' % attempt,
        )
        dispatcher.finish(run, error_class="agent_error", error_message=f"broke {attempt}")
    last, first = llmctl("logs", number), llmctl("logs", number, "--run", "1")
    assert (last.code, last.out, last.err) == (0, "try 2\n", "run 2 failed: broke 2\n")
    assert (first.code, first.out, first.err) == (0, "try 1\n", "run 1 failed: broke 1\n")
    missing = llmctl("logs", number, "--run", "7")
    assert (missing.code, missing.out) == (3, "")
    assert f"task {number} has no run 7" in missing.err


def test_what_was_not_stored_is_said(llmctl: Llmctl, dispatcher: PlayedDispatcher) -> None:
    number = llmctl.submit("claude", "x")
    (run,) = dispatcher.start()
    prints(dispatcher, run, b"noise\n", more=1_500_000)
    dispatcher.finish(run, final_text="done")
    result = llmctl("logs", "--raw", number)
    assert (result.code, result.out) == (0, "noise\n")
    assert result.err == "… 1.5 MB more were not stored: execution.max_log_bytes was reached\n"


def test_a_run_that_printed_on_the_other_stream_only_says_so(
    llmctl: Llmctl, dispatcher: PlayedDispatcher
) -> None:
    number = llmctl.submit("claude", "x")
    (run,) = dispatcher.start()
    prints(dispatcher, run, b"node: not found\n", stream="stderr")
    dispatcher.finish(run, final_text="done")
    result = llmctl("logs", number)
    assert (result.code, result.out) == (0, "")
    assert result.err == "run 1 printed nothing on stdout, but 16 B on stderr (shown with --stderr)\n"


def test_a_task_that_was_not_started_has_no_log_yet(llmctl: Llmctl) -> None:
    number = llmctl.submit("claude", "x", "--delay", "1h")
    result = llmctl("logs", number)
    assert (result.code, result.out, result.err) == (
        0,
        "",
        f"task {number} is queued and has not started yet\n",
    )


def test_an_unknown_task_is_not_found(llmctl: Llmctl) -> None:
    assert llmctl("logs", "4711").code == 3


def test_following_a_task_that_was_canceled_before_it_started_ends(llmctl: Llmctl) -> None:
    number = llmctl.submit("claude", "x")
    llmctl.ok("cancel", number)
    assert llmctl("logs", "-f", number).code == 0


def test_output_goes_with_the_task(llmctl: Llmctl, dispatcher: PlayedDispatcher, printed: str) -> None:
    dispatcher.connection.execute("DELETE FROM tasks WHERE number = %s", [printed])
    row = dispatcher.connection.execute("SELECT count(*) FROM run_output").fetchone()
    assert row == (0,)


def test_a_reader_that_has_enough_ends_it_quietly(llmctl: Llmctl, dispatcher: PlayedDispatcher) -> None:
    dispatcher.connection.execute("SELECT put_tool('aider')")
    dispatcher.connection.execute("SELECT put_group('aider-main', 'aider', 'main', 2)")
    number = llmctl.submit("aider", "x")
    (run,) = dispatcher.start()
    prints(dispatcher, run, b"line\n" * 200_000)
    with llmctl.start("logs", number) as logs:
        assert logs.stdout is not None
        assert logs.stderr is not None
        assert logs.stdout.readline() == "line\n"
        logs.stdout.close()
        assert logs.stderr.read() == ""
