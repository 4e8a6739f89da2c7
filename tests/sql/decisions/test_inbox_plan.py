"""The inbox reads what it shows, and its count what it counts, however many tasks there are."""

import json
from collections.abc import Mapping
from typing import LiteralString

from tests.sql.client import Client

TASKS = 100_000
MOST_BLOCKS: Mapping[LiteralString, int] = {
    "select * from inbox()": 12_000,  # the newest 1,000 tasks that failed, and what is shown of 100 of them
    "select count_inbox(100)": 600,
}


def test_an_inbox_and_its_count_read_no_more_because_of_a_backlog_or_of_what_has_ended(db: Client) -> None:
    db.run("alter table tasks disable trigger user")
    db.run(
        "insert into tasks (tool, prompt, status, wait_reason, error_message, finished_at, created_at)"
        " select 'claude', 'p', state, case i %% 1000 when 7 then 'question' when 13 then 'approval' end,"
        "   case when state = 'failed' then repeat('x', 200) end,"
        "   case when state <> 'queued' then now() - interval '1 day' end, now() - interval '2 days'"
        " from generate_series(1, %s) as i, lateral (select case when i %% 20 = 5 then 'failed'"
        "   when i %% 2 = 0 then 'succeeded' else 'queued' end as state) as states",
        TASKS,
    )
    db.run("alter table tasks enable trigger user")
    for statistics in (False, True):
        if statistics:
            db.run("vacuum analyze tasks")
        for query, most in MOST_BLOCKS.items():
            db.run(query)
            assert blocks(db, query) < most, (query, statistics)
    assert db.value("select count(*) from inbox()") == TASKS // 1000 * 2 + 100
    assert db.value("select count_inbox(1000)") == TASKS // 1000 * 2
    assert db.value("select count_inbox(100)") == 100


def blocks(db: Client, query: LiteralString) -> int:
    explained = db.value("explain (analyze, buffers, format json) " + query)
    plan = (json.loads(explained) if isinstance(explained, str) else explained)[0]["Plan"]  # type: ignore[index]
    return int(plan["Shared Hit Blocks"] + plan["Shared Read Blocks"])
