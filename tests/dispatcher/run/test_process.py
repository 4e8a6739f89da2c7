"""An agent is started and ends in the same way by the shim, by the shell, and after the shim was killed."""

import os
import signal
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest
import trio
import trio.testing
from hypothesis import given
from hypothesis import strategies as st

from dispatcher.host import linux
from dispatcher.run.conclusion import explain
from dispatcher.run.process.launch import Launch
from dispatcher.run.process.shim_client import packed
from dispatcher.run.process.starter import Starter, starting
from dispatcher.shim import messages
from dispatcher.workspaces import run_record
from dispatcher.workspaces.run_record import Header, RunRecord
from tests.fixtures.shims import Shim
from wrappers.base import Outcome

FAILED = Outcome(error_class="agent_error", error_message="failed")


def header(directory: Path) -> Header:
    return Header(run_id=directory.name, number=1, run_no=1, tool="sh", boot_id=linux.boot_id(), launched=0.0)


@dataclass(frozen=True)
class Ended:
    exit_code: int | None
    recorded: int | None
    error_class: str | None
    stdout: str
    stderr: str


def launch(directory: Path, argv: Sequence[str], env: Mapping[str, str] | None = None) -> Launch:
    (directory / "work").mkdir(parents=True)
    (directory / "prompt").write_text("the prompt")
    return Launch(
        argv=argv,
        cwd=directory / "work",
        stdin=directory / "prompt",
        stdout=directory / "stdout.log",
        stderr=directory / "stderr.log",
        env={"PATH": os.environ["PATH"], "LLMCTL_RUN": directory.name} | dict(env or {}),
        open_files=123,
    )


async def run(
    starter: Starter, directory: Path, what: Launch, *, by_shell: bool, kill_shim: bool = False
) -> Ended:
    with await starter.start(directory, header(directory), what, by_shell=by_shell) as process:
        if kill_shim:
            os.kill(Shim.of(process.pid).pid, signal.SIGKILL)
            (directory / "work" / "go").touch()
        exit_code = await process.end()
        reading = process.reading or run_record.read(directory)
    recorded = run_record.read(directory)
    assert not recorded.held
    died = signal.strsignal(exit_code - 128) if exit_code in (137, 143) else "\0"
    logs = [directory / name for name in ("stdout.log", "stderr.log")]
    # The shell writes down which signal ended the agent, as the exit code does.
    stdout, stderr = (
        log.read_text().replace(str(directory), "").removesuffix(f"{died}\n") if log.exists() else ""
        for log in logs
    )
    outcome = explain(FAILED, reading, finished=False, stderr=stderr)
    return Ended(exit_code, recorded.exit_code, outcome.error_class, stdout, stderr)


SCRIPTS = {
    "success": "cat; echo to stdout; echo to stderr >&2",
    "failure": "exit 7",
    "the highest code": "exit 255",
    "the code of a missing program": "exit 127",
    "terminated": "kill -TERM $$",
    "killed": "kill -KILL $$",
    "its surroundings": (
        "pwd; env | grep -v -e ^_= -e ^OLDPWD= -e ^LLMCTL_RUN= | sort; ulimit -Sn; umask; "
        "grep Sig[BI] /proc/self/status; ls /proc/self/fd"
    ),
    "appending": "echo one; echo two >>../stdout.log; echo three",
}


@pytest.mark.parametrize("what", SCRIPTS)
def test_shim_and_shell_run_a_program_alike(tmp_path: Path, what: str) -> None:
    async def both() -> tuple[Ended, Ended, Ended]:
        argv = ["/bin/sh", "-c", SCRIPTS[what]]
        wait = ["/bin/sh", "-c", f"while [ ! -e go ]; do :; done; {SCRIPTS[what]}"]
        with starting("test") as starter:
            async with trio.open_nursery() as nursery:
                nursery.start_soon(starter.run)
                ended = (
                    await run(starter, tmp_path / "1", launch(tmp_path / "1", argv), by_shell=True),
                    await run(starter, tmp_path / "2", launch(tmp_path / "2", argv), by_shell=False),
                    await run(
                        starter, tmp_path / "3", launch(tmp_path / "3", wait), by_shell=False, kill_shim=True
                    ),
                )
                nursery.cancel_scope.cancel()
        return ended

    by_shell, by_shim, orphaned = trio.run(both)

    assert by_shim == by_shell
    assert orphaned == by_shell


def missing(directory: Path) -> Launch:
    return launch(directory, [str(directory / "absent")])


def without_interpreter(directory: Path) -> Launch:
    return script(directory, "#!/no/such/interpreter\n")


def without_first_line(directory: Path) -> Launch:
    return script(directory, "echo a script of sh")


