"""What an account's limits and refusals do to its group and to the tasks that wait for it."""

from decimal import Decimal
from uuid import UUID

import pytest

from dispatcher.run.conclusion import CUT_SHORT
from tests.sql.client import Client, Run
from tests.sql.clock import Clock
from tests.sql.concurrently import in_background
from tests.sql.refused import refused

HOUR = 3600


def claim_one(db: Client, me: UUID) -> Run:
    [run] = db.claim(me, 1).runs
    return run


def group_state(db: Client, name: str) -> tuple[object, ...]:
    return db.one("select state, reason from list_groups() where group_name = %s", name)


def why(db: Client, number: int) -> str:
    return str(db.value("select why_waiting(%s)", str(number)))


def attempt(db: Client, number: int) -> object:
    return db.value("select attempt from tasks where number = %s", number)


def test_a_limit_parks_the_task_and_cools_the_group_while_its_other_tasks_run_on(
    db: Client, me: UUID, time: Clock
) -> None:
    db.group("main", slots=3)
    parked, running = db.submit(), db.submit()
    first, second = db.claim(me, 2).runs
    db.finish(me, first, "limit", retry_after_s=2 * HOUR, error_message="5-hour limit")

    assert db.status(parked.number) == ("queued", "limit")
    assert attempt(db, parked.number) == 0
    assert group_state(db, "main") == ("cooling", "5-hour limit")
    assert db.claim(me).runs == []
    assert db.finish(me, second) == "finished"
    assert db.status(running.number) == ("succeeded", None)
    assert group_state(db, "main")[0] == "cooling"  # that run proves nothing: it began before the limit

    time.passes(2 * HOUR + 5)
    assert claim_one(db, me).number == parked.number


def test_after_the_reset_one_task_probes_before_the_group_opens(db: Client, me: UUID, time: Clock) -> None:
    db.group("main", slots=3)
    for _ in range(4):
        db.submit()
    run = claim_one(db, me)
    db.finish(me, run, "limit", retry_after_s=HOUR)
    time.passes(HOUR + 5)

    [probe] = db.claim(me).runs
    assert db.claim(me).runs == []
    assert group_state(db, "main") == ("probing", "one task first, after its cool-down")
    db.dispatcher()  # one that is alive: the hour ended the lease of the other
    waiting = db.value("select max(number) from tasks where status = 'queued'")
    assert why(db, int(str(waiting))) == "main tries one task first, after its cool-down"
    db.finish(me, probe)

    assert group_state(db, "main")[0] == "open"
    assert len(db.claim(me).runs) == 3


def end_probe(db: Client, me: UUID, time: Clock, error_class: str, ran_s: float | None) -> None:
    """After a cool-down of a group with two slots one task has tried it, and two more wait."""
    db.group("main", slots=2)
    for _ in range(3):
        db.submit()
    db.finish(me, claim_one(db, me), "limit", retry_after_s=HOUR)
    time.passes(HOUR + 5)
    db.finish(me, claim_one(db, me), error_class, ran_s=ran_s)


@pytest.mark.parametrize("error_class", ["agent_error", "timeout", "context_too_long"])
def test_a_probe_that_fails_otherwise_opens_the_group(
    db: Client, me: UUID, time: Clock, error_class: str
) -> None:
    end_probe(db, me, time, error_class, ran_s=1)

    assert len(db.claim(me).runs) == 2


@pytest.mark.parametrize(
    ("error_class", "ran_s"),
    [
        ("throttled", 1),
        ("interrupted", 1),
        ("canceled", 1),
        *((refused, None) for refused in ("permission_denied", "invalid_request", "spawn_failed", "lost")),
    ],
)
def test_a_probe_that_never_got_an_answer_or_never_started_proves_nothing(
    db: Client, me: UUID, time: Clock, error_class: str, ran_s: float | None
) -> None:
    end_probe(db, me, time, error_class, ran_s)

    assert len(db.claim(me).runs) == 1


