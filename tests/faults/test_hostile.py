"""Hostile input, hostile agents, hostile hosts: a clear error or a clean result, and the dispatcher lives."""

import os
import signal
import subprocess
import sys

import pytest

from tests.dispatcher.run.printed import printed
from tests.fixtures.dispatchers import Site
from tests.fixtures.scarcity import PidsGroup, small_disk
from tests.fixtures.users import needs_root


def test_a_prompt_arrives_whole_whatever_it_begins_with_and_however_long_it_is(site: Site) -> None:
    site.configure("tools", count={"argv": ["wc", "-c"], "proof": "none"})
    site.configure("groups", count={"tool": "count"})
    prompts = [
        "--help",
        "-",
        "$(touch $SITE/hit)",
        "'; touch $SITE/hit; '",
        "two\nlines\n\n",
        "\u2028 \x1b[2J ünï",
    ]
    numbers = [site.submit(prompt, tool="cat") for prompt in prompts]
    long = site.submit("x" * 10_000_000, tool="count")

    site.run()

    answers = [site.task(number)["result"]["text"] for number in numbers]
    assert answers == [prompt.strip() for prompt in prompts]
    assert site.task(long)["result"]["text"] == "10000000"
    assert not (site.directory / "hit").exists()


def test_what_an_agent_prints_is_never_too_strange_for_the_database(site: Site) -> None:
    number = site.submit(r"printf '\377\000\033[31mred\355\240\200 end'; printf '\000\377' >&2")

    site.run()

    (run,) = site.runs(number)
    assert run["status"] == "succeeded"
    for text in (run["final_text"], run["stdout_trunc"]):
        assert text.endswith("end")
        assert "\x1b[31mred" in text
    assert run["stderr"] == "\N{REPLACEMENT CHARACTER}" * 2


HOSTILE = {
    "closes its output and goes on": (
        "echo said; exec >&- 2>&-; sleep 0.2; touch $SITE/went-on",
        "succeeded",
    ),
    "leaves a daemon that holds its output": ("setsid sleep 1000 & echo said", "succeeded"),
    "kills its process group": ("echo said; trap '' TERM; kill -TERM 0; kill -KILL $$", "agent_error"),
    "kills the shim that watches over it": (
        "echo said; sleep 0.2; kill -KILL $PPID; sleep 0.2; echo more",
        "succeeded",
    ),
    "is killed, for instance for want of memory": ("echo said; kill -KILL $$", "agent_error"),
    "exits as if it could not be found": ("echo said; exit 127", "agent_error"),
    "removes its work directory": ("echo said; rm -rf ../work", "succeeded"),
    "removes its whole workspace": ("echo said; cd /; rm -rf $OLDPWD/..", None),
    "puts a FIFO in place of its log": ("echo said; rm ../stdout.log; mkfifo ../stdout.log", None),
    "puts a link in place of its log": (
        "rm ../stdout.log; ln -s /etc/passwd ../stdout.log; exit 0",
        "empty_result",
    ),
    "puts a directory in place of its run record": ("echo said; rm ../run; mkdir ../run", "succeeded"),
    "puts a FIFO in place of its run record": ("echo said; rm ../run; mkfifo ../run", "succeeded"),
    "makes its workspace unwritable": ("echo said; chmod 000 .. .", "succeeded"),
    "closes all that is in its workspace": ("echo said; chmod -R 000 ..; exit 0", "succeeded"),
    "writes into its run record": ("echo said; echo exit 3 >>../run; echo started 1 >>../run", "succeeded"),
    "writes an endless exit code into its run record": (
        "echo said; { printf 'exit '; head -c 5000 /dev/zero | tr '\\0' 1; echo; } >>../run",
        "succeeded",
    ),
    "leaves an exit code that no program has": (
        "echo said; echo exit 99999999999 >>../run; sleep 0.5; kill -KILL $PPID; sleep 0.2; exit 3",
        "agent_error",
    ),
    "leaves an exit code and kills the shim that watches over it": (
        "echo said; echo exit 0 >>../run; sleep 1; kill -KILL $PPID; sleep 0.2; exit 3",
        "agent_error",
    ),
    "starts more than it can count": ("for i in $(seq 200); do sleep 1000 & done; echo said", "succeeded"),
}


