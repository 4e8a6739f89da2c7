"""A session that goes on in the clone of an earlier run, with a dispatcher that dies there."""

import os
from pathlib import Path

import pytest

from tests.fixtures.dispatchers import Dispatcher, Gate, Site
from tests.fixtures.phases import give_up, prepared
from tests.fixtures.repositories import HeldGit, Repository

AGENT = """
echo ${2:-begun} >>session
if [ -n "$2" ]; then
    pwd >$SITE/place
    echo >$SITE/in-second
    flock -s $SITE/gate true
    echo after >>session
fi
echo '{"answer": "done", "session": "s-1"}'
"""


@pytest.fixture
def repository(tmp_path: Path) -> Repository:
    return Repository(tmp_path / "shop")


@pytest.fixture
def site(site: Site, repository: Repository) -> Site:
    """A site with a tool whose second run in a session waits at the gate."""
    prepared(site, repository)
    agent = site.directory / "agent.sh"
    agent.write_text(AGENT)
    argv = ["sh", str(agent), "{prompt_file}", "{session}"]
    site.configure("tools", talk={"argv": argv, "output": "jsonl", "answer": "answer", "session": "session"})
    site.configure("groups", talk={"tool": "talk", "env": {"SITE": str(site.directory)}})
    os.mkfifo(site.directory / "in-second")
    return site


@pytest.fixture
def gate(site: Site) -> Gate:
    return site.gate()


def reply(site: Site) -> int:
    """Have a first task done; return the number of a reply to it."""
    first = site.submit("begin", tool="talk", repository="shop")
    site.run()
    (row,) = site.sql("SELECT number FROM reply_task(%s, 'go on')", str(first))
    return int(row["number"])


def in_second(site: Site, held: HeldGit | None = None) -> Dispatcher:
    """Start a dispatcher, and wait until the session goes on."""
    dispatcher = site.start(env=held.env if held is not None else None)
    (site.directory / "in-second").read_text()
    assert (site.directory / "place").read_text() == f"{site.workspace(1)}/work\n"
    return dispatcher


def test_a_reply_outlives_its_dispatcher_in_the_clone_of_the_first_task(
    site: Site, repository: Repository, gate: Gate
) -> None:
    second = reply(site)
    in_second(site)

    site.start_again().wait_for("run adopted", task=second)
    gate.open()

    site.wait_for("succeeded", second)
    assert repository.show(f"refs/llmctl/{second}/1", "session") == "begun\ns-1\nafter\n"
    assert repository.show("refs/llmctl/1/1", "session") == "begun\n"


def test_a_dispatcher_that_dies_as_it_records_a_reply_begins_that_again(
    site: Site, repository: Repository, gate: Gate
) -> None:
    second = reply(site)
    held = HeldGit(site.directory, "diff-tree")
    dispatcher = in_second(site, held)
    gate.open()
    held.wait()
    dispatcher.kill()
    held.let_go()

    site.start()

    site.wait_for("succeeded", second)
    assert repository.show(f"refs/llmctl/{second}/1", "session") == "begun\ns-1\nafter\n"
    assert len(site.runs(second)) == 1


def test_the_work_of_a_reply_that_was_given_up_is_recorded_as_its_own(
    site: Site, repository: Repository, gate: Gate
) -> None:
    second = reply(site)
    in_second(site).kill()
    give_up(site, second)
    site.cancel(second)

    site.run()

    assert repository.show(f"refs/llmctl/{second}/1", "session") == "begun\ns-1\n"
    assert repository.show("refs/llmctl/1/1", "session") == "begun\n"
    (row,) = site.sql("SELECT ref FROM list_changes(%s)", [str(second)])
    assert row["ref"] == f"refs/llmctl/{second}/1"


def test_a_run_after_a_check_that_failed_outlives_its_dispatcher_in_the_clone_of_the_first(
    site: Site, repository: Repository, gate: Gate
) -> None:
    number = site.submit(
        "make it pass",
        tool="talk",
        repository="shop",
        setup_command=f"echo setup >>{site.journal}",
        check_command="test $(wc -l <session) = 3",
    )
    in_second(site)

    site.start_again().wait_for("run adopted", task=number)
    gate.open()

    site.wait_for("succeeded", number)
    assert len(site.runs(number)) == 2
    assert repository.show(f"refs/llmctl/{number}/1", "session") == "begun\n"
    assert repository.show(f"refs/llmctl/{number}/2", "session") == "begun\ns-1\nafter\n"
    assert site.journal_lines() == ["setup"]