def test_a_probe_that_meets_the_limit_again_waits_at_least_a_minute(
    db: Client, me: UUID, time: Clock
) -> None:
    db.group("main")
    db.submit()
    db.finish(me, claim_one(db, me), "limit", retry_after_s=0)
    time.passes(5)
    db.finish(me, claim_one(db, me), "limit", retry_after_s=0)

    time.passes(59)
    assert db.claim(me).runs == []
    time.passes(6)
    assert len(db.claim(me).runs) == 1


def test_a_limit_without_a_reset_lasts_an_hour_and_none_lasts_longer_than_eight_days(
    db: Client, me: UUID, time: Clock
) -> None:
    db.group("main")
    db.group("other", tool="codex")
    db.submit()
    db.submit(tool="codex")
    first, second = db.claim(me).runs
    db.finish(me, first, "limit")
    db.finish(me, second, "limit", retry_after_s=1e9)

    rows = db.rows("select cooldown_s from list_groups() order by group_name")
    assert rows == [(HOUR,), (8 * 24 * HOUR,)]


def test_a_parked_task_goes_on_at_once_with_another_account(db: Client, me: UUID) -> None:
    db.group("one")
    db.group("two")
    task = db.submit()
    run = claim_one(db, me)
    db.finish(me, run, "limit", retry_after_s=HOUR)

    assert db.status(task.number) == ("queued", None)
    assert {run.group, claim_one(db, me).group} == {"one", "two"}


def test_of_a_run_that_is_reported_twice_at_once_its_group_feels_the_first(db: Client, me: UUID) -> None:
    db.group("main")
    db.submit()
    run = claim_one(db, me)
    report = {"run_id": run.id, "error_class": "limit", "cost_usd": 2}
    db.finish_all(me, [report | {"retry_after_s": HOUR}, report | {"retry_after_s": 2 * HOUR}])

    assert db.one("select cooldown_s, spent_usd from list_groups()") == (HOUR, 2)


def test_a_parked_task_waits_for_the_account_that_is_back_first(db: Client, me: UUID, time: Clock) -> None:
    db.group("one")
    db.group("two")
    db.run("select cool_down_group('two', clock() + interval '10 minutes')")
    db.submit()
    db.finish(me, claim_one(db, me), "limit", retry_after_s=HOUR)

    time.passes(10 * 60)
    assert claim_one(db, me).group == "two"


@pytest.mark.parametrize("pinned", [False, True])
@pytest.mark.parametrize(
    "opens", ["put_group('two', 'claude', 'two')", "clear_cooldown('three')", "resume_group('three')"]
)
def test_a_parked_task_goes_on_as_soon_as_somebody_opens_another_account(
    db: Client, me: UUID, time: Clock, opens: str, pinned: bool
) -> None:
    db.group("one")
    db.group("three")
    db.group("other", tool="codex")
    db.run("select cool_down_group('three', clock() + interval '1 day')")
    elsewhere, task = db.submit(tool="codex"), db.submit(account="one" if pinned else None)
    for run in db.claim(me).runs:
        db.finish(me, run, "limit", retry_after_s=5 * HOUR)

    db.connection.execute(f"select {opens}".encode())

    assert db.claim(me).numbers == ([] if pinned else [task.number])
    assert db.status(elsewhere.number) == ("queued", "limit")


@pytest.mark.parametrize(
    "opens",
    [
        "change_group('closed', 1)",
        "change_group('closed', p_max_concurrent => 1)",
        "put_group('closed', 'claude', 'closed', 1)",
        "change_group('spent', p_daily_budget_usd => 100)",
        "change_group('spent', p_daily_budget_usd => 0)",
        "put_group('spent', 'claude', 'spent', 1)",
    ],
)
def test_a_parked_task_goes_on_with_an_account_that_is_given_room_or_money(
    db: Client, me: UUID, time: Clock, opens: str
) -> None:
    db.group("closed", slots=0)
    db.run("select put_group('spent', 'claude', 'spent', 1, p_daily_budget_usd => 1)")
    db.submit()
    db.finish(me, claim_one(db, me), cost_usd=2)
    db.group("one")
    task = db.submit()
    db.finish(me, claim_one(db, me), "limit", retry_after_s=5 * HOUR)
    assert db.claim(me).runs == []

    db.connection.execute(f"select {opens}".encode())

    assert claim_one(db, me).number == task.number


