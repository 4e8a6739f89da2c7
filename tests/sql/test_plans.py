"""What a call reads does not grow with the backlog, whatever the planner believes about the size of tables.

Blocks are counted, not time: those of the call and of every statement and trigger in it.
"""

import json
from typing import LiteralString

import pytest
from psycopg.types.json import Jsonb

from tests.sql.client import Client

BACKLOG = 200_000
GROWTH = 2.0
"""How much more a call may read with the backlog than without: indexes are a level or two deeper."""
MORE = {"why": 1500}
"""Blocks beyond that: the sentence counts tasks ahead, up to 1,000 of them."""


class Calls:
    """A session that makes each call of a dispatcher's and a producer's day once, and counts blocks."""

    def __init__(self, client: Client) -> None:
        self._client = client
        self._dispatcher = client.dispatcher()

    def settled_cost(self) -> dict[str, int]:
        """The cost once plans are kept, which is from the sixth call on."""
        return [self.cost() for _ in range(7)][-1]

    def cost(self) -> dict[str, int]:
        """Blocks read by each call; the claim takes 10 tasks, the reports are of two of them."""
        costs = {"submit": self._blocks("select * from submit_task('codex', 'p', p_idempotency_key => 'k')")}
        costs["same key"] = self._blocks("select * from submit_task('codex', 'p', p_idempotency_key => 'k')")
        costs["claim"] = self._blocks("select report_and_claim(%s, '[]', 10)", self._dispatcher)
        costs["claim of nothing"] = self._blocks("select report_and_claim(%s, '[]', 10)", self._dispatcher)
        runs = [
            str(row[0])
            for row in self._client.rows(
                "select run_id from tasks where leased_by = %s and status = 'leased' order by number limit 2",
                self._dispatcher,
            )
        ]
        reports = Jsonb([{"run_id": run} for run in runs])
        costs["start"] = self._blocks("select start_runs(%s, %s)", self._dispatcher, reports)
        costs["heartbeat"] = self._blocks("select heartbeat(%s)", self._dispatcher)
        costs["finish"] = self._blocks("select * from finish_runs(%s, %s)", self._dispatcher, reports)
        costs["deadline"] = self._blocks("select next_deadline(%s)", self._dispatcher)
        costs["any work?"] = self._blocks("select has_work(%s)", self._dispatcher)
        number = str(
            self._client.value("select min(number) from tasks where tool = 'codex' and status = 'queued'")
        )
        costs["why"] = self._blocks("select why_waiting(%s)", number)
        costs["cancel"] = self._blocks("select cancel_task(%s)", number)
        costs["retry"] = self._blocks("select retry_task(%s)", number)
        costs["new limit"] = self._blocks("select set_limit('model:new', 5)")
        costs["raised limit"] = self._blocks("select set_limit('tool:codex', 60)")
        self._reset()
        return costs

    def _blocks(self, query: LiteralString, *parameters: object) -> int:
        plan = self._client.value(f"explain (analyze, buffers, timing off, format json) {query}", *parameters)
        assert isinstance(plan, list)
        top = plan[0]["Plan"]
        return int(top["Shared Hit Blocks"] + top["Shared Read Blocks"])

    def _reset(self) -> None:
        """As it was: 30 tasks of codex queued, nothing else of it."""
        self._client.run("select remove_limit('model:new'), set_limit('tool:codex', 50)")
        self._client.run(
            "select finish_runs(%s, jsonb_agg(jsonb_build_object('run_id', run_id, 'error_class', 'interrupted')))"
            " from tasks where leased_by = %s",
            self._dispatcher,
            self._dispatcher,
        )
        self._client.run("delete from tasks where status = 'succeeded' or idempotency_key is not null")
        self._client.run(
            "insert into tasks (tool, prompt, priority) select 'codex', 'p', 1 from generate_series(1,"
            " 30 - (select count(*) from tasks where tool = 'codex' and status = 'queued' and wait_reason is null))"
        )
        self._client.run("select report_and_claim(%s, '[]', 0)", self._dispatcher)


