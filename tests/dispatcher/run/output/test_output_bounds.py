"""However much an agent prints, or however little: memory, disk, database and time are bounded."""

import json
import os
from datetime import datetime
from functools import partial
from pathlib import Path

from tests.dispatcher.run.printed import printed
from tests.fixtures.dispatchers import Dispatcher, Site

MEBIBYTE = 2**20


def has_printed(site: Site, number: int, size: int) -> bool:
    return any(run["stdout_bytes"] > size for run in site.runs(number))


def most_memory(dispatcher: Dispatcher) -> int:
    """Return the peak of its memory in bytes."""
    status = Path(f"/proc/{dispatcher.pid}/status").read_text()
    return next(int(line.split()[1]) for line in status.splitlines() if line.startswith("VmHWM")) * 1024


def test_200_megabytes_of_output_take_bounded_memory_disk_and_database(site: Site) -> None:
    gate, second_gate = site.gate(), site.gate("second")
    number = site.submit(
        f"{gate.pass_through}; head -c 200000000 /dev/zero | tr '\\0' x; echo; echo the answer;"
        f" {second_gate.pass_through}"
    )
    dispatcher = site.start("--until-empty")
    site.wait_for("running", number)
    before = most_memory(dispatcher)

    gate.open()
    site.wait_until(lambda: site.runs(number)[0]["stdout_bytes"] == 200_000_012)
    on_disk = (site.workspace(number) / "stdout.log").stat().st_blocks * 512
    grown = most_memory(dispatcher) - before
    second_gate.open()

    assert dispatcher.wait(60) == 0
    assert grown < 64 * MEBIBYTE
    (run,) = site.runs(number)
    assert on_disk < 2 * 20 * MEBIBYTE + 2 * MEBIBYTE
    assert printed(site, number) == b"x" * 20 * MEBIBYTE
    assert (run["stdout_stored"], run["stdout_bytes"]) == (20 * MEBIBYTE, 200_000_012)
    assert run["stdout_trunc"] == "x" * 10_000
    assert site.task(number)["result"]["text"].endswith("xxx\nthe answer")


def test_an_adopted_run_of_which_the_middle_was_given_back_to_the_disk_keeps_its_answer(site: Site) -> None:
    site.configure("execution", max_log_bytes=MEBIBYTE)
    site.configure("tools", lines={"argv": ["sh", "{prompt_file}"], "output": "jsonl", "answer": "answer"})
    site.configure(
        "groups", lines={"tool": "lines", "max_concurrent": 2, "env": {"SITE": str(site.directory)}}
    )
    gate = site.gate()
    filler = "yes '{\"noise\": true}' | head -c 8000000"
    number = site.submit(
        f'echo \'{{"answer": "early"}}\'; {filler}; echo; {gate.pass_through}; echo \'{{"answer": "late"}}\'',
        tool="lines",
    )
    other = site.submit(f'echo \'{{"answer": "early"}}\'; {filler}; echo; {gate.pass_through}', tool="lines")
    first = site.start()
    for task in (number, other):
        site.wait_until(partial(has_printed, site, task, 8_000_000))
        assert (site.workspace(task) / "stdout.log").stat().st_blocks * 512 < 4 * MEBIBYTE
    first.kill()

    second = site.start("--until-empty")
    second.wait_for("run adopted", times=2)
    gate.open()

    assert second.wait() == 0
    assert site.task(number)["result"]["text"] == "late"
    assert site.task(other)["result"]["text"] == "early"
    assert len(printed(site, number)) == MEBIBYTE


def test_what_is_over_the_cap_is_counted_but_not_stored(site: Site) -> None:
    site.configure("execution", max_log_bytes=1000)
    number = site.submit("seq 1 1000; seq 1 500 >&2")

    site.run()

    (run,) = site.runs(number)
    assert printed(site, number) == "".join(f"{i}\n" for i in range(1, 1001)).encode()[:1000]
    assert (run["stdout_bytes"], run["stdout_stored"]) == (3893, 1000)
    assert (run["stderr_bytes"], run["stderr_stored"]) == (1892, 1000)
    assert run["stderr"].endswith("499\n500\n")
    assert site.task(number)["result"]["text"].endswith("999\n1000")


def test_an_agent_that_prints_without_end_is_stopped(site: Site) -> None:
    site.configure("execution", max_log_bytes=100_000)
    number = site.submit("yes", max_attempts=3)

    site.run()

    task, (run,) = site.task(number), site.runs(number)
    assert (task["status"], task["error_class"]) == ("failed", "output_too_large")
    assert "execution.max_log_bytes" in task["error_message"]
    assert run["stdout_bytes"] > 1_000_000
    assert not site.agents()


def test_an_agent_that_makes_its_log_look_endless_is_stopped_at_once(site: Site) -> None:
    number = site.submit(
        "echo said; sleep 0.2; truncate -s 1T ../stdout.log; exec sleep 1000", max_attempts=1
    )
    site.start()

    site.wait_for("failed", number)

    assert site.task(number)["error_class"] == "output_too_large"
    assert site.runs(number)[0]["stdout_trunc"].startswith("said\n")


def test_a_silent_agent_is_stopped_after_its_stall_timeout(site: Site) -> None:
    gate = site.gate()
    number = site.submit(f"echo begun; {gate.pass_through}", stall_timeout_s=1, max_attempts=1)

    site.run()

    task, (run,) = site.task(number), site.runs(number)
    assert (task["status"], task["error_class"], run["status"]) == ("failed", "stalled", "timed_out")
    assert "stall timeout" in task["error_message"]
    assert run["latency_ms"] >= 1000
    assert not site.agents()