def test_no_agent_can_hurt_the_dispatcher_or_other_agents(site: Site) -> None:
    site.configure("groups", sh={"max_concurrent": 8})
    numbers = {what: site.submit(script, max_attempts=1) for what, (script, _) in HOSTILE.items()}
    (site.directory / "secret").write_text("not for agents")
    outside = site.submit(
        "ln -s $SITE/secret direct; ln -s $SITE way; mkfifo pipe; mkdir place; echo said",
        output_files=["direct", "way/secret", "pipe", "place"],
        max_attempts=1,
    )
    dispatcher = site.run()

    for what, (_, expected) in HOSTILE.items():
        task = site.task(numbers[what])
        if expected is not None:
            assert (task["error_class"] or task["status"]) == expected, what
    assert (site.directory / "went-on").exists()
    assert site.task(outside)["error_class"] == "output_missing"
    assert site.sql("SELECT FROM task_files") == []
    texts = site.sql("SELECT stdout_trunc || coalesce(final_text, '') AS text FROM task_runs")
    assert not any("root:" in (row["text"] or "") for row in texts)
    assert "Traceback" not in dispatcher.story()
    assert site.agents() == []
    assert site.sql("SELECT * FROM check_counters()") == []


def test_an_agent_that_closes_its_workspace_loses_neither_answer_nor_files_nor_check(site: Site) -> None:
    """Root sees all of it anyway; as another user, a dispatcher opens what is its own again."""
    gate = site.gate()
    site.configure("security", allow_commands=True)
    number = site.submit(
        f"echo first; echo written >file; chmod 000 ../stdout.log ../run . ..; {gate.pass_through}; echo last",
        output_files=["file"],
        check_command="cat file; chmod 000 .. .",
        max_attempts=1,
    )
    site.start()
    site.wait_until(lambda: printed(site, number) == b"first\n")
    site.start_again().wait_for("run adopted", task=number)

    gate.open()

    site.wait_for("succeeded", number)
    assert site.task(number)["result"]["text"] == "first\nlast"
    assert site.sql("SELECT path FROM task_files") == [{"path": "file"}]
    assert len(site.runs(number)) == 1
    site.wait_until(lambda: not site.workspace(number).exists())
    trash = site.workspace(number).parent / "trash"
    site.wait_until(lambda: not list(trash.iterdir()))


@pytest.mark.parametrize("exit_code", ["", "99999999999", "0"])
def test_an_agent_that_kills_the_shell_that_watches_over_it_is_lost_whatever_it_wrote(
    site: Site, exit_code: str
) -> None:
    """The agents of tasks that chose their directory have a shell."""
    site.configure("security", allowed_roots=[str(site.directory)])
    number = site.submit(
        f"echo said; echo exit {exit_code} >>$TMPDIR/../run; kill -KILL $PPID; sleep 1000",
        max_attempts=1,
        workdir=str(site.directory),
    )

    site.run()

    assert site.task(number)["error_class"] == "lost"
    assert site.agents() == []


def test_a_run_record_that_lies_about_the_pid_makes_nobody_else_a_victim(site: Site) -> None:
    bystander = subprocess.Popen(["sleep", "1000"], start_new_session=True)
    number = site.submit(
        f"echo started {bystander.pid} >>../run; echo x >$SITE/lied; exec sleep 1000", max_attempts=1
    )
    os.mkfifo(site.directory / "lied")
    site.start()
    (site.directory / "lied").read_text()
    site.wait_for("running", number)
    site.start_again().wait_for("run adopted", task=number)

    site.cancel(number)
    site.wait_for("canceled", number)

    assert bystander.poll() is None
    bystander.kill()
    bystander.wait()


@needs_root
def test_a_full_disk_holds_tasks_up_with_a_reason_and_fails_none(site: Site) -> None:
    with small_disk(site.work_dir, "256k"):
        site.start().wait_for("dispatcher started")
        filler = site.work_dir / "filler"
        with filler.open("wb") as file:
            file.write(b"x" * 200_000)
        number = site.submit(f"echo fits again # {'x' * 100_000}")
        site.wait_until(lambda: site.task(number)["wait_reason"] == "retry")
        task = site.task(number)
        assert (task["status"], task["attempt"], task["error_class"]) == ("queued", 0, "no_resources")
        assert "No space left on device" in site.sql("SELECT why_waiting(%s) AS why", str(number))[0]["why"]

        filler.unlink()
        site.sql("SELECT retry_task(%s)", str(number))

        site.wait_for("succeeded", number)


def test_a_log_that_finds_no_room_ends_nothing(site: Site) -> None:
    dispatcher = site.start(prefix=["sh", "-c", 'exec "$@" 2>/dev/full', "sh"])
    number = site.submit("echo done")

    site.wait_for("succeeded", number)

    dispatcher.signal(signal.SIGTERM)
    assert dispatcher.wait() == 0