@pytest.fixture
def quiet(db: Client) -> Client:
    """Statistics change when a test says so, and 30 tasks are there for a dispatcher with plenty of slots."""
    for (table,) in db.rows(
        "select oid::regclass::text from pg_class where relkind = 'r' and relnamespace = 'public'::regnamespace"
    ):
        db.connection.execute(f"alter table {table} set (autovacuum_enabled = off)".encode())
    db.group("codex", tool="codex", slots=50)
    db.group("claude", slots=50)
    db.limit("tool:codex", 50)
    db.limit("tool:claude", 0)
    db.submit_all([{"tool": "codex", "prompt": "p", "priority": 1}] * 30)
    return db


BACKLOGS: dict[str, LiteralString] = {
    "of a full tool in front": "'claude', 'p', 9, null::timestamptz, 'default'",
    "in the same lane": "'codex', 'p', 1, null::timestamptz, 'default'",
    "of the future": "'codex', 'p', 9, now() + i * interval '1 min', 'default'",
    "of a thousand blocked tenants": "'claude', 'p', 9, null::timestamptz, 'tenant ' || i % 1000",
    "of one huge tenant and a thousand small ones, blocked": (
        "'claude', 'p', 9, null::timestamptz, case when i % 20 = 0 then 'tenant ' || i % 20000 else 'huge' end"
    ),
}


@pytest.mark.parametrize("where", BACKLOGS)
def test_no_call_reads_more_because_of_a_backlog(quiet: Client, where: str) -> None:
    empty = Calls(quiet.another())
    before = empty.settled_cost()
    quiet.connection.execute(
        b"insert into tasks (tool, prompt, priority, scheduled_at, tenant_id, created_at) select "
        + BACKLOGS[where].encode()
        + b", now() + interval '1 s' from generate_series(1, "
        + str(BACKLOG).encode()
        + b") as i"
    )
    quiet.claim(quiet.dispatcher(), 0)  # the lanes are taken in once
    sessions = {"planned when empty": empty, "planned with stale statistics": Calls(quiet.another())}
    after = {name: calls.settled_cost() for name, calls in sessions.items()}
    quiet.run("vacuum analyze")
    after["planned with fresh statistics"] = Calls(quiet.another()).settled_cost()
    grown = {
        f"{call}, {name}": (before[call], blocks)
        for name, costs in after.items()
        for call, blocks in costs.items()
        if blocks > GROWTH * before[call] + MORE.get(call, 20)
    }
    assert grown == {}, json.dumps(grown, indent=1)


def test_the_claim_reads_no_more_after_a_bulk_cancel(quiet: Client) -> None:
    calls = Calls(quiet.another())
    before = calls.settled_cost()
    quiet.run(
        "insert into tasks (tool, prompt, priority, created_at)"
        " select 'codex', 'p', 1, now() - interval '1 h' from generate_series(1, %s)",
        BACKLOG,
    )
    quiet.run(
        "update tasks set status = 'canceled', finished_at = now() where created_at < now() - interval '30 min'"
    )
    calls.cost()  # the first one walks over what was cancelled, and remembers where the rest begins
    after = calls.settled_cost()
    assert after["claim"] <= GROWTH * before["claim"] + 20


def test_the_claim_reads_no_more_for_a_lane_with_a_long_history(quiet: Client) -> None:
    calls = Calls(quiet.another())
    before = calls.settled_cost()
    quiet.run(
        "insert into tasks (tool, prompt, priority, status, finished_at)"
        " select 'codex', 'p', 1, 'succeeded', now() from generate_series(1, %s)",
        BACKLOG,
    )
    after = calls.settled_cost()
    assert after["claim"] <= GROWTH * before["claim"] + 20
    assert after["any work?"] <= GROWTH * before["any work?"] + 20


