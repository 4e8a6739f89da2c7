"""A page of tasks holds what a selection says, and pages together hold everything once."""

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from psycopg.types.json import Jsonb

from sql.calls import list_page
from sql.selection import Selection
from tests.sql.client import Client
from tests.sql.conftest import LogIn
from tests.sql.refused import refused

Select = Mapping[str, object]
Known = Mapping[str, object]
BEGIN = datetime(2026, 11, 1, tzinfo=UTC)


def page(
    db: Client, select: Select, before: int | None = None, limit: int = 100
) -> tuple[list[int], int | None]:
    """The numbers of a page, and where the next one begins."""
    numbers, following = db.one(
        "select jsonb_path_query_array(items, '$[*].number'), next from list_page(%s, %s, %s)",
        Jsonb(select), before, limit,
    )  # fmt: skip
    assert isinstance(numbers, list)
    assert following is None or isinstance(following, int)
    return numbers, following


def walk(
    db: Client, select: Select, limit: int = 100, between: Callable[[], None] = lambda: None
) -> list[int]:
    """The numbers of all pages."""
    numbers, following = page(db, select, None, limit)
    while following is not None:
        between()
        more, following = page(db, select, following, limit)
        numbers += more
    return numbers


def fill(db: Client) -> list[Known]:
    """Tasks of all kinds in a database, and all that a selection can ask of them."""
    for group, tool in (("main", "claude"), ("second", "codex"), ("spent", "gemini")):
        db.group(group, tool=tool, slots=3)
    db.run("select change_group('spent', p_daily_budget_usd => 1)")
    db.run(
        "update worker_groups set spent_usd = 2, spent_on = (clock() at time zone 'UTC')::date"
        " where group_name = 'spent'"
    )
    dispatcher = db.dispatcher(groups=["main", "second"])
    db.submit_all([{"tool": tool, "prompt": "p", "name": "Early", "labels": {"n": 1}}
                   for tool in ("claude", "codex") * 3])  # fmt: skip
    db.start(dispatcher, *db.claim(dispatcher, 4).runs[:2])
    db.run(
        """
        insert into tasks (tool, prompt, tenant_id, queue, name, labels, status, wait_reason, next_attempt_at,
            group_name, finished_at)
        select (array['claude', 'codex', 'gemini'])[1 + i %% 3], 'p', 't' || i %% 4, 'q' || i %% 5 %% 3,
            case when i %% 4 > 0 then 'Task ' || i end,
            case when i %% 2 = 0 then jsonb_build_object('n', i %% 3, 'batch', 'b' || i %% 5) else '{}' end,
            state[1], state[2], now() + '1 h', case when i %% 3 = 1 then 'main' end,
            case when state[1] <> 'queued' then now() end
        from generate_series(1, 120) as i, lateral (
            select case i %% 8
                when 0 then array['queued', null] when 1 then array['queued', 'retry']
                when 2 then array['queued', 'limit'] when 3 then array['failed', null]
                when 4 then array['canceled', null] when 5 then array['queued', null]
                when 6 then array['queued', 'held'] else array['succeeded', null] end as state
        ) as states
        """
    )
    # Numbers and times do not follow each other exactly.
    db.run("update tasks set created_at = %s + make_interval(mins => (number - number %% 3)::integer)", BEGIN)
    columns = ("number", "tool", "tenant", "queue", "group", "name", "labels", "created_at", "state")
    rows = db.rows(
        "select number, tool, tenant_id, queue, group_name, name, labels, created_at, case"
        " when status = 'queued' and wait_reason is null and tool = 'gemini' then 'budget'"
        " else coalesce(wait_reason, status) end from tasks order by number desc"
    )
    return [dict(zip(columns, row, strict=True)) for row in rows]


def as_text(value: object) -> str:
    return value if isinstance(value, str) else str(value)


def fits(task: Known, select: Select) -> bool:
    """The model: what a selection means."""
    name, labels, created_at = task["name"], task["labels"], task["created_at"]
    assert isinstance(labels, dict)
    assert isinstance(created_at, datetime)
    for key, asked in select.items():
        match key:
            case "numbers" | "states":
                assert isinstance(asked, list)
                fit = task[key.removesuffix("s")] in asked
            case "labels":
                assert isinstance(asked, dict)
                fit = all(label in labels and as_text(labels[label]) == text for label, text in asked.items())
            case "name":
                fit = isinstance(name, str) and str(asked).lower() in name.lower()
            case "since":
                fit = created_at >= datetime.fromisoformat(str(asked))
            case "until":
                fit = created_at < datetime.fromisoformat(str(asked))
            case _:
                fit = task[key] == asked
        if not fit:
            return False
    return True


MOMENTS = st.integers(-5, 135).map(lambda minutes: (BEGIN + timedelta(minutes=minutes)).isoformat())
SELECTIONS = st.fixed_dictionaries(
    {},
    optional={
        "numbers": st.lists(st.integers(0, 140), max_size=40),
        "states": st.lists(
            st.sampled_from(
                ["queued", "retry", "limit", "held", "budget", "leased", "running", "succeeded", "failed", "canceled"]
            ),
            max_size=4,
        ),
        "tool": st.sampled_from(["claude", "codex", "gemini", "none"]),
        "tenant": st.sampled_from(["t0", "t1", "default"]),
        "queue": st.sampled_from(["q0", "q1", "q2", "default"]),
        "group": st.sampled_from(["main", "second"]),
        "name": st.sampled_from(["early", "TASK 1", "7", "%", "nowhere"]),
        "labels": st.dictionaries(st.sampled_from(["n", "batch"]), st.sampled_from(["1", "2", "b3", "b4"]), max_size=2),
        "since": MOMENTS,
        "until": MOMENTS,
    },
)  # fmt: skip


