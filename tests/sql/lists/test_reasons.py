"""The reasons of many tasks at once are those that each of them has alone."""

import re
from collections.abc import Mapping, Sequence
from pathlib import Path

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.sql.client import Client
from tests.sql.clock import Clock

MODEL = (Path(__file__).parent / "model_of_why_waiting.sql").read_bytes()
GROUPS = {"claude-1": ("claude", "one"), "claude-2": ("claude", "two"), "codex-1": ("codex", "one")}
GROUP = st.sampled_from(list(GROUPS))
TASKS = st.lists(
    st.fixed_dictionaries(
        {
            "tool": st.sampled_from(["claude", "codex"]),
            "prompt": st.just("p"),
            "account": st.sampled_from([None, None, None, "one"]),
            "model": st.sampled_from([None, None, "m1"]),
            "tenant_id": st.sampled_from(["a", "a", "b"]),
            "priority": st.sampled_from([5, 5, 6]),
            "delay_s": st.sampled_from([None, None, None, None, 5, 50]),
        }
    ),
    min_size=1,
    max_size=25,
)
EVENTS = st.lists(
    st.one_of(
        st.tuples(st.just("update worker_groups set paused = true where group_name = %s"), GROUP),
        st.tuples(st.just("update worker_groups set cooldown_until = clock() + '1 h' where group_name = %s"), GROUP),
        st.tuples(st.just("update worker_groups set daily_budget_usd = 1, spent_usd = 2, spent_on = (clock() at"
                          " time zone 'UTC')::date where group_name = %s"), GROUP),
        st.tuples(st.just("select set_limit('model:m1', %s)"), st.integers(0, 1)),
        st.tuples(st.just("select set_limit('tenant:a', %s)"), st.integers(0, 3)),
        st.tuples(st.just("update test_clock set now = now + %s * interval '1 s'"), st.sampled_from([10, 100])),
        st.tuples(st.just("update lanes set contended_at = clock() where kind_of_lane(lane) = %s"), st.integers(0, 1)),
        st.tuples(st.just("delete from worker_groups where group_name = %s and current_concurrent = 0"), GROUP),
    ),
    max_size=4,
)  # fmt: skip


def test_the_reasons_of_many_tasks_are_those_of_each_alone(db: Client, time: Clock) -> None:
    db.connection.execute(MODEL)
    db.run(
        "create function kind_of_lane(lane uuid) returns integer language sql as"
        " 'select get_byte(uuid_send(lane), 0) & 1'"
    )
    for group, (tool, account) in GROUPS.items():
        db.group(group, tool=tool, account=account, slots=2)

    @settings(max_examples=60, suppress_health_check=[HealthCheck.too_slow])
    @given(TASKS, EVENTS, st.integers(0, 8), st.booleans())
    def compare(
        tasks: Sequence[Mapping[str, object]],
        events: Sequence[tuple[bytes, object]],
        claims: int,
        served: bool,
    ) -> None:
        with db.connection.transaction(force_rollback=True):
            db.submit_all(tasks)
            dispatcher = db.dispatcher()
            claimed = db.claim(dispatcher, claims).runs
            for run, error in zip(claimed, ("agent_error", "limit", "throttled"), strict=False):
                db.finish(dispatcher, run, error, error_message="no", retry_after_s=30)
            for statement, argument in events:
                db.connection.execute(statement, [argument])
            if not served:
                db.run("select close_dispatcher(%s)", dispatcher)
            reasons: dict[object, object] = dict(
                db.rows("select number, why from reasons_to_wait(array(select number from tasks))")  # type: ignore[arg-type]
            )
            expected = db.rows(
                "select number, model_of_why_waiting(number::text) from tasks where status = 'queued'"
            )
            assert reasons == dict(expected)  # type: ignore[arg-type]

    compare()


def test_a_place_is_counted_in_the_order_of_the_claim(db: Client) -> None:
    db.group("main")
    db.dispatcher()
    db.connection.execute(MODEL)
    db.run("insert into tasks (tool, prompt, created_at) select 'claude', 'p', now() - i * interval '1 s'"
           " from generate_series(1, 1100) as i")  # fmt: skip
    assert db.rows("select number, why from reasons_to_wait(array[1100, 1099, 101, 100, 1]) order by number desc") == [
        (1100, "about to start"), (1099, "waits for its turn: 1 like it ahead"),
        (101, "waits for its turn: 999 like it ahead"), (100, "waits for its turn: 1,000 or more like it are ahead"),
        (1, "waits for its turn: 1,000 or more like it are ahead"),
    ]  # fmt: skip


def test_the_reasons_of_many_tasks_are_not_sought_by_comparing_each_with_each(db: Client) -> None:
    db.group("main")
    db.dispatcher()
    numbers = db.submit_some(2000)
    plans: list[str] = []
    db.connection.add_notice_handler(lambda notice: plans.append(notice.message_primary or ""))
    db.run("load 'auto_explain'")
    for setting in (
        "log_min_duration = 0",
        "log_analyze = on",
        "log_timing = off",
        "log_nested_statements = on",
    ):
        db.connection.execute(f"set auto_explain.{setting}")
    db.run("set client_min_messages = log")
    db.rows("select * from reasons_to_wait(%s)", numbers)
    removed = [int(rows) for rows in re.findall(r"Rows Removed by Join Filter: (\d+)", "\n".join(plans))]
    assert "WindowAgg" in "\n".join(plans)
    assert sum(removed) < 10 * len(numbers)


def test_each_of_many_tasks_has_one_reason_also_while_time_passes(db: Client) -> None:
    db.group("main")
    db.dispatcher()
    numbers = db.submit_some(100)
    reasons = db.rows("select number from reasons_to_wait(%s) order by number", numbers)
    assert reasons == [(number,) for number in numbers]


def test_the_reasons_of_tasks_that_need_others_are_those_of_each_alone(db: Client) -> None:
    db.connection.execute(MODEL)
    db.group("main")
    db.dispatcher()
    root, failing, other = db.submit_some(3)
    for needs in ({"after": [root]}, {"after_tree": [root]}, {"after_any": [failing], "after_failed": [root]},
                  {"after": [failing, root, other]}, {"after_tree": [failing]}, {"after_failed": [other]}):  # fmt: skip
        db.submit(**needs)
    db.run(
        "update tasks set parent = (select id from tasks where number = %s) where number = %s", root, other
    )
    db.run("select cancel_task(%s)", str(failing))
    reasons: dict[object, object] = dict(
        db.rows("select number, why from reasons_to_wait(array(select number from tasks))")  # type: ignore[arg-type]
    )
    alone = db.rows("select number, model_of_why_waiting(number::text) from tasks where status = 'queued'")
    assert reasons == dict(alone)  # type: ignore[arg-type]
    assert reasons[5] == "waits for 2 of the 2 tasks of the tree of task 1"
    assert reasons[7] == (
        "task 2 was canceled, and its success is needed: `llmctl retry 2`, or `llmctl release 7` to run it all the same"
    )
