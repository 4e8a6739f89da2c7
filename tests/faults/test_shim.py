"""The shim starts all agents of a dispatcher and sees them end. It may be killed, stopped or missing at any time."""

import os
import select
import signal
from contextlib import suppress
from pathlib import Path

import pytest

from dispatcher.host.cgroups import parent_of_runs
from tests.fixtures.dispatchers import PATIENCE, Site
from tests.fixtures.faults import with_fault
from tests.fixtures.shims import Shim
from tests.fixtures.users import needs_root

AGENTS = 5
WATCHER = "cat /proc/$PPID/comm"
ALONE = "exec 9>>$SITE/alone-{key}; flock -n 9 || echo twice >>$SITE/journal; "
"""Two agents of one task at a time notice each other, whatever the database believes."""


def shim_of(site: Site, count: int = 1) -> Shim:
    """Return the shim of so many agents, once they all run."""
    site.wait_until(
        lambda: len(site.sql("SELECT FROM task_runs WHERE status = 'running' AND pid > 0")) == count
    )
    [agent, *_] = site.sql("SELECT pid FROM task_runs WHERE status = 'running'")
    return Shim.of(agent["pid"])


def has_ended(pid: int) -> bool:
    try:
        process = os.pidfd_open(pid)
    except ProcessLookupError:
        return True
    try:
        return bool(select.select([process], [], [], PATIENCE)[0])
    finally:
        os.close(process)


def test_an_agent_is_a_child_of_the_shim_and_starts_without_a_shell(site: Site) -> None:
    """Only root may look at the environment of a shim, and finds nothing there."""
    number = site.submit("cat /proc/$PPID/comm; tr '\\0' '\\n' </proc/$PPID/environ | cut -d= -f1 | sort")

    site.run()

    seen = "\nPATH\nPYTHONPATH" if os.geteuid() == 0 else ""
    assert site.task(number)["result"]["text"] == f"llmctl-shim{seen}"


def test_killing_the_shim_harms_no_agent(site: Site) -> None:
    gate = site.gate()
    site.configure("groups", sh={"max_concurrent": AGENTS})
    numbers = [site.submit(f"{gate.pass_through}; echo survived") for _ in range(AGENTS - 2)]
    failing = site.submit(f"{gate.pass_through}; exit 7", max_attempts=1)
    dying = site.submit(f"{gate.pass_through}; kill -KILL $$", max_attempts=1)
    dispatcher = site.start()
    shim = shim_of(site, AGENTS)

    os.kill(shim.pid, signal.SIGKILL)
    dispatcher.wait_for("the shim was killed, and another one took its place")
    gate.open()

    site.wait_for("succeeded", *numbers)
    site.wait_for("failed", failing, dying)
    assert [site.runs(number)[0]["exit_code"] for number in (*numbers, failing, dying)] == [0] * 3 + [7, 137]
    assert {len(site.runs(number)) for number in (*numbers, failing, dying)} == {1}
    site.wait_for("succeeded", site.submit("echo done"))


def test_an_agent_that_lost_its_shim_can_be_stopped(site: Site) -> None:
    number = site.submit("trap 'echo gently; exit 3' TERM; while :; do sleep 0.01; done")
    dispatcher = site.start()
    os.kill(shim_of(site).pid, signal.SIGKILL)
    dispatcher.wait_for("the shim was killed, and another one took its place")

    site.cancel(number)

    site.wait_for("canceled", number)
    (run,) = site.runs(number)
    assert (run["exit_code"], run["stdout_trunc"]) == (3, "gently\n")
    assert site.agents() == []


def test_killing_the_keeper_alone_harms_no_agent_and_gives_the_next_ones_a_keeper(site: Site) -> None:
    gate = site.gate()
    number = site.submit(f"{gate.pass_through}; exit 7", max_attempts=1)
    dispatcher = site.start()
    shim = shim_of(site)

    os.kill(shim.keeper, signal.SIGKILL)
    dispatcher.wait_for("the keeper of the shim was killed")
    other = site.submit(f"{gate.pass_through}; echo done")
    site.wait_for("running", other)
    other_shim = Shim.of(site.runs(other)[0]["pid"])
    os.kill(other_shim.pid, signal.SIGKILL)
    dispatcher.wait_for("the shim was killed, and another one took its place")
    gate.open()

    site.wait_for("succeeded", other)
    site.wait_for("failed", number)
    assert other_shim.pid != shim.pid
    assert site.runs(number)[0]["exit_code"] == 7


