"""Somebody sets the clock of the database's server while a dispatcher waits for a time."""

from collections.abc import Callable
from functools import partial

import pytest

from tests.fixtures.dispatchers import Site

SetClock = Callable[[int], None]


@pytest.fixture
def set_clock(site: Site) -> SetClock:
    """Set clock() so many hours ahead of the real time, or behind it."""
    site.sql("CREATE TABLE test_clock (ahead interval)")
    site.sql("INSERT INTO test_clock VALUES ('0')")
    site.sql("GRANT SELECT ON test_clock TO PUBLIC")  # functions run as their owner, not as the superuser
    site.sql(
        "CREATE OR REPLACE FUNCTION clock() RETURNS timestamptz LANGUAGE sql VOLATILE"
        " AS 'SELECT clock_timestamp() + ahead FROM test_clock'"
    )

    def set_to(hours: int) -> None:
        site.sql("UPDATE test_clock SET ahead = make_interval(hours => %s)", hours)

    return set_to


def heartbeats(site: Site, count: int) -> None:
    """Return after so many further heartbeats."""

    def last() -> object:
        return site.sql("SELECT last_heartbeat_at FROM dispatchers")

    def next_after(before: object) -> bool:
        return last() != before

    for _ in range(count):
        site.wait_until(partial(next_after, last()))


def test_what_is_due_starts_at_the_next_heartbeat_after_the_clock_was_set_forward(
    site: Site, set_clock: SetClock
) -> None:
    site.configure("dispatcher", heartbeat_interval=0.5, lease_interval=60)
    site.start()
    site.wait_for("succeeded", site.submit("echo warm"))
    number = site.submit("echo due", delay_s=3600)
    heartbeats(site, 2)
    assert site.task(number)["status"] == "queued"

    set_clock(2)

    site.wait_for("succeeded", number)


def test_nothing_breaks_when_the_clock_is_set_back(site: Site, set_clock: SetClock) -> None:
    site.configure("dispatcher", heartbeat_interval=0.5, lease_interval=60)
    dispatcher = site.start()
    site.wait_for("succeeded", site.submit("echo warm"))
    number = site.submit("echo due", delay_s=2)

    set_clock(-2)

    site.wait_for("succeeded", site.submit("echo not delayed"))
    heartbeats(site, 6)  # the timer for the delayed task has expired by then
    assert site.task(number)["status"] == "queued"
    set_clock(0)
    site.wait_for("succeeded", number)
    assert [entry["event"] for entry in dispatcher.log() if entry["level"] in ("warning", "error")] == []