@needs_root
def test_a_disk_that_fills_up_while_the_agent_runs_costs_the_run_but_not_its_exit_code(site: Site) -> None:
    with small_disk(site.work_dir, "1m"):
        number = site.submit("head -c 2000000 /dev/zero >filler; echo full >&2; exit 7", max_attempts=1)
        site.start()
        site.wait_until(lambda: site.task(number)["wait_reason"] == "retry")

        run = site.runs(number)[0]
        assert (run["status"], run["exit_code"], run["error_class"]) == ("failed", 7, "no_resources")


@needs_root
def test_a_disk_that_is_too_full_for_an_output_file_holds_the_result_up_and_costs_none(site: Site) -> None:
    home = site.directory / "home"
    with small_disk(home, "1m"):
        number = site.submit(
            "head -c 17000000 /dev/zero >large; echo done", output_files=["large"], max_attempts=1
        )
        dispatcher = site.start()
        entry = dispatcher.wait_for("output files wait", task=number)
        assert "No space left on device" in str(entry["error"])

        subprocess.run(["mount", "-o", "remount,size=64m", str(home)], check=True)

        site.wait_for("succeeded", number)
        assert site.task(number)["result"]["output_files"] == ["large"]


@needs_root
def test_a_work_directory_that_became_read_only_holds_tasks_up_with_a_reason(site: Site) -> None:
    with small_disk(site.work_dir, "1m"):
        dispatcher = site.start()
        gate = site.gate()
        running = site.submit(f"{gate.pass_through}; echo done")
        site.wait_for("running", running)
        subprocess.run(["mount", "-o", "remount,ro,size=1m", str(site.work_dir)], check=False)
        number = site.submit("echo done")
        gate.open()
        site.wait_until(
            lambda: site.task(number)["error_class"] == "no_resources" or site.task(number)["result"]
        )
        assert dispatcher.process.poll() is None


def test_a_work_directory_that_cannot_be_used_is_refused_at_the_start(site: Site) -> None:
    site.work_dir.write_text("a file")

    dispatcher = site.start()

    assert dispatcher.wait() == 2
    assert "execution.work_dir" in dispatcher.story()


def test_who_starts_the_dispatcher_may_ignore_how_children_end(site: Site) -> None:
    ignoring = (
        "import os, signal, sys; signal.signal(signal.SIGCHLD, signal.SIG_IGN); "
        "os.execvp(sys.argv[1], sys.argv[1:])"
    )
    good, bad = site.submit("(exit 3); echo code $?"), site.submit("exit 7", max_attempts=1)

    site.start(prefix=[sys.executable, "-c", ignoring])

    site.wait_for("succeeded", good)
    site.wait_for("failed", bad)
    assert site.task(good)["result"]["text"] == "code 3"
    assert site.runs(bad)[0]["exit_code"] == 7


def test_few_file_descriptors_hold_agents_up_but_lose_none(site: Site) -> None:
    site.configure("groups", sh={"max_concurrent": 40})
    gate = site.gate()
    numbers = site.submit_many([{"tool": "sh", "prompt": f"{gate.pass_through}; echo done"}] * 40)
    dispatcher = site.start(prefix=["sh", "-c", 'ulimit -n 40; exec "$@"', "sh"])
    site.wait_until(lambda: site.sql("SELECT FROM task_runs WHERE error_class = 'no_resources'"))
    gate.open()

    def all_done() -> bool:
        # Do not wait for the tasks that are held up: they start at once.
        site.sql(
            "UPDATE tasks SET next_attempt_at = now() WHERE wait_reason = 'retry' AND next_attempt_at > now()"
        )
        return all(site.task(number)["status"] == "succeeded" for number in numbers)

    site.wait_until(all_done)

    assert dispatcher.process.poll() is None
    assert site.sql("SELECT * FROM check_counters()") == []


def test_no_more_processes_hold_agents_up_but_lose_none(site: Site, pids_group: PidsGroup) -> None:
    dispatcher = site.start(prefix=pids_group.prefix)
    dispatcher.wait_for("dispatcher started")
    number = site.submit("echo done")
    site.wait_for("succeeded", number)
    pids_group.limit(pids_group.count())
    numbers = site.submit_many([{"tool": "sh", "prompt": "echo done"}] * 3)
    site.wait_until(lambda: any(site.task(number)["error_class"] == "no_resources" for number in numbers))

    pids_group.limit(None)

    for number in numbers:
        site.sql(
            "UPDATE tasks SET next_attempt_at = now() WHERE number = %s AND wait_reason = 'retry'", number
        )
    site.wait_for("succeeded", *numbers)
