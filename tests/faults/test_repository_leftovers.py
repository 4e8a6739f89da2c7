"""What runs left that nobody watched to their end: each start records it, and the database gets to know."""

from pathlib import Path

import pytest

from tests.fixtures.dispatchers import Site
from tests.fixtures.faults import with_fault
from tests.fixtures.phases import Phases, ended, give_up, prepared
from tests.fixtures.repositories import Repository
from tests.fixtures.scarcity import small_disk
from tests.fixtures.users import needs_root


@pytest.fixture
def repository(tmp_path: Path) -> Repository:
    return Repository(tmp_path / "shop")


@pytest.fixture
def site(site: Site, repository: Repository) -> Site:
    return prepared(site, repository)


def change(site: Site, number: int) -> dict[str, object]:
    (row,) = site.sql("SELECT * FROM list_changes(%s)", [str(number)])
    return row


def lost(site: Site, prompt: str) -> int:
    """Have a run given up whose agent did this and was at work."""
    gate = site.gate()
    number = site.submit(f"{prompt}; echo ready; {gate.pass_through}", repository="shop", max_attempts=1)
    dispatcher = site.start()
    site.wait_until(lambda: site.sql("SELECT FROM run_output"))
    dispatcher.kill()
    give_up(site, number)
    return number


@needs_root
def test_a_cancel_ends_the_wait_for_room_and_the_work_is_recorded_by_a_later_start(
    site: Site, repository: Repository
) -> None:
    with small_disk(site.directory / "small", "8m"):
        site.work_dir = site.directory / "small" / "work"
        site.configure("execution", work_dir=str(site.work_dir))
        filling = site.directory / "small" / "filling"
        number = site.submit(
            f"echo precious >work; echo done; cat /dev/zero >{filling} 2>/dev/null; true", repository="shop"
        )
        dispatcher = site.start()
        dispatcher.wait_for("recording waits")

        site.cancel(number)

        site.wait_until(lambda: site.task(number)["status"] in ("canceled", "failed"))
        (made,) = site.sql("SELECT * FROM run_changes")
        assert made["kept_in"] == str(site.workspace(number) / "work")
        assert f"refs/llmctl/{number}/1" in made["problem"]
        filling.unlink()
        site.start_again().wait_for("recorded what a run had left", task=number)
        assert repository.show(f"refs/llmctl/{number}/1", "work") == "precious\n"
        site.start_again().kill()


def test_the_work_of_a_run_that_was_given_up_as_lost_is_recorded_and_can_be_used_like_any_other(
    site: Site, repository: Repository
) -> None:
    number = lost(site, "echo precious >work")

    site.start().wait_for("recorded what a run had left", task=number)
    site.wait_until(lambda: change(site, number)["ref"])

    assert repository.show(f"refs/llmctl/{number}/1", "work") == "precious\n"
    assert (change(site, number)["files"], change(site, number)["problem"]) == (1, None)
    assert "+precious" in site.llmctl("diff", str(number)).stdout
    assert f"refs/llmctl/{number}/1" in site.llmctl("show", str(number)).stdout
    made = site.llmctl("branch", str(number), "found")
    assert made.returncode == 0, made.stderr
    assert repository.show("found", "work") == "precious\n"


@pytest.mark.parametrize(
    "destroyed", ["rm -rf ../repository", "rm -rf ../repository ../run", "rm -rf .git ../repository"]
)
def test_the_work_of_an_agent_that_destroyed_our_notes_is_recorded_when_it_was_given_up(
    site: Site, repository: Repository, destroyed: str
) -> None:
    site.configure("execution", cleanup="always")
    number = lost(site, f"echo precious >work; rm -rf {destroyed}")

    site.run()

    assert repository.show(f"refs/llmctl/{number}/1", "work") == "precious\n"
    assert change(site, number)["files"] == 1


def test_work_that_cannot_be_recorded_stays_even_without_our_notes_and_the_task_says_where(
    site: Site, repository: Repository
) -> None:
    number = lost(site, "echo precious >work; rm -rf ../repository ../run")
    work = site.workspace(number) / "work"
    repository.path.rename(f"{repository.path}.away")

    site.run()

    assert (work / "work").read_text() == "precious\n"
    assert (change(site, number)["kept_in"], change(site, number)["ref"]) == (str(work), None)
    Path(f"{repository.path}.away").rename(repository.path)
    site.run()
    assert repository.show(f"refs/llmctl/{number}/1", "work") == "precious\n"
    assert (change(site, number)["kept_in"], change(site, number)["problem"]) == (None, None)


def test_an_agent_that_destroys_our_notes_and_takes_the_repository_away_loses_nothing(
    site: Site, repository: Repository
) -> None:
    number = site.submit(
        f"echo precious >work; rm -rf ../repository; mv {repository.path} {repository.path}.away; echo done",
        repository="shop",
    )

    site.run()

    assert site.task(number)["error_class"] == "not_recorded"
    assert (site.workspace(number) / "work" / "work").read_text() == "precious\n"
    Path(f"{repository.path}.away").rename(repository.path)
    site.run()
    assert repository.show(f"refs/llmctl/{number}/1", "work") == "precious\n"
    assert change(site, number)["kept_in"] is None
    assert "since then it is recorded as" in site.task(number)["error_message"]


def test_what_was_recorded_before_the_database_could_be_told_is_told_by_the_next_start(
    site: Site, repository: Repository
) -> None:
    phases = Phases(site, "check")
    dispatcher = site.start()
    phases.wait_in("check")
    check = phases.process("check")
    dispatcher.kill()
    recorded = repository.git("rev-parse", f"refs/llmctl/{phases.number}/1").strip()
    give_up(site, phases.number)

    site.start()

    (row,) = site.wait_until(
        lambda: site.sql("SELECT * FROM run_changes WHERE run_id = %s", site.runs(phases.number)[0]["id"])
    )
    assert (row["ref"], row["head_commit"]) == (f"refs/llmctl/{phases.number}/1", recorded)
    ended(check)


def test_a_run_that_ends_because_our_own_code_failed_has_its_work_recorded(
    site: Site, repository: Repository
) -> None:
    number = site.submit("echo precious >work; echo done", repository="shop", max_attempts=1)
    fault = """
from dispatcher.run.agent import Agent
def broken(*_): raise RuntimeError('broken')
Agent.keep_files = broken
"""

    dispatcher = site.start("--until-empty", prefix=with_fault(fault))

    assert dispatcher.wait() == 0, dispatcher.story()
    assert site.task(number)["error_class"] == "agent_error"
    assert repository.show(f"refs/llmctl/{number}/1", "work") == "precious\n"
    assert change(site, number)["files"] == 1
