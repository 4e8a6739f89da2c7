"""Giving up the runs of hosts that do not come back."""

from uuid import UUID

import pytest

from tests.sql.client import Client, Run
from tests.sql.clock import Clock
from tests.sql.concurrently import in_background, until_blocked
from tests.sql.refused import refused

DAY = 86400


def running(db: Client, dispatcher: UUID, **keys: object) -> Run:
    db.submit(**keys)
    [run] = db.claim(dispatcher, 1).runs
    db.start(dispatcher, run)
    return run


def given_up(db: Client, host: str | None = None) -> list[object]:
    return [number for (number,) in db.rows("select number from recover_lost(%s)", host)]


def test_what_a_dispatcher_left_running_when_it_said_goodbye_is_not_kept_for_ever(
    wide: Client, time: Clock
) -> None:
    """Otherwise nobody could free its slots, since no dispatcher is left that a cancel would reach."""
    left = wide.dispatcher("far away")
    run = running(wide, left)
    wide.run("select close_dispatcher(%s)", left)
    time.passes(600)
    assert given_up(wide) == []

    time.passes(DAY)
    assert given_up(wide) == [run.number]
    assert wide.status(run.number) == ("queued", "retry")
    assert wide.drift() == []
    assert given_up(wide) == []


@pytest.mark.parametrize(("timeout", "after"), [(60, 300), (900, 300)])
def test_the_moment_at_which_a_run_is_lost_is_known_ahead(
    wide: Client, time: Clock, timeout: int, after: int
) -> None:
    """It is the later of the last heartbeat and the run's timeout, plus the time that hosts may be away."""

    def due() -> float:
        return float(str(wide.value("select seconds_until_lost(%s, 600)", after)))

    def lost() -> list[object]:
        return [number for (number,) in wide.rows("select number from recover_lost(NULL, %s, 600)", after)]

    assert due() == float("inf")
    host = wide.dispatcher("far away")
    run = running(wide, host, timeout_s=timeout)
    time.passes(30)
    wide.run("select heartbeat(%s)", host)

    wait = max(30, timeout) + after - 30
    assert due() == pytest.approx(wait, abs=1)
    time.passes(wait - 5)
    assert lost() == []
    time.passes(due() + 0.5)
    assert lost() == [run.number]
    assert due() == float("inf")


def test_a_person_may_forget_a_host_whose_dispatcher_said_goodbye(wide: Client, time: Clock) -> None:
    left = wide.dispatcher("far away")
    run = running(wide, left)
    wide.run("select close_dispatcher(%s)", left)
    time.passes(1)

    assert given_up(wide, "far away") == [run.number]
    with refused("LD404", "host 'far away' has no dispatcher"):
        wide.run("select recover_lost('far away')")


@pytest.mark.parametrize("tools", [("claude", "gemini"), ("gemini", "claude")])
def test_giving_up_several_dispatchers_does_not_deadlock_with_a_report(
    wide: Client, time: Clock, tools: tuple[str, str]
) -> None:
    """Each of them moves counters; the second one may need some that come before those of the first."""
    wide.group("codex", tool="codex")
    wide.group("gemini", tool="gemini", slots=2)
    for tool in tools:
        running(wide, wide.dispatcher("far away"), tool=tool)
    time.passes(DAY)
    here = wide.dispatcher()
    reports = [{"run_id": running(wide, here, tool=tool).id} for tool in ("claude", "codex", "gemini")]

    holder, reporter, recoverer = wide.another(), wide.another(), wide.another()
    holder.run("begin")
    holder.run("select from concurrency_limits where scope = 'tool:codex' for update")
    with in_background(lambda: reporter.finish_all(here, reports)) as verdicts:
        until_blocked(wide, reporter)  # with the counter of claude in hand
        with in_background(lambda: given_up(recoverer)) as lost:
            until_blocked(wide, recoverer)
            holder.run("commit")
    assert verdicts.result() == ["finished"] * 3
    assert lost.result() == [1, 2]
    assert wide.drift() == []
