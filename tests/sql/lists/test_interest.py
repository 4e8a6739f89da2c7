"""What a list shows first: what runs, then what waits, then what ended last, and whatever a selection says."""

import pytest
from psycopg.types.json import Jsonb

from tests.sql.client import Client
from tests.sql.clock import Clock
from tests.sql.conftest import LogIn
from tests.sql.refused import refused


def listed(db: Client, select: object = None, limit: int = 50) -> list[object]:
    rows = db.rows("select number from list_tasks(%s, %s)", Jsonb(select or {}), limit)
    return [number for (number,) in rows]


def counted(db: Client, select: object = None) -> dict[object, object]:
    return dict(db.rows("select state, tasks from count_tasks(%s)", Jsonb(select or {})))  # type: ignore[arg-type]


@pytest.fixture
def site(wide: Client, time: Clock) -> Client:
    """Tasks 1 to 10: 2 and 3 run, 4 ended before 1, 5 waits for a time, 6 is held, and the others are ready."""
    dispatcher = wide.dispatcher()
    wide.submit_some(4)
    runs = {run.number: run for run in wide.claim(dispatcher, 4).runs}
    wide.start(dispatcher, runs[3], runs[4], runs[1])
    time.passes(60)
    wide.start(dispatcher, runs[2])
    for number in (4, 1):
        time.passes(60)
        wide.finish(dispatcher, runs[number], "invalid_request" if number == 1 else None)
    wide.run("select heartbeat(%s)", dispatcher)
    wide.submit(delay_s=7200)
    wide.submit(hold=True, priority=9)
    wide.submit(name="Night run", model="opus", labels={"batch": "x"})
    wide.submit(priority=7, queue="slow", labels={"batch": "x"})
    wide.submit(priority=3, tenant_id="acme", name="night_run 2")
    wide.submit(tool="claude", priority=9)
    return wide


def test_active_tasks_come_first_then_waiting_ones_then_those_that_ended_last(site: Client) -> None:
    order = [3, 2, 10, 8, 7, 9, 5, 6, 1, 4]
    assert listed(site) == order
    for limit in (1, 2, 3, 6, 8, 9):
        assert listed(site, limit=limit) == order[:limit]


@pytest.mark.parametrize(
    ("select", "numbers"),
    [
        ({"states": ["active"]}, [3, 2]),
        ({"states": ["running"]}, [3, 2]),
        ({"states": ["waiting"]}, [10, 8, 7, 9, 5, 6]),
        ({"states": ["queued"]}, [10, 8, 7, 9]),
        ({"states": ["held", "ended"]}, [6, 1, 4]),
        ({"states": ["starting"]}, []),
        ({"waiting": "held"}, [6]),
        ({"waiting": "scheduled"}, [5]),
        ({"waiting": "slot"}, [10, 8, 7, 9]),
        ({"waiting": "dispatcher"}, []),
        ({"waiting": "slot", "states": ["failed"]}, []),
        ({"tasks": ["3", "8-9", "1"]}, [3, 8, 9, 1]),
        ({"tasks": ["90-99"]}, []),
        ({"tasks": []}, []),
        ({"tasks": ["1-5"], "numbers": [4, 5, 6]}, [5, 4]),
        ({"model": "opus"}, [7]),
        ({"model": "none"}, []),
        ({"queue": "slow"}, [8]),
        ({"tenant": "acme"}, [9]),
        ({"labels": {"batch": "x"}}, [8, 7]),
        ({"name": "NIGHT"}, [7, 9]),
        ({"name": "night*"}, [7, 9]),
        ({"name": "*run"}, [7]),
        ({"name": "night?run"}, [7]),
        ({"name": "night_"}, [9]),
        ({"name": "ight*"}, []),
        ({"group": "main"}, [3, 2, 1, 4]),
    ],
)
def test_a_selection_means_the_same_for_lists_pages_counts_and_numbers(
    site: Client, select: dict[str, object], numbers: list[int]
) -> None:
    assert listed(site, select) == numbers
    assert site.value("select task_numbers(%s)", Jsonb(select)) == sorted(numbers)
    assert sum(counted(site, select).values()) == len(numbers)  # type: ignore[arg-type]
    paged = site.value(
        "select jsonb_path_query_array(items, '$[*].number') from list_page(%s)", Jsonb(select)
    )
    assert paged == sorted(numbers, reverse=True)