def test_a_cool_down_that_is_shortened_by_hand_is_so_for_the_tasks_that_wait(
    db: Client, me: UUID, time: Clock
) -> None:
    db.group("one")
    task = db.submit()
    db.finish(me, claim_one(db, me), "limit", retry_after_s=5 * HOUR)

    db.run("select cool_down_group('one', clock() + interval '10 minutes')")

    assert why(db, task.number) == "one cools down for 10 min"
    claim = db.claim(me)
    assert (claim.runs, claim.deadline_s) == ([], 10 * 60)
    time.passes(10 * 60)
    assert claim_one(db, me).number == task.number


def test_a_group_that_is_applied_once_more_leaves_parked_tasks_alone(db: Client, me: UUID) -> None:
    db.group("one")
    db.group("two", slots=0)
    parked = db.submit()
    db.finish(me, claim_one(db, me), "limit", retry_after_s=5 * HOUR)
    db.group("two", slots=0)

    assert db.status(parked.number) == ("queued", "limit")


def test_a_task_that_pins_its_account_waits_for_it(db: Client, me: UUID) -> None:
    db.group("one")
    db.group("two")
    task = db.submit(account="one")
    db.finish(me, claim_one(db, me), "limit", retry_after_s=HOUR)

    assert db.status(task.number) == ("queued", "limit")
    assert db.claim(me).runs == []


def test_a_task_that_was_given_a_session_waits_for_the_account_that_has_it(
    db: Client, me: UUID, time: Clock
) -> None:
    db.group("one")
    task = db.submit(session_id="s-1")
    db.finish(me, claim_one(db, me), "limit", retry_after_s=HOUR)
    db.group("two")
    assert db.status(task.number) == ("queued", "limit")
    assert db.claim(me).runs == []
    time.passes(HOUR + 5)
    assert claim_one(db, me).group == "one"


def test_without_failover_what_a_group_began_stays_with_it(db: Client, me: UUID, time: Clock) -> None:
    db.group("one")
    db.run("select change_group('one', p_failover => false)")
    task = db.submit()
    run = claim_one(db, me)
    db.group("two")
    db.finish(me, run, "limit", retry_after_s=HOUR)

    assert db.status(task.number) == ("queued", "limit")
    assert db.claim(me).runs == []
    time.passes(HOUR + 5)
    assert claim_one(db, me).group == "one"


def test_of_a_batch_each_task_stays_with_its_own_account_and_the_others_with_none(
    db: Client, me: UUID
) -> None:
    for group in ("one", "two", "free"):
        db.group(group)
        db.run("select change_group(%s, p_failover => %s)", group, group == "free")
    db.submit_some(3)
    runs = {run.group: run for run in db.claim(me).runs}
    ended = {"one": "interrupted", "free": "interrupted", "two": "agent_error"}
    db.finish_all(me, [{"run_id": runs[group].id, "error_class": error} for group, error in ended.items()])

    expected = [(runs["one"].number, "one"), (runs["two"].number, "two"), (runs["free"].number, None)]
    assert db.rows("select number, account from tasks order by number") == sorted(expected)
    db.run("update tasks set wait_reason = null, next_attempt_at = null")
    db.run("select cancel_task(%s)", str(runs["free"].number))
    again = {run.number: run.group for run in db.claim(me).runs}
    assert again == {runs["one"].number: "one", runs["two"].number: "two"}
    assert db.drift() == []


