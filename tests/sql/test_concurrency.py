"""Producers, dispatchers and people at once: no error, no deadlock, no limit passed, no wake-up lost."""

import random
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from functools import partial

import psycopg
import pytest

from tests.sql.client import Client, Run
from tests.sql.concurrently import PATIENCE_S, all_at_once

FIXED = {
    "tool:claude": 6,
    "model:m1": 3,
    "tenant:a": 2,
    "queue:q1": 4,
    "workflow:w1": 3,
    "group:one": 4,
    "group:two": 3,
}
"""Nobody changes these while the test runs, so no moment may show more."""
DISPATCHERS, PRODUCERS, BATCHES = 4, 4, 200
TRANSACTIONS = 10_000
"""At least so many of all kinds are mixed, for each seed."""


class Audit:
    """Every move of every counter, in the order in which each moved: the row's lock puts them in a line."""

    def __init__(self, db: Client) -> None:
        self._db = db
        db.run(
            "create table moves (n bigint generated always as identity, scope text, was int, became int, most int);"
            "grant select, insert on moves to public;"
            "create function note() returns trigger language plpgsql as $$ begin"
            " insert into moves (scope, was, became, most) select"
            " coalesce(to_jsonb(new) ->> 'scope', 'group:' || (to_jsonb(new) ->> 'group_name')),"
            " old.current_concurrent, new.current_concurrent, new.max_concurrent;"
            " return null; end $$;"
            "create trigger note after update on concurrency_limits for each row execute function note();"
            "create trigger note after update on worker_groups for each row execute function note()"
        )

    def check(self) -> int:
        """Return the number of slots that were taken."""
        assert self._db.rows("select * from moves where became > was and became > most") == []
        assert (
            self._db.rows(
                "select * from (select *, lag(became) over (partition by scope order by n) as before from moves) as m"
                " where was <> before and scope = any (%s)",
                list(FIXED),
            )
            == []
        )
        taken = self._db.value("select count(*) from moves where became > was and scope = 'tool:claude'")
        assert isinstance(taken, int)
        return taken


class Dispatcher:
    """Claims, starts and finishes; sleeps only until a notification or until its deadline."""

    def __init__(self, database: str, seed: int) -> None:
        self._client = Client(database)
        self._ears = psycopg.connect(database, autocommit=True)
        self._ears.execute("listen task_ready")
        self._random = random.Random(seed)
        self._id = self._client.dispatcher()
        self._open: list[Run] = []
        self.reported = 0

    def work(self, over: threading.Event) -> None:
        with self._client, self._ears:
            while True:
                claim = self._client.claim(self._id, self._random.randint(1, 4))
                self._open += claim.runs
                if not claim.runs and not self._open:
                    if over.is_set() and not self._client.value(
                        "select exists (select from tasks where status in ('queued', 'leased', 'running'))"
                    ):
                        return
                    self._wait(claim.deadline_s)
                self._report_some()

    def _wait(self, deadline_s: float | None) -> None:
        patience = PATIENCE_S if deadline_s is None else deadline_s
        for _ in self._ears.notifies(timeout=patience, stop_after=1):
            return
        assert deadline_s is not None, "nobody told of work, or that all is done"

    def _report_some(self) -> None:
        ending = self._open[: self._random.randint(0, 3)]
        del self._open[: len(ending)]
        if self._random.random() < 0.5:
            self._client.start(self._id, *ending)
        verdicts = self._client.finish_all(
            self._id,
            [
                {
                    "run_id": run.id,
                    "error_class": self._random.choice([None, None, "agent_error", "interrupted"]),
                }
                for run in ending
            ],
        )
        assert set(verdicts) <= {"finished", "held"}
        # A producer's transaction holds it just now: it is reported again.
        self._open += [run for run, verdict in zip(ending, verdicts, strict=True) if verdict == "held"]
        self.reported += verdicts.count("finished")


