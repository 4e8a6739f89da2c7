"""Trees grow at random, by reports that two dispatchers send at once: no cap is ever passed."""

from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from uuid import UUID

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.sql.client import Client, Run

DEPTH, CHILDREN, TASKS = 2, 3, 5
LIMITS = {"depth": DEPTH, "children": CHILDREN, "tasks": TASKS}

Wish = list[bool]
"""What an agent writes down: for each task, whether that spawns others, too."""

rarely = st.sampled_from([False] * 9 + [True])
wishes = st.lists(st.lists(rarely, max_size=CHILDREN + 1), min_size=12, max_size=12)


def report(run: Run, wish: Wish) -> dict[str, object]:
    rows = [
        {"prompt": "p", "max_attempts": 1, **({"spawns": "more.jsonl"} if spawns else {})} for spawns in wish
    ]
    lines = [{"line": line, "task": row} for line, row in enumerate(rows, 1)]
    spawns = run.answer["spawns"] is not None
    return {"run_id": run.id, "cost_usd": 1, **({"spawn": lines} if spawns else {})}


def until_taken(session: Client, dispatcher: UUID, run: Run, wish: Wish) -> str:
    """Report until nobody else holds the tree, as a dispatcher does."""
    while (verdict := session.finish_all(dispatcher, [report(run, wish)])[0]) == "held":
        pass
    return verdict


def family(db: Client, root: int) -> list[tuple[object, ...]]:
    """Number, parent, depth, status, error and whether it spawns, of each task of the tree."""
    return db.rows(
        """
        WITH RECURSIVE family AS (
            SELECT t.*, 0 AS depth FROM tasks t WHERE number = %s
            UNION ALL SELECT t.*, depth + 1 FROM family JOIN tasks t ON t.parent = family.id
        )
        SELECT id, parent, depth, status, error_class, spawns FROM family
        """,
        root,
    )


@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(first=st.lists(st.just(True), min_size=2, max_size=CHILDREN), wishes=wishes)
def test_no_cap_is_passed_by_tasks_that_spawn_at_once(db: Client, first: Wish, wishes: list[Wish]) -> None:
    """Each attempt is the last, so that a refusal fails the task and whatever it asked for is not there."""
    one, two = db, db.another()
    dispatchers = one.dispatcher("one"), two.dispatcher("two")
    root = db.submit("plan", spawns="tasks.jsonl", spawn_limits=LIMITS, max_attempts=1).number
    join = db.submit("join", after_tree=[root], on_unmet="skip").number
    [run] = db.claim(dispatchers[0]).runs
    until_taken(one, dispatchers[0], run, first)
    ended = 1
    asked: list[Wish] = list(wishes)
    with ThreadPoolExecutor(2) as threads:
        while runs := [
            (session, dispatcher, run)
            for session, dispatcher in zip((one, two), dispatchers, strict=True)
            for run in session.claim(dispatcher, 1).runs
        ]:
            taken = [
                threads.submit(until_taken, session, dispatcher, run, asked.pop() if asked else [])
                for session, dispatcher, run in runs
            ]
            assert {one.result() for one in taken} == {"finished"}
            assert join not in [run.number for *_, run in runs] or len(runs) == 1, (
                "the join ran beside its tree"
            )
            ended += sum(run.number != join for *_, run in runs)

    tasks = family(db, root)
    below = [task for task in tasks if task[1] is not None]
    assert db.one(
        "select tasks, cost_usd from task_trees join tasks t on t.id = root where t.number = %s", root
    ) == (len(below), ended)
    assert len(below) <= TASKS
    assert max(Counter(task[1] for task in below).values(), default=0) <= CHILDREN
    assert all(int(str(task[2])) <= DEPTH and (task[2] != DEPTH or task[5] is None) for task in tasks)
    assert {task[4] for task in tasks} <= {None, "spawn_refused"}
    assert ended == len(tasks)
    assert db.drift() == []
    two.connection.close()
