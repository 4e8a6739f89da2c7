"""The dispatcher may die at any point: nothing is lost, nothing runs twice, no agent notices.

Where a kill cannot be aimed, a former dispatcher's state is made by hand, with the same calls that a dispatcher makes:
a registered dispatcher of this work directory has claimed, and got so far and no further.
"""

import fcntl
import json
import os
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

from dispatcher.host import linux
from dispatcher.run.process.launch import Child, Launch, launch
from dispatcher.workspaces import run_record
from dispatcher.workspaces.run_record import Header, RunRecord
from dispatcher.workspaces.work_directory import WorkDirectory, Workspace
from sql.rows.dispatchers import ClaimedRun
from tests.fixtures.dispatchers import Site

AGENTS = 50


class Former:
    """A dispatcher of this work directory that is about to die."""

    def __init__(self, site: Site, boot_id: str | None = None) -> None:
        self._site = site
        self._dead = False
        self._boot_id = boot_id or linux.boot_id()
        database_id = str(site.sql("SELECT database_id() AS id")[0]["id"])
        self._held = WorkDirectory.hold(site.work_dir, database_id)
        self.id = str(
            site.sql(
                "SELECT register_dispatcher('old-name', %s, 1, 'old', %s, 60) AS id",
                self._boot_id,
                self._held.id,
            )[0]["id"]
        )

    def claim(self) -> tuple[ClaimedRun, Workspace]:
        (row,) = self._site.sql("SELECT report_and_claim(%s, '[]', 1)::text AS answer", self.id)
        answer = msgspec.json.decode(row["answer"], type=dict[str, msgspec.Raw])
        (run,) = msgspec.json.decode(answer["runs"], type=list[ClaimedRun])
        return run, self._held.workspace(run.number, run.run_no)

    def lay_out(self) -> tuple[ClaimedRun, Workspace]:
        run, workspace = self.claim()
        workspace.lay_out(run.prompt, [])
        return run, workspace

    def record(self, run: ClaimedRun, workspace: Workspace) -> RunRecord:
        header = Header(
            run_id=run.run_id,
            number=run.number,
            run_no=run.run_no,
            tool=run.tool,
            boot_id=self._boot_id,
            launched=linux.seconds_since_boot(),
        )
        return RunRecord.create(workspace.directory, header)

    def launch(self) -> tuple[ClaimedRun, Workspace, Child]:
        run, workspace = self.lay_out()
        record = self.record(run, workspace)
        agent = launch(
            Launch(
                argv=["/bin/sh", str(workspace.prompt)],
                cwd=workspace.work,
                stdin=Path(os.devnull),
                stdout=workspace.stdout,
                stderr=workspace.stderr,
                env={"PATH": os.environ["PATH"], "SITE": str(self._site.directory), **self.marks(run)},
            ),
            record,
        )
        record.close()
        return run, workspace, agent

    def marks(self, run: ClaimedRun) -> dict[str, str]:
        """What identifies the processes of a run."""
        return {"LLMCTL_RUN": run.run_id, "LLMCTL_OWNER": self._held.mark}

    def started(self, run: ClaimedRun, pid: int) -> None:
        told = msgspec.json.encode([{"run_id": run.run_id, "pid": pid}]).decode()
        self._site.sql("SELECT start_runs(%s, %s)", self.id, told)

    def die(self) -> None:
        if not self._dead:
            self._held.release()
        self._dead = True


@pytest.fixture
def former(site: Site) -> Iterator[Former]:
    made = Former(site)
    yield made
    made.die()


def outcomes(site: Site, number: int) -> list[tuple[str, int]]:
    return [(run["status"], run["attempt"]) for run in site.runs(number)]