def test_every_selection_is_the_models_whatever_the_length_of_a_page(db: Client) -> None:
    tasks = fill(db)

    @settings(max_examples=120, suppress_health_check=[HealthCheck.too_slow])
    @given(SELECTIONS, st.integers(1, 150))
    def compare(select: Select, limit: int) -> None:
        assert walk(db, select, limit) == [task["number"] for task in tasks if fits(task, select)]

    compare()


def test_each_filter_alone_is_the_models(db: Client) -> None:
    tasks = fill(db)
    singles: Sequence[Select] = [
        {}, {"numbers": [3, 9, 9, 100, 5000]}, {"states": ["queued"]}, {"states": ["budget"]}, {"states": ["running"]},
        {"states": ["limit", "failed", "leased"]}, {"states": []}, {"tool": "codex"}, {"tenant": "t2"}, {"queue": "q1"},
        {"group": "main"}, {"name": "task 1"}, {"labels": {"n": "1"}}, {"labels": {"n": "1", "batch": "b4"}},
        {"since": (BEGIN + timedelta(minutes=50)).isoformat()}, {"until": (BEGIN + timedelta(minutes=50)).isoformat()},
    ]  # fmt: skip
    for select in singles:
        assert walk(db, select, 7) == [task["number"] for task in tasks if fits(task, select)], select


def test_a_walk_sees_each_task_once_while_others_are_submitted_and_change(wide: Client) -> None:
    numbers = wide.submit_some(60, labels={"batch": "x"})
    dispatcher = wide.dispatcher()

    def meanwhile() -> None:
        wide.submit_some(2, labels={"batch": "x"})
        for run in wide.claim(dispatcher, 3).runs:
            wide.finish(dispatcher, run)

    for select in ({}, {"labels": {"batch": "x"}}, {"tool": "claude"}):
        seen = walk(wide, select, 7, meanwhile)
        assert len(seen) == len(set(seen))
        assert set(numbers) <= set(seen)


def test_a_task_whose_labels_are_deleted_with_it_is_forgotten(db: Client) -> None:
    db.submit_some(3, labels={"batch": "x", "n": 1})
    db.run("update tasks set status = 'canceled', finished_at = now() where number = 2")
    db.run("delete from tasks where number = 2")
    assert walk(db, {"labels": {"batch": "x"}}) == [3, 1]
    assert db.value("select count(*) from task_labels") == 4


def test_where_hardly_a_task_fits_a_page_ends_early_and_the_next_goes_on(db: Client) -> None:
    db.submit(name="needle")
    db.run(
        "insert into tasks (tool, prompt, name) select 'claude', 'p', 'hay' from generate_series(1, 25000)"
    )
    pages = [page(db, {"name": "needle"})]
    while (following := pages[-1][1]) is not None:
        pages.append(page(db, {"name": "needle"}, following))
    assert [numbers for numbers, _ in pages] == [[], [], [1]]


def test_a_session_sees_the_tasks_of_its_tenants_alone(db: Client, log_in: LogIn) -> None:
    for tenant in ("a", "b", "c", "a"):
        db.submit(tenant_id=tenant, labels={"n": 1})
    session = log_in("producer", tenants=["a", "b"])
    assert walk(session, {}) == walk(session, {"labels": {"n": "1"}}) == [4, 2, 1]
    assert walk(session, {"tenant": "b"}) == [2]
    assert walk(session, {"tenant": "c"}) == walk(session, {"numbers": [3]}) == []
    assert walk(log_in("reader"), {}) == [4, 3, 2, 1]
    assert walk(log_in("producer"), {}) == []


@pytest.mark.parametrize(
    ("select", "complaint"),
    [
        ([], "a selection must be a JSON object"),
        ({"tol": "claude"}, '"tol" is not a valid key of a selection: expected one of group, labels'),
        ({"tool": 1}, "tool must be text"),
        ({"name": ["x"]}, "name must be text"),
        ({"numbers": 3}, "numbers must be a list of task numbers"),
        ({"numbers": ["3"]}, "numbers must be a list of task numbers"),
        ({"numbers": [1.5]}, "numbers must be a list of task numbers"),
        ({"numbers": [10**30]}, "numbers must be a list of task numbers"),
        ({"states": "queued"}, "states must be a list of these: queued"),
        ({"states": ["done"]}, "states must be a list of these: queued"),
        ({"labels": ["a"]}, "labels must be a JSON object of texts"),
        ({"labels": {"a": 1}}, "labels must be a JSON object of texts"),
        ({"since": "yesterdayish"}, "since or until is not a valid time"),
        ({"until": "infinity"}, "until must be a finite time"),
    ],
)
def test_a_selection_that_is_not_valid_is_refused(db: Client, select: object, complaint: str) -> None:
    with refused("LD400", complaint):
        db.run("select * from list_page(%s)", Jsonb(select))


def test_a_limit_outside_of_its_bounds_is_refused(db: Client) -> None:
    for limit in (0, 1001, None):
        with refused("LD400", "is not a valid limit: expected a number from 1 to 1000"):
            db.run("select * from list_page(p_limit => %s)", limit)


def test_a_page_holds_the_rows_of_the_list(db: Client) -> None:
    db.group("main")
    db.submit(name="one", labels={"batch": "x", "n": 2})
    call = list_page(
        Selection(labels={"batch": "x", "n": "2"}, since=datetime(2026, 1, 1, tzinfo=UTC)), limit=5
    )
    rows = db.connection.execute(call.statement, call.values).fetchall()
    [task] = call.read(rows).items
    listed = db.one("select number, id, why, labels, actions from list_tasks()")
    assert (task.number, task.id, task.why, task.labels, task.actions) == listed
    assert task.labels == {"batch": "x", "n": 2}
