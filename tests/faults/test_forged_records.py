"""An agent may write anything into its own run record; nobody else feels it.

Records that name other processes are read in a namespace of process ids of the test's own: what goes wrong there
reaches nobody on this machine.
"""

import os

import pytest

from tests.fixtures.dispatchers import Dispatcher, Site
from tests.fixtures.namespaces import PidNamespace, number_inside
from tests.fixtures.starving import freezer
from tests.fixtures.users import needs_root

NOTHING_TWICE = "exec 9>>$SITE/alone; flock -n 9 || echo twice >>$SITE/journal; "
"""Two agents of one task at a time notice each other, whatever the database believes."""
FORGE = "{ head -n 1 ../run; echo %s; } >forged && "
"""A record with the real first line and a false rest."""
IN_PLACE = "cat forged >../run; echo >$SITE/forged; exec sleep 1000"
"""The shim that watches the agent keeps the lock."""
REPLACED = "mv forged ../run; exec 8<../run; flock 8; echo >$SITE/forged; sleep 1000"
"""The agent holds the lock of another file."""


@pytest.fixture
def inside(site: Site, pid_namespace: PidNamespace) -> PidNamespace:
    """Dispatchers and their agents are in a separate namespace. An agent says `echo >$SITE/forged`."""
    site.pids = pid_namespace
    return pid_namespace


@pytest.fixture
def site(site: Site) -> Site:
    os.mkfifo(site.directory / "forged")
    return site


def forged(site: Site) -> None:
    (site.directory / "forged").read_text()


def adopt(site: Site) -> Dispatcher:
    dispatcher = site.start_again()
    dispatcher.wait_for("dispatcher started")
    return dispatcher


@needs_root
@pytest.mark.parametrize("way", [IN_PLACE, REPLACED], ids=["in place", "replaced"])
def test_a_record_that_names_every_process_has_none_of_them_signaled(
    site: Site, inside: PidNamespace, way: str
) -> None:
    """Signaling the group of process 1 would signal every process: kill(-1)."""
    bystander = inside.start("sleep", "1000")
    gate = site.gate()
    other = site.submit(f"{gate.pass_through}; echo unharmed")
    number = site.submit(FORGE % "started 1" + way, max_attempts=1)
    site.start()
    site.wait_for("running", other)
    forged(site)
    dispatcher = adopt(site)

    site.cancel(number)
    site.wait_until(lambda: site.task(number)["status"] in ("canceled", "failed"))
    gate.open()

    site.wait_for("succeeded", other)
    assert len(site.runs(other)) == 1
    assert bystander.poll() is None
    assert dispatcher.process.poll() is None
    assert site.agents() == []


@needs_root
@pytest.mark.parametrize("whose", ["another agent", "the shim", "a stranger"])
def test_a_record_that_names_another_process_does_not_have_that_one_signaled(
    site: Site, inside: PidNamespace, whose: str
) -> None:
    bystander = inside.start("sleep", "1000")
    gate = site.gate()
    os.mkfifo(site.directory / "other")
    other = site.submit(f"echo $$ $PPID >$SITE/other; {gate.pass_through}; echo unharmed")
    site.start()
    agent, shim = (site.directory / "other").read_text().split()
    victims = {
        "another agent": int(agent),
        "the shim": int(shim),
        "a stranger": number_inside(bystander.pid),
    }
    number = site.submit(FORGE % f"started {victims[whose]}" + IN_PLACE, max_attempts=1, timeout_s=1)
    forged(site)
    dispatcher = adopt(site)

    site.wait_until(lambda: site.task(number)["status"] == "failed")
    gate.open()

    site.wait_for("succeeded", other)
    assert len(site.runs(other)) == 1
    assert bystander.poll() is None
    assert dispatcher.process.poll() is None


@pytest.mark.parametrize(("stop", "limit"), [("canceled", 60), ("timeout", 1)])
def test_a_record_that_says_for_ever_that_its_agent_is_starting_holds_no_stop_up(
    site: Site, stop: str, limit: int
) -> None:
    number = site.submit(f"head -n 1 ../run >forged; {IN_PLACE}", max_attempts=1, timeout_s=limit)
    site.start()
    forged(site)
    adopt(site)

    if stop == "canceled":
        site.cancel(number)

    site.wait_until(lambda: site.task(number)["error_class"] == stop)
    assert site.agents() == []


@needs_root
def test_the_task_of_an_agent_that_says_it_has_ended_begins_anew_only_when_it_is_gone(site: Site) -> None:
    lie = FORGE % "started 12; echo exit 1" + "mv forged ../run; echo $$ >$SITE/forged; exec sleep 1000"
    number = site.submit(
        f"{NOTHING_TWICE} mkdir $SITE/first || {{ echo again; exit; }}; {lie}", max_attempts=2
    )
    site.start()
    agent = (site.directory / "forged").read_text()

    with freezer(site.directory / "freezer") as group:
        (group / "cgroup.procs").write_text(agent)
        (group / "freezer.state").write_text("FROZEN")
        adopt(site).wait_for("processes of a run do not die: it keeps its slot")
        assert len(site.runs(number)) == 1

    site.wait_for("succeeded", number)
    assert len(site.runs(number)) == 2
    assert site.journal_lines() == []
    assert site.agents() == []


def test_a_time_that_an_agent_writes_into_its_record_puts_its_timeout_off_in_vain(site: Site) -> None:
    later = """sed '1s/"launched":[0-9.]*/"launched":99999999/' ../run >forged; """
    number = site.submit(later + IN_PLACE, max_attempts=1, timeout_s=2)
    site.start()
    site.wait_for("running", number)
    forged(site)

    adopt(site)

    site.wait_until(lambda: site.task(number)["error_class"] == "timeout")
    assert site.agents() == []