def test_killing_the_dispatcher_neither_kills_nor_repeats_a_running_agent(site: Site) -> None:
    gate = site.gate()
    site.configure("groups", sh={"max_concurrent": AGENTS})
    work = f"echo $LLMCTL_RUN >>$SITE/journal; {gate.pass_through}; echo result of $LLMCTL_RUN"
    numbers = site.submit_many([{"tool": "sh", "prompt": work}] * AGENTS)
    site.start().wait_for("run started", times=AGENTS)
    dispatcher = site.start_again()
    dispatcher.wait_for("run adopted", times=AGENTS)

    gate.open()
    site.wait_for("succeeded", *numbers)

    runs = [run for number in numbers for run in site.runs(number)]
    assert len(runs) == AGENTS, "no task had a second run"
    assert sorted(site.journal_lines()) == sorted(str(run["id"]) for run in runs), "no agent ran twice"
    assert all(run["final_text"] == f"result of {run['id']}" for run in runs)
    assert all(run["exit_code"] == 0 for run in runs)
    assert site.sql("SELECT * FROM check_counters()") == []


def test_a_crash_with_more_prompts_at_work_than_one_answer_can_hold(site: Site) -> None:
    """JSON of 256 MiB is an error: no dispatcher would ever start again."""
    site.configure("groups", sh={"max_concurrent": 30})
    site.configure("limits", **{"tool:sh": 30})
    gate = site.gate()
    site.sql(
        "INSERT INTO tasks (tool, prompt) SELECT 'sh', %s || repeat('x', 10000000) FROM generate_series(1, 28)",
        f"{gate.pass_through}; echo done; exit\n#",
    )
    numbers = list(range(1, 29))
    site.start()
    site.wait_for("running", *numbers, within=90)

    again = site.start_again()
    again.wait_for("run adopted", times=len(numbers))
    gate.open()

    site.wait_for("succeeded", *numbers)
    assert {len(site.runs(number)) for number in numbers} == {1}


def test_killed_before_the_agent_was_started(site: Site, former: Former) -> None:
    numbers = [site.submit("echo done") for _ in range(3)]
    former.claim()
    former.lay_out()
    former.record(*former.lay_out()).close()
    former.die()

    site.run()

    given_back = [("interrupted", 1), ("succeeded", 1)]
    assert [outcomes(site, number) for number in numbers] == [given_back] * 3


def test_killed_between_fork_and_the_word_of_the_start(site: Site, former: Former) -> None:
    gate = site.gate()
    number = site.submit("unused")
    run, workspace = former.lay_out()
    record = former.record(run, workspace)
    late = f"{gate.pass_through}; echo started $$; echo late >../stdout.log; echo exit 0"
    shell = subprocess.Popen(
        ["/bin/sh", "-c", late],
        stdin=record.descriptor,
        stdout=record.descriptor,
        cwd=workspace.work,
        env={"PATH": os.environ["PATH"], **former.marks(run)},
        start_new_session=True,
    )
    record.close()
    former.die()
    other = site.submit("echo meanwhile")
    site.start()
    site.wait_for("succeeded", other)
    assert site.task(number)["status"] == "leased", "nothing is known yet"

    gate.open()
    site.wait_for("succeeded", number)

    assert shell.wait() == 0
    assert outcomes(site, number) == [("succeeded", 1)]
    assert site.task(number)["result"]["text"] == "late"


@pytest.mark.parametrize("told", [True, False], ids=["start told", "start not told"])
def test_killed_while_the_agent_runs(site: Site, former: Former, told: bool) -> None:
    gate = site.gate()
    number = site.submit(f"{gate.pass_through}; echo survived")
    run, _, agent = former.launch()
    if told:
        former.started(run, agent.pid)
    former.die()
    dispatcher = site.start("--until-empty")
    dispatcher.wait_for("run adopted", task=number, pid=agent.pid)

    gate.open()

    assert agent.wait() == 0
    assert dispatcher.wait() == 0
    assert outcomes(site, number) == [("succeeded", 1)]
    assert site.task(number)["result"]["text"] == "survived"


def test_killed_after_the_agent_ended(site: Site, former: Former) -> None:
    number = site.submit("echo finished alone; exit 7", max_attempts=1)
    _, _, agent = former.launch()
    agent.wait()
    former.die()

    site.run()

    assert outcomes(site, number) == [("failed", 1)]
    (run,) = site.runs(number)
    assert (run["exit_code"], run["stdout_trunc"]) == (7, "finished alone\n")


