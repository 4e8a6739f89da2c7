"""A task that waits for a person: who may answer, approve and deny, what becomes of it, and what is kept of that."""

from uuid import UUID

import psycopg
import pytest
from psycopg.types.json import Jsonb

from tests.sql.client import Client, Run
from tests.sql.conftest import LogIn
from tests.sql.refused import refused
from tests.sql.roles.conftest import MakeToken

CHANGE = {"source": "/src/shop", "base_commit": "0" * 40, "ref": "refs/llmctl/1/1", "head_commit": "1" * 40,
          "files": 3, "insertions": 12, "deletions": 4}  # fmt: skip


class Desk:
    """A dispatcher whose tasks come to wait for a person."""

    def __init__(self, db: Client) -> None:
        self.db = db
        self.dispatcher: UUID = db.dispatcher()

    def run(self, **keys: object) -> Run:
        number = self.db.submit(**keys).number
        [run] = [run for run in self.db.claim(self.dispatcher).runs if run.number == number]
        return run

    def asks(self, question: str = "which one?", **keys: object) -> int:
        run = self.run(**keys)
        self.db.finish(
            self.dispatcher, run, "question", question=question, session_id=f"session-{run.number}", ran_s=1
        )
        return run.number

    def proposes(self, change: object = CHANGE, **keys: object) -> int:
        run = self.run(approve=True, **keys)
        self.db.finish(self.dispatcher, run, final_text="done", change=change, session_id="s", ran_s=1)
        return run.number


@pytest.fixture
def desk(wide: Client) -> Desk:
    wide.limit("tool:claude", 1000)
    return Desk(wide)


def shown(db: Client, number: int) -> dict[str, object]:
    task = db.value("select show_task(%s)", str(number))
    assert isinstance(task, dict)
    return task


def decisions(db: Client, number: int) -> list[tuple[object, ...]]:
    found = shown(db, number)["decisions"]
    assert isinstance(found, list)
    return [(one["decision"], one["run_no"], one["question"], one["message"]) for one in found]


def test_an_answer_lets_the_session_go_on_and_tells_it_question_and_answer(db: Client, desk: Desk) -> None:
    number = desk.asks("the first or the second?")
    assert db.status(number) == ("queued", "question")
    db.run("select answer_task(%s, 'use the second')", str(number))
    assert db.status(number) == ("queued", None)
    assert shown(db, number)["question"] is None
    [run] = db.claim(desk.dispatcher).runs
    assert run.answer["goes_on"] is True
    assert run.answer["attempt"] == 1
    assert run.answer["follow_up"] == ("You asked:\nthe first or the second?\n\nThe answer:\nuse the second")
    assert decisions(db, number) == [("answered", 1, "the first or the second?", "use the second")]


def test_each_question_of_a_task_is_answered_and_kept(db: Client, desk: Desk) -> None:
    number = desk.asks("which?")
    db.run("select answer_task(%s, 'this')", str(number))
    [run] = db.claim(desk.dispatcher).runs
    db.finish(desk.dispatcher, run, "question", question="sure?", session_id="s", ran_s=1)
    db.run("select answer_task(%s, 'yes')", str(number))
    assert decisions(db, number) == [("answered", 1, "which?", "this"), ("answered", 2, "sure?", "yes")]


def test_what_is_approved_has_succeeded_with_its_result(db: Client, desk: Desk) -> None:
    number = desk.proposes()
    assert db.status(number) == ("queued", "approval")
    db.run("select approve_task(%s, 'reads well')", str(number))
    assert db.status(number) == ("succeeded", None)
    task = shown(db, number)
    assert isinstance(task["result"], dict)
    assert task["result"]["text"] == "done"
    assert None not in (task["started_at"], task["finished_at"])
    assert decisions(db, number) == [("approved", 1, None, "reads well")]
    assert db.drift() == []


