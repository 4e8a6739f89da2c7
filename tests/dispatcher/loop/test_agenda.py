"""What goes into the next round trip to the database, and when that is due."""

import math

import pytest
import trio
from trio.testing import MockClock

from dispatcher.loop.agenda import LARGEST_BATCH, START_DELAY, Agenda
from sql.rows.dispatchers import Report, Started


def test_reports_go_in_batches_that_one_statement_can_carry_and_a_larger_one_goes_alone() -> None:
    agenda = Agenda()
    sizes = [10, LARGEST_BATCH // 2, LARGEST_BATCH // 2, 2 * LARGEST_BATCH, 10, 10]
    for number, size in enumerate(sizes):
        agenda.ended(Report(run_id=str(number), final_text="x" * size))

    batches = []
    while agenda.has_reports:
        batches.append([report.run_id for report in agenda.take_reports()])

    assert batches == [["0", "1"], ["2"], ["3"], ["4", "5"]]


def test_starts_wait_for_others_and_then_tell_their_age() -> None:
    async def scenario() -> None:
        agenda = Agenda()
        agenda.started(Started(run_id="first", pid=1, ago_s=0.5))
        due = trio.current_time() + START_DELAY
        await trio.sleep(START_DELAY / 2)
        agenda.started(Started(run_id="second", pid=2, ago_s=0.0))
        assert agenda.starts_due_at == pytest.approx(due)
        await trio.sleep_until(due)

        starts = agenda.take_starts()

        ages = {start.run_id: start.ago_s for start in starts}
        assert ages == pytest.approx({"first": 0.5 + START_DELAY, "second": START_DELAY / 2})
        assert agenda.starts_due_at == math.inf

    trio.run(scenario, clock=MockClock(autojump_threshold=0))


def test_a_run_that_has_ended_tells_no_start() -> None:
    async def scenario() -> None:
        agenda = Agenda()
        agenda.started(Started(run_id="run", pid=1, ago_s=0.0))

        agenda.ended(Report(run_id="run"))

        assert agenda.take_starts() == []

    trio.run(scenario)


def test_a_deadline_only_brings_the_next_claim_forward() -> None:
    async def scenario() -> None:
        agenda = Agenda()
        agenda.claim_within(None)
        assert agenda.claim_at == math.inf
        for seconds in (10, 20):
            agenda.claim_within(seconds)
            assert agenda.claim_at == trio.current_time() + 10
        agenda.claim_now()
        agenda.claim_within(5)
        assert agenda.claim_at <= trio.current_time()

    trio.run(scenario, clock=MockClock(autojump_threshold=0))


def test_a_report_that_is_held_is_due_again_after_growing_pauses_and_others_are_not() -> None:
    async def scenario() -> None:
        agenda = Agenda()
        agenda.ended(Report(run_id="held"))
        pauses = []
        for _ in range(8):
            [report] = agenda.take_reports()
            agenda.held([report])
            assert agenda.has_reports
            assert agenda.take_reports() == []
            pauses.append(agenda.reports_due_at - trio.current_time())
            await trio.sleep_until(agenda.reports_due_at)
        assert pauses[0] < 0.06
        assert 0.5 <= pauses[-1] <= 1
        assert list(agenda.held_for(2)) == ["held"]
        agenda.ended(Report(run_id="other"))
        taken = agenda.take_reports()
        assert {report.run_id for report in taken} == {"held", "other"}
        agenda.taken(taken)
        assert not agenda.has_reports
        assert not agenda.held_for(0)

    trio.run(scenario, clock=MockClock(autojump_threshold=0))