def test_what_ended_while_no_dispatcher_ran_for_a_day_is_collected_and_not_lost(
    site: Site, former: Former
) -> None:
    """The adoption may take long, here because somebody else holds a row that it needs."""
    number = site.submit("echo finished alone", timeout_s=60)
    _, _, agent = former.launch()
    agent.wait()
    former.die()
    site.sql("UPDATE dispatchers SET last_heartbeat_at = now() - interval '1 day', lease_expires_at = now()")
    site.sql("UPDATE task_runs SET claimed_at = now() - interval '1 day'")
    site.sql(
        "INSERT INTO dispatchers (id, host, boot_id, pid, version, work_dir_id, lease_s, lease_expires_at, closed)"
        " SELECT '00000000-0000-0000-0000-000000000000', host, boot_id, pid, version, work_dir_id, 60, now(), true"
        " FROM dispatchers"
    )
    site.configure("dispatcher", heartbeat_interval=0.2)

    with site.elsewhere() as holder, site.elsewhere() as listener, holder.transaction():
        holder.execute("SELECT FROM dispatchers WHERE closed FOR UPDATE")
        listener.execute("LISTEN dispatcher_heartbeat")
        site.start()
        heartbeats = 3  # one at the registration, and two intervals in which all services were at work
        assert len(list(listener.notifies(timeout=30, stop_after=heartbeats))) == heartbeats
    site.wait_for("succeeded", number)

    assert outcomes(site, number) == [("succeeded", 1)]


def test_killed_after_the_end_was_stored(site: Site, former: Former) -> None:
    number = site.submit("echo done")
    run, workspace, agent = former.launch()
    agent.wait()
    site.sql("SELECT finish_runs(%s, %s)", former.id, f'[{{"run_id": "{run.run_id}", "final_text": "done"}}]')
    former.die()

    site.run()

    assert outcomes(site, number) == [("succeeded", 1)]
    assert not workspace.directory.exists(), "what it left is removed"


@pytest.mark.parametrize("status", ["succeeded", "lost"])
def test_of_a_run_that_destroyed_its_record_the_files_stay_only_as_long_as_there_is_no_result(
    site: Site, former: Former, status: str
) -> None:
    site.submit("head -n 1 ../run >forged; echo started 4194303 >>forged; mv forged ../run; echo done")
    run, workspace, agent = former.launch()
    agent.wait()
    report = {"run_id": run.run_id} | (
        {"final_text": "done"} if status == "succeeded" else {"error_class": status}
    )
    site.sql("SELECT finish_runs(%s, %s)", former.id, json.dumps([report]))
    former.die()

    if status == "succeeded":
        site.start()
        site.wait_until(lambda: not workspace.directory.exists())
    else:
        site.run()

    assert site.runs(run.number)[0]["status"] == status
    assert workspace.directory.exists() == (status == "lost")


def test_an_adopted_run_is_stopped_when_its_time_since_the_launch_is_over(site: Site, former: Former) -> None:
    number = site.submit("sleep 1000", timeout_s=1, max_attempts=1)
    _, _, agent = former.launch()
    former.die()

    site.run()

    assert agent.wait() != 0
    assert site.task(number)["error_class"] == "timeout"


def test_a_cancel_that_nobody_heard_is_obeyed_at_the_next_start(site: Site, former: Former) -> None:
    number = site.submit("echo begun; exec sleep 1000")
    run, _, agent = former.launch()
    former.started(run, agent.pid)
    site.cancel(number)
    former.die()

    site.run()

    assert agent.wait() != 0
    assert outcomes(site, number) == [("canceled", 1)]


def test_a_stop_that_was_begun_is_known_for_what_it_was(site: Site, former: Former) -> None:
    os.mkfifo(site.directory / "begun")
    number = site.submit("echo >$SITE/begun; exec sleep 1000", max_attempts=1)
    _, workspace, agent = former.launch()
    (site.directory / "begun").read_text()
    run_record.note_stop(workspace.directory, "timeout")
    os.killpg(agent.pid, signal.SIGKILL)
    agent.wait()
    former.die()

    site.run()

    assert outcomes(site, number) == [("timed_out", 1)]


