"""The dispatcher may die in any phase of a run with a repository and commands: no phase runs twice, no work is lost."""

import os
import signal
from pathlib import Path

import pytest

from dispatcher.run.commands.check import MOST_VANISHED
from dispatcher.workspaces import run_record
from tests.faults.conftest import Crashing
from tests.fixtures.dispatchers import Site
from tests.fixtures.phases import Phases, ended, prepared
from tests.fixtures.repositories import HeldGit, Repository
from tests.fixtures.scarcity import small_disk
from tests.fixtures.shims import Shim
from tests.fixtures.users import needs_root


@pytest.fixture
def repository(tmp_path: Path) -> Repository:
    return Repository(tmp_path / "shop")


@pytest.fixture
def site(site: Site, repository: Repository) -> Site:
    return prepared(site, repository)


@pytest.mark.parametrize("phase", ["setup", "agent", "check"])
def test_a_process_that_outlives_its_dispatcher_is_adopted_and_each_ran_once(
    site: Site, repository: Repository, phase: str
) -> None:
    phases = Phases(site, phase)
    site.start()
    phases.wait_in(phase)

    site.start_again().wait_for("run adopted" if phase == "agent" else "command adopted", task=phases.number)
    phases.gates[phase].open()

    assert phases.proven(repository)
    assert site.journal_lines() == ["setup", "agent", "check"]


@pytest.mark.parametrize("phase", ["setup", "agent", "check"])
def test_a_process_that_ended_while_there_was_no_dispatcher_ran_once(
    site: Site, repository: Repository, phase: str
) -> None:
    phases = Phases(site, phase)
    dispatcher = site.start()
    phases.wait_in(phase)
    pid = phases.process(phase)
    dispatcher.kill()
    phases.gates[phase].open()
    ended(pid)

    site.start()

    assert phases.proven(repository)
    assert site.journal_lines() == ["setup", "agent", "check"]


@pytest.mark.parametrize(
    ("command", "runs"), [("for-each-ref", 2), ("read-tree", 2), ("diff-tree", 1)],
    ids=["as it begins to clone", "in the middle of a clone", "as it records"],
)  # fmt: skip
def test_a_dispatcher_that_dies_in_git_begins_that_again_and_nothing_else(
    site: Site, repository: Repository, command: str, runs: int
) -> None:
    held = HeldGit(site.directory, command)
    phases = Phases(site, "none")
    dispatcher = site.start(env=held.env)
    held.wait()
    dispatcher.kill()
    held.let_go()

    site.start(env=held.env)

    assert phases.proven(repository, runs)
    assert site.journal_lines() == ["setup", "agent", "check"]
    assert [run["attempt"] for run in site.runs(phases.number)] == [1] * runs
    repository.git("fsck", "--strict")


@pytest.mark.parametrize("command", ["read-tree", "diff-tree"], ids=["as it clones", "as it records"])
def test_a_git_that_outlives_its_dispatcher_is_ended_by_the_next_one(
    site: Site, repository: Repository, command: str
) -> None:
    held = HeldGit(site.directory, command)
    site.submit("echo work >work; echo done", repository="shop")
    dispatcher = site.start(env=held.env)
    pid = held.wait()
    dispatcher.kill()
    os.kill(pid, 0)  # it is still there
    held.let_go()

    site.start(env=held.env)

    ended(pid)


@pytest.mark.parametrize(
    ("phase", "expected", "runs"),
    [("setup", ["setup", "setup", "agent", "check"], 2), ("check", ["setup", "agent", "check", "check"], 1)],
)
def test_a_command_whose_end_nobody_saw_runs_again_and_no_agent_does(
    site: Site, repository: Repository, phase: str, expected: list[str], runs: int
) -> None:
    phases = Phases(site, phase)
    dispatcher = site.start()
    phases.wait_in(phase)
    pid = phases.process(phase)
    dispatcher.kill()
    Shim.of(pid).kill()
    os.kill(pid, signal.SIGKILL)
    ended(pid)

    dispatcher = site.start()
    phases.wait_in(phase)
    phases.gates[phase].open()

    assert phases.proven(repository, runs), dispatcher.story()
    assert site.journal_lines() == expected
    assert site.runs(phases.number)[-1]["attempt"] == 1


@pytest.mark.parametrize("with_dispatcher", [False, True], ids=["alone", "with the dispatcher"])
def test_a_check_whose_watchers_are_killed_again_and_again_runs_again_and_the_agent_does_not(
    site: Site, repository: Repository, with_dispatcher: bool
) -> None:
    phases = Phases(site, "check")
    dispatcher = site.start()
    for _ in range(3):
        phases.wait_in("check")
        pid = phases.process("check")
        if with_dispatcher:
            dispatcher.kill()
        Shim.of(pid).kill()
        if with_dispatcher:
            dispatcher = site.start()
        ended(pid)
    phases.wait_in("check")
    phases.gates["check"].open()

    assert phases.proven(repository), dispatcher.story()
    assert site.journal_lines() == ["setup", "agent", *["check"] * 4]
    assert site.sql("SELECT verdict FROM run_commands WHERE kind = 'check'") == [{"verdict": "passed"}]