def test_what_is_denied_has_failed_and_says_who_denied_it_and_why(db: Client, desk: Desk) -> None:
    number = desk.proposes()
    me = db.value("select session_name()")
    db.run("select deny_task(%s, 'it proves nothing')", str(number))
    task = shown(db, number)
    assert (task["status"], task["error_class"]) == ("failed", "denied")
    assert task["error_message"] == f"denied by {me}: it proves nothing"
    assert decisions(db, number) == [("denied", 1, None, "it proves nothing")]
    db.run("select retry_task(%s)", str(number))
    task = shown(db, number)
    assert (task["status"], task["result"], task["error_message"]) == ("queued", None, None)
    assert db.drift() == []


def test_many_are_approved_and_denied_at_once(db: Client, desk: Desk) -> None:
    proposed = [desk.proposes(labels={"batch": "x"}) for _ in range(3)]
    other = desk.asks(labels={"batch": "x"})
    select = Jsonb({"labels": {"batch": "x"}})
    changes = Jsonb({"message": "all of them"})
    assert db.one("select * from act_on_tasks('approve', %s, 3, p_changes => %s)", select, changes) == (
        3,
        proposed,
        [],
    )
    assert {db.status(number) for number in proposed} == {("succeeded", None)}
    assert decisions(db, proposed[2]) == [("approved", 1, None, "all of them")]
    assert db.status(other) == ("queued", "question")
    denied = desk.proposes()
    assert db.value("select numbers from act_on_tasks('deny', '{}')") == [denied]
    assert shown(db, denied)["error_class"] == "denied"


@pytest.mark.parametrize("changes", [{"priority": 3}, {"message": 3}, "text"])
def test_an_approval_takes_a_message_and_nothing_else(db: Client, changes: object) -> None:
    with refused("LD400", 'approve takes no changes but a message: {"message": "TEXT"}'):
        db.run("select act_on_tasks('approve', '{}', p_changes => %s)", Jsonb(changes))


def test_to_approve_twice_changes_nothing_and_to_deny_what_is_approved_is_refused(
    db: Client, desk: Desk
) -> None:
    number = desk.proposes()
    for _ in range(2):
        db.run("select approve_task(%s)", str(number))
    assert decisions(db, number) == [("approved", 1, None, None)]
    with refused("LD409", f"task {number} has succeeded: only a task that waits for approval can be denied"):
        db.run("select deny_task(%s)", str(number))


def test_a_wrong_state_is_refused_with_what_to_do(db: Client, desk: Desk) -> None:
    asks, proposes = desk.asks(), desk.proposes()
    with pytest.raises(psycopg.Error) as caught:
        db.run("select answer_task(%s, 'x')", str(proposes))
    assert (caught.value.sqlstate, caught.value.diag.message_primary, caught.value.diag.message_hint) == (
        "LD409",
        f"task {proposes} waits for approval: only a task that waits for an answer can be answered",
        f"waits for approval of 3 files (+12 −4): `llmctl approve {proposes}` or `llmctl deny {proposes}`",
    )
    with pytest.raises(psycopg.Error) as caught:
        db.run("select approve_task(%s)", str(asks))
    assert (caught.value.sqlstate, caught.value.diag.message_primary, caught.value.diag.message_hint) == (
        "LD409",
        f"task {asks} waits for an answer: only a task that waits for approval can be approved",
        f"waits for an answer: which one?; `llmctl answer {asks} TEXT`",
    )
    with refused("LD404", "there is no task 99"):
        db.run("select answer_task('99', 'x')")
    with refused("LD404", "there is no task 99"):
        db.run("select deny_task('99')")


@pytest.mark.parametrize(("answer", "sentence"), [
    ("", "the answer is empty"), (" \n", "the answer is empty"),
    ("x" * 20001, "the answer must be at most 20,000 bytes long"),
])  # fmt: skip
def test_an_answer_that_cannot_be_told_is_refused(db: Client, desk: Desk, answer: str, sentence: str) -> None:
    number = desk.asks()
    with refused("LD400", sentence):
        db.run("select answer_task(%s, %s)", str(number), answer)
    assert db.status(number) == ("queued", "question")


