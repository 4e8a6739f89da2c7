"""Deliveries: at least once, with one id, in order for each subject, until they are given up."""

from typing import Any

import pytest

from tests.sql.client import Client
from tests.sql.clock import Clock
from tests.sql.hooks.conftest import PutHook, Receiver
from tests.sql.refused import refused

DELAYS = (5, 300, 1800, 7200, 18000, 36000, 50400, 72000, 86400)


def states(db: Client) -> list[Any]:
    return [row[0] for row in db.rows("select state from hook_deliveries order by number")]


@pytest.fixture
def told(wide: Client, receiver: Receiver) -> Receiver:
    """Task 1 was started and has failed, task 2 was canceled."""
    wide.submit(max_attempts=1)
    [run] = wide.claim(receiver.id).runs
    wide.start(receiver.id, run)
    wide.finish(receiver.id, run, "agent_error", ran_s=1)
    wide.submit()
    wide.run("select cancel_task('2')")
    return receiver


def test_of_one_task_an_event_waits_for_the_one_before_it(time: Clock, told: Receiver) -> None:
    started, canceled = told.take()
    assert (started.type, canceled.type) == ("task.started", "task.canceled")
    told.end(canceled)
    assert told.take() == []
    told.end(started, "failed")
    time.passes(4)
    assert told.take() == []
    assert told.due_s == 1
    time.passes(1)
    [again] = told.take()
    assert (again.event, again.attempt) == (started.event, 2)
    told.end(again)
    assert told.hear() == ["task.failed"]


def test_two_dispatchers_share_what_is_due(wide: Client, told: Receiver) -> None:
    other = Receiver(wide.another())
    with wide.connection.transaction():
        [mine] = told.take(1)
        [theirs] = other.take(9)
        assert other.take() == []
    assert {mine.type, theirs.type} == {"task.started", "task.canceled"}


def test_what_a_dispatcher_took_and_never_finished_is_sent_again_with_the_same_id(
    wide: Client, time: Clock, told: Receiver
) -> None:
    before = {sent.event for sent in told.take()}
    late = told.take()
    assert (late, told.due_s) == ([], 60)
    time.passes(60)
    other = Receiver(wide.another())
    again = other.take()
    assert {sent.event for sent in again} == before
    told.end(again[0]._replace(attempt=1), "gone")
    assert states(wide) == ["pending"] * 3
    other.end(again[0])
    assert states(wide)[0] == "delivered"


def test_a_delivery_is_given_up_after_76_hours_and_can_be_repeated(
    wide: Client, time: Clock, told: Receiver
) -> None:
    first = told.take()[0]
    for attempt, seconds in enumerate(DELAYS, start=2):
        told.end(first, "failed", detail="HTTP 503")
        time.passes(seconds - 1)
        assert first.event not in {sent.event for sent in told.take()}
        time.passes(1 if seconds > 5 else 6)
        first = next(sent for sent in told.take() if sent.event == first.event)
        assert first.attempt == attempt
    told.end(first, "failed", detail="HTTP 503")
    assert states(wide)[0] == "dead"
    [row] = wide.rows("select pending, dead, failures, detail from list_hooks()")
    assert row == (2, 1, 10, "HTTP 503")
    assert wide.value("select retry_hook('tell')") == 1
    [shown] = [row for row in told.take() if row.event == first.event]
    assert shown.attempt == 1


def test_a_receiver_that_asks_for_more_time_gets_at_most_a_day(
    time: Clock, told: Receiver, wide: Client
) -> None:
    first, second = told.take()
    told.end(first, "failed", retry_after_s=90)
    told.end(second, "failed", retry_after_s=1e9)
    dues = wide.rows("select extract(epoch from due_at - clock())::int from hook_deliveries order by number")
    assert dues == [(90,), (90,), (86400,)]


def test_a_hook_that_fails_rests_and_is_tried_with_one_delivery(
    time: Clock, told: Receiver, wide: Client
) -> None:
    wide.submit_some(8)
    wide.run("select * from act_on_tasks('cancel', '{\"numbers\": [3, 4, 5, 6, 7, 8, 9, 10]}')")
    first, *others = told.take(2)
    told.end(first, "failed")
    assert (told.take(), told.due_s) == ([], 5)
    time.passes(5)
    assert len(told.take()) == 1
    told.end(others[0])
    assert len(told.take()) > 1


def test_a_receiver_that_is_gone_disables_its_hook_until_somebody_switches_it_on(
    wide: Client, told: Receiver, put: PutHook
) -> None:
    first = told.take()[0]
    told.end(first, "gone", detail="HTTP 410")
    assert states(wide) == ["dead"] * 3
    put()
    wide.submit()
    wide.run("select cancel_task('3')")
    assert states(wide) == ["dead"] * 3
    assert wide.value("select disabled_reason from list_hooks()") == "HTTP 410"
    with refused("LD409", "hook tell is disabled: HTTP 410"):
        wide.run("select test_hook('tell')")
    assert wide.value("select retry_hook('tell', %s)", first.event) == 1
    assert told.hear() == ["task.started"]
    assert states(wide).count("dead") == 2


def test_one_event_is_told_again_when_somebody_asks_for_it(wide: Client, told: Receiver) -> None:
    first = told.take()[0]
    told.end(first)
    wide.run("select retry_hook('tell', %s)", first.event)
    assert [sent.event for sent in told.take() if sent.type == first.type] == [first.event]
    with refused("LD404", "there is no event"):
        wide.run("select retry_hook('tell', gen_random_uuid())")
    with refused("LD404", "there is no hook 'unknown'"):
        wide.run("select retry_hook('unknown')")


def test_a_test_is_told_whatever_the_hook_hears(wide: Client, put: PutHook) -> None:
    put(events=["budget.80"], named=True)
    event = wide.value("select test_hook('tell')")
    [sent] = Receiver(wide).take()
    assert (sent.type, sent.event) == ("test", str(event))


def test_too_many_deliveries_are_dropped_oldest_first_and_counted(
    wide: Client, time: Clock, told: Receiver
) -> None:
    told.end(told.take()[0])
    time.passes(100)
    assert wide.value("select prune_deliveries(99, 1)") == 2
    assert wide.rows("select type from hook_deliveries") == [("task.canceled",)]
    assert wide.value("select dropped from list_hooks()") == 1


def test_a_hook_that_config_yaml_no_longer_names_is_removed_by_its_host_only(
    wide: Client, told: Receiver, put: PutHook
) -> None:
    put("other", host="there")
    wide.run("select put_hooks('there', '[]')")
    assert wide.rows("select name from list_hooks()") == [("tell",)]
    wide.run("select put_hooks('here', '[]')")
    assert wide.rows("select name from list_hooks()") == []
    assert states(wide) == []


def test_a_hook_of_which_something_changed_is_on_again(told: Receiver, wide: Client, put: PutHook) -> None:
    told.end(told.take()[0], "gone")
    put(events=["task.failed"])
    assert wide.value("select disabled_reason from list_hooks()") is None
    with refused("LD400", "a hook was not understood"):
        put(kind="pigeon")
