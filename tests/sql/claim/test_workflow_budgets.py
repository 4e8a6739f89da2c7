"""What a workflow may spend: nothing of it starts once that is used up, and everything says so."""

import json
from decimal import Decimal
from functools import partial
from typing import Any

import pytest
from psycopg.types.json import Jsonb

from tests.sql.client import Client
from tests.sql.concurrently import all_at_once
from tests.sql.refused import refused

SCOPE = "workflow:release"
HALF: dict[str, Any] = {"cost_usd": 1.2, "input_tokens": 100, "output_tokens": 20}


def budget(db: Client, **keys: object) -> None:
    db.run(
        "select set_limit(%s, p_budget_usd => %s, p_token_budget => %s)",
        SCOPE,
        keys.get("usd"),
        keys.get("tokens"),
    )


def spent(db: Client) -> tuple[object, ...]:
    return db.one(
        "select spent_usd, spent_tokens, unknown_cost_runs from list_limits() where scope = %s", SCOPE
    )


def states(db: Client, **selection: object) -> dict[object, object]:
    return dict(db.rows("select state, tasks from count_tasks(%s)", Jsonb(selection)))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("keys", "used"), [({"usd": 2}, "3.60 of 2.00 USD"), ({"tokens": 240}, "360 of 240 tokens")]
)
def test_nothing_of_a_workflow_starts_once_its_budget_is_used_up_and_what_runs_goes_on(
    wide: Client, keys: dict[str, object], used: str
) -> None:
    budget(wide, **keys)
    numbers = wide.submit_some(5, workflow="release")
    me = wide.dispatcher()
    first, second, third = wide.claim(me, 3).runs
    wide.finish(me, first, **HALF)
    assert wide.claim(me, 1).numbers == numbers[3:4]
    wide.finish(me, second, **HALF)
    assert (wide.claim(me).numbers, wide.claim(me).deadline_s) == ([], None)
    wide.finish(me, third, **HALF)
    other = wide.submit(workflow="another")
    assert wide.claim(me).numbers == [other.number]
    why = str(wide.value("select why_waiting(%s)", str(numbers[4])))
    assert why.startswith(f"the budget of workflow release is used up ({used})")
    budget(wide, **{key: value * 10 for key, value in keys.items() if isinstance(value, int)})
    assert wide.claim(me).numbers == numbers[4:]
    assert wide.drift() == []


def test_the_reason_gives_the_command_that_raises_it(wide: Client) -> None:
    budget(wide, usd=2)
    numbers = wide.submit_some(2, workflow="release")
    me = wide.dispatcher()
    [run] = wide.claim(me, 1).runs
    wide.finish(me, run, cost_usd=2.04, input_tokens=5, output_tokens=5)
    assert wide.value("select why_waiting(%s)", str(numbers[1])) == (
        "the budget of workflow release is used up (2.04 of 2.00 USD): `llmctl limit set workflow:release --budget 4`"
    )


def test_a_budget_counts_what_its_workflow_took_before_it_and_a_raise_keeps_the_sum(wide: Client) -> None:
    wide.submit_some(4, workflow="release")
    wide.submit_some(1, workflow="another")
    me = wide.dispatcher()
    runs = wide.claim(me, 5).runs
    wide.start(me, *runs)
    wide.finish(me, runs[0], **HALF)
    wide.finish(me, runs[1], "agent_error")
    wide.finish(me, runs[4], **HALF)
    budget(wide, usd=10)
    assert spent(wide) == (Decimal("1.2"), 120, 1)
    wide.finish(me, runs[2], **HALF)
    wide.run("delete from tasks where status = 'succeeded'")
    budget(wide, usd=20)
    assert spent(wide) == (Decimal("2.4"), 240, 1)
    wide.run("select set_limit(%s, 3)", SCOPE)
    wide.finish(me, runs[3], "agent_error")
    assert spent(wide) == (Decimal("2.4"), 240, 2)
    row = wide.one("select max_concurrent, budget_usd from list_limits() where scope = %s", SCOPE)
    assert row == (3, 20)


def test_reports_that_come_at_once_are_all_added_up(wide: Client) -> None:
    budget(wide, usd=100)
    wide.submit_some(8, workflow="release")
    me = wide.dispatcher()
    runs = wide.claim(me).runs
    clients = [wide.another() for _ in runs]
    all_at_once([partial(client.finish, me, run, **HALF) for client, run in zip(clients, runs, strict=True)])
    assert spent(wide) == (Decimal("9.6"), 960, 0)