def test_a_check_that_kills_whatever_watches_over_it_fails_at_last(
    site: Site, repository: Repository
) -> None:
    number = site.submit(
        "echo work >work; echo done",
        repository="shop",
        check_command=f"echo check >>{site.journal}; shim=$PPID; "
        "keeper=$(sed -n 's/^PPid:.//p' /proc/$shim/status); kill -KILL $keeper $shim; sleep 1000",
        max_attempts=1,
    )

    site.start()

    site.wait_for("failed", number)
    assert site.task(number)["error_class"] == "check_failed"
    assert site.journal_lines() == ["check"] * MOST_VANISHED


@pytest.mark.parametrize("phase", ["clone", "setup"])
def test_a_machine_that_starts_again_before_the_agent_used_up_no_attempt(
    site: Site, repository: Repository, phase: str
) -> None:
    held = HeldGit(site.directory, "read-tree" if phase == "clone" else "none")
    phases = Phases(site, phase)
    dispatcher = site.start(env=held.env)
    if phase == "clone":
        held.wait()
        dispatcher.kill()
    else:
        phases.wait_in(phase)
        pid = phases.process(phase)
        dispatcher.kill()
        Shim.of(pid).kill()
        os.kill(pid, signal.SIGKILL)
        ended(pid)
        phases.gates[phase].open()
    held.let_go()
    site.sql("UPDATE dispatchers SET boot_id = gen_random_uuid()")

    site.start(env=held.env)
    if phase == "setup":
        phases.wait_in(phase)

    assert phases.proven(repository, 2)
    assert [run["attempt"] for run in site.runs(phases.number)] == [1, 1]
    assert site.journal_lines()[-2:] == ["agent", "check"]


def test_a_check_that_the_agent_forged_for_the_next_dispatcher_does_not_count(
    site: Site, repository: Repository
) -> None:
    gate = site.gate()
    os.mkfifo(site.directory / "forged")
    number = site.submit(
        "mkdir ../check; { head -n1 ../run; echo started 1; echo exit 0; } >../check/run; "
        f"echo >$SITE/forged; {gate.pass_through}; echo done",
        repository="shop",
        check_command="exit 7",
        max_attempts=1,
    )
    dispatcher = site.start()
    (site.directory / "forged").read_text()
    pid = run_record.read(site.workspace(number)).pid
    assert pid is not None
    dispatcher.kill()
    gate.open()
    ended(pid)

    site.run()

    assert site.task(number)["error_class"] == "check_failed"


def test_a_dispatcher_that_is_told_to_end_leaves_a_check_to_the_next_one(
    site: Site, repository: Repository
) -> None:
    site.configure("dispatcher", grace=0)
    phases = Phases(site, "check")
    dispatcher = site.start()
    phases.wait_in("check")

    dispatcher.signal(signal.SIGTERM)
    assert dispatcher.wait() == 0
    site.start().wait_for("command adopted", task=phases.number)
    phases.gates["check"].open()

    assert phases.proven(repository)
    assert site.journal_lines() == ["setup", "agent", "check"]


@pytest.mark.parametrize("command", ["read-tree", "diff-tree"])
def test_a_dispatcher_that_is_told_to_end_does_not_wait_for_git(
    site: Site, repository: Repository, command: str
) -> None:
    site.configure("dispatcher", grace=0)
    held = HeldGit(site.directory, command)
    phases = Phases(site, "none")
    dispatcher = site.start(env=held.env)
    held.wait()
    held.let_go()

    dispatcher.signal(signal.SIGTERM)
    assert dispatcher.wait() == 0
    site.start(env=held.env)

    assert phases.proven(repository, 2 if command == "read-tree" else 1)
    assert site.journal_lines() == ["setup", "agent", "check"]


@pytest.mark.parametrize("phase", ["setup", "agent", "check"])
def test_a_cancel_while_there_is_no_dispatcher_ends_the_run_in_any_phase(
    site: Site, repository: Repository, phase: str
) -> None:
    phases = Phases(site, phase)
    dispatcher = site.start()
    phases.wait_in(phase)
    pid = phases.process(phase)
    dispatcher.kill()
    site.cancel(phases.number)

    site.start()

    site.wait_until(lambda: site.task(phases.number)["status"] == "canceled")
    ended(pid)
    order = ["setup", "agent", "check"]
    assert site.journal_lines() == order[: order.index(phase) + 1]
    assert len(site.runs(phases.number)) == 1