def test_the_errors_that_cut_an_agent_short_use_up_no_attempt_except_for_work_that_is_not_done(
    db: Client,
) -> None:
    names = {
        str(name) for [name] in db.rows("select name from error_classes where retried and not uses_attempt")
    }
    never_began = {"no_resources", "setup_failed"}
    assert names | {"check_failed", "spawn_refused"} == CUT_SHORT | never_began


@pytest.mark.parametrize("error", sorted(CUT_SHORT - {"question"}))
def test_a_session_that_was_cut_short_goes_on_with_its_account_and_directory(
    db: Client, me: UUID, time: Clock, error: str
) -> None:
    db.group("main")
    task = db.submit()
    db.finish(me, claim_one(db, me), error, retry_after_s=HOUR, session_id="s-1")
    db.run("select resume_group('main')")
    time.passes(HOUR + 5)
    second = claim_one(db, me)
    assert (second.answer["session_id"], second.answer["goes_on"]) == ("s-1", True)
    assert second.answer["directory"] == f"{task.number}-1"

    db.finish(me, second, "agent_error", session_id="s-1")
    time.passes(HOUR)
    third = claim_one(db, me)
    assert (third.answer["session_id"], third.answer["goes_on"]) == (None, False)
    assert third.answer["directory"] == f"{task.number}-3"


def test_an_account_without_money_pauses_and_its_tasks_wait_or_move_to_another_one(
    db: Client, me: UUID
) -> None:
    db.group("one")
    task = db.submit(max_attempts=1)
    db.finish(me, claim_one(db, me), "no_credit", error_message="claude has no credit left")
    assert group_state(db, "one") == ("paused", "claude has no credit left")
    assert db.claim(me).runs == []
    assert "claude has no credit left" in why(db, task.number)

    db.group("two")
    run = claim_one(db, me)
    assert run.group == "two"
    db.finish(me, run, "no_credit")
    assert db.claim(me).runs == []
    db.run("select resume_group('one')")
    assert claim_one(db, me).group == "one"
    assert attempt(db, task.number) == 0


def test_a_session_outlives_a_run_that_was_stopped_before_it_could_name_it(db: Client, me: UUID) -> None:
    db.group("main")
    task = db.submit()
    db.finish(me, claim_one(db, me), "interrupted", session_id="s-1")
    db.finish(me, claim_one(db, me), "interrupted")
    third = claim_one(db, me)
    assert (third.answer["session_id"], third.answer["directory"]) == ("s-1", f"{task.number}-1")


def test_a_session_that_cannot_go_on_costs_no_attempt_and_the_task_starts_over(
    db: Client, me: UUID, time: Clock
) -> None:
    db.group("main")
    task = db.submit(max_attempts=1)
    db.finish(me, claim_one(db, me), "limit", retry_after_s=HOUR, session_id="s-1")
    time.passes(HOUR + 5)
    db.finish(me, claim_one(db, me), "invalid_request")
    assert (db.status(task.number), attempt(db, task.number)) == (("queued", "retry"), 0)

    time.passes(375)
    again = claim_one(db, me)
    assert again.answer["session_id"] is None
    db.finish(me, again, "invalid_request")
    assert db.status(task.number) == ("failed", None)


def test_with_another_account_or_another_work_directory_a_task_starts_over(
    db: Client, me: UUID, time: Clock
) -> None:
    db.group("one")
    db.group("two")
    db.submit()
    db.finish(me, claim_one(db, me), "limit", retry_after_s=HOUR, session_id="s-1")
    moved = claim_one(db, me)
    assert (moved.answer["session_id"], moved.answer["directory"]) == (None, f"{moved.number}-2")

    db.finish(me, moved, "limit", retry_after_s=HOUR, session_id="s-2")
    db.run("select clear_cooldown('two')")
    elsewhere = claim_one(db, db.dispatcher())
    assert elsewhere.group == moved.group
    assert (elsewhere.answer["session_id"], elsewhere.answer["directory"]) == (None, f"{moved.number}-3")


