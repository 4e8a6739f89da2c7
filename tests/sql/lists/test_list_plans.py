"""A page reads the same few blocks wherever it is and whatever share of the tasks fits, with any statistics."""

import json
from collections.abc import Mapping
from typing import LiteralString

from psycopg.types.json import Jsonb

from tests.sql.client import Client
from tests.sql.conftest import LogIn

TASKS = 100_000
PAGE = 100
BLOCKS_A_TASK = 20
"""Blocks for each task of a page: a few levels of each index, twice, and the task."""
BLOCKS_OF_INTEREST = 8_000
"""Blocks for the 1,000 tasks that a list by interest looks at in each of its steps."""
CANDIDATES = 10_000
FILTERS: Mapping[str, Mapping[str, object]] = {
    "none": {},
    **{
        f"{key}: {value}": {key: [value] if key == "states" else value}
        for key, values in {
            "tool": ("claude", "gemini"), "tenant": ("default", "small"), "queue": ("default", "rare"),
            "group": ("main", "gone"), "states": ("succeeded", "canceled", "queued", "failed", "running"),
        }.items()
        for value in values
    },
    "two states": {"states": ["canceled", "queued"]},
    "label of few": {"labels": {"batch": "b1"}},
    "label of many": {"labels": {"all": "yes"}},
    "since": {"since": "2026-11-11T00:00:00Z"},
    "until": {"until": "2026-11-11T00:00:00Z"},
    "an hour": {"since": "2026-11-11T00:00:00Z", "until": "2026-11-11T01:00:00Z"},
    "rare state of the common tool": {"tool": "claude", "states": ["canceled"]},
    "rare state of the common queue": {"queue": "default", "states": ["canceled"]},
    "model": {"model": "opus"},
    "waiting for a slot": {"waiting": "slot"},
    "few numbers": {"tasks": ["5", "700-800", "90000"]},
    "many numbers": {"tasks": ["5-90000"]},
    "rare tool of the common state": {"tool": "gemini", "states": ["succeeded"]},
    "all in all": {"tool": "claude", "tenant": "default", "queue": "default", "states": ["succeeded"]},
}  # fmt: skip


def fill(db: Client, tasks: int) -> None:
    """Old and rare values at the beginning, common ones everywhere; a task each 10 seconds."""
    db.run("alter table tasks disable trigger user")
    db.run(
        """
        insert into tasks (tool, prompt, model, tenant_id, queue, labels, name, status, group_name, finished_at,
            created_at)
        select case when i < 200 then 'gemini' else 'claude' end, 'p', case when i %% 3 = 0 then 'opus' end,
            case when i < 300 then 'small' else 'default' end, case when i < 400 then 'rare' else 'default' end,
            jsonb_build_object('all', 'yes', 'batch', 'b' || i / 500), 'task ' || i, state,
            case when state <> 'queued' then case when i < 600 then 'gone' else 'main' end end,
            case when state <> 'queued' then now() end, timestamptz '2026-11-10 00:00Z' + i * interval '10 s'
        from generate_series(1, %s) as i, lateral (
            select case when i between 100 and 250 then 'canceled' when i %% 50 = 0 then 'failed' when i %% 50 = 1
                then 'queued' else 'succeeded' end as state
        ) as states
        """,
        tasks,
    )
    db.run("alter table tasks enable trigger user")
    db.run(
        "insert into task_labels select label_hash(key, value), number from tasks, jsonb_each_text(labels)"
        " where labels <> '{}'"
    )


def blocks(session: Client, select: Mapping[str, object], before: int | None) -> int:
    return _blocks(session, "select * from list_page(%s, %s, %s)", Jsonb(select), before, PAGE)


def blocks_of_list(session: Client, select: Mapping[str, object]) -> int:
    return _blocks(session, "select * from list_tasks(%s, %s)", Jsonb(select), PAGE)


def _blocks(session: Client, query: LiteralString, *parameters: object) -> int:
    plan = session.value(f"explain (analyze, buffers, timing off, format json) {query}", *parameters)
    assert isinstance(plan, list)
    return int(plan[0]["Plan"]["Shared Hit Blocks"] + plan[0]["Plan"]["Shared Read Blocks"])


def test_a_page_reads_as_much_at_any_depth_and_for_any_filter(db: Client, log_in: LogIn) -> None:
    db.group("main", slots=30)
    db.limit("tool:claude", 30)
    for tool in ("codex", "gemini"):
        db.group(tool, tool=tool)
    dispatcher = db.dispatcher()
    db.submit_some(30)
    db.start(dispatcher, *db.claim(dispatcher, 30).runs)
    sessions = {
        "planned when empty": db.another(),
        "of two tenants": log_in("producer", tenants=["default", "small"]),
    }
    for session in sessions.values():
        for _ in range(6):
            blocks(session, {"states": ["queued"], "tool": "claude"}, None)
    fill(db, TASKS)
    db.run("vacuum tasks, task_labels")  # but no statistics yet
    sessions["planned with stale statistics"] = db.another()

    def above() -> dict[str, int]:
        found = {}
        for name, session in sessions.items():
            blocks(session, {}, None)  # reads the catalog, too
            for filtered, select in FILTERS.items():
                for before in (None, TASKS // 2, 700):
                    read = blocks(session, select, before)
                    if read > BLOCKS_A_TASK * PAGE + 500:
                        found[f"{filtered}, before {before}, {name}"] = read
                read = blocks_of_list(session, select)
                if read > BLOCKS_A_TASK * PAGE + BLOCKS_OF_INTEREST:
                    found[f"{filtered}, by interest, {name}"] = read
        return found

    assert (found := above()) == {}, json.dumps(found, indent=1)
    db.run("analyze")
    sessions["planned with fresh statistics"] = db.another()
    assert (found := above()) == {}, json.dumps(found, indent=1)


def test_a_page_reads_no_more_than_its_candidates_where_nothing_fits(db: Client) -> None:
    fill(db, 3 * CANDIDATES)
    for select in ({"name": "nowhere"}, {"name": "nowhere", "tool": "claude", "states": ["succeeded"]}):
        assert blocks(db, select, None) < 5 * CANDIDATES


def test_a_walk_ends_where_its_key_or_its_numbers_do(db: Client) -> None:
    fill(db, 3 * CANDIDATES)
    ways = {"tool": "claude", "tenant": "default", "queue": "default", "group": "main", "model": "opus"}
    for walk in ("walk_tasks", "walk_tasks_up"):
        for way, key in ways.items():
            for waits, first, before in ((True, 0, 700), (False, 29_900, 30_000), (True, 29_900, 30_000)):
                query: LiteralString = f"select {walk}(%s, %s, %s, %s, %s, 300)"
                reads = [_blocks(db, query, way, key, waits, first, before) for _ in range(2)]
                assert reads[-1] < 100, f"{walk} {way} {waits} {first}: {reads}, the first with the catalog"
