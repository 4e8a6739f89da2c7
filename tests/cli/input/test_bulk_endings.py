"""`llmctl submit --from` of many tasks: cut off or in chunks, it says what is queued; and it waits for all."""

import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import msgspec
import psycopg
import pytest

from tests.cli.conftest import Llmctl, PlayedDispatcher, one_postgres
from tests.cli.input.bulk import how_many, modules
from tests.cli.terminal import terminal
from tests.cli.verbs.tasks.test_results import listens

__all__ = ["modules"]

pytestmark = one_postgres


def test_one_bad_row_of_thousands_is_found_though_the_database_names_none(
    llmctl: Llmctl, database: str
) -> None:
    rows = ["{}"] * 12_000
    rows[7_654] = '{"tool": "clade"}'
    refused = llmctl("submit", "--from", "-", "claude", "x", stdin="\n".join(rows))
    assert refused.code == 2
    assert refused.err.startswith("error: standard input:7655: unknown tool 'clade'")
    assert how_many(database) == 0


@pytest.mark.parametrize(
    ("piped", "hint"),
    [
        ("module,owner\nlogin,Ann\n", "standard input is read as JSON lines; for CSV add --from-format csv"),
        ('[{"n": 1}]\n', "write one object a line: `jq -c '.[]'` turns an array into lines"),
    ],
)
def test_what_is_piped_in_another_format_is_refused_with_the_way_to_do_it(
    llmctl: Llmctl, piped: str, hint: str
) -> None:
    refused = llmctl("submit", "--from", "-", "claude", "x", stdin=piped)
    assert refused.code == 2
    assert refused.err.splitlines()[1] == f"hint: {hint}"


def test_chunks_keep_what_was_committed_and_say_how_to_go_on(llmctl: Llmctl, database: str) -> None:
    good = [f'{{"n": {number}}}' for number in range(10)]
    submit = ("submit", "--from", "-", "claude", "{{n}}", "--chunk", "3")
    failed = llmctl(*submit, "--key", "k{{n}}", "-q", stdin="\n".join([*good[:7], "{", *good[7:]]))
    assert (failed.code, failed.out.split()) == (2, ["1", "2", "3", "4", "5", "6"])
    assert failed.err.startswith("error: standard input:8: this is not a JSON object")
    assert "(6 tasks up to line 6 are queued; all have keys, so the file can be submitted again" in failed.err
    assert how_many(database) == 6
    again = llmctl(*submit, "--key", "k{{n}}", stdin="\n".join(good))
    assert again.out.startswith("10 tasks: 4 created")
    assert how_many(database) == 10
    keyless = llmctl(*submit, stdin="\n".join([*good[:7], "{"]))
    assert "what has no key would be queued twice" in keyless.err


def test_a_pipe_is_submitted_chunk_by_chunk_while_it_is_written(
    llmctl: Llmctl, dispatcher: PlayedDispatcher
) -> None:
    dispatcher.connection.execute("LISTEN task_event")
    process = subprocess.Popen(
        [*llmctl.argv, "submit", "--from", "-", "claude", "{{n}}", "--chunk", "2", "-q"],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=llmctl.directory,
        env=dict(llmctl.environment),
    )  # fmt: skip
    with process:
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.write('{"n": 1}\n{"n": 2}\n{"n": 3}\n')
        process.stdin.flush()
        assert [process.stdout.readline(), process.stdout.readline()] == ["1\n", "2\n"]
        assert len(dispatcher.claim()) == 2
        process.stdin.close()
        assert process.stdout.read() == "3\n"
    assert process.returncode == 0


@contextmanager
def holding_a_key(database: str, key: str) -> Iterator[psycopg.Connection]:
    """Another transaction submits this key and does not end, so a second submit of it waits."""
    with psycopg.connect(database) as connection:
        connection.execute("SELECT submit_task('claude', 'x', p_idempotency_key => %s)", [key])
        yield connection
        connection.rollback()


def until_blocked(database: str) -> None:
    query = """
        SELECT FROM pg_stat_activity
        WHERE datname = current_database() AND application_name = 'llmctl' AND cardinality(pg_blocking_pids(pid)) > 0
    """
    with psycopg.connect(database, autocommit=True) as watcher:
        while watcher.execute(query).fetchone() is None:
            pass


def test_numbers_that_cannot_be_printed_are_told_to_be_queued(
    llmctl: Llmctl, modules: Path, database: str
) -> None:
    with Path("/dev/full").open("w") as full:
        submitted = subprocess.run(
            [*llmctl.argv, "submit", "--from", "modules.csv", "claude", "{{owner}} {{module}}", "-q"],
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
            env=dict(llmctl.environment),
            cwd=llmctl.directory,
            check=False,
        )
    assert submitted.returncode == 1
    assert submitted.stderr.startswith("error: No space left on device (2 tasks up to line 3 are queued; ")
    assert how_many(database) == 2


