"""What a host lacks closes a group there alone, and what its dispatcher knows is said at once."""

import os
import signal
import socket
import uuid
from pathlib import Path

from tests.cli.conftest import Llmctl
from tests.cli.terminal import terminal
from tests.fixtures.dispatchers import PATIENCE, ROOT, Site

HOST = socket.gethostname()


def group(site: Site, name: str = "late") -> dict[str, object]:
    [row] = site.sql("SELECT state, reason FROM list_groups() WHERE group_name = %s", name)
    return row


def why(site: Site, number: int) -> str:
    [row] = site.sql("SELECT why_waiting(%s) AS why", str(number))
    return str(row["why"])


def command_line(site: Site) -> Llmctl:
    """Return `llmctl` for commands that go on while the test acts."""
    assert site.llmctl("ls").returncode == 0  # which also writes its configuration
    return Llmctl(ROOT, site.variables())


def configure_late(site: Site) -> Path:
    """Configure a tool whose program is not there yet; return its path."""
    program = site.directory / "late-agent"
    site.configure("dispatcher", heartbeat_interval=1, lease_interval=30)
    site.configure("tools", late={"argv": [str(program)], "proof": "none"})
    site.configure("groups", late={"tool": "late"})
    return program


def install(program: Path, interpreter: str = "/bin/sh") -> None:
    made = program.with_suffix(".new")
    made.write_text(f"#!{interpreter}\necho here\n")
    made.chmod(0o755)
    made.rename(program)


def test_a_program_that_is_removed_costs_no_attempt_and_works_by_itself_once_it_is_back(site: Site) -> None:
    program = configure_late(site)
    install(program)
    dispatcher = site.start()
    site.wait_for("succeeded", site.submit("x", tool="late"))
    program.unlink()

    numbers = [site.submit("x", tool="late", max_attempts=1) for _ in range(20)]
    site.wait_until(lambda: group(site)["state"] == "paused")
    site.wait_for("queued", *numbers)
    assert f"late cannot run on {HOST}: {program} is not installed on this host" in why(site, numbers[-1])
    assert "`llmctl group resume late`" in why(site, numbers[-1])
    words = [row["word"] for row in site.sql("SELECT ready_task_waits_for('late', NULL) AS word")]
    assert words == ["paused"]

    install(program)
    dispatcher.wait_for("a worker group can run here again", group="late")
    site.wait_for("succeeded", *numbers)
    assert {site.task(number)["attempt"] for number in numbers} == {0}
    assert group(site) == {"state": "open", "reason": None}


def test_a_program_that_is_there_but_cannot_be_executed_is_tried_again(site: Site) -> None:
    program = configure_late(site)
    install(program, "/no/such/interpreter")
    site.start()
    number = site.submit("x", tool="late", max_attempts=1)
    site.wait_until(lambda: group(site)["state"] == "paused")

    install(program)

    site.wait_for("succeeded", number)
    assert site.task(number)["attempt"] == 0


def test_a_hang_up_opens_what_can_run_now_and_a_pause_of_a_person_stays(site: Site) -> None:
    program = configure_late(site)
    site.configure("dispatcher", heartbeat_interval=3000, lease_interval=6000)
    number = site.submit("x", tool="late")
    site.sql("SELECT pause_group('sh', 'by me')")
    dispatcher = site.start()
    dispatcher.wait_for("a worker group cannot run here", group="late")

    install(program)
    dispatcher.signal(signal.SIGHUP)

    site.wait_for("succeeded", number)
    assert group(site, "sh") == {"state": "paused", "reason": "by me"}


def test_a_new_start_and_a_check_find_that_the_program_is_there(site: Site) -> None:
    program = configure_late(site)
    site.configure("dispatcher", heartbeat_interval=3000, lease_interval=6000)
    dispatcher = site.start()
    dispatcher.wait_for("a worker group cannot run here", group="late")
    first = site.submit("x", tool="late")
    install(program)

    assert site.llmctl("group", "check", "late").returncode == 0

    site.wait_for("succeeded", first)
    program.unlink()
    second = site.submit("x", tool="late")
    site.wait_until(lambda: group(site)["state"] == "paused")
    install(program)
    site.start_again()
    site.wait_for("succeeded", second)


def test_other_hosts_go_on_with_a_group_that_one_of_them_cannot_run(site: Site) -> None:
    program = configure_late(site)
    lacking = site.start("--host-id", "lacking")
    lacking.wait_for("a worker group cannot run here", group="late")
    install(program)
    work_dir = site.config["execution"]["work_dir"]
    site.config["execution"]["work_dir"] = str(site.directory / "another")
    # Otherwise the first would find the program, too.
    site.config["tools"]["late"] = {"argv": ["cat"], "proof": "none"}
    able = site.start("--host-id", "able", config="another.yaml")
    site.config["execution"]["work_dir"] = work_dir
    able.wait_for("dispatcher started")
    program.unlink()

    numbers = [site.submit("x", tool="late", max_attempts=1) for _ in range(8)]

    site.wait_for("succeeded", *numbers)
    assert {site.runs(number)[-1]["host"] for number in numbers} == {"able"}


def test_a_start_says_which_groups_it_serves_and_which_cannot_run(site: Site) -> None:
    configure_late(site)
    dispatcher = site.start()
    serving = dispatcher.wait_for("serving worker groups")
    assert serving["groups"] == ["cat", "python", "sh"]
    entry = dispatcher.wait_for("a worker group cannot run here", group="late")
    assert "is not installed on this host" in str(entry["why"])


