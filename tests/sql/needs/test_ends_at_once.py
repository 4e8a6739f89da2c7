"""Ends, cancels, retries and submissions at once: no dependent is forgotten or ready twice, and nobody waits."""

from uuid import UUID

from psycopg.types.json import Jsonb

from tests.sql.client import Client
from tests.sql.concurrently import all_at_once, in_background, until_blocked
from tests.sql.needs.test_needs import claim_one, end, step


def drain(db: Client, me: UUID) -> list[int]:
    """Claims until nothing is left to do, and returns what was claimed."""
    numbers = []
    while True:
        claim = db.claim(me, 100)
        numbers += claim.numbers
        if not claim.runs and claim.deadline_s is None:
            return numbers


def test_of_needs_that_are_met_at_once_by_four_sessions_none_is_forgotten(db: Client, me: UUID) -> None:
    needed = [task.number for task in db.submit_all([step(f"a{i}") for i in range(32)])]
    shared = [task.number for task in db.submit_all([step(f"b{i}", after=needed) for i in range(8)])]
    runs = db.claim(me, 32).runs
    sessions = [db.another() for _ in range(4)]

    def ends(session: Client, place: int) -> None:
        for run in runs[place::4]:
            while session.finish(me, run, ran_s=1) == "held":
                pass

    all_at_once([lambda s=s, p=p: ends(s, p) for p, s in enumerate(sessions)])  # type: ignore[misc]
    assert sorted(drain(db, me)) == shared
    assert db.value("select count(*) from dependency_inbox") == 0


def test_of_a_tree_whose_last_tasks_end_at_once_none_leaves_the_join_waiting(db: Client, me: UUID) -> None:
    """Ends of runs move counters, one after the other. Approvals do not, so they may meet."""
    batch = [step("a"), step("b", approve=True), step("c", approve=True), step("d", after_tree=["a"])]
    root, *children, join = [task.number for task in db.submit_all(batch)]
    db.run(
        "update tasks set parent = (select id from tasks where number = %s) where number = any(%s)",
        root,
        children,
    )
    for run in db.claim(me).runs:
        db.finish(me, run)
    one, two = db.another(), db.another()
    with one.connection.transaction():
        one.run("select approve_task(%s)", str(children[0]))
        two.run("select approve_task(%s)", str(children[1]))
        assert db.status(join) == ("queued", "dependency")
    assert drain(db, me) == [join]


def test_a_task_that_is_submitted_while_what_it_needs_ends_sees_that_end(db: Client, me: UUID) -> None:
    first = db.submit(max_attempts=1).number
    run = claim_one(db, me)
    reporter, producer = db.another(), db.another()
    reporter.run("begin")
    assert reporter.finish(me, run) == "finished"
    with in_background(lambda: producer.submit(after=[first])) as submitted:
        until_blocked(db, producer)
        reporter.run("commit")
    assert drain(db, me) == [submitted.result().number]


def test_an_open_submission_holds_only_the_reports_of_what_it_needs_and_not_for_long(
    db: Client, me: UUID
) -> None:
    needed, other = db.submit_some(2)
    runs = {run.number: run for run in db.claim(me).runs}
    producer = db.another()
    with producer.connection.transaction():
        then = producer.submit(after=[needed]).number
        assert producer.value("show idle_in_transaction_session_timeout") == "30s"
        assert db.finish(me, runs[needed]) == "held"
        assert db.finish(me, runs[other]) == "finished"
    assert db.finish(me, runs[needed]) == "finished"
    assert drain(db, me) == [then]


def test_a_need_that_is_retried_before_its_dependents_were_looked_at_is_open_again(
    db: Client, me: UUID
) -> None:
    first, then = [
        task.number for task in db.submit_all([step("a"), step("b", after=["a"], on_unmet="fail")])
    ]
    run = claim_one(db, me)
    holder = db.another()
    with holder.connection.transaction():
        holder.run("select from tasks where number = %s for update", then)
        end(db, me, run, "failed")
    retrying = db.another()
    with retrying.connection.transaction():
        retrying.run("select retry_task(%s)", str(first))
        assert db.claim(me).deadline_s == 0.05
    assert db.claim(me).numbers == [first]
    assert db.status(then) == ("queued", "dependency")
    assert db.value("select state from task_dependencies") == "open"


def test_more_than_a_claim_looks_at_lets_no_claim_follow_at_once_while_somebody_holds_all_of_it(
    db: Client, me: UUID
) -> None:
    """Nor is another dispatcher told of them at each claim: the two would wake each other."""
    count = 1_001
    db.submit_all(
        [step(f"a{i}") for i in range(count)] + [step(f"b{i}", after=[f"a{i}"]) for i in range(count)]
    )
    holder = db.another()
    with holder.connection.transaction():
        holder.run("select from tasks where wait_reason = 'dependency' for update")
        db.run("update tasks set status = 'canceled', finished_at = clock() where wait_reason is null")
        assert db.value("select count(*) from dependency_inbox") == count
        db.run("listen task_ready")
        assert [db.claim(me).deadline_s, db.claim(me).deadline_s] == [0.05, 0.05]
        assert [*db.connection.notifies(timeout=0)] == []
        db.run("unlisten *")
    assert [db.claim(me).deadline_s for _ in range(5)] == [*[0.001] * 4, None]
    assert db.value("select count(*) from dependency_inbox") == 0
    with holder.connection.transaction():
        holder.run("select from tasks where status = 'canceled' for update")
        db.run("insert into dependency_inbox select id from tasks where status = 'canceled'")
        assert db.claim(me, 0).deadline_s == 0.05


def test_cancels_retries_and_ends_of_one_chain_at_once_do_not_deadlock(db: Client, me: UUID) -> None:
    chain = [
        task.number
        for task in db.submit_all([step("s0"), *(step(f"s{i}", after=[f"s{i - 1}"]) for i in range(1, 12))])
    ]
    sessions = [db.another() for _ in range(4)]

    def act(session: Client, place: int) -> None:
        for turn in range(12):
            select = Jsonb({"tasks": [str(chain[(turn * 5 + place * 3) % 12])]})
            match (turn + place) % 3:
                case 0:
                    session.run(
                        "select act_on_tasks('cancel', %s, p_changes => '{\"cascade\": true}')", select
                    )
                case 1:
                    session.run("select act_on_tasks('retry', %s)", select)
                case 2:
                    for run in session.claim(me).runs:
                        while session.finish(me, run, "canceled", ran_s=1) == "held":
                            pass

    all_at_once([lambda s=s, p=p: act(s, p) for p, s in enumerate(sessions)])  # type: ignore[misc]
    assert db.drift() == []
    db.run("select act_on_tasks('retry', '{}')")
    done = set()
    while runs := db.claim(me).runs:
        for run in runs:
            while db.finish(me, run) == "held":
                pass
            done.add(run.number)
    assert {*db.rows("select distinct status from tasks")} == {("succeeded",)}