def test_a_session_prefers_its_own_account_to_one_with_more_room(db: Client, me: UUID, time: Clock) -> None:
    db.group("one")
    task = db.submit()
    db.finish(me, claim_one(db, me), "limit", retry_after_s=HOUR, session_id="s-1")
    time.passes(HOUR + 5)
    db.group("two", slots=9)

    assert task.number
    assert claim_one(db, me).group == "one"


def test_a_refused_account_pauses_and_keeps_its_task_without_an_attempt_burnt(db: Client, me: UUID) -> None:
    db.group("one")
    refused_task = db.submit()
    run = claim_one(db, me)
    db.group("two", slots=3)
    others = [db.submit(), db.submit()]
    db.finish(me, run, "auth", error_message="not logged in")

    assert group_state(db, "one") == ("paused", "not logged in")
    assert db.status(refused_task.number) == ("queued", None)
    assert attempt(db, refused_task.number) == 0
    assert why(db, refused_task.number) == "one is paused (not logged in)"
    assert db.claim(me).numbers == [task.number for task in others]  # nothing is tried again elsewhere

    db.run("select resume_group('one')")
    assert claim_one(db, me).number == refused_task.number


def test_a_task_says_itself_which_errors_are_worth_another_attempt(db: Client, me: UUID) -> None:
    db.group("main", slots=2)
    picky = db.submit(retry_on=["timeout"], backoff_s=0)
    stubborn = db.submit(retry_on=["invalid_request"], backoff_s=0)
    first, second = db.claim(me).runs
    db.finish(me, first, "agent_error")
    db.finish(me, second, "invalid_request")

    assert db.status(picky.number) == ("failed", None)
    assert db.status(stubborn.number) == ("queued", "retry")


def test_a_usage_limit_parks_also_a_task_that_is_never_retried(db: Client, me: UUID) -> None:
    db.group("main")
    task = db.submit(retry_on=[], max_attempts=1)
    db.finish(me, claim_one(db, me), "limit", retry_after_s=HOUR)

    assert db.status(task.number) == ("queued", "limit")


@pytest.mark.parametrize("name", ["limit", "no such class"])
def test_retry_on_names_errors_that_use_up_attempts(db: Client, name: str) -> None:
    db.group("main")
    with refused("LD400", "agent_error, budget"):
        db.submit(retry_on=[name])


def test_clearing_a_cool_down_leaves_a_pause(db: Client, me: UUID) -> None:
    db.group("main")
    task = db.submit()
    db.finish(me, claim_one(db, me), "limit", retry_after_s=HOUR)
    db.run("select pause_group('main', 'mine')")
    db.run("select clear_cooldown('main')")

    assert group_state(db, "main") == ("paused", "mine")
    assert db.status(task.number) == ("queued", None)


def test_a_group_is_removed_when_nothing_needs_it(db: Client, me: UUID) -> None:
    db.group("main")
    db.group("other")
    db.submit(account="main")
    with refused("LD409", "0 running, 1 waiting"):
        db.run("select remove_group('main')")
    db.finish(me, claim_one(db, me))
    db.run("select remove_group('main')")

    assert db.rows("select group_name from list_groups()") == [("other",)]
    assert db.rows("select group_name from list_runs('1')") == [("main",)]


def test_a_reply_goes_on_with_the_session_of_a_task_that_has_ended(db: Client, me: UUID) -> None:
    db.group("one")
    db.group("two", slots=5)
    task = db.submit(account="one", model="m", permission="read", labels={"team": "web"})
    with refused("LD409", "only a task that has ended"):
        db.run("select reply_task(%s, 'more')", str(task.number))
    db.finish(me, claim_one(db, me), session_id="s-1")
    reply = db.value("select number from reply_task(%s, 'more')", str(task.number))
    with refused("LD409", f"has a reply that has not ended: task {reply}"):
        db.run("select reply_task(%s, 'again')", str(task.number))

    run = claim_one(db, me)
    assert (run.number, run.group) == (reply, "one")
    expected = {"prompt": "more", "model": "m", "permission": "read", "session_id": "s-1", "goes_on": False}
    assert {key: run.answer[key] for key in expected} == expected
    assert run.answer["directory"] == f"{task.number}-1"

    db.finish(me, run, session_id="s-1")
    again = db.value("select number from reply_task(%s, 'and more')", str(reply))
    run = claim_one(db, me)
    assert (run.number, run.answer["directory"]) == (again, f"{task.number}-1")


