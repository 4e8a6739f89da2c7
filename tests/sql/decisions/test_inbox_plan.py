"""The inbox reads what it shows, however many tasks there are."""

import json

from tests.sql.client import Client

TASKS = 50_000
BLOCKS = 20_000
"""Blocks for the newest 1,000 tasks that failed, and for what is shown of 100 of them."""


def test_an_inbox_reads_no_more_because_of_a_backlog_or_of_what_has_ended(db: Client) -> None:
    db.run("alter table tasks disable trigger user")
    db.run(
        "insert into tasks (tool, prompt, status, wait_reason, finished_at, created_at)"
        " select 'claude', 'p', state, case when i %% 1000 = 7 then 'question' end,"
        "   case when state <> 'queued' then now() - interval '30 days' end, now() - interval '40 days'"
        " from generate_series(1, %s) as i, lateral (select case i %% 5 when 0 then 'failed' when 1 then 'succeeded'"
        "   else 'queued' end as state) as states",
        TASKS,
    )
    db.run("alter table tasks enable trigger user")
    for statistics in (False, True):
        if statistics:
            db.run("vacuum analyze tasks")
        explained = db.value("explain (analyze, buffers, format json) select * from inbox()")
        plan = (json.loads(explained) if isinstance(explained, str) else explained)[0]["Plan"]  # type: ignore[index]
        assert plan["Shared Hit Blocks"] + plan["Shared Read Blocks"] < BLOCKS, statistics
    assert db.value("select count(*) from inbox()") == TASKS // 1000