def test_a_run_whose_shell_was_killed_is_lost_only_when_no_process_of_it_is_left(
    site: Site, former: Former
) -> None:
    os.mkfifo(site.directory / "begun")
    os.mkfifo(site.directory / "never")
    number = site.submit("echo >$SITE/begun; read nothing <$SITE/never", max_attempts=1)
    _, _, agent = former.launch()
    (site.directory / "begun").read_text()
    os.kill(agent.pid, signal.SIGKILL)
    agent.wait()
    former.die()
    assert len(site.agents()) == 1, "the agent itself lives on"

    site.run()

    assert outcomes(site, number) == [("lost", 1)]
    assert site.agents() == []


def test_an_agent_that_removed_its_record_before_its_start_was_told_is_gone_before_its_task_begins_anew(
    site: Site, former: Former
) -> None:
    os.mkfifo(site.directory / "begun")
    number = site.submit(
        "exec 9>>$SITE/alone; flock -n 9 || echo twice >>$SITE/journal; mkdir $SITE/first || { echo again; exit; };"
        "rm ../run; echo >$SITE/begun; sleep 1000"
    )
    former.launch()
    (site.directory / "begun").read_text()
    former.die()

    site.run()

    assert outcomes(site, number) == [("interrupted", 1), ("succeeded", 1)]
    assert site.journal_lines() == []
    assert site.agents() == []


def test_a_run_whose_record_was_destroyed_is_lost_and_leaves_nothing(site: Site) -> None:
    os.mkfifo(site.directory / "begun")
    number = site.submit("rm ../run; mkdir ../run; echo >$SITE/begun; exec sleep 1000", max_attempts=1)
    site.start()
    (site.directory / "begun").read_text()

    site.start_again()

    site.wait_for("failed", number)
    assert outcomes(site, number) == [("lost", 1)]
    assert site.agents() == []


def test_after_a_reboot_what_was_not_proven_to_end_is_lost(site: Site) -> None:
    former = Former(site, boot_id="00000000-0000-0000-0000-000000000000")
    begun, done = site.submit("echo half", max_attempts=1), site.submit("echo all")
    # The page cache may be lost, so the record of a run that was started can be missing.
    former.lay_out()
    _, _, agent = former.launch()
    agent.wait()
    former.die()

    site.run()

    assert outcomes(site, begun) == [("lost", 1)]
    assert outcomes(site, done) == [("succeeded", 1)]


def test_runs_of_a_work_directory_that_is_not_here_are_not_judged(site: Site, former: Former) -> None:
    number = site.submit("echo done")
    site.sql("UPDATE dispatchers SET work_dir_id = gen_random_uuid() WHERE id = %s", former.id)
    former.claim()
    former.die()
    other = site.submit("echo other")
    site.start()

    site.wait_for("succeeded", other)

    assert site.task(number)["status"] == "leased"
    assert outcomes(site, number) == [("running", 1)]


def test_a_tool_that_left_the_configuration_does_not_hurt_its_running_agents(
    site: Site, former: Former
) -> None:
    gate = site.gate()
    number = site.submit(f"{gate.pass_through}; echo a paid answer", max_attempts=1)
    former.launch()
    former.die()
    del site.config["tools"]["sh"], site.config["groups"]["sh"]
    dispatcher = site.start()
    dispatcher.wait_for("run adopted", task=number)

    gate.open()
    site.wait_for("failed", number)

    (run,) = site.runs(number)
    assert run["stdout_trunc"] == "a paid answer\n"
    assert "tools:" in run["error_message"]


def test_the_lock_of_a_run_is_the_shells_and_neither_ours_nor_the_agents(site: Site, former: Former) -> None:
    gate = site.gate()
    site.submit(f"sleep 1000 & {gate.pass_through}; echo done")
    _, workspace, agent = former.launch()
    with (workspace.directory / "run").open() as file, pytest.raises(BlockingIOError):
        fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)

    gate.open()
    agent.wait()

    assert site.agents() != [], "the agent left a process behind"
    with (workspace.directory / "run").open() as file:
        fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
