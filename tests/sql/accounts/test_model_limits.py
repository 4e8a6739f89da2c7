"""The usage limit of one model: it cools that model down on that account, and nothing else."""

from uuid import UUID

import pytest

from tests.sql.client import Client, Run
from tests.sql.clock import Clock

HOUR = 3600


def claim_one(db: Client, me: UUID) -> Run:
    [run] = db.claim(me, 1).runs
    return run


def limit_model(db: Client, me: UUID, run: Run, seconds: float | None = HOUR, **report: object) -> None:
    db.finish(
        me,
        run,
        "limit",
        retry_after_s=seconds,
        limit_is_of_model=True,
        error_message="Opus limit",
        ran_s=1,
        **report,
    )


def why(db: Client, number: int) -> object:
    return db.value("select why_waiting(%s)", str(number))


def listed(db: Client, name: str) -> tuple[object, ...]:
    return db.one("select state, reason, cooling_models from list_groups() where group_name = %s", name)


def test_the_limit_of_a_model_parks_its_tasks_and_the_others_go_on(db: Client, me: UUID, time: Clock) -> None:
    db.group("main", slots=3)
    parked = db.submit(model="opus")
    limit_model(db, me, claim_one(db, me))
    later, sonnet, unnamed = (db.submit(model=model) for model in ("opus", "sonnet", None))

    assert db.status(parked.number) == ("queued", "limit")
    assert db.value("select attempt from tasks where number = %s", parked.number) == 0
    assert db.claim(me).numbers == [sonnet.number, unnamed.number]
    assert db.claim(me).deadline_s == HOUR
    assert str(why(db, parked.number)).startswith("usage limit of opus of main, tried again in 60 min")
    assert why(db, later.number) == "main has reached its usage limit of opus, goes on with that in 60 min"
    assert listed(db, "main") == (
        "open",
        "usage limit of opus, for 60 min",
        [{"model": "opus", "cooldown_s": HOUR, "reason": "Opus limit"}],
    )
    time.passes(HOUR)
    assert db.claim(me).numbers == [later.number]  # the other one waits up to 5 s more, and only then
    db.finish(me, Run(UUID(int=0), 0, "", {}))
    assert listed(db, "main")[2] == []


def test_no_claim_of_any_size_gives_a_task_to_an_account_where_its_model_cools(
    db: Client, me: UUID, time: Clock
) -> None:
    """The account with most free slots is not the one that may take it, also where a claim takes one task."""
    db.group("main", slots=5)
    limit_model(db, me, submitted_and_claimed(db, me, "opus"))
    db.run("select cancel_task(number::text) from tasks")
    db.group("spare", slots=2)
    tasks = [db.submit(model=model) for model in ("opus", "opus", "sonnet", "opus", "sonnet")]

    first = claim_one(db, me)
    rest = db.claim(me, 10).runs

    groups = {run.number: run.group for run in (first, *rest)}
    opus = [task.number for task in (tasks[0], tasks[1], tasks[3])]
    assert [groups.get(number) for number in opus] == ["spare", "spare", None]
    assert groups[tasks[2].number] == groups[tasks[4].number] == "main"
    assert db.drift() == []


def submitted_and_claimed(db: Client, me: UUID, model: str | None, **keys: object) -> Run:
    db.submit(model=model, **keys)
    return claim_one(db, me)


def test_another_account_of_the_tool_takes_the_task_at_once(db: Client, me: UUID) -> None:
    db.group("one")
    db.group("two")
    run = submitted_and_claimed(db, me, "opus")
    limit_model(db, me, run, session_id="s-1")

    assert db.status(run.number) == ("queued", None)
    again = claim_one(db, me)
    assert {run.group, again.group} == {"one", "two"}
    assert again.answer["session_id"] is None  # the session is the other account's
    limit_model(db, me, again, 2 * HOUR)
    assert db.status(run.number) == ("queued", "limit")
    assert db.claim(me).deadline_s == pytest.approx(HOUR, abs=5.1)