def test_a_shim_whose_keeper_was_killed_ends_with_its_last_agent(site: Site) -> None:
    gate = site.gate()
    number = site.submit(f"{gate.pass_through}; exit 7", max_attempts=1)
    dispatcher = site.start()
    shim = shim_of(site)
    os.kill(shim.keeper, signal.SIGKILL)
    dispatcher.wait_for("the keeper of the shim was killed")
    site.wait_for("succeeded", site.submit("echo done"))
    assert Path(f"/proc/{shim.pid}").exists(), "it waits for its agent"

    gate.open()

    site.wait_for("failed", number)
    assert site.runs(number)[0]["exit_code"] == 7
    assert has_ended(shim.pid)
    assert "shim and keeper were killed" not in dispatcher.story()


def test_killing_keepers_leaves_no_process_behind(site: Site) -> None:
    dispatcher = site.start()
    killed = []
    for times in range(1, 4):
        site.wait_for("succeeded", site.submit("echo done"))
        killed.append(Shim.below(dispatcher.pid))
        os.kill(killed[-1].keeper, signal.SIGKILL)
        dispatcher.wait_for("the keeper of the shim was killed", times=times)

    site.wait_for("succeeded", site.submit("echo done"))

    for shim in killed:
        assert has_ended(shim.pid)
        assert has_ended(shim.keeper)
    Shim.below(dispatcher.pid)  # the only one that is left


def test_orphans_of_a_killed_shim_are_lost_when_the_keeper_is_killed_and_others_are_not(site: Site) -> None:
    gate = site.gate()
    site.submit(f"{gate.pass_through}; sleep 1000", max_attempts=1)
    dispatcher = site.start()
    keeper = shim_of(site).keeper
    os.kill(shim_of(site).pid, signal.SIGKILL)
    dispatcher.wait_for("the shim was killed, and another one took its place")
    other = site.submit(f"{gate.pass_through}; echo done")
    site.wait_for("running", other)

    os.kill(keeper, signal.SIGKILL)

    site.wait_until(lambda: site.task(1)["error_class"] == "lost")
    gate.open()
    site.wait_for("succeeded", other)
    assert site.agents() == []


@pytest.mark.parametrize("with_dispatcher", [False, True], ids=["alone", "with the dispatcher"])
def test_killing_shim_and_keeper_ends_each_run_once_and_runs_nothing_twice_at_a_time(
    site: Site, with_dispatcher: bool
) -> None:
    site.configure("groups", sh={"max_concurrent": AGENTS})
    for key in range(AGENTS):
        os.mkfifo(site.directory / f"begun-{key}")
    numbers = [
        site.submit(
            ALONE.format(key=key)
            + f"mkdir $SITE/{key} && {{ echo >$SITE/begun-{key}; sleep 1000; }}; echo done",
            max_attempts=2,
        )
        for key in range(AGENTS)
    ]
    dispatcher = site.start()
    for key in range(AGENTS):
        (site.directory / f"begun-{key}").read_text()
    shim = shim_of(site, AGENTS)

    if with_dispatcher:
        dispatcher.kill()
    shim.kill()
    if with_dispatcher:
        site.start()

    site.wait_for("succeeded", *numbers)
    assert [[run["status"] for run in site.runs(number)] for number in numbers] == [
        ["lost", "succeeded"]
    ] * AGENTS
    assert site.journal_lines() == []
    assert site.agents() == []
    assert site.sql("SELECT * FROM check_counters()") == []


def test_the_shim_of_a_dead_dispatcher_ends_with_its_last_agent(site: Site) -> None:
    first, last = site.gate("first"), site.gate("last")
    numbers = [site.submit(f"{gate.pass_through}; echo survived") for gate in (first, last)]
    dispatcher = site.start()
    shim = shim_of(site, 2)
    dispatcher.kill()
    first.open()
    site.start().wait_for("run adopted")
    site.wait_for("succeeded", numbers[0])
    assert Path(f"/proc/{shim.pid}").exists(), "it waits for the other agent"

    last.open()

    site.wait_for("succeeded", numbers[1])
    assert [site.runs(number)[0]["exit_code"] for number in numbers] == [0, 0]
    assert has_ended(shim.pid)
    assert has_ended(shim.keeper)


def paused(site: Site, gate_work: str) -> tuple[Shim, int]:
    """Stop the shim of a new dispatcher, and queue a task whose start it has not read yet."""
    dispatcher = site.start(
        prefix=with_fault("from dispatcher.run.process import shim_client as shims\nshims.PATIENCE = 600")
    )
    site.wait_for("succeeded", site.submit("echo first"))
    shim = Shim.below(dispatcher.pid)
    os.kill(shim.pid, signal.SIGSTOP)
    number = site.submit(gate_work)
    site.wait_until(lambda: site.sql("SELECT FROM task_runs WHERE status = 'running'"))
    while not shim.has_unread_start():
        os.sched_yield()
    return shim, number


@needs_root  # to see in /proc what waits for a shim
def test_a_start_that_nobody_has_read_outlives_the_dispatcher(site: Site) -> None:
    shim, number = paused(site, "echo $LLMCTL_RUN >>$SITE/journal; echo done")
    site.start_again().wait_for("dispatcher started")

    os.kill(shim.pid, signal.SIGCONT)

    site.wait_for("succeeded", number)
    assert len(site.runs(number)) == 1
    assert len(site.journal_lines()) == 1