def produce(database: str, seed: int) -> None:
    """Submits, cancels, changes priorities and tries again, partly in transactions that are rolled back."""
    chance = random.Random(seed)
    with Client(database) as client:
        numbers: list[int] = []
        for _ in range(BATCHES):
            tasks = [
                {
                    "tool": chance.choice(["claude", "claude", "codex"]),
                    "prompt": "p",
                    "tenant_id": chance.choice("abc"),
                    "model": chance.choice([None, "m1"]),
                    "queue": chance.choice(["q1", "q2"]),
                    "workflow": chance.choice([None, None, "w1", "w2"]),
                    "priority": chance.randint(4, 6),
                    "delay_s": chance.choice([None, None, 0.05]),
                    "backoff_s": 0,
                }
                for _ in range(chance.randint(1, 3))
            ]
            rolled_back = chance.random() < 0.2
            client.run("begin")
            submitted = [task.number for task in client.submit_all(tasks)]
            if numbers:
                with unless_refused(client):
                    client.run("select cancel_task(%s)", str(chance.choice(numbers)))
            client.run("rollback" if rolled_back else "commit")
            if rolled_back:
                continue
            numbers += submitted
            number = chance.choice(numbers)
            client.run("update tasks set priority = 9 - priority where number = %s", number)
            client.run("begin")
            with unless_refused(client):
                client.run("select retry_task(%s)", str(number))
            client.run("commit")


class unless_refused:  # noqa: N801, reads as a word of the sentence that it begins
    """A call that the state of the task may forbid; the transaction goes on without it."""

    def __init__(self, client: Client) -> None:
        self._client = client

    def __enter__(self) -> None:
        self._client.run("savepoint s")

    def __exit__(self, _kind: object, error: BaseException | None, _trace: object) -> bool:
        if isinstance(error, psycopg.DatabaseError) and error.sqlstate == "LD409":
            self._client.run("rollback to s")
            return True
        return False


def change_limits(database: str, over: threading.Event) -> None:
    """Makes, resizes and removes limits, pauses and resumes, several of them in one transaction in any order."""
    chance = random.Random(7)
    changes: list[Callable[[Client], None]] = [
        lambda client: client.limit("tenant:b", chance.randint(0, 3)),
        lambda client: client.limit("queue:q2", chance.randint(0, 3)),
        lambda client: client.limit("workflow:w2", chance.randint(0, 3)),
        lambda client: client.limit("tool:codex", chance.randint(0, 3)),
        lambda client: client.run(
            "delete from concurrency_limits where scope in ('tenant:b', 'queue:q2', 'workflow:w2')"
        ),
        lambda client: client.run("select change_group('codex', %s)", chance.randint(0, 3)),
        lambda client: client.run("select pause_group('one')"),
        lambda client: client.run("select resume_group('one')"),
        lambda client: client.run("select cool_down_group('codex', clock() + '0.02 s')"),
        lambda client: client.run(
            "update concurrency_limits set max_concurrent = 2 where scope = 'queue:q2'"
        ),
    ]
    with Client(database) as client:
        while not over.is_set():
            client.run("begin")
            for change in chance.sample(changes, 3):
                change(client)
            client.run("commit")
        client.run("delete from concurrency_limits where scope in ('tenant:b', 'queue:q2', 'workflow:w2')")
        client.run("select set_limit('tool:codex', 3), change_group('codex', 3)")
        client.run("select resume_group(group_name) from worker_groups")


def prune_lanes(database: str, over: threading.Event) -> int:
    """Removes lanes as soon as they are empty. Returns how often it looked for some."""
    looks = 0
    with Client(database) as client:
        while not over.is_set():
            client.run("select prune_lanes(2)")
            looks += 1
    return looks


