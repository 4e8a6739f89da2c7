"""What a command can do, and what comes of it. None of its processes outlives the delivery."""

import os
from functools import partial
from pathlib import Path

import trio

from dispatcher.hooks import command
from dispatcher.hooks.attempt import Attempt
from dispatcher.host.survivors import RUN
from dispatcher.run.sweeping import Sweeper

BODY = b'{"type": "task.failed"}'


def told(script: str, seconds: float = 30.0, body: bytes = BODY, **variables: str) -> Attempt:
    environment = {"PATH": os.environ["PATH"], RUN: f"hook-{os.getpid()}", **variables}
    sweeper = Sweeper("us", None)
    kill = partial(sweeper.kill, environment[RUN])
    return trio.run(partial(command.tell, ["sh", "-c", script], body, environment, seconds, kill))


def lives(pid_file: Path) -> bool:
    """Whether a process is neither gone nor waits to be reaped."""
    try:
        return Path("/proc", pid_file.read_text().strip(), "stat").read_text().rpartition(") ")[2][0] != "Z"
    except FileNotFoundError:
        assert pid_file.exists()
        return False


def test_a_command_gets_the_event_on_stdin_and_only_the_variables_that_it_is_given() -> None:
    assert told("cat") == Attempt("delivered", BODY.decode())
    variables = told("env", LLMCTL_EVENT="task.failed").detail.splitlines()
    assert {line.partition("=")[0] for line in variables} <= {
        "PATH",
        RUN,
        "LLMCTL_EVENT",
        "PWD",
        "SHLVL",
        "_",
        "OLDPWD",
    }


def test_a_command_that_fails_says_why() -> None:
    assert told("cat > /dev/null; echo no bus >&2; exit 3") == Attempt(
        "failed", "it ended with exit code 3: no bus"
    )
    assert told("kill -9 $$").detail == "it was killed by signal 9"
    missing = trio.run(partial(command.tell, ["/nonexistent/x"], BODY, {}, 1.0, trio.lowlevel.checkpoint))
    assert missing.outcome == "failed"
    assert missing.detail.startswith("/nonexistent/x cannot be started")


def test_a_command_need_not_read_a_large_event() -> None:
    assert told("exec true", body=b"x" * 2**21).outcome == "delivered"


def test_a_command_that_hangs_ignores_signals_and_forks_is_killed_with_all_its_children(
    tmp_path: Path,
) -> None:
    script = f"""
        trap '' TERM INT HUP
        setsid sh -c 'trap "" TERM; echo $$ > {tmp_path}/away; exec sleep 600' &
        echo started; sleep 600
    """
    attempt = told(script, seconds=1.0)
    assert attempt == Attempt("failed", "it was stopped after 1 s: started")
    assert not lives(tmp_path / "away")


def test_of_a_command_that_prints_without_end_the_end_is_kept() -> None:
    attempt = told("yes | head -c 3000000; echo; echo last words")
    assert attempt.outcome == "delivered"
    assert attempt.detail.endswith("last words")
    assert len(attempt.detail) <= command.MOST_OUTPUT


def test_what_a_command_leaves_behind_keeps_no_delivery_waiting(tmp_path: Path) -> None:
    attempt = told(f"sleep 600 & echo $! > {tmp_path}/left; echo done")
    assert attempt == Attempt("delivered", "done")
    assert not lives(tmp_path / "left")