def test_the_claim_looks_once_at_each_kind_of_work_when_a_tenant_has_many_blocked_lanes(
    quiet: Client,
) -> None:
    """A plan made while few lanes had work walked over all of them for each kind: 500 of each took two seconds."""
    others = [
        {"tool": "codex", "prompt": "p", "tenant_id": f"t{n}", "queue": f"q{n}", "priority": 1}
        for n in range(300)
    ]
    quiet.limit("model:full", 0)
    quiet.submit_all(
        [
            {"tool": "codex", "prompt": "p", "model": "full", "queue": f"q{n}", "priority": 9}
            for n in range(30)
        ]
    )
    quiet.submit_all(others[:20])
    calls = Calls(quiet.another())
    before = calls.settled_cost()
    quiet.submit_all(others)
    after = calls.settled_cost()
    assert after["claim"] <= GROWTH * before["claim"] + 20 * len(others)


def test_the_claim_looks_up_the_lanes_of_a_blocked_tenant_by_key_whatever_statistics_say(
    quiet: Client,
) -> None:
    """With statistics of a day on which hardly any lane has a head, a walk over those with a head looks cheap."""
    quiet.run(
        "insert into tasks (tool, prompt, tenant_id)"
        " select 'codex', 'p', 'gone ' || n from generate_series(1, 3000) as n"
    )
    quiet.run(
        "update tasks set status = 'canceled', finished_at = now() where starts_with(tenant_id, 'gone')"
    )
    dispatcher = quiet.dispatcher()
    while not (runs := quiet.claim(dispatcher, 1).runs):
        pass  # it finds out, some lanes at a time, that nothing is left
    quiet.finish(dispatcher, runs[0], "interrupted")
    quiet.run("vacuum analyze")
    session = quiet.another()

    def cost(queues: int) -> float:
        """Blocks for each queue, until a claim knows that the first tenant is blocked in all of them."""
        quiet.limit("model:full", 1)
        quiet.submit_all(
            [
                {"tool": "codex", "prompt": "p", "model": "full", "queue": f"q{n}", "priority": 9}
                for n in range(queues)
            ]
        )
        quiet.claim(dispatcher, 0)
        quiet.limit("model:full", 0)  # of so many queues that none of them is closed
        plan = session.value(
            "explain (analyze, buffers, format json) select report_and_claim(%s, '[]', 1)", dispatcher
        )
        assert isinstance(plan, list)
        run = quiet.value("select run_id::text from tasks where status = 'leased'")
        quiet.finish_all(dispatcher, [{"run_id": run, "error_class": "interrupted"}])
        return int(plan[0]["Plan"]["Shared Hit Blocks"] + plan[0]["Plan"]["Shared Read Blocks"]) / queues

    few = [cost(40) for _ in range(7)][-1]
    assert cost(400) < few


def test_a_cool_down_costs_the_claim_no_look_at_each_tenant_that_was_ever_here(quiet: Client) -> None:
    quiet.group("gemini", tool="gemini")
    calls = Calls(quiet.another())
    quiet.run("select cool_down_group('gemini', now() + '1 h')")
    before = calls.settled_cost()
    quiet.run("select clear_cooldown('gemini')")
    quiet.run(
        "insert into tasks (tool, prompt, tenant_id) select 'gemini', 'p', 't' || n from generate_series(1, 2000) as n"
    )
    quiet.run("delete from tasks where tool = 'gemini'")
    dispatcher = quiet.dispatcher(groups=["gemini"])
    while quiet.claim(dispatcher).deadline_s is not None:
        pass  # it finds out, some lanes at a time, that nothing is left
    quiet.run("select cool_down_group('gemini', now() + '1 h')")
    after = calls.settled_cost()
    assert after["deadline"] <= GROWTH * before["deadline"] + 20
    assert after["claim"] <= GROWTH * before["claim"] + 20