def script(directory: Path, content: str) -> Launch:
    what = launch(directory, [str(directory / "script")])
    (directory / "script").write_text(content)
    (directory / "script").chmod(0o755)
    return what


def not_executable(directory: Path) -> Launch:
    what = script(directory, "#!/bin/sh\n")
    (directory / "script").chmod(0o644)
    return what


def without_directory(directory: Path) -> Launch:
    what = launch(directory, ["/bin/true"])
    what.cwd.rmdir()
    return what


def without_prompt(directory: Path) -> Launch:
    what = launch(directory, ["/bin/true"])
    what.stdin.unlink()
    return what


def too_large(directory: Path) -> Launch:
    return launch(
        directory, ["/bin/sh", "-c", "echo ${#LARGE}"], {"LARGE": "x" * 100_000, "MORE": "x" * 100_000}
    )


@pytest.mark.parametrize(
    "prepare",
    [
        missing,
        without_interpreter,
        without_first_line,
        not_executable,
        without_directory,
        without_prompt,
        too_large,
    ],
)
def test_what_the_shim_cannot_start_ends_as_with_the_shell(tmp_path: Path, prepare: object) -> None:
    assert callable(prepare)

    async def both() -> tuple[Ended, Ended]:
        with starting("test") as starter:
            async with trio.open_nursery() as nursery:
                nursery.start_soon(starter.run)
                ended = [
                    await run(starter, tmp_path / place, prepare(tmp_path / place), by_shell=place == "shell")
                    for place in ("shell", "shim")
                ]
                nursery.cancel_scope.cancel()
        return ended[0], ended[1]

    by_shell, by_shim = trio.run(both)

    assert by_shim == by_shell
    assert run_record.read(tmp_path / "shim").state == "ended"


def test_more_requests_than_the_line_holds_wait_for_the_shim(tmp_path: Path) -> None:
    count = 60
    ended = []

    async def one(starter: Starter, number: int) -> None:
        place = tmp_path / str(number)
        what = launch(place, ["/bin/sh", "-c", "echo ${#LARGE}"], {"LARGE": "x" * 10_000})
        ended.append(await run(starter, place, what, by_shell=False))

    async def all_at_once() -> None:
        with starting("test") as starter:
            async with trio.open_nursery() as nursery:
                nursery.start_soon(starter.run)
                waiting = launch(tmp_path / "first", ["/bin/sh", "-c", "read line <../gate"])
                os.mkfifo(tmp_path / "first" / "gate")
                with await starter.start(
                    waiting.cwd.parent, header(waiting.cwd.parent), waiting, by_shell=False
                ) as first:
                    shim = Shim.of(first.pid).pid
                    os.kill(shim, signal.SIGSTOP)
                    async with trio.open_nursery() as runs:
                        for number in range(count):
                            runs.start_soon(one, starter, number)
                        await trio.testing.wait_all_tasks_blocked()
                        os.kill(shim, signal.SIGCONT)
                    (tmp_path / "first" / "gate").write_text("go\n")
                    await first.end()
                nursery.cancel_scope.cancel()

    trio.run(all_at_once)

    assert ended == [Ended(0, 0, "agent_error", "10000\n", "")] * count


words = st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=20)


@given(
    argv=st.lists(words, min_size=1), env=st.dictionaries(words.filter(lambda name: "=" not in name), words)
)
def test_a_request_arrives_as_it_was_sent(argv: list[str], env: dict[str, str]) -> None:
    record = RunRecord(-1, 17)
    what = Launch(argv=argv, cwd=Path("/w"), stdin=Path("/i"), stdout=Path("/o"), stderr=Path("/e"), env=env)

    word, *fields = packed(what, record, "run").split(b"\0")
    start = messages.unpacked(fields)

    assert (word, start.run_id, start.recorded) == (messages.START, b"run", 17)
    assert (start.cwd, start.stdin, start.stdout, start.stderr) == (b"/w", b"/i", b"/o", b"/e")
    assert (start.group, start.open_files) == (b"", b"")
    assert [os.fsdecode(argument) for argument in start.argv] == argv
    assert {tuple(os.fsdecode(pair).split("=", 1)) for pair in start.env} == set(env.items())


@given(at=st.sampled_from(["argv", "name", "value"]))
def test_a_word_with_nul_is_refused(at: str) -> None:
    bad = {"argv": "x", "name": "x", "value": "x"} | {at: "a\0b"}
    what = Launch(
        argv=[bad["argv"]],
        cwd=Path("/"),
        stdin=Path("/"),
        stdout=Path("/"),
        stderr=Path("/"),
        env={bad["name"]: bad["value"]},
    )

    with pytest.raises(OSError, match="NUL"):
        packed(what, RunRecord(-1, 0), "run")
