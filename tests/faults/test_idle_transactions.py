"""Somebody's open transaction that idles holds up a report for a bounded time, and nothing else of the dispatcher."""

import psycopg
import pytest

from tests.fixtures.dispatchers import Site


def began(site: Site) -> tuple[int, psycopg.Connection]:
    """A run whose agent has ended, and the session of somebody who canceled it before, in a transaction that idles."""
    gate = site.gate()
    number = site.submit(f"{gate.pass_through}; echo done")
    site.wait_for("running", number)
    idle = site.elsewhere()
    idle.execute("set application_name = 'nightly import'")
    idle.execute("set llmctl.longest_idle = '1h'")
    idle.execute("begin")
    idle.execute("select cancel_task(%s)", [str(number)])
    gate.open()
    return number, idle


def test_other_runs_go_on_while_a_report_is_held_and_the_holder_is_named(site: Site) -> None:
    dispatcher = site.start()
    dispatcher.wait_for("dispatcher started")
    held, idle = began(site)
    dispatcher.wait_for("somebody's open transaction holds up reports")
    [named] = dispatcher.log("somebody's open transaction holds up reports")
    assert "nightly import" in str(named["who"])
    assert named["pid"] == idle.info.backend_pid

    others = [site.submit("echo other") for _ in range(5)]
    site.wait_for("succeeded", *others)
    assert site.task(held)["status"] == "running"
    waiting = site.submit("echo later", delay_s=3600)
    assert "scheduled to start" in site.llmctl("show", str(waiting)).stdout
    assert "running" in site.llmctl("show", str(held)).stdout

    idle.execute("commit")
    site.wait_for("succeeded", held)
    assert site.sql("SELECT * FROM check_counters()") == []


def test_a_transaction_that_idles_for_too_long_is_ended_and_the_report_goes_through(site: Site) -> None:
    site.configure("dispatcher", end_idle_after=2)
    dispatcher = site.start()
    dispatcher.wait_for("dispatcher started")
    held, idle = began(site)
    site.wait_for("succeeded", held)
    assert dispatcher.log("ended the session of an idle transaction that held up reports")
    with pytest.raises(psycopg.OperationalError):
        idle.execute("commit")
    assert [run["status"] for run in site.runs(held)] == ["succeeded"]


def test_a_claim_that_waits_for_a_transaction_goes_on_when_that_is_ended(site: Site) -> None:
    site.configure("dispatcher", end_idle_after=2)
    dispatcher = site.start()
    dispatcher.wait_for("dispatcher started")
    idle = site.elsewhere()
    idle.execute("begin")
    idle.execute("select from worker_groups for update")
    number = site.submit("echo done")
    site.wait_for("succeeded", number)
    assert dispatcher.log("ended the session of an idle transaction that held up reports")