@pytest.mark.parametrize("each", ["queue", "tenant_id"])
def test_of_many_emptied_lanes_each_is_looked_at_once(quiet: Client, each: str) -> None:
    """Otherwise a plan made while there is little would read all ready tasks or all lanes to find one lane empty."""
    session, dispatcher = quiet.another(), quiet.dispatcher()

    def cost(lanes: int) -> float:
        """Blocks for each lane, until a claim has found all of them empty."""
        quiet.submit_all(
            [{"tool": "codex", "prompt": "p", each: f"gone {n}", "priority": 9} for n in range(lanes)]
        )
        quiet.claim(dispatcher, 0)
        quiet.run("delete from tasks where priority = 9")
        plan = session.value(
            "explain (analyze, buffers, format json) select report_and_claim(%s, '[]', 1)", dispatcher
        )
        assert isinstance(plan, list)
        run = quiet.value("select run_id::text from tasks where status = 'leased'")
        quiet.finish_all(dispatcher, [{"run_id": run, "error_class": "interrupted"}])
        quiet.run("vacuum lanes, tenant_turns")
        return int(plan[0]["Plan"]["Shared Hit Blocks"] + plan[0]["Plan"]["Shared Read Blocks"]) / lanes

    few = [cost(40) for _ in range(7)][-1]
    quiet.run(
        "insert into tasks (tool, prompt, priority, tenant_id) select 'codex', 'p', 1, 't' || mod(i, 2000)"
        " from generate_series(1, %s) as i",
        BACKLOG // 4,
    )
    assert cost(900) < few


def test_the_claim_reads_no_more_for_queues_and_tenants_that_are_gone(quiet: Client) -> None:
    """Behind fifty tenants that are blocked it looks at each kind of work that it knows."""
    quiet.group("gemini", tool="gemini")
    quiet.limit("model:full", 0)
    blocked = [
        {"tool": "gemini", "prompt": "p", "model": "full", "tenant_id": f"t{n}", "priority": 9}
        for n in range(60)
    ]
    quiet.submit_all(blocked)
    calls = Calls(quiet.another())
    before = calls.settled_cost()
    quiet.run(
        "insert into tasks (tool, prompt, queue, tenant_id)"
        " select 'codex', 'p', 'done ' || n, 'done ' || n from generate_series(1, 3000) as n"
    )
    dispatcher = quiet.dispatcher()
    quiet.claim(dispatcher, 0)
    quiet.run("update tasks set status = 'canceled', finished_at = now() where starts_with(queue, 'done')")
    while not (runs := quiet.claim(dispatcher, 1).runs):
        pass  # it finds out, some lanes at a time, that nothing is left
    quiet.finish(dispatcher, runs[0], "interrupted")
    while quiet.value("select prune_lanes()"):
        pass
    quiet.run("vacuum lanes, tenantless_lanes, tenant_turns, task_tallies, task_tally_inbox")
    after = calls.settled_cost()
    assert {
        call: (before[call], after[call]) for call in before if after[call] > GROWTH * before[call] + 20
    } == {}


def test_the_claim_reads_little_more_while_a_model_cools_however_many_tasks_of_it_wait(quiet: Client) -> None:
    calls = Calls(quiet.another())
    before = calls.settled_cost()
    quiet.run("insert into model_cooldowns values ('codex', 'large', now() + '1 d', 'limit')")
    quiet.run("update worker_groups set models_cool_until = now() + '1 d' where group_name = 'codex'")
    quiet.run(
        "insert into tasks (tool, prompt, priority, model, tenant_id)"
        " select 'codex', 'p', 9, 'large', 't' || mod(i, 500) from generate_series(1, 50000) as i"
    )
    quiet.claim(quiet.dispatcher(), 0)
    after = calls.settled_cost()
    assert after["deadline"] <= GROWTH * before["deadline"] + 20
    # As behind other tenants that are blocked: fifty turns are looked at, and then the lanes of all tenants in common.
    assert after["claim"] <= GROWTH * before["claim"] + 3000, (before["claim"], after["claim"])