def test_the_stall_timeout_of_the_configuration_counts_where_the_task_has_none(site: Site) -> None:
    site.configure("execution", stall_timeout=0.5)
    gate = site.gate()
    number = site.submit(gate.pass_through, max_attempts=1)

    site.run()

    assert site.task(number)["error_class"] == "stalled"


def test_output_on_either_stream_keeps_an_agent_from_being_called_stalled(site: Site) -> None:
    site.configure("execution", stall_timeout=1.5)
    number = site.submit("for i in $(seq 5); do sleep 0.4; echo on >&2; sleep 0.4; echo out; done")

    site.run()

    assert site.task(number)["status"] == "succeeded"


def test_the_silence_of_an_agent_counts_also_while_no_dispatcher_runs(site: Site) -> None:
    gate, fifo = site.gate(), site.directory / "fifo"
    os.mkfifo(fifo)
    number = site.submit(
        f"echo begun; sleep 4; echo waited >{fifo}; {gate.pass_through}", stall_timeout_s=4, max_attempts=1
    )
    first = site.start()
    site.wait_until(lambda: printed(site, number))
    first.kill()
    assert fifo.read_text() == "waited\n"

    second = site.run()

    adopted, stopping = second.wait_for("run adopted"), second.wait_for("stopping run", reason="stalled")
    passed = datetime.fromisoformat(str(stopping["timestamp"])) - datetime.fromisoformat(
        str(adopted["timestamp"])
    )
    assert passed.total_seconds() < 3


INIT = {"type": "system", "subtype": "init", "session_id": "5a3b", "cwd": "/"}
USES = {
    "type": "assistant",
    "message": {"content": [{"type": "tool_use", "name": "Bash", "input": {"command": "make test"}}]},
}
RESULT = {
    "type": "result",
    "subtype": "success",
    "is_error": False,
    "result": "all tests pass",
    "session_id": "5a3b",
}
FAILURE = RESULT | {"is_error": True, "terminal_reason": "prompt_too_long"}


def simulate_claude(site: Site, script: str) -> None:
    """Put a script in place of claude. In it, $INIT, $USES, $RESULT and $FAILURE are lines as claude prints them."""
    program = site.directory / "claude"
    lines = {"INIT": INIT, "USES": USES, "RESULT": RESULT, "FAILURE": FAILURE}
    program.write_text(
        "#!/bin/sh\ncat >/dev/null\n"
        + "".join(f"{name}='{json.dumps(line)}'\n" for name, line in lines.items())
        + script
    )
    program.chmod(0o755)
    site.configure("tools", claude={"command": str(program)})
    site.configure("groups", claude={"tool": "claude", "env": {"SITE": str(site.directory)}})


def test_a_process_that_lives_on_after_its_final_event_is_stopped_and_has_succeeded(site: Site) -> None:
    gate = site.gate()
    simulate_claude(site, f'echo "$INIT"; echo "$RESULT"; {gate.pass_through}')
    number = site.submit("test it", tool="claude")

    dispatcher = site.run()

    task, (run,) = site.task(number), site.runs(number)
    dispatcher.wait_for("stopping run", reason="lingering")
    assert (task["status"], task["result"]["text"], run["error_class"]) == (
        "succeeded",
        "all tests pass",
        None,
    )
    assert run["latency_ms"] >= 5000
    assert not site.agents()


def test_an_agent_that_goes_round_in_circles_is_stopped_and_has_failed(site: Site) -> None:
    asks = json.dumps({"type": "step_finish", "part": {"reason": "unknown"}})
    program = site.directory / "round"
    program.write_text(f"#!/bin/sh\nwhile echo '{asks}'; do read -r _ <>/dev/null; done\n")
    program.chmod(0o755)
    site.configure("tools", opencode={"command": str(program)})
    site.configure("groups", opencode={"tool": "opencode"})
    number = site.submit("test it", tool="opencode", max_attempts=1)

    site.run()

    (run,) = site.runs(number)
    assert (site.task(number)["status"], run["error_class"]) == ("failed", "agent_error")
    assert run["error_message"] == "stopped because it asked its service for the same again and again"
    assert not site.agents()


def test_a_failure_that_the_final_event_told_stays_what_it_is_when_the_process_lives_on(site: Site) -> None:
    gate = site.gate()
    simulate_claude(
        site,
        f'echo "$FAILURE"; {gate.pass_through}',
    )
    number = site.submit("test it", tool="claude")

    site.run()

    assert site.task(number)["error_class"] == "context_too_long"


def test_an_agent_that_goes_on_working_after_a_final_event_is_left_alone(site: Site) -> None:
    simulate_claude(
        site, 'echo "$INIT"; echo "$RESULT"; echo "$USES"; sleep 7; echo "$RESULT" | sed s/all/more/'
    )
    number = site.submit("test it", tool="claude")

    site.run()

    assert site.task(number)["result"]["text"] == "more tests pass"


def test_what_an_agent_does_is_seen_while_it_works(site: Site) -> None:
    gate = site.gate()
    simulate_claude(site, f'echo "$INIT"; echo "$USES"; {gate.pass_through}; echo "$RESULT"')
    number = site.submit("test it", tool="claude")
    dispatcher = site.start("--until-empty")

    site.wait_until(lambda: site.runs(number) and site.runs(number)[0]["activity"] == "runs make test")
    gate.open()

    assert dispatcher.wait() == 0
