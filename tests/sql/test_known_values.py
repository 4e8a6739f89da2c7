"""What somebody who types may mean, and what the sums by any key add up to."""

import pytest
from psycopg.types.json import Jsonb

from tests.sql.client import Client
from tests.sql.conftest import LogIn
from tests.sql.refused import refused


@pytest.fixture
def site(wide: Client) -> Client:
    wide.group("second", tool="codex", account="two")
    wide.submit(name="night", labels={"batch": "x", "n": 1}, model="opus", queue="slow", tenant_id="acme")
    wide.submit(name="nightly", labels={"batch": "y"}, hold=True)
    wide.submit(tool="codex")
    return wide


@pytest.mark.parametrize(
    ("kind", "prefix", "known"),
    [
        ("task", "", [("3", "queued"), ("2", "nightly, held"), ("1", "night, queued")]),
        ("task", "2", [("2", "nightly, held")]),
        ("group", "", [("main", "claude, main"), ("second", "codex, two")]),
        ("group", "se", [("second", "codex, two")]),
        ("account", "", [("main", "claude"), ("two", "codex")]),
        ("tool", "c", [("claude", None), ("codex", None)]),
        ("tenant", "", [("acme", None), ("default", None)]),
        ("queue", "s", [("slow", None)]),
        ("model", "", [("opus", None)]),
        ("name", "night", [("night", None), ("nightly", None)]),
        ("label", "", [("batch=x", None), ("batch=y", None), ("n=1", None)]),
        ("label", "batch=y", [("batch=y", None)]),
        ("label_key", "", [("batch", None), ("n", None)]),
        ("label", "%", []),
    ],
)
def test_the_values_of_a_kind_that_begin_with_what_was_typed_are_known(
    site: Client, kind: str, prefix: str, known: list[object]
) -> None:
    assert site.rows("select * from known_values(%s, %s)", kind, prefix) == known
    assert site.rows("select * from known_values(%s, %s, 1)", kind, prefix) == known[:1]


def test_the_newest_tasks_come_first_whatever_their_numbers_look_like(wide: Client) -> None:
    numbers = wide.submit_some(12)
    newest = [value for value, _ in wide.rows("select * from known_values('task', '', 5)")]
    assert newest == [str(number) for number in sorted(numbers, reverse=True)[:5]]


def test_an_old_task_is_known_by_how_its_number_begins(db: Client) -> None:
    db.run("insert into tasks (tool, prompt) select 'claude', 'p' from generate_series(1, 6200)")
    found = [value for (value,) in db.rows("select value from known_values('task', '61', 1000)")]
    assert found == sorted((str(n) for n in range(1, 6201) if str(n).startswith("61")), key=int, reverse=True)
    assert [value for (value,) in db.rows("select value from known_values('task', '61', 2)")] == [
        "6199",
        "6198",
    ]
    for prefix in ("0", "x", "6-", "7000"):
        assert db.rows("select value from known_values('task', %s)", prefix) == []


def test_a_session_knows_the_values_of_its_tenants_alone(site: Client, log_in: LogIn) -> None:
    session = log_in("producer", tenants=["acme"])
    for kind, known in (
        ("task", ["1"]), ("tenant", ["acme"]), ("queue", ["slow"]), ("name", ["night"]), ("label", ["batch=x", "n=1"]),
    ):  # fmt: skip
        assert [value for value, _ in session.rows("select * from known_values(%s)", kind)] == known
    site.submit_some(20)
    assert session.rows("select value from known_values('task', '1', 1)") == [("1",)]
    own = site.submit(tenant_id="acme").number
    site.submit()
    assert session.rows("select value from known_values('task', '2', 1)") == [(str(own),)]


def test_a_task_that_was_claimed_and_has_no_agent_yet_is_said_to_be_starting(wide: Client) -> None:
    wide.submit()
    wide.claim(wide.dispatcher())
    assert wide.rows("select * from known_values('task', '1')") == [("1", "starting")]


def test_a_kind_or_a_limit_that_there_is_not_is_refused(db: Client) -> None:
    with refused("LD400", "'colour' is not a valid kind of value: expected task, group, account, tool"):
        db.run("select * from known_values('colour')")
    for limit in (0, 1001, None):
        with refused("LD400", "is not a valid limit: expected a number from 1 to 1000"):
            db.run("select * from known_values('task', '', %s)", limit)


def test_the_runs_of_a_sum_add_up_and_go_by_any_key(wide: Client) -> None:
    dispatcher = wide.dispatcher()
    for number in range(7):
        wide.submit(labels={"batch": "x"} if number < 5 else {}, queue="slow" if number == 0 else "default")
    errors = [None, "invalid_request", "lost", "limit", "interrupted", "canceled", "timeout"]
    runs = wide.claim(dispatcher).runs
    wide.run("select cancel_task('6')")
    for run, error in zip(runs, errors, strict=True):
        wide.start(dispatcher, run)
        wide.finish(dispatcher, run, error)
    columns = "select key, runs, succeeded, failed, limited, canceled, interrupted from stats"
    assert wide.rows(columns + "('tool')") == [("claude", 7, 1, 3, 1, 1, 1)]
    assert wide.rows(columns + "('label:batch')") == [("x", 5, 1, 2, 1, 0, 1), (None, 2, 0, 1, 0, 1, 0)]
    assert wide.rows(columns + "('queue')") == [("default", 6, 0, 3, 1, 1, 1), ("slow", 1, 1, 0, 0, 0, 0)]
    select = Jsonb({"tasks": ["1-3"], "labels": {"batch": "x"}})
    assert wide.rows(columns + "('tool', p_select => %s)", select) == [("claude", 3, 1, 2, 0, 0, 0)]
    for by in ("colour", "label:", None):
        with refused(
            "LD400",
            "is not a valid grouping: expected group, tool, model, tenant, queue, workflow, day or label:KEY",
        ):
            wide.run("select stats(%s)", by)