@needs_root  # to see in /proc what waits for a shim
def test_a_start_that_nobody_has_read_outlives_the_shim(site: Site) -> None:
    shim, number = paused(site, "echo $LLMCTL_RUN >>$SITE/journal; echo done")

    os.kill(shim.pid, signal.SIGKILL)

    site.wait_for("succeeded", number)
    assert len(site.runs(number)) == 1
    assert len(site.journal_lines()) == 1


@needs_root  # to see in /proc what waits for a shim
def test_a_start_that_nobody_has_read_is_made_by_a_shell_when_all_shims_are_gone(site: Site) -> None:
    shim, number = paused(site, "echo $LLMCTL_RUN >>$SITE/journal; echo done")

    shim.kill()

    site.wait_for("succeeded", number)
    assert len(site.runs(number)) == 1
    assert len(site.journal_lines()) == 1


@needs_root  # to see in /proc what waits for a shim
def test_a_run_that_was_stopped_before_its_start_was_read_is_never_started(site: Site) -> None:
    shim, number = paused(site, "echo $LLMCTL_RUN >>$SITE/journal; echo done")
    site.configure("execution", cleanup="never")
    site.start_again().wait_for("dispatcher started")
    site.cancel(number)
    site.wait_for("canceled", number)

    with suppress(ProcessLookupError):  # the dispatcher may have woken it already
        os.kill(shim.pid, signal.SIGCONT)

    assert has_ended(shim.pid), "it has read everything, and has no agent"
    assert site.journal_lines() == []


IN_VAIN = """
from dispatcher.run.process import shim_client, starter, supervised
shim_client.PATIENCE = supervised.STANDSTILL = 1.0
shim_client.let_go_on = starter.let_go_on = lambda name: None
"""
"""It helps no shim to be told to go on: a debugger holds it, or somebody stops it again and again."""


def test_a_shim_that_was_stopped_holds_up_no_task(site: Site) -> None:
    site.configure("groups", sh={"max_concurrent": AGENTS})
    gate = site.gate()
    ending = site.submit(f"{gate.pass_through}; exit 7", max_attempts=1)
    endless = site.submit("sleep 1000")
    dispatcher = site.start()
    shim = shim_of(site, 2)

    os.kill(shim.pid, signal.SIGSTOP)
    os.kill(shim.keeper, signal.SIGSTOP)
    waiting = site.submit("echo done")
    gate.open()
    site.cancel(endless)

    site.wait_for("succeeded", waiting)
    site.wait_for("failed", ending)
    site.wait_for("canceled", endless)
    dispatcher.wait_for("the shim stands still: it is told to go on")
    assert site.runs(ending)[0]["exit_code"] == 7
    assert {len(site.runs(number)) for number in (waiting, ending, endless)} == {1}


def test_a_shim_that_does_not_go_on_is_replaced_and_harms_no_agent(site: Site) -> None:
    site.configure("groups", sh={"max_concurrent": AGENTS})
    gate = site.gate()
    number = site.submit(f"{gate.pass_through}; exit 7", max_attempts=1)
    dispatcher = site.start(prefix=with_fault(IN_VAIN))
    shim = shim_of(site)
    os.kill(shim.pid, signal.SIGSTOP)

    waiting = site.submit("echo $LLMCTL_RUN >>$SITE/journal; echo done")

    site.wait_for("succeeded", waiting)
    assert has_ended(shim.pid)
    gate.open()
    site.wait_for("failed", number)
    dispatcher.wait_for("the shim was killed, and another one took its place")
    assert site.runs(number)[0]["exit_code"] == 7
    assert {len(site.runs(each)) for each in (number, waiting)} == {1}
    assert len(site.journal_lines()) == 1


def test_a_shell_starts_what_neither_shim_nor_keeper_does(site: Site) -> None:
    dispatcher = site.start(prefix=with_fault(IN_VAIN))
    site.wait_for("succeeded", site.submit("echo first"))
    shim = Shim.below(dispatcher.pid)
    os.kill(shim.keeper, signal.SIGSTOP)
    os.kill(shim.pid, signal.SIGSTOP)

    number = site.submit(f"echo $LLMCTL_RUN >>$SITE/journal; {WATCHER}")

    site.wait_for("succeeded", number)
    assert site.task(number)["result"]["text"] == "sh"
    assert (len(site.runs(number)), len(site.journal_lines())) == (1, 1)
    assert has_ended(shim.pid)
    assert has_ended(shim.keeper)


