"""Runs of a host that does not come back are given up late or by a person, and never only because a lease ended."""

import re

import psycopg
import pytest

from dispatcher.commands.recover import recover_lost
from dispatcher.configuration.settings import load
from dispatcher.errors import NotFoundError, WrongStateError
from tests.fixtures.dispatchers import Site


@pytest.fixture
def away(site: Site) -> int:
    """The number of a task whose agent ran on another host, which was last heard of ten minutes ago."""
    number = site.submit("echo done", timeout_s=60)
    (row,) = site.sql(
        "SELECT register_dispatcher('far away', 'another boot', 1, 'x', gen_random_uuid(), 60)::text AS id"
    )
    site.sql("SELECT report_and_claim(%s, '[]')", row["id"])
    site.sql(
        "UPDATE dispatchers SET last_heartbeat_at = now() - interval '10 min', "
        "lease_expires_at = now() - interval '9 min'"
    )
    site.sql("UPDATE task_runs SET claimed_at = now() - interval '12 min'")
    return number


def outcome(site: Site, number: int) -> list[str]:
    return [str(run["status"]) for run in site.runs(number)]


def test_a_lease_that_ended_is_no_reason(site: Site, away: int) -> None:
    other = site.submit("echo other")

    site.start()
    site.wait_for("succeeded", other)

    assert outcome(site, away) == ["running"]


def test_a_host_that_was_away_for_too_long_is_given_up_by_the_others(site: Site, away: int) -> None:
    site.configure("dispatcher", host_lost_after=300)

    dispatcher = site.start()
    dispatcher.wait_for("gave up runs of hosts that did not come back", tasks=[away])
    site.wait_for("succeeded", away)

    assert outcome(site, away) == ["lost", "succeeded"]
    assert [run["attempt"] for run in site.runs(away)] == [1, 2]


def test_a_host_is_given_up_at_the_moment_at_which_that_is_due(site: Site, away: int) -> None:
    """And not at some later look: what people are told is when it happens."""
    site.configure("dispatcher", host_lost_after=612)  # it was last heard ten minutes ago

    dispatcher = site.start()
    dispatcher.wait_for("dispatcher started")
    assert outcome(site, away) == ["running"]

    dispatcher.wait_for("gave up runs of hosts that did not come back", tasks=[away])
    site.wait_for("succeeded", away)


def test_an_agent_that_may_still_be_within_its_time_is_not_given_up(site: Site, away: int) -> None:
    site.configure("dispatcher", host_lost_after=300)
    site.sql("UPDATE tasks SET timeout_s = 3600")
    other = site.submit("echo other")

    site.start()
    site.wait_for("succeeded", other)

    assert outcome(site, away) == ["running"]


def test_a_person_may_forget_a_host_after_a_look(site: Site, away: int) -> None:
    look = site.command("recover", "--forget-host", "far away", "--dry-run")
    assert re.match(rf"{away}-1\tfar away\taway for 6\d\d", look.stdout)
    assert "1 runs would be given up" in look.stderr
    assert outcome(site, away) == ["running"]

    assert site.command("recover", "--forget-host", "far away").returncode == 0

    assert outcome(site, away) == ["lost"]
    assert site.task(away)["status"] == "queued"
    (dispatcher,) = site.sql("SELECT closed FROM dispatchers")
    assert dispatcher["closed"], "what it may still report is refused"
    assert site.sql("SELECT * FROM check_counters()") == []


def test_a_host_that_is_alive_or_unknown_cannot_be_forgotten(site: Site) -> None:
    site.start("--host-id", "here").wait_for("dispatcher started")
    settings = load(site.write_config())
    with site.elsewhere() as connection:
        with pytest.raises(WrongStateError, match="is alive"):
            recover_lost(connection, settings, forget_host="here")
        with pytest.raises(NotFoundError, match="nowhere"):
            recover_lost(connection, settings, forget_host="nowhere")


def test_the_return_of_a_forgotten_dispatcher_is_refused(site: Site, away: int) -> None:
    (former,) = site.sql("SELECT id FROM dispatchers")
    (run,) = site.runs(away)
    with site.elsewhere() as connection:
        recover_lost(connection, load(site.write_config()), forget_host="far away")

    with pytest.raises(psycopg.DatabaseError, match="is closed"):
        site.sql(
            "SELECT finish_runs(%s, jsonb_build_array(jsonb_build_object('run_id', %s::text)))",
            former["id"],
            str(run["id"]),
        )
