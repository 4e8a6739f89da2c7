"""A stopped run is gone with every process that its agent started, wherever it hides."""

import os
import signal
import sys
from pathlib import Path

import pytest

from dispatcher.host.cgroups import parent_of_runs
from tests.fixtures.dispatchers import Dispatcher, Site
from tests.fixtures.shims import Shim
from tests.fixtures.starving import freezer
from tests.fixtures.users import needs_root

# It ignores the gentle signal and starts children: in its own group, in a session of their own, orphaned by a double
# fork, and with an empty environment. Each writes its pid to a file; at the end it says "ready".
STUBBORN = f"""
import os, signal, subprocess, sys, time
signal.signal(signal.SIGTERM, signal.SIG_IGN)
stay = "import os, signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); " \\
    "open(os.environ.get('SITE', sys.argv[1]) + '/journal', 'a').write(f'{{os.getpid()}}\\\\n'); time.sleep(1000)"
stay = "import sys; " + stay
site = os.environ["SITE"]
python = {sys.executable!r}
children = [
    dict(),
    dict(start_new_session=True),
]
for how in children:
    subprocess.Popen([python, "-c", stay, site], **how)
subprocess.run([python, "-c", "import subprocess, sys; subprocess.Popen("
    "[sys.executable, '-c', sys.argv[2], sys.argv[1]], start_new_session=True)", site, stay])
if HIDE:
    subprocess.Popen([python, "-c", stay, site], start_new_session=True, env={{}})
while open(site + "/journal").read().count("\\n") < 3 + HIDE:
    time.sleep(0.01)
print("ready", flush=True)
open(site + "/ready", "w").write("ready")
time.sleep(1000)
"""


def is_alive(pid: int) -> bool:
    try:
        return "State:\tZ" not in Path(f"/proc/{pid}/status").read_text()
    except (FileNotFoundError, ProcessLookupError):  # gone before it was opened, or read
        return False


NO_CGROUPS = ["unshare", "--mount", "sh", "-c", 'umount --lazy /sys/fs/cgroup && exec "$@"', "sh"]
"""A prefix for a command that then finds no control groups. Only root can do that; others have none anyway."""


def start_stubborn(site: Site, *, hide: bool, **fields: object) -> tuple[Dispatcher, int]:
    (site.directory / "journal").touch()
    os.mkfifo(site.directory / "ready")
    number = site.submit(STUBBORN.replace("HIDE", str(int(hide))), tool="python", max_attempts=1, **fields)
    dispatcher = site.start(prefix=() if hide or parent_of_runs() is None else NO_CGROUPS)
    assert (site.directory / "ready").read_text() == "ready"
    return dispatcher, number


def nothing_is_left(site: Site, *, hide: bool) -> bool:
    pids = [int(line) for line in site.journal_lines()]
    assert len(pids) == 3 + hide
    return site.agents() == [] and not any(is_alive(pid) for pid in pids)


HIDING = [
    pytest.param(False, id="marked"),
    pytest.param(
        True,
        id="hidden",
        marks=pytest.mark.skipif(parent_of_runs() is None, reason="no control group can be made here"),
    ),
]


@pytest.mark.parametrize("hide", HIDING)
def test_a_canceled_agent_is_gone_with_all_that_it_started(site: Site, hide: bool) -> None:
    _, number = start_stubborn(site, hide=hide)

    site.cancel(number)
    site.wait_for("canceled", number)

    assert nothing_is_left(site, hide=hide)
    (run,) = site.runs(number)
    assert (run["status"], run["error_class"], run["stdout_trunc"]) == ("canceled", "canceled", "ready\n")


def test_an_agent_past_its_timeout_is_gone_with_all_that_it_started(site: Site) -> None:
    _, number = start_stubborn(site, hide=False, timeout_s=1)

    site.wait_for("failed", number)

    assert nothing_is_left(site, hide=False)
    assert site.task(number)["error_class"] == "timeout"


@pytest.mark.parametrize("prefix", [(), NO_CGROUPS], ids=["control groups", "no control groups"])
def test_what_an_agent_leaves_behind_is_killed(site: Site, prefix: list[str]) -> None:
    left = "setsid sh -c 'echo $$ >$SITE/left; exec sleep 1000' & while ! test -s $SITE/left; do :; done; echo done"
    if prefix and parent_of_runs() is None:
        pytest.skip("there are no control groups to be without")
    number = site.submit(left)
    dispatcher = site.start(prefix=prefix)

    site.wait_for("succeeded", number)
    dispatcher.wait_for("killed what an agent left behind", run=str(site.runs(number)[0]["id"]))

    assert not is_alive(int((site.directory / "left").read_text()))


