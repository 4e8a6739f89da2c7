"""What a list offers to do with a task is what the verbs accept, for each state of a task and each role."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import LiteralString
from uuid import UUID

import psycopg
import pytest
from psycopg.types.json import Jsonb

from tests.sql.client import Client, Run
from tests.sql.clock import Clock
from tests.sql.concurrently import PATIENCE_S, in_background, until_blocked
from tests.sql.conftest import LogIn
from tests.sql.refused import refused

VERBS: dict[str, LiteralString] = {
    "cancel": "select cancel_task(%s)",
    "retry": "select retry_task(%s)",
    "reply": "select * from reply_task(%s, 'go on')",
    "answer": "select answer_task(%s, 'this one')",
    "approve": "select approve_task(%s)",
    "deny": "select deny_task(%s)",
    **{
        action: f"select * from act_on_tasks('{action}', jsonb_build_object('tasks', jsonb_build_array(%s::text)))"
        for action in ("hold", "release", "top")
    },
    "edit": "select * from act_on_tasks('edit', jsonb_build_object('tasks', jsonb_build_array(%s::text)),"
    ' p_changes => \'{"name": "edited"}\')',
}
WAITS = {"cancel", "hold", "top", "edit"}
"""What may be done with any task that waits."""


class Scene:
    """A task in each state, by what a dispatcher does."""

    def __init__(self, db: Client) -> None:
        self.db = db
        db.group("main", slots=50)
        db.limit("tool:claude", 50)
        self.dispatcher: UUID = db.dispatcher()

    def run(self, **keys: object) -> Run:
        """A task that was claimed just now."""
        number = self.db.submit(tenant_id="acme", **keys).number
        [run] = [run for run in self.db.claim(self.dispatcher).runs if run.number == number]
        return run

    def ended(self, error: str | None = None, **report: object) -> int:
        run = self.run()
        self.db.start(self.dispatcher, run)
        self.db.finish(self.dispatcher, run, error, **report)
        return run.number

    def for_people(self, error: str | None = None, **report: object) -> int:
        """A task that waits for a person."""
        run = self.run(approve=True)
        self.db.finish(self.dispatcher, run, error, session_id=f"people-{run.number}", **report)
        return run.number

    def reply_to(self, number: int) -> int:
        """A reply that is queued."""
        reply = self.db.value("select number from reply_task(%s, 'go on')", str(number))
        assert isinstance(reply, int)
        return reply

    def topped(self) -> int:
        number = self.db.submit(tenant_id="acme").number
        self.db.run(VERBS["top"], str(number))
        return number

    def stopping(self) -> int:
        number = self.run().number
        self.db.run("select cancel_task(%s)", str(number))
        return number

    def canceled_reply(self, *, busy: bool) -> int:
        first = self.ended(session_id=f"s{busy}")
        reply = self.reply_to(first)
        self.db.run("select cancel_task(%s)", str(reply))
        if busy:
            self.reply_to(first)
        return reply

    def answered(self) -> int:
        first = self.ended(session_id="answered")
        self.reply_to(first)
        return first

    def of_a_removed_group(self) -> int:
        number = self.ended(session_id="removed")
        self.db.run("update task_runs set group_name = 'gone' where session_id = 'removed'")
        return number

    def tasks(self) -> dict[str, tuple[int, set[str]]]:
        """Each state with a task in it, and what may be done with it."""
        started = self.run()
        self.db.start(self.dispatcher, started)
        limited = self.ended("agent_error", retry_after_s=1000)
        self.db.run(
            "update tasks set wait_reason = 'limit', error_class = 'limit' where number = %s", limited
        )
        # Those that are ready come last, since each claim takes them.
        return {
            "leased": (self.run().number, {"cancel"}),
            "running": (started.number, {"cancel"}),
            "stopping": (self.stopping(), set[str]()),
            "retry": (self.ended("agent_error", retry_after_s=1000), WAITS | {"retry"}),
            "succeeded": (self.ended(session_id="one"), {"reply"}),
            "succeeded without a session": (self.ended(), set[str]()),
            "failed": (self.ended("invalid_request", session_id="two"), {"retry", "reply"}),
            "failed without a session": (self.ended("invalid_request"), {"retry"}),
            "of a group that is gone": (self.of_a_removed_group(), set[str]()),
            "has a reply that waits": (self.answered(), set[str]()),
            "canceled reply": (self.canceled_reply(busy=False), {"retry"}),
            "canceled reply in a busy session": (self.canceled_reply(busy=True), set[str]()),
            "question": (self.for_people("question", question="which?"), {"answer", "cancel", "top", "edit"}),
            "approval": (self.for_people(), {"approve", "deny", "cancel"}),
            "limit": (limited, WAITS | {"retry"}),
            "scheduled": (self.db.submit(delay_s=1000, tenant_id="acme").number, WAITS | {"retry"}),
            "queued": (self.db.submit(tenant_id="acme").number, WAITS),
            "held": (self.db.submit(tenant_id="acme", hold=True).number, WAITS - {"hold"} | {"release"}),
            "at the top": (self.topped(), WAITS - {"top"}),
        }


def offered(session: Client, number: int) -> set[str]:
    """What the list, the page and the task itself offer, which is the same."""
    [(listed,)] = session.rows("select actions from list_tasks(p_limit => 1000) where number = %s", number)
    paged = session.value("select items -> 0 -> 'actions' from list_page(%s)", Jsonb({"numbers": [number]}))
    shown = session.value("select show_task(%s) -> 'actions'", str(number))
    assert listed == paged == shown
    assert isinstance(listed, list)
    return set(listed)


@contextmanager
def undone(session: Client) -> Iterator[None]:
    with session.connection.transaction(force_rollback=True):
        yield


def accepted(session: Client, verb: str, number: int) -> bool:
    """Whether the verb changes something."""
    before = session.value("select show_task(%s) - 'why' - 'waits_s'", str(number))
    with undone(session):
        try:
            session.run(VERBS[verb], str(number))
        except psycopg.Error as error:
            if error.sqlstate not in ("LD409", "42501"):
                raise
            return False
        assert isinstance(before, dict)
        after = session.value("select show_task(%s) - 'why' - 'waits_s'", str(number))
        assert isinstance(after, dict)
        return verb == "reply" or {**before, "updated_at": None} != {**after, "updated_at": None}


def test_what_is_offered_is_what_the_verbs_accept(db: Client, log_in: LogIn) -> None:
    tasks = Scene(db).tasks()
    producer = log_in("producer", tenants=["acme"])
    for session in (db, producer):
        assert {state: offered(session, number) for state, (number, _) in tasks.items()} == {
            state: actions for state, (_, actions) in tasks.items()
        }
        assert {
            state: {verb for verb in VERBS if accepted(session, verb, number)}
            for state, (number, _) in tasks.items()
        } == {state: actions for state, (_, actions) in tasks.items()}


@pytest.mark.parametrize("group", ["reader", "dispatcher"])
def test_a_role_that_may_only_look_is_offered_nothing(db: Client, log_in: LogIn, group: str) -> None:
    session = log_in(group)
    for number, _ in Scene(db).tasks().values():
        assert offered(session, number) == set()
        assert not any(accepted(session, verb, number) for verb in VERBS)


def test_after_set_role_that_role_counts(db: Client) -> None:
    number = db.submit().number
    with undone(db):
        db.run("set local role llmctl_reader")
        assert offered(db, number) == set()
        db.run("set local role llmctl_admin")
        assert offered(db, number) == WAITS


def test_a_bulk_action_does_what_the_verb_does_to_each_task_that_allows_it(db: Client, time: Clock) -> None:
    tasks = Scene(db).tasks()
    columns: LiteralString = (
        "select number, status, wait_reason, attempt, next_attempt_at, scheduled_at, cancel_requested_at is null,"
        " error_class, error_message, started_at, finished_at is null, priority, name from tasks order by number"
    )
    for verb in VERBS.keys() - {"reply", "answer"}:
        able = sorted(number for number, actions in tasks.values() if verb in actions)
        select = Jsonb({"numbers": [number for number, _ in tasks.values()]})
        with undone(db):
            for number in able:
                db.run(VERBS[verb], str(number))
            singly = db.rows(columns)
        changes = Jsonb({"name": "edited"}) if verb == "edit" else None
        dry = db.one(
            "select * from act_on_tasks(%s, %s, p_dry_run => true, p_changes => %s)", verb, select, changes
        )
        with undone(db):
            assert (
                db.one(
                    "select * from act_on_tasks(%s, %s, %s, p_changes => %s)",
                    verb,
                    select,
                    len(able),
                    changes,
                )
                == dry
                == (len(able), able, [])
            )
            assert db.rows(columns) == singly
            assert db.drift() == []


def test_of_two_tasks_of_one_session_a_retry_queues_the_first(db: Client) -> None:
    scene = Scene(db)
    first = scene.ended(session_id="s")
    replies = []
    for _ in range(2):
        replies.append(scene.reply_to(first))
        db.run("select cancel_task(%s)", str(replies[-1]))
    assert db.value("select numbers from act_on_tasks('retry', '{}')") == replies[:1]
    assert db.value("select numbers from act_on_tasks('retry', '{}')") == []


def test_a_task_that_changes_while_a_bulk_action_waits_for_it_is_judged_as_it_is_then(db: Client) -> None:
    db.submit_some(3)
    other, bulk = db.another(), db.another()
    other.run("begin")
    other.run("select cancel_task('2')")
    with in_background(lambda: bulk.one("select * from act_on_tasks('cancel', '{}')")) as answer:
        until_blocked(db, bulk)
        other.run("commit")
    assert answer.result(PATIENCE_S) == (2, [1, 3], [])


def test_an_expectation_that_is_not_met_changes_nothing(db: Client) -> None:
    db.submit_some(3)
    with refused("LD409", "the selection is about 3 tasks now, and not 2"):
        db.run("select act_on_tasks('cancel', '{}', 2)")
    assert db.rows("select distinct status from tasks") == [("queued",)]
    with refused("LD409", "the selection is about 3 tasks now, and not 4"):
        db.run("select act_on_tasks('cancel', '{}', 4, true)")


def test_a_bulk_action_is_confined_to_the_tenants_of_its_session(db: Client, log_in: LogIn) -> None:
    for tenant in ("acme", "other"):
        db.submit(tenant_id=tenant)
    assert log_in("producer", tenants=["acme"]).one("select * from act_on_tasks('cancel', '{}')") == (
        1,
        [1],
        [],
    )
    assert [db.status(number)[0] for number in (1, 2)] == ["canceled", "queued"]


def test_an_action_that_there_is_not_is_refused(db: Client) -> None:
    with refused(
        "LD400",
        "'delete' is not a valid action: expected one of cancel, retry, hold, release, top, edit, approve, deny",
    ):
        db.run("select act_on_tasks('delete', '{}')")