def test_a_reply_is_not_tried_again_while_another_one_is_in_its_session(db: Client, me: UUID) -> None:
    db.group("main")
    task = str(db.submit().number)
    db.finish(me, claim_one(db, me), session_id="s-1")
    first = str(db.value("select number from reply_task(%s, 'more')", task))
    db.finish(me, claim_one(db, me), "invalid_request")
    second = str(db.value("select number from reply_task(%s, 'again')", task))

    with refused("LD409", f"a session in which task {second} has not ended"):
        db.run("select retry_task(%s)", first)
    db.finish(me, claim_one(db, me), session_id="s-1")
    db.run("select retry_task(%s)", first)
    assert claim_one(db, me).answer["session_id"] == "s-1"


def test_two_replies_at_once_to_tasks_of_one_session_are_one_too_many(db: Client, me: UUID) -> None:
    db.group("main")
    task = str(db.submit().number)
    db.finish(me, claim_one(db, me), session_id="s-1")
    reply = str(db.value("select number from reply_task(%s, 'more')", task))
    db.finish(me, claim_one(db, me), session_id="s-1")

    one, other = db.another(), db.another()
    one.run("begin")
    one.run("select reply_task(%s, 'again')", task)
    with (
        refused("LD409", "has a reply that has not ended"),
        in_background(lambda: other.run("select reply_task(%s, 'again')", reply)) as answer,
    ):
        pid = other.connection.info.backend_pid
        while not answer.done() and not db.value("select cardinality(pg_blocking_pids(%s)) > 0", pid):
            pass
        one.run("commit")


def test_a_task_without_a_session_cannot_be_replied_to(db: Client, me: UUID) -> None:
    db.group("main")
    task = db.submit()
    db.finish(me, claim_one(db, me))

    with refused("LD409", "has no session"):
        db.run("select reply_task(%s, 'more')", str(task.number))


def test_stats_tell_what_was_paid_from_what_a_subscription_covered(db: Client, me: UUID) -> None:
    db.group("main", slots=3)
    for _ in range(3):
        db.submit(model="m")
    key, login, neither = db.claim(me).runs
    db.finish(me, key, cost_usd=1, auth_mode="key", ran_s=2, input_tokens=10, output_tokens=5)
    db.finish(me, login, "agent_error", cost_usd=2, auth_mode="login", ran_s=1)
    db.finish(me, neither, "limit")

    rows = db.rows(
        "select key, runs, succeeded, failed, limited, ran_s, input_tokens, cost_usd, notional_usd from stats('group')"
    )
    assert rows == [("main", 3, 1, 1, 1, 3.0, 10, 1, 2)]
    assert [row[0] for row in db.rows("select key from stats('model')")] == ["m"]
    assert db.rows("select key from stats('day', clock() + interval '1 second')") == []
    with refused("LD400", "'colour' is not a valid grouping"):
        db.rows("select stats('colour')")