@pytest.mark.skipif(parent_of_runs() is None, reason="no control group can be made here")
def test_a_daemon_that_left_its_control_group_is_killed(site: Site) -> None:
    daemon = f"echo $$ >{parent_of_runs()}/cgroup.procs; echo $$ >$SITE/left; exec sleep 1000"
    number = site.submit(f"setsid sh -c '{daemon}' & while ! test -s $SITE/left; do :; done; echo done")

    dispatcher = site.run()

    assert site.task(number)["status"] == "succeeded"
    assert dispatcher.log("killed what an agent left behind", run=str(site.runs(number)[0]["id"]))
    assert not is_alive(int((site.directory / "left").read_text()))


KILLS = {
    "shell": "kill -KILL $PPID",
    "shim and keeper": "kill -KILL $(sed -n 's/^PPid:.//p' /proc/$PPID/status) $PPID",
}


@pytest.mark.parametrize("prefix", [(), NO_CGROUPS], ids=["control groups", "no control groups"])
@pytest.mark.parametrize("watcher", KILLS)
def test_an_agent_that_nobody_watches_any_more_is_gone_before_its_slot_is_free_and_its_task_begins_anew(
    site: Site, watcher: str, prefix: list[str]
) -> None:
    """As the kernel does when memory runs out. The agents of tasks that chose their directory have a shell."""
    if prefix and parent_of_runs() is None:
        pytest.skip("there are no control groups to be without")
    alone = "exec 9>>$SITE/alone; flock -n 9 || echo twice >>$SITE/journal; "
    orphaned = f"if mkdir $SITE/NAME; then {KILLS[watcher]}; sleep 1000; fi; echo done"
    site.configure("groups", sh={"max_concurrent": 1})
    site.configure("security", allowed_roots=[str(site.directory)])
    where = {"workdir": str(site.directory)} if watcher == "shell" else {}
    numbers = [
        site.submit(alone + orphaned.replace("NAME", str(name)), max_attempts=2, **where) for name in range(6)
    ]
    site.start(prefix=prefix)

    site.wait_for("succeeded", *numbers)

    assert [[run["status"] for run in site.runs(number)] for number in numbers] == [["lost", "succeeded"]] * 6
    assert site.journal_lines() == []
    assert site.agents() == []


@needs_root
def test_as_long_as_a_process_does_not_die_its_run_keeps_its_slot_and_the_log_says_so(site: Site) -> None:
    os.mkfifo(site.directory / "agent")
    site.configure("groups", sh={"max_concurrent": 1})
    number = site.submit("echo $$ >$SITE/agent; exec sleep 1000", max_attempts=1)
    later = site.submit("echo done")
    dispatcher = site.start()
    agent = (site.directory / "agent").read_text()
    with freezer(site.directory / "freezer") as group:
        (group / "cgroup.procs").write_text(agent)
        (group / "freezer.state").write_text("FROZEN")
        site.wait_for("running", number)

        Shim.of(int(agent)).kill()
        dispatcher.wait_for("processes of a run do not die: it keeps its slot")

        assert is_alive(int(agent))
        assert (site.task(number)["status"], site.task(later)["status"]) == ("running", "queued")
    site.wait_for("succeeded", later)
    assert site.task(number)["error_class"] == "lost"
    assert not is_alive(int(agent))


def test_what_was_left_behind_while_no_dispatcher_ran_is_killed_at_the_next_start(site: Site) -> None:
    gate = site.gate()
    number = site.submit(
        f"{gate.pass_through}; setsid sh -c 'echo $$ >$SITE/left; exec sleep 1000' & wait; echo done"
    )
    dispatcher = site.start()
    site.wait_for("running", number)
    dispatcher.kill()
    # A person gives the run up while its host is away.
    site.sql("UPDATE dispatchers SET closed = true")
    site.sql(
        "UPDATE tasks SET status = 'failed', leased_by = NULL, finished_at = now(), error_class = 'lost' "
        "WHERE number = %s",
        number,
    )
    site.sql("UPDATE task_runs SET status = 'lost', finished_at = now()")
    assert site.agents() != []

    dispatcher = site.start()
    dispatcher.wait_for("killed what an agent left behind")

    assert site.agents() == []