def test_what_waits_for_a_person_can_be_canceled_but_neither_held_nor_tried_again(
    db: Client, desk: Desk
) -> None:
    for number in (desk.asks(), desk.proposes()):
        one = Jsonb({"tasks": [str(number)]})
        for action in ("hold", "retry"):
            [(matched, told)] = db.rows("select matched, refused from act_on_tasks(%s, %s)", action, one)
            assert isinstance(told, list)
            assert (matched, told[0]["hint"] is None) == (0, False)
        db.run("select cancel_task(%s)", str(number))
        assert db.status(number) == ("canceled", None)
    assert db.drift() == []


def test_who_decides_is_a_producer_of_the_tenant_an_operator_or_an_admin(
    db: Client, desk: Desk, log_in: LogIn
) -> None:
    numbers = [desk.asks(tenant_id="acme") for _ in range(4)]
    for role, number in zip(("producer", "operator", "admin"), numbers, strict=False):
        session = log_in(role, tenants=["acme"] if role == "producer" else [])
        session.run("select answer_task(%s, 'x')", str(number))
        assert db.status(number) == ("queued", None)
    with refused("42501", "permission denied for function answer_task"):
        log_in("reader").run("select answer_task(%s, 'x')", str(numbers[3]))
    with refused("LD404", f"there is no task {numbers[3]}"):
        log_in("producer", tenants=["other"]).run("select answer_task(%s, 'x')", str(numbers[3]))


def test_a_token_is_named_as_who_decided(db: Client, desk: Desk, token: MakeToken) -> None:
    number = desk.proposes(tenant_id="acme")
    token("operator", ["acme"], name="morning").rows("select approve_task('1')")
    found = shown(db, number)["decisions"]
    assert isinstance(found, list)
    assert found[0]["decided_by"] == "token 'morning'"


def test_who_waits_hears_of_each_decision(db: Client, desk: Desk) -> None:
    asks, proposes, denied = desk.asks(), desk.proposes(), desk.proposes()
    ear = db.another().connection
    ear.execute("listen task_event")
    db.run("select answer_task(%s, 'x')", str(asks))
    db.run("select approve_task(%s)", str(proposes))
    db.run("select deny_task(%s)", str(denied))
    heard = [note.payload for note in ear.notifies(timeout=20, stop_after=3)]
    assert heard == [
        f'{{"status" : "{status}", "numbers" : [{number}]}}'
        for status, number in (("queued", asks), ("succeeded", proposes), ("failed", denied))
    ]


def test_lists_and_counts_know_the_two_states(db: Client, desk: Desk) -> None:
    asks, proposes = desk.asks(), desk.proposes()
    for state, number in (("question", asks), ("approval", proposes)):
        assert db.rows("select number from list_tasks(%s)", Jsonb({"states": [state]})) == [(number,)]
        assert db.rows("select number from list_tasks(%s)", Jsonb({"waiting": state})) == [(number,)]
        assert (state, 1) in db.rows("select state, tasks from count_tasks()")
    waiting = db.value("select metrics() -> 'waiting'")
    assert isinstance(waiting, list)
    assert {one["reason"] for one in waiting} == {"question", "approval"}
    assert len(db.rows('select number from list_tasks(\'{"states": ["waiting"]}\')')) == 2


@pytest.mark.parametrize(("change", "sentence"), [
    (CHANGE, "3 files (+12 −4)"), ({**CHANGE, "files": 1, "deletions": 0}, "1 file (+12 −0)"),
    ({**CHANGE, "files": 0}, "no change"), (None, "its answer"),
])  # fmt: skip
def test_a_list_says_what_there_is_to_approve(db: Client, desk: Desk, change: object, sentence: str) -> None:
    number = desk.proposes(change)
    assert db.value("select why from list_tasks()") == (
        f"waits for approval of {sentence}: `llmctl approve {number}` or `llmctl deny {number}`"
    )
