"""Schedules in real dispatchers, at a clock that the test sets."""

import json
from datetime import datetime

from tests.fixtures.dispatchers import Site

CLOCK = "create or replace function clock() returns timestamptz language sql volatile as 'select now from test_clock'"


def stop_the_clock(site: Site, at: str) -> None:
    site.sql("create table test_clock (now timestamptz)")
    site.sql("grant select on test_clock to public")
    site.sql("insert into test_clock values (%s)", datetime.fromisoformat(at))
    site.sql(CLOCK)


def set_the_clock(site: Site, at: str) -> None:
    """Set it, and wake the dispatchers as their next heartbeats would."""
    site.sql("update test_clock set now = %s", datetime.fromisoformat(at))
    site.sql("select pg_notify('task_ready', 'the clock was set')")


def put(site: Site, cron: str, zone: str) -> None:
    task = {"tool": "sh", "prompt": "echo {{scheduled_at}} | tee -a $SITE/journal"}
    site.sql("select put_schedule('nightly', %s, %s, %s)", cron, json.dumps(task), zone)


def next_at(site: Site) -> object:
    return site.sql("select next_at from schedules")[0]["next_at"]


def done(site: Site) -> int:
    return int(site.sql("select count(*) as n from tasks where status = 'succeeded'")[0]["n"])


def test_three_dispatchers_over_the_night_of_a_clock_change_run_each_time_once_although_one_is_killed(
    site: Site,
) -> None:
    """The leases are longer than the night, or else the first to look would take the others for lost."""
    stop_the_clock(site, "2026-10-24T12:00:00+02:00")
    others = []
    for number in range(3):
        site.config["execution"]["work_dir"] = str(site.directory / f"work{number}")
        site.config["dispatcher"] = {"host": f"host{number}", "lease_interval": 3e5, "host_lost_after": 3e5}
        others.append(site.start(config=f"config{number}.yaml"))
        others[-1].wait_for("dispatcher started")
    put(site, "30 2 * * *", "Europe/Berlin")
    site.wait_until(lambda: next_at(site) == datetime.fromisoformat("2026-10-25T02:30:00+02:00"))
    set_the_clock(site, "2026-10-25T02:30:00+02:00")
    others[0].kill()
    site.start(config="config0.yaml")  # it may have had the task
    site.wait_until(lambda: done(site) == 1)
    for later in ("2026-10-25T02:30:00+01:00", "2026-10-25T12:00:00+01:00"):
        set_the_clock(site, later)
    site.wait_until(lambda: next_at(site) == datetime.fromisoformat("2026-10-26T02:30:00+01:00"))
    set_the_clock(site, "2026-10-26T02:30:00+01:00")
    site.wait_until(lambda: done(site) == 2)
    assert site.journal_lines() == ["2026-10-25T02:30:00+02:00", "2026-10-26T02:30:00+01:00"]


def test_what_a_dispatcher_cannot_read_pauses_the_schedule_with_the_reason(site: Site) -> None:
    put(site, "61 * * * *", "UTC")
    site.start().wait_for("schedule paused: it cannot be read")
    [row] = site.sql("select pause_class, pause_reason from schedules")
    assert row["pause_class"] == "unreadable"
    assert "'61 * * * *' is not a valid cron expression: bad minute" in row["pause_reason"]


def test_a_schedule_is_no_work_for_a_dispatcher_that_runs_until_nothing_is_left(site: Site) -> None:
    put(site, "0 0 1 1 *", "UTC")
    site.run()
    assert done(site) == 0