def test_what_waits_for_the_budget_of_its_workflow_is_called_so_wherever_it_is_shown(wide: Client) -> None:
    budget(wide, usd=2)
    numbers = wide.submit_some(3, workflow="release")
    wide.submit_some(2)
    me = wide.dispatcher()
    runs = wide.claim(me, 1).runs
    wide.finish(me, runs[0], cost_usd=2)
    everywhere: list[dict[str, object]] = [{}, {"numbers": list(range(1, 9))}]
    for selection in everywhere:
        assert states(wide, **selection) == {"queued": 2, "budget": 2, "succeeded": 1}
        assert states(wide, waiting="budget", **selection) == {"budget": 2}
        assert states(wide, states=["queued"], **selection) == {"queued": 2}
    rows = wide.value("select items from list_page(%s)", Jsonb({"states": ["budget"]}))
    assert isinstance(rows, list)
    assert [(row["number"], row["wait_reason"], row["waits_s"]) for row in rows] == [
        (number, "budget", None) for number in reversed(numbers[1:])
    ]
    shown = wide.value("select show_task(%s)", str(numbers[1]))
    assert isinstance(shown, dict)
    assert (shown["wait_reason"], shown["waits_s"]) == ("budget", None)
    assert sorted(wide.rows("select value, tasks from facets() where facet = 'state'")) == [
        ("budget", 2),
        ("queued", 2),
        ("succeeded", 1),
    ]
    [row] = wide.rows("select kind, name, what, verbs from inbox()")
    assert row == (
        "over_budget", "release", "workflow release has spent 2.00 of 2.00 USD",
        ["llmctl limit set workflow:release --budget USD"],
    )  # fmt: skip
    assert wide.value("select count_inbox()") == 1


def test_a_budget_tells_when_it_passes_80_percent_and_when_it_is_used_up_and_at_no_other_time(
    wide: Client,
) -> None:
    wide.run(
        "create table told (scope text, is_all boolean); grant insert on told to public;"
        "create or replace function note_budget_used(p_scope text, p_before numeric, p_after numeric) returns void"
        " language sql as $$ insert into told values (p_scope, p_after >= 1) $$"
    )
    budget(wide, usd=10)
    wide.submit_some(8, workflow="release")
    me = wide.dispatcher()
    told = []
    for run in wide.claim(me).runs:
        wide.finish(me, run, cost_usd=1.5)
        told.append(wide.value("select count(*) from told"))
    assert told == [0, 0, 0, 0, 0, 1, 2, 2]
    assert wide.rows("select * from told") == [(SCOPE, False), (SCOPE, True)]


@pytest.mark.parametrize(
    ("call", "message"),
    [
        ("set_limit('queue:q', 1, p_budget_usd => 5)", "queue:q cannot have a budget: only a workflow can"),
        ("set_limit('workflow:w', 1, p_budget_usd => -5)", "-5 is not a valid budget"),
        ("set_limit('workflow:w', p_budget_usd => 'NaN')", "NaN is not a valid budget"),
        (
            "set_limit('workflow:w', p_budget_usd => 0)",
            "workflow:w would have neither a number of tasks nor a budget",
        ),
        ("set_limit('workflow:w')", "a limit needs a number of tasks, or the budget of a workflow"),
    ],
)
def test_a_budget_that_makes_no_sense_is_refused(wide: Client, call: str, message: str) -> None:
    with refused("LD400", message):
        wide.connection.execute(f"select {call}".encode())


def test_a_budget_is_taken_away_by_0_and_the_number_of_tasks_stays(wide: Client) -> None:
    wide.run("select set_limit(%s, 1, p_budget_usd => 1)", SCOPE)
    numbers = wide.submit_some(3, workflow="release")
    me = wide.dispatcher()
    [run] = wide.claim(me).runs
    wide.finish(me, run, cost_usd=3)
    assert wide.claim(me).numbers == []
    budget(wide, usd=0)
    assert wide.claim(me).numbers == numbers[1:2]
    assert wide.claim(me).numbers == []


def test_a_dispatcher_that_ends_when_all_is_done_does_not_wait_for_a_budget(wide: Client) -> None:
    budget(wide, usd=1)
    wide.submit_some(2, workflow="release")
    me = wide.dispatcher()
    [run] = wide.claim(me, 1).runs
    assert wide.value("select has_work(%s)", me)
    wide.finish(me, run, cost_usd=1)
    assert not wide.value("select has_work(%s)", me)
    assert json.dumps(states(wide)) == '{"budget": 1, "succeeded": 1}'