def test_counts_are_exact_with_and_without_the_tallies(site: Client) -> None:
    assert counted(site) == {
        "running": 2, "queued": 4, "scheduled": 1, "held": 1, "failed": 1, "succeeded": 1
    }  # fmt: skip
    assert counted(site, {"tasks": ["1-10"]}) == counted(site)
    assert counted(site, {"tenant": "acme"}) == counted(site, {"tenant": "acme", "name": "night"})
    assert counted(site, {"waiting": "held"}) == {"held": 1}


def test_a_task_is_named_by_its_uuid_and_a_single_one_must_exist(site: Client, log_in: LogIn) -> None:
    uuid = str(site.value("select id from tasks where number = 7"))
    # With its first dash: eight characters may all be digits, and then they are a number.
    assert listed(site, {"tasks": [uuid, uuid[:9]]}) == [7]
    for task in ("99", "ffffffff-ffff-ffff-ffff-ffffffffffff", "nonsense", "-3"):
        with refused("LD404", f"there is no task {task}"):
            listed(site, {"tasks": ["1", task]})
    with refused("LD404", "there is no task 1"):
        listed(log_in("producer", tenants=["acme"]), {"tasks": ["1"]})
    with refused("LD400", "9-8 is not a valid range of tasks: expected the lower number first"):
        listed(site, {"tasks": ["9-8"]})
    for tasks in ("1", [1], {"a": "1"}):
        with refused(
            "LD400", "tasks must be a list of texts: numbers, ranges such as 61-70, or beginnings of uuids"
        ):
            listed(site, {"tasks": tasks})
    with refused("LD400", "waiting must be slot, budget, limit, paused"):
        listed(site, {"waiting": "godot"})
    for limit in (0, -1, None):
        with refused("LD400", "is not a valid limit: expected a number above 0"):
            site.run("select from list_tasks('{}', %s)", limit)


def test_what_ready_tasks_wait_for_is_that_of_their_tool_and_account(site: Client, time: Clock) -> None:
    site.group("second", account="two")
    site.submit(account="two")
    site.run("select pause_group('second')")
    assert listed(site, {"waiting": "paused"}) == [11]
    site.run("select cool_down_group('main', clock() + interval '1 h')")
    assert listed(site, {"waiting": "limit"}) == [10, 8, 7, 9]
    site.run("select change_group('second', 0)")
    assert listed(site, {"waiting": "no_group"}) == [11]
    time.passes(3600)
    assert listed(site, {"waiting": "dispatcher"}) == [10, 8, 7, 11, 9]
    assert counted(site, {"waiting": "dispatcher"}) == {"queued": 5}


def test_a_rare_name_is_found_however_many_tasks_there_are(db: Client) -> None:
    db.submit(name="needle")
    db.run(
        "insert into tasks (tool, prompt, name) select 'claude', 'p', 'hay' from generate_series(1, 25000)"
    )
    assert listed(db, {"name": "needle"}) == [1]


def test_the_attempt_is_the_one_that_runs_comes_next_or_was_the_last(wide: Client) -> None:
    dispatcher = wide.dispatcher()
    number = wide.submit(max_attempts=2, backoff_s=0).number

    def told() -> tuple[object, ...]:
        in_list = wide.one("select attempt, failures, max_attempts from list_tasks()")
        shown = wide.one(
            "select t -> 'attempt', t -> 'failures', t -> 'max_attempts' from show_task(%s) as t", str(number)
        )
        assert in_list == shown
        return in_list

    seen = [told()]
    for _ in range(2):
        [run] = wide.claim(dispatcher).runs
        wide.finish(dispatcher, run, "agent_error")
        seen.append(told())
    assert seen == [(1, 0, 2), (2, 1, 2), (2, 2, 2)]