def test_a_task_that_pins_its_account_waits_for_its_model(db: Client, me: UUID) -> None:
    db.group("one")
    db.group("two")
    limit_model(db, me, submitted_and_claimed(db, me, "opus", account="one"))
    pinned, other, free = (
        db.submit(model="opus", account="one"),
        db.submit(account="one"),
        db.submit(model="opus"),
    )

    assert {run.number: run.group for run in db.claim(me).runs} == {other.number: "one", free.number: "two"}
    assert str(why(db, pinned.number)).startswith("one has reached its usage limit of opus")


def test_tasks_that_name_no_model_have_a_limit_of_their_own(db: Client, me: UUID) -> None:
    db.group("main")
    parked = submitted_and_claimed(db, me, None)
    limit_model(db, me, parked)
    named = db.submit(model="opus")
    db.submit()

    assert db.claim(me).numbers == [named.number]
    assert str(why(db, parked.number)).startswith("usage limit of the default model of main")


def test_models_with_the_same_name_of_two_tools_are_not_mixed_up(db: Client, me: UUID) -> None:
    db.group("main")
    db.group("other", tool="codex")
    limit_model(db, me, submitted_and_claimed(db, me, "large"))
    db.submit(model="large")
    other = db.submit(model="large", tool="codex")

    assert db.claim(me).numbers == [other.number]


def test_a_limit_that_is_met_again_at_its_end_lasts_a_minute_at_least(
    db: Client, me: UUID, time: Clock
) -> None:
    db.group("main", slots=2)
    db.submit(model="opus")
    limit_model(db, me, claim_one(db, me), 0)
    time.passes(5)
    limit_model(db, me, claim_one(db, me), 0)

    db.submit(model="opus")
    time.passes(59)
    assert db.claim(me).runs == []
    time.passes(6)
    assert len(db.claim(me).runs) == 2


def test_a_run_from_before_the_limit_neither_shortens_it_nor_counts_as_met_again(
    db: Client, me: UUID, time: Clock
) -> None:
    db.group("main", slots=2)
    for _ in range(2):
        db.submit(model="opus")
    first, second = db.claim(me).runs
    limit_model(db, me, first)
    time.passes(10)
    limit_model(db, me, second, 5)

    assert db.value("select cooling_models -> 0 ->> 'cooldown_s' from list_groups()") == "3590.000000"


def test_the_limit_of_a_model_proves_that_the_account_works(db: Client, me: UUID, time: Clock) -> None:
    db.group("main", slots=3)
    for model in ("opus", "sonnet", "sonnet"):
        db.submit(model=model)
    db.finish(me, claim_one(db, me), "limit", retry_after_s=HOUR)
    time.passes(HOUR + 5)
    limit_model(db, me, claim_one(db, me))

    assert len(db.claim(me).runs) == 2


@pytest.mark.parametrize("opens", ["clear_cooldown('main')", "resume_group('main')"])
def test_whoever_opens_the_group_opens_its_models(db: Client, me: UUID, opens: str) -> None:
    db.group("main")
    task = submitted_and_claimed(db, me, "opus")
    limit_model(db, me, task)
    heard = db.another()
    heard.run("listen task_ready")
    db.connection.execute(f"select {opens}".encode())

    assert next(heard.connection.notifies(timeout=10)).channel == "task_ready"
    assert listed(db, "main") == ("open", None, [])
    assert db.claim(me).numbers == [task.number]


def test_a_group_that_is_renamed_or_removed_takes_its_limits_along(db: Client, me: UUID) -> None:
    db.group("main")
    limit_model(db, me, submitted_and_claimed(db, me, "opus"))
    db.run("update worker_groups set group_name = 'new'")
    assert db.claim(me).runs == []
    db.run("select cancel_task(number::text) from tasks")
    db.run("select remove_group('new')")
    assert db.value("select count(*) from model_cooldowns") == 0


def test_what_cooled_down_long_ago_is_forgotten(db: Client, me: UUID, time: Clock) -> None:
    db.group("main")
    limit_model(db, me, submitted_and_claimed(db, me, "opus"))
    time.passes(26 * HOUR)
    db.run("select cancel_task(number::text) from tasks")
    me = db.dispatcher()
    limit_model(db, me, submitted_and_claimed(db, me, "sonnet"))

    assert db.rows("select model from model_cooldowns") == [("sonnet",)]