@pytest.mark.parametrize(
    ("chunk", "said", "left"),
    [
        ([], "interrupted: nothing was queued", 0),
        (["--chunk", "1"], "interrupted: 1 task up to line 2 is queued; all have keys", 1),
    ],
)
def test_ctrl_c_says_what_is_queued(
    llmctl: Llmctl, modules: Path, database: str, chunk: list[str], said: str, left: int
) -> None:
    with (
        holding_a_key(database, "billing"),
        llmctl.start(
            "submit", "--from", "modules.csv", "claude", "{{owner}}", "--key", "{{module}}", *chunk
        ) as submitting,
    ):
        until_blocked(database)
        submitting.send_signal(signal.SIGINT)
        out, err = submitting.communicate(timeout=30)
    assert (submitting.returncode, out) == (130, "")
    assert said in err
    assert "Traceback" not in err
    assert how_many(database) == left


def test_a_database_that_goes_away_in_the_middle_leaves_nothing(
    llmctl: Llmctl, modules: Path, database: str
) -> None:
    with (
        holding_a_key(database, "billing") as other,
        llmctl.start(
            "submit", "--from", "modules.csv", "claude", "x{{owner}}", "--key", "{{module}}"
        ) as submitting,
    ):
        until_blocked(database)
        other.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            " WHERE datname = current_database() AND application_name = 'llmctl'"
        )
        _, err = submitting.communicate(timeout=30)
    assert submitting.returncode == 4
    assert err.splitlines()[0].endswith("(nothing was queued)")
    assert how_many(database) == 0


def test_wait_waits_for_all_and_fails_if_one_fails(
    llmctl: Llmctl, dispatcher: PlayedDispatcher, modules: Path
) -> None:
    with llmctl.start("submit", "--from", "modules.csv", "claude", "{{module}}", "--wait") as waiting:
        listens(llmctl, dispatcher)
        first, second = dispatcher.start()
        dispatcher.finish(second, final_text="done")
        dispatcher.finish(first, error_class="invalid_request", error_message="not understood")
        out, err = waiting.communicate(timeout=30)
    assert waiting.returncode == 1
    assert sorted(out.splitlines()) == ["task 1 failed: not understood", "task 2 succeeded"]
    assert err.splitlines()[0] == "not used: owner"
    assert err.splitlines()[1] == "2 tasks: 2 created (1 to 2)"


def test_waiting_has_a_timeout_and_json(llmctl: Llmctl, dispatcher: PlayedDispatcher, modules: Path) -> None:
    submit = ("submit", "--from", "modules.csv", "claude", "{{module}}", "--key", "{{module}}")
    late = llmctl(*submit, "--wait", "--wait-timeout", "1s", "-q")
    assert (late.code, late.out) == (124, "")
    assert late.err.splitlines() == [
        *("1", "2", "error: not ended in time: 1 2", "hint: they go on; `llmctl wait 1 2` waits again")
    ]
    dispatcher.run(final_text="done")
    ended = llmctl(*submit, "--wait", "-o", "json")
    assert (ended.code, ended.err) == (0, "")
    assert [msgspec.json.decode(line)["status"] for line in ended.out.splitlines()] == ["succeeded"] * 2


def test_in_a_terminal_a_bar_moves_and_is_gone_at_the_end(llmctl: Llmctl, database: str) -> None:
    rows = "".join(f'{{"n": {number}}}\n' for number in range(30_000))
    (llmctl.directory / "many.jsonl").write_text(rows)
    with terminal(llmctl, "submit", "--from", "many.jsonl", "claude", "{{n}}") as running:
        running.until("the bar", lambda _: "of 30,000 tasks sent" in running.seen)
        assert running.ended() == 0
    assert "30,000 tasks: 30,000 created (1 to 30000)" in running.screen()[-2]
    assert "\x1b[2K" in running.seen
    assert how_many(database) == 30_000


def test_what_goes_into_a_file_stays_out_of_the_bar(llmctl: Llmctl, database: str) -> None:
    rows = "".join(f'{{"n": {number}}}\n' for number in range(30_000))
    (llmctl.directory / "many.jsonl").write_text(rows)
    submit = ("submit", "--from", "many.jsonl", "claude", "{{n}}", "--chunk", "10000", "-o", "json")
    printed = llmctl.directory / "printed"
    with printed.open("wb") as file, terminal(llmctl, *submit, stdout=file) as running:
        running.until("the bar", lambda _: "of 10,000 tasks sent" in running.seen)
        assert running.ended() == 0
    assert len(printed.read_text().splitlines()) == 30_000


def test_memory_stays_what_it_is_however_many_tasks_there_are(llmctl: Llmctl) -> None:
    script = """
import os, re, sys
from cli import main
status = open("/proc/self/status")
os._exit = lambda code: print(code, re.search(r"VmHWM:\\s+(\\d+)", status.read())[1], file=sys.stderr)
sys.argv = ["llmctl", "submit", "--from", "-", "claude", "{{n}} {{filler}}", "--chunk", "1000"]
main.main()
"""

    def peak(rows: int) -> int:
        """In KiB."""
        done = subprocess.run(
            [llmctl.argv[0], "-c", script],
            input=b"".join(b'{"n": %d, "filler": "%s"}\n' % (number, b"x" * 2000) for number in range(rows)),
            capture_output=True, env=dict(llmctl.environment), check=True,
        )  # fmt: skip
        code, kilobytes = done.stderr.split()
        assert code == b"0"
        return int(kilobytes)

    assert peak(30_000) < peak(3_000) + 5_000