def test_the_next_dispatcher_wakes_a_shim_that_was_stopped_before_a_start(site: Site) -> None:
    _, number = paused(site, "echo $LLMCTL_RUN >>$SITE/journal; echo done")

    site.start_again()

    site.wait_for("succeeded", number)
    assert (len(site.runs(number)), len(site.journal_lines())) == (1, 1)


def test_the_next_dispatcher_wakes_a_shim_that_was_stopped_before_an_end(site: Site) -> None:
    gate = site.gate()
    number = site.submit(f"{gate.pass_through}; exit 7", max_attempts=1)
    dispatcher = site.start()
    shim = shim_of(site)
    dispatcher.kill()
    os.kill(shim.pid, signal.SIGSTOP)
    site.start().wait_for("run adopted")

    gate.open()

    site.wait_for("failed", number)
    assert [(run["error_class"], run["exit_code"]) for run in site.runs(number)] == [("agent_error", 7)]


def test_a_start_that_a_stopped_shim_has_not_read_is_made_by_the_next_dispatcher_and_not_by_both(
    site: Site,
) -> None:
    shim, number = paused(site, "echo $LLMCTL_RUN >>$SITE/journal; echo done")
    site.start_again(prefix=with_fault(IN_VAIN))

    site.wait_for("succeeded", number)
    os.kill(shim.pid, signal.SIGCONT)

    assert has_ended(shim.pid)
    assert [run["error_class"] for run in site.runs(number)] == ["interrupted", None]
    assert [run["attempt"] for run in site.runs(number)] == [1, 1]
    assert len(site.journal_lines()) == 1


@pytest.mark.skipif(parent_of_runs() is None, reason="no control group can be made here")
def test_an_agent_that_overwrote_its_environment_is_adopted(site: Site) -> None:
    """As setproctitle and node do, to have room for a longer name."""
    gate = site.gate()
    overwrite = """
import ctypes, os, subprocess
fields = open("/proc/self/stat").read().rpartition(")")[2].split()
start, end = int(fields[47]), int(fields[48])
gate = os.environ["SITE"] + "/gate"
ctypes.memset(start, 0, end - start)
open(gate + "-reached", "w").write("x")
subprocess.run(["flock", "-s", gate, "true"])
print("survived")
"""
    os.mkfifo(site.directory / "gate-reached")
    number = site.submit(overwrite, tool="python")
    site.start()
    (site.directory / "gate-reached").read_text()
    site.wait_for("running", number)
    site.start_again().wait_for("run adopted", task=number)

    gate.open()

    site.wait_for("succeeded", number)
    assert site.task(number)["result"]["text"] == "survived"
    assert len(site.runs(number)) == 1


def test_an_error_of_ours_while_shims_are_heard_loses_runs_and_runs_nothing_twice(site: Site) -> None:
    gate = site.gate()
    numbers = [
        site.submit(ALONE.format(key=key) + f"{gate.pass_through}; echo done", max_attempts=2)
        for key in range(AGENTS)
    ]
    broken = with_fault(f"""
from dispatcher.run.process.shim_client import Shim
original, left = Shim._hear, [{AGENTS}]
async def hear(self, *words):
    left[0] -= 1
    if not left[0]:
        raise ZeroDivisionError("deaf")
    await original(self, *words)
Shim._hear = hear
""")
    site.configure("groups", sh={"max_concurrent": AGENTS})
    dispatcher = site.start(prefix=broken)
    dispatcher.wait_for("failed unexpectedly", what="hearing the shim")
    gate.open()

    site.wait_for("succeeded", *numbers)

    assert {len(site.runs(number)) for number in numbers} <= {1, 2}
    assert site.journal_lines() == []
    assert site.agents() == []


def test_a_request_that_is_too_large_for_the_shim_is_made_by_a_shell(site: Site) -> None:
    site.configure(
        "groups", sh={"env": {"SITE": str(site.directory), "LARGE": "x" * 100_000, "MORE": "x" * 100_000}}
    )
    number = site.submit(f"echo ${{#LARGE}}; {WATCHER}")

    site.run()

    assert site.task(number)["result"]["text"] == "100000\nsh"


def test_where_no_shim_can_be_started_agents_have_a_shell(site: Site) -> None:
    number = site.submit(WATCHER)
    dispatcher = site.start(prefix=with_fault("sys.executable = '/no/such/python'"))

    site.wait_for("succeeded", number)

    assert site.task(number)["result"]["text"] == "sh"
    assert dispatcher.log("no shim can be started: each agent gets a shell")


def test_where_the_shim_does_not_even_begin_agents_have_a_shell(site: Site) -> None:
    numbers = [site.submit(WATCHER) for _ in range(3)]
    site.start(prefix=with_fault("sys.executable = '/bin/true'"))

    site.wait_for("succeeded", *numbers)

    assert {site.task(number)["result"]["text"] for number in numbers} == {"sh"}
    assert {len(site.runs(number)) for number in numbers} == {1}