def test_a_queued_task_is_canceled_at_once_and_never_starts(site: Site) -> None:
    gate = site.gate()
    site.configure("groups", sh={"max_concurrent": 1})
    first, second = site.submit(gate.pass_through + "; echo done"), site.submit("echo never")
    dispatcher = site.start()
    site.wait_for("running", first)

    site.cancel(second)

    assert site.task(second)["status"] == "canceled"
    gate.open()
    site.wait_for("succeeded", first)
    assert site.runs(second) == []
    assert len(dispatcher.log("run started")) == 1


def test_a_task_canceled_while_it_is_leased_never_starts_its_agent(site: Site) -> None:
    # Its input cannot be fetched while the test holds the table.
    number = site.submit("echo never >>$SITE/journal", input_files=[{"path": "in", "content": "x"}])
    with site.elsewhere() as other, other.transaction():
        other.execute("LOCK task_files IN ACCESS EXCLUSIVE MODE")
        site.start()
        site.wait_for("leased", number)
        site.cancel(number)
        # The dispatcher asks because of the notification: its next regular heartbeat is half a minute away.
        site.wait_until(
            lambda: site.sql("SELECT FROM dispatchers, tasks WHERE last_heartbeat_at > cancel_requested_at")
        )

    site.wait_for("canceled", number)

    assert site.journal_lines() == []
    assert site.runs(number)[0]["status"] == "canceled"


def test_a_cancel_that_nobody_but_a_notification_asked_for_stops_nothing(site: Site) -> None:
    """Every role may notify, even one that may not see the task."""
    gate = site.gate()
    number = site.submit(f"{gate.pass_through}; echo done")
    site.start()
    site.wait_for("running", number)

    for payload in ("no number", str(number)):
        site.sql("SELECT pg_notify('task_cancel', %s)", payload)
    site.wait_for("succeeded", site.submit("echo meanwhile"))
    gate.open()

    site.wait_for("succeeded", number)


def test_a_task_can_be_canceled_while_the_dispatcher_drains(site: Site) -> None:
    number = site.submit("echo begun; exec sleep 1000")
    dispatcher = site.start()
    site.wait_for("running", number)
    dispatcher.signal(signal.SIGTERM)
    dispatcher.wait_for("draining")

    site.cancel(number)

    assert dispatcher.wait() == 0
    assert site.task(number)["status"] == "canceled"
    assert site.agents() == []


def test_a_cancel_that_was_sent_while_nobody_listened_is_obeyed_at_the_next_connection(site: Site) -> None:
    number = site.submit("exec sleep 1000")
    dispatcher = site.start()
    site.wait_for("running", number)

    with site.database.transaction():
        # The commit sends the notification: after the old connection was told to end, before there is a new one.
        site.sql(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
            "WHERE application_name = 'dispatcher listener' AND datname = current_database()"
        )
        site.cancel(number)

    dispatcher.wait_for("stopping run", within=20, task=number)
    site.wait_for("canceled", number)


def test_a_notification_that_no_cancel_stands_behind_stops_nothing(site: Site) -> None:
    gate = site.gate()
    kept, canceled = site.submit(f"{gate.pass_through}; echo kept"), site.submit("exec sleep 1000")
    dispatcher = site.start()
    site.wait_for("running", kept, canceled)

    # Every role that can connect may notify, whatever it is not allowed to do.
    for payload in ("", "not a number", str(kept)):
        site.sql("SELECT pg_notify('task_cancel', %s)", payload)
    site.cancel(canceled)
    site.wait_for("canceled", canceled)
    gate.open()

    site.wait_for("succeeded", kept)
    assert dispatcher.process.poll() is None


def test_an_agent_that_answers_the_stop_with_part_of_a_text_has_not_succeeded(site: Site) -> None:
    os.mkfifo(site.directory / "ready")
    number = site.submit("trap 'echo half; exit 0' TERM; echo >$SITE/ready; while :; do sleep 0.01; done")
    site.start()
    (site.directory / "ready").read_text()
    site.wait_for("running", number)

    site.cancel(number)

    site.wait_for("canceled", number)
    assert site.runs(number)[0]["exit_code"] == 0


def test_a_dispatcher_that_says_goodbye_is_not_told_that_somebody_closed_it(site: Site) -> None:
    site.configure("dispatcher", heartbeat_interval=0.05, lease_interval=60)
    site.sql(
        "CREATE FUNCTION dawdle() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN PERFORM pg_sleep(0.5); RETURN new; END'"
    )
    site.sql(
        "CREATE TRIGGER dawdles BEFORE UPDATE ON dispatchers FOR EACH ROW WHEN (new.closed) EXECUTE FUNCTION dawdle()"
    )
    dispatcher = site.start()
    site.wait_for("succeeded", site.submit("echo done"))

    dispatcher.signal(signal.SIGTERM)

    assert dispatcher.wait() == 0