def test_a_start_without_any_group_says_what_to_do(site: Site) -> None:
    site.config["groups"], site.config["tools"] = {}, {}
    site.sql("DELETE FROM worker_groups")
    dispatcher = site.start(env={"PATH": "/nowhere"})
    entry = dispatcher.wait_for("there is no worker group for this dispatcher, so nothing runs")
    assert "llmctl group add" in str(entry["what_to_do"])


def test_while_a_dispatcher_drains_nothing_is_about_to_start(site: Site) -> None:
    gate = site.gate()
    running = site.submit(gate.pass_through)
    dispatcher = site.start()
    site.wait_for("running", running)
    dispatcher.signal(signal.SIGTERM)
    site.wait_until(lambda: site.sql("SELECT FROM list_dispatchers() WHERE draining"))
    waiting = site.submit("echo later")

    assert why(site, waiting) == (
        f"the dispatcher on {HOST} is stopping and starts nothing more: start it again with `dispatcher run`"
    )
    assert ": stopping, starts nothing more, heartbeat " in site.command("status").stdout
    gate.open()
    assert dispatcher.wait() == 0
    assert "no dispatcher is running" in why(site, waiting)


def test_that_a_dispatcher_was_killed_is_known_at_once_on_its_host(site: Site) -> None:
    dispatcher = site.start()
    dispatcher.wait_for("dispatcher started")
    dispatcher.kill()
    number = site.submit("echo later")

    shown = site.llmctl("show", str(number))

    assert "no dispatcher is running" in shown.stdout, shown
    assert "away" in site.command("status").stdout


def test_who_watches_sees_within_seconds_that_the_dispatcher_of_the_host_was_killed(site: Site) -> None:
    site.configure("dispatcher", heartbeat_interval=3000, lease_interval=6000)
    dispatcher = site.start()
    dispatcher.wait_for("dispatcher started")
    with terminal(command_line(site), "watch") as watching:
        watching.until_shown(f"dispatcher {HOST} ♥")
        site.submit("echo done")
        watching.until_shown("succeeded 1")  # so it follows events by now

        dispatcher.kill()

        watching.until_shown(f"dispatcher {HOST} silent for ")
        site.start().wait_for("dispatcher started")
        watching.until_shown(f"dispatcher {HOST} ♥")
        watching.type("q")
        assert watching.ended() == 0


def test_who_waits_is_told_that_the_dispatcher_of_the_host_was_killed(site: Site) -> None:
    site.configure("dispatcher", heartbeat_interval=3000, lease_interval=6000)
    gate = site.gate()
    numbers = [site.submit(prompt) for prompt in ("echo done", f"{gate.pass_through}; echo done")]
    dispatcher = site.start()
    with command_line(site).start("wait", *map(str, numbers)) as waiting:
        assert waiting.stdout is not None
        assert waiting.stderr is not None
        assert waiting.stdout.readline() == f"task {numbers[0]} succeeded\n"

        dispatcher.kill()

        assert waiting.stderr.readline() == (
            "the dispatcher of this host died, and nothing more starts here: start it again with `dispatcher run`\n"
        )
        site.start()
        gate.open()
        assert waiting.wait(PATIENCE) == 0


def test_what_agents_put_beside_the_locks_keeps_nobody_from_working(site: Site) -> None:
    stray, waiting, ours = (
        site.work_dir / name for name in ("stray", str(uuid.UUID(int=1)), str(uuid.UUID(int=2)))
    )
    for directory in (stray, waiting, ours):
        directory.mkdir(parents=True)
    (stray / ".lock").write_text("1")
    os.mkfifo(waiting / ".lock")
    (ours / ".lock").write_text("1")
    (site.work_dir / ".id").write_text("no uuid")

    listed = site.llmctl("ls")

    assert (listed.returncode, listed.stderr) == (0, "no tasks\n")


def test_a_dispatcher_that_holds_its_lock_is_not_taken_for_gone(site: Site) -> None:
    dispatcher = site.start()
    dispatcher.wait_for("dispatcher started")
    dispatcher.signal(signal.SIGSTOP)
    assert site.llmctl("ls").returncode == 0
    assert ": alive, " in site.command("status").stdout
    dispatcher.signal(signal.SIGCONT)


def test_a_dispatcher_whose_work_directory_was_deleted_ends_with_a_sentence(site: Site) -> None:
    site.configure("dispatcher", heartbeat_interval=1, lease_interval=30)
    gate = site.gate()
    number = site.submit(gate.pass_through)
    dispatcher = site.start()
    site.wait_for("running", number)
    site.work_dir.rename(site.directory / "elsewhere")

    assert dispatcher.wait() == 1

    assert f"the work directory {site.work_dir} was deleted or moved" in dispatcher.story()
    assert site.agents(), "agents are left alone"
    assert "no dispatcher is running" in why(site, site.submit("echo later"))
    again = site.start()
    again.wait_for("dispatcher started")
    gate.open()
    site.wait_for("succeeded", site.submit("echo fine"))


def test_stop_finds_a_dispatcher_whose_work_directory_was_deleted(site: Site) -> None:
    dispatcher = site.start()
    dispatcher.wait_for("dispatcher started")
    site.work_dir.rename(site.directory / "elsewhere")

    stopped = site.command("stop")

    assert f"process {dispatcher.pid} starts nothing more" in stopped.stderr
    assert dispatcher.wait() == 0
