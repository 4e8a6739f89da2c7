"""A new version of the program on a database in use: nothing is lost, and a program that is too old says so."""

from tests.fixtures.dispatchers import Site


def test_a_dispatcher_that_is_too_old_for_the_database_ends_and_leaves_its_agents_running(site: Site) -> None:
    gate = site.gate()
    number = site.submit(f"{gate.pass_through}; echo survived")
    old = site.start()
    old.wait_for("run started", task=number)

    # What a newer version does to a function that it no longer needs.
    site.sql("ALTER FUNCTION report_and_claim RENAME TO claim_of_another_version")
    site.submit("echo wakes the dispatcher")

    assert old.wait() == 4
    assert "upgrade" in old.story()
    assert "Traceback" not in old.story()
    site.sql("ALTER FUNCTION claim_of_another_version RENAME TO report_and_claim")
    site.start()
    gate.open()
    site.wait_for("succeeded", number)
    assert len(site.runs(number)) == 1