def test_one_signal_waits_for_agents_and_then_leaves_them_running(site: Site) -> None:
    gate = site.gate()
    site.configure("dispatcher", grace=0.5)
    number = site.submit(f"{gate.pass_through}; echo survived")
    waiting = site.submit("echo later", priority=1)
    site.configure("groups", sh={"max_concurrent": 1})
    dispatcher = site.start()
    site.wait_for("running", number)

    dispatcher.signal(signal.SIGTERM)

    assert dispatcher.wait() == 0
    assert dispatcher.log("leaving agents running for the next start", tasks=[number])
    assert site.agents() != []
    assert site.task(number)["status"] == "running"
    gate.open()
    site.run()
    assert site.task(number)["result"]["text"] == "survived"
    assert site.task(waiting)["status"] == "succeeded"
    assert len(site.runs(number)) == 1


def test_a_terminal_that_is_closed_ends_the_dispatcher_like_any_other_signal(site: Site) -> None:
    terminal, theirs = os.openpty()
    dispatcher = site.start(prefix=["sh", "-c", 'exec "$@" 2>"$0"', os.ttyname(theirs)])
    site.wait_for("succeeded", site.submit("echo done"))

    os.close(theirs)
    os.close(terminal)
    dispatcher.signal(signal.SIGHUP)

    assert dispatcher.wait() == 0


def test_agents_that_end_within_the_grace_are_reported_before_the_dispatcher_ends(site: Site) -> None:
    gate = site.gate()
    number = site.submit(f"{gate.pass_through}; echo in time")
    dispatcher = site.start()
    site.wait_for("running", number)
    dispatcher.signal(signal.SIGINT)
    dispatcher.wait_for("draining")

    gate.open()

    assert dispatcher.wait() == 0
    assert site.task(number)["result"]["text"] == "in time"


def test_a_second_signal_stops_agents_and_gives_the_attempt_back(site: Site) -> None:
    number = site.submit(
        "echo x >>$SITE/journal; test $(wc -l <$SITE/journal) = 2 || exec sleep 1000; echo again"
    )
    dispatcher = site.start()
    site.wait_for("running", number)

    dispatcher.signal(signal.SIGTERM)
    dispatcher.wait_for("draining")
    dispatcher.signal(signal.SIGTERM)

    assert dispatcher.wait() == 0
    assert site.agents() == []
    task, (run,) = site.task(number), site.runs(number)
    assert (task["status"], task["wait_reason"], task["attempt"]) == ("queued", None, 0)
    assert run["status"] == "interrupted"
    site.run()
    assert site.task(number)["result"]["text"] == "again"
    assert [run["attempt"] for run in site.runs(number)] == [1, 1]


def test_a_second_signal_stops_also_the_agents_that_are_about_to_be_adopted(site: Site) -> None:
    number = site.submit("exec sleep 1000")
    former = site.start()
    site.wait_for("running", number)
    former.kill()

    with site.elsewhere() as other, other.transaction():
        other.execute("SELECT FROM dispatchers FOR UPDATE")
        dispatcher = site.start()
        dispatcher.wait_for("dispatcher started")
        dispatcher.signal(signal.SIGTERM)
        dispatcher.wait_for("draining")
        dispatcher.signal(signal.SIGTERM)
        dispatcher.wait_for("received signal", times=2)

    assert dispatcher.wait() == 0
    assert site.agents() == []
    assert site.runs(number)[0]["status"] == "interrupted"


def test_a_dispatcher_that_was_replaced_ends_with_a_clear_error_and_leaves_agents_alone(site: Site) -> None:
    gate = site.gate()
    site.configure("dispatcher", heartbeat_interval=0.5, lease_interval=2)
    number = site.submit(f"{gate.pass_through}; echo unharmed")
    dispatcher = site.start()
    site.wait_for("running", number)

    site.sql("UPDATE dispatchers SET closed = true")

    assert dispatcher.wait() == 5
    assert "this dispatcher was closed" in dispatcher.story()
    assert "Traceback" not in dispatcher.story()
    assert site.agents() != []
    gate.open()
    site.run()
    assert site.task(number)["result"]["text"] == "unharmed"


def test_a_second_dispatcher_on_the_same_work_directory_is_refused(site: Site) -> None:
    first = site.start()
    first.wait_for("dispatcher started")

    second = site.start()

    assert second.wait() == 1
    assert f"process {first.pid}" in second.story()
    assert "execution.work_dir" in second.story()