@pytest.mark.parametrize("phase", ["setup", "agent", "check"])
def test_a_dispatcher_that_is_told_to_stop_at_once_stops_any_phase_and_uses_up_no_attempt(
    site: Site, repository: Repository, phase: str
) -> None:
    phases = Phases(site, phase)
    dispatcher = site.start()
    phases.wait_in(phase)

    dispatcher.signal(signal.SIGTERM)
    dispatcher.wait_for("draining")
    dispatcher.signal(signal.SIGTERM)

    assert dispatcher.wait() == 0
    task, (run,) = site.task(phases.number), site.runs(phases.number)
    assert (task["status"], task["attempt"], run["error_class"]) == ("queued", 0, "interrupted")


def test_a_cancel_ends_a_clone(site: Site, repository: Repository) -> None:
    held = HeldGit(site.directory, "read-tree")
    phases = Phases(site, "none")
    site.start(env=held.env)
    held.wait()
    site.wait_until(lambda: site.runs(phases.number)[0]["activity"] == "cloning shop")
    assert site.task(phases.number)["status"] == "leased"

    site.cancel(phases.number)

    site.wait_until(lambda: site.task(phases.number)["status"] == "canceled")
    assert site.journal_lines() == []


def test_a_cancel_while_the_agent_works_records_its_work(site: Site, repository: Repository) -> None:
    number = site.submit("echo precious >work; echo ready; sleep 1000", repository="shop")
    site.start()
    site.wait_until(lambda: site.sql("SELECT FROM run_output"))

    site.cancel(number)

    site.wait_until(lambda: site.task(number)["status"] == "canceled")
    assert repository.show(f"refs/llmctl/{number}/1", "work") == "precious\n"


@pytest.mark.parametrize("phase", ["setup", "agent", "check"])
def test_the_database_may_be_away_in_any_phase(crashing: Crashing, tmp_path: Path, phase: str) -> None:
    repository = Repository(tmp_path / "shop")
    site = prepared(crashing.site, repository)
    phases = Phases(site, phase)
    site.start()
    phases.wait_in(phase)
    crashing.kill()
    phases.gates[phase].open()

    crashing.start()

    assert phases.proven(repository)
    assert site.journal_lines() == ["setup", "agent", "check"]


@pytest.mark.parametrize("command", ["read-tree", "diff-tree"], ids=["clone", "record"])
def test_the_database_may_be_away_while_git_is_at_work(
    crashing: Crashing, tmp_path: Path, command: str
) -> None:
    repository = Repository(tmp_path / "shop")
    site = prepared(crashing.site, repository)
    held = HeldGit(site.directory, command)
    phases = Phases(site, "none")
    site.start(env=held.env)
    held.wait()
    crashing.kill()
    held.go_on()

    crashing.start()

    assert phases.proven(repository)
    assert site.journal_lines() == ["setup", "agent", "check"]


@needs_root
def test_a_full_disk_while_cloning_uses_up_no_attempt(site: Site, repository: Repository) -> None:
    (repository.path / "large").write_bytes(os.urandom(3 * 2**20))
    repository.git("add", "large")
    repository.git("-c", "user.name=me", "-c", "user.email=me@localhost", "commit", "-qm", "large")
    with small_disk(site.directory / "small", "2m"):
        site.configure("execution", work_dir=str(site.directory / "small" / "work"))
        number = site.submit("echo agent >>$SITE/journal; echo done", repository="shop")
        dispatcher = site.start()

        site.wait_until(lambda: site.task(number)["wait_reason"] == "retry")

        (run,) = site.runs(number)
        assert (run["error_class"], site.task(number)["attempt"]) == ("no_resources", 0)
        assert site.journal_lines() == []
        dispatcher.kill()


@needs_root
@pytest.mark.parametrize("where", ["recording", "check"])
def test_what_follows_the_agent_waits_for_room_on_a_full_disk(
    site: Site, repository: Repository, where: str
) -> None:
    with small_disk(site.directory / "small", "8m"):
        site.work_dir = site.directory / "small" / "work"
        site.configure("execution", work_dir=str(site.work_dir))
        filling = site.directory / "small" / "filling"
        fill = f"cat /dev/zero >{filling} 2>/dev/null"
        number = site.submit(
            f"echo precious >work; echo done; {fill if where == 'recording' else 'true'}; true",
            repository="shop",
            check_command=f"echo check >>{site.journal}; test -e {site.journal}.free || "
            f"{{ {fill}; echo some output; exit 1; }}"
            if where == "check"
            else f"echo check >>{site.journal}",
        )
        dispatcher = site.start()
        dispatcher.wait_for("recording waits" if where == "recording" else "a check waits for room")

        filling.unlink()
        Path(f"{site.journal}.free").touch()

        site.wait_for("succeeded", number)
        assert repository.show(f"refs/llmctl/{number}/1", "work") == "precious\n"
        assert site.journal_lines() == ["check"] * (1 if where == "recording" else 2)
        assert len(site.runs(number)) == 1
        dispatcher.kill()
