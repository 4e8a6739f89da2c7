"""A reply runs only where its session is, however many dispatchers there are."""

from uuid import UUID

import pytest

from tests.sql.client import Client
from tests.sql.clock import Clock


@pytest.fixture
def holder(db: Client) -> UUID:
    """A dispatcher whose work directory has the session of task 1, which has ended."""
    db.group("main", slots=5)
    holder = db.dispatcher(host="left")
    db.submit()
    [run] = db.claim(holder).runs
    db.start(holder, run)
    db.finish(holder, run, session_id="s", final_text="x", ran_s=1)
    return holder


def test_only_the_dispatcher_that_holds_the_session_takes_a_reply(
    db: Client, holder: UUID, time: Clock
) -> None:
    other = db.dispatcher(host="right")
    reply = db.value("select number from reply_task('1', 'more')")
    plain = db.submit(account="main").number
    for _ in range(5):
        claim = db.claim(other)
        assert reply not in claim.numbers
        assert claim.deadline_s is not None
        time.passes(2)
    assert db.value("select count(*) from tasks where number = %s and status = 'leased'", plain) == 1
    assert db.value("select attempt from tasks where number = %s", reply) == 0
    claimed = db.claim(holder)
    assert claimed.numbers == [reply]
    assert claimed.runs[0].answer["directory"] == "1-1"
    assert db.drift() == []


def test_a_reply_waits_for_its_dispatcher_and_says_so_until_that_is_back(
    db: Client, holder: UUID, time: Clock
) -> None:
    other = db.dispatcher(host="right")
    directory = db.value("select work_dir_id from dispatchers where id = %s", holder)
    db.run("update dispatchers set work_dir = '/srv/left' where id = %s", holder)
    db.run("select close_dispatcher(%s)", holder)
    reply = str(db.value("select number from reply_task('1', 'more')"))
    sentence = (
        "waits for the dispatcher of host left with work directory /srv/left, which holds its session: start it, or"
        " submit a new task"
    )
    assert db.value("select why_waiting(%s)", reply) == sentence
    for _ in range(3):
        assert db.claim(other).runs == []
        assert db.value("select why_waiting(%s)", reply) == sentence
        assert db.value("select has_work(%s)", other) is False
        time.passes(61)
    assert db.claim(other).runs == []

    back = db.value("select register_dispatcher('left', 'boot', 1, 'test', %s, 60)", directory)
    assert isinstance(back, UUID)
    assert db.value("select has_work(%s)", back) is True
    assert [str(number) for number in db.claim(back).numbers] == [reply]


def test_a_task_that_was_cut_short_starts_over_elsewhere(db: Client, holder: UUID) -> None:
    number = db.submit(account="main").number
    [run] = db.claim(holder).runs
    db.start(holder, run)
    db.finish(holder, run, "interrupted", session_id="cut", ran_s=1)
    other = db.dispatcher(host="right")
    [again] = db.claim(other).runs
    assert (again.number, again.answer["session_id"]) == (number, None)