def watch(database: str, over: threading.Event) -> int:
    """Look at single moments, each the snapshot of one statement; return how many it looked at."""
    looks = 0
    with Client(database) as client:
        while not over.is_set():
            looks += 1
            assert client.drift() == []
            for scope, active in client.rows(
                "select scope, count(*) from tasks, unnest(limit_scopes(tool, model, tenant_id, queue, workflow)"
                " || ('group:' || group_name)) as scope where status in ('leased', 'running') group by scope"
            ):
                assert active <= FIXED.get(str(scope), 1000), f"{active} of {scope}"  # type: ignore[operator]
    return looks


def transactions(db: Client) -> int:
    """How many the database has seen, of all its connections that have ended and of this one."""
    db.run("select pg_stat_force_next_flush()")
    counted = db.value(
        "select xact_commit + xact_rollback from pg_stat_database where datname = current_database()"
    )
    assert isinstance(counted, int)
    return counted


@pytest.mark.parametrize("seed", [1, 2])
def test_any_number_of_people_and_programs_at_once_pass_no_limit_and_miss_no_work(
    db: Client, seed: int
) -> None:
    for scope, slots in FIXED.items():
        if scope.startswith("group:"):
            db.group(scope.removeprefix("group:"), slots=slots)
        else:
            db.limit(scope, slots)
    db.group("codex", tool="codex", slots=3)
    audit = Audit(db)
    before = transactions(db)
    produced, over = threading.Event(), threading.Event()
    dispatchers = [Dispatcher(db.database, seed * 100 + i) for i in range(DISPATCHERS)]
    with ThreadPoolExecutor(DISPATCHERS + PRODUCERS + 3) as pool, ExitStack() as whatever_happens:
        whatever_happens.callback(over.set)
        whatever_happens.callback(produced.set)
        watching = pool.submit(watch, db.database, over)
        pruning = pool.submit(prune_lanes, db.database, over)
        changing = pool.submit(change_limits, db.database, produced)
        dispatching = [pool.submit(dispatcher.work, over) for dispatcher in dispatchers]
        for producing in [pool.submit(produce, db.database, seed * 1000 + i) for i in range(PRODUCERS)]:
            producing.result(PATIENCE_S)
        produced.set()
        changing.result(PATIENCE_S)
        over.set()
        db.run("notify task_ready")
        for working in dispatching:
            working.result(2 * PATIENCE_S)
        assert watching.result(PATIENCE_S) > 10
        assert pruning.result(PATIENCE_S) > 10
    assert transactions(db) - before >= TRANSACTIONS
    assert db.drift() == []
    assert set(db.counters().values()) == {0}
    assert audit.check() > 50
    assert sum(dispatcher.reported for dispatcher in dispatchers) == db.value(
        "select count(*) from task_runs"
    )
    assert db.value("select count(*) from task_runs where status = 'running'") == 0
    assert (
        db.rows("select task_id from task_runs where status = 'succeeded' group by 1 having count(*) > 1")
        == []
    )
    assert db.rows("select status from tasks where status not in ('succeeded', 'failed', 'canceled')") == []


@pytest.mark.parametrize(
    "scope", ["tool:claude", "model:m", "tenant:t", "queue:q", "workflow:w", "group:main"]
)
def test_dispatchers_that_race_for_the_last_slot_take_it_once(db: Client, scope: str) -> None:
    db.group("main", slots=50)
    db.limit("tool:claude", 50)
    if scope == "group:main":
        db.run("select change_group('main', 1)")
    else:
        db.limit(scope, 1)
    task = {"tool": "claude", "prompt": "p", "model": "m", "tenant_id": "t", "queue": "q", "workflow": "w"}
    clients = [db.another() for _ in range(8)]
    ids = [client.dispatcher() for client in clients]
    for _ in range(10):
        db.submit_all([task] * 4)
        claims = all_at_once([partial(client.claim, id_) for client, id_ in zip(clients, ids, strict=True)])
        [(id_, run)] = [(id_, run) for id_, claim in zip(ids, claims, strict=True) for run in claim.runs]
        assert db.counters()[scope] == 1
        db.finish(id_, run)
    assert db.drift() == []