def test_stats_say_how_many_runs_spent_nobody_knows_what(db: Client, me: UUID) -> None:
    db.group("main", slots=4)
    db.group("team", account="team", slots=4)
    db.group("other", tool="codex", account="other", slots=4)
    unknown = (
        "select key, cost_usd, unknown_cost_runs, notional_usd, unknown_notional_runs, cost_not_reported_by"
        " from stats(%s)"
    )
    db.submit(account="main")
    db.finish(me, claim_one(db, me), "lost", ran_s=1)
    assert db.rows(unknown, "tool") == [("claude", None, 0, None, 0, ["claude"])], "it may never report any"

    ended: list[tuple[str, str | None, dict[str, object]]] = [
        ("main", None, {"cost_usd": 5, "auth_mode": "key", "ran_s": 1}),
        ("main", "timeout", {"auth_mode": "key", "ran_s": 1}),
        ("main", "spawn_failed", {}),
        ("team", "stalled", {"auth_mode": "login", "ran_s": 1}),
        ("team", None, {"cost_usd": 0, "auth_mode": "login", "ran_s": 1}),
        ("other", None, {"ran_s": 1}),
        ("other", "spawn_failed", {}),
    ]
    for account, error, told in ended:
        tool = "codex" if account == "other" else "claude"
        db.submit(tool=tool, account=account, max_attempts=1, queue="b")
        db.finish(me, claim_one(db, me), error, **told)
    assert db.rows(unknown, "group") == [
        ("main", 5, 2, None, 0, []),
        ("other", None, 0, None, 0, ["codex"]),
        ("team", None, 0, 0, 1, []),
    ]
    assert db.rows(unknown, "queue") == [
        ("b", 5, 1, 0, 1, ["codex"]),
        ("default", None, 1, None, 0, []),
    ], "other runs of the tool say that it reports costs"
    db.run("delete from tasks where queue = 'b'")
    for _ in range(2):
        assert db.rows(unknown, "tool") == [("claude", None, 1, None, 0, [])], (
            "also when these runs are deleted"
        )
        db.run("select metrics()")


def test_an_account_that_is_removed_and_added_again_has_spent_what_it_had(
    db: Client, me: UUID, time: Clock
) -> None:
    db.run("select put_group('main', 'claude', 'main', 1, p_daily_budget_usd => 1)")
    db.submit()
    db.finish(me, claim_one(db, me), cost_usd=2.5)
    db.run("select remove_group('main')")
    db.run("select put_group('again', 'claude', 'main', 1, p_daily_budget_usd => 1)")
    db.run("select put_group('other', 'claude', 'other', 1, p_daily_budget_usd => 1)")
    rows = db.rows("select group_name, state, spent_usd from list_groups() where tool = 'claude' order by 1")
    assert rows == [("again", "budget", Decimal("2.5")), ("other", "open", 0)]

    time.passes(24 * HOUR)
    assert db.one("select state, spent_usd from list_groups() where group_name = 'again'") == ("open", 0)
    db.run("select remove_group('again')")
    db.run("select put_group('again', 'claude', 'main', 1, p_daily_budget_usd => 1)")
    assert db.one("select state, spent_usd from list_groups() where group_name = 'again'") == ("open", 0)


def test_tools_whose_limit_is_below_their_slots_are_listed(db: Client) -> None:
    assert db.rows("select * from capped_tools()") == []
    db.group("one", slots=2)
    db.group("two", account="two", slots=2)
    db.group("three", tool="codex", slots=5)
    assert db.rows("select * from capped_tools()") == [("claude", 4, 3)]
    db.run("select set_limit('tool:claude', 4)")
    assert db.rows("select * from capped_tools()") == []


@pytest.mark.parametrize("error", ["auth", "no_credit"])
def test_a_run_from_before_the_group_was_resumed_does_not_pause_it_again(
    db: Client, me: UUID, time: Clock, error: str
) -> None:
    db.group("main", slots=3)
    for _ in range(3):
        db.submit()
    first, second, third = db.claim(me).runs
    db.finish(me, first, error, error_message="refused")
    assert group_state(db, "main") == ("paused", "refused")
    time.passes(10)
    db.run("select resume_group('main')")
    time.passes(1)
    db.finish(me, second, error, error_message="refused")

    assert group_state(db, "main")[0] == "open"
    assert db.status(second.number) == ("queued", None)
    assert db.value("select account from tasks where number = %s", second.number) == (
        "main" if error == "auth" else None
    )
    again = claim_one(db, me)
    db.finish_all(me, [{"run_id": run.id, "error_class": error} for run in (third, again)])
    assert group_state(db, "main")[0] == "paused"
