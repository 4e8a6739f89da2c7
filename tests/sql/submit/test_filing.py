"""What a new row files in other tables is the same whether it comes alone or with others."""

import json
from typing import LiteralString

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.sql.client import Client

ROW = st.fixed_dictionaries(
    {
        "tool": st.sampled_from(["claude", "codex"]),
        "tenant_id": st.sampled_from(["default", "acme"]),
        "queue": st.sampled_from(["default", "night"]),
        "account": st.sampled_from([None, "main"]),
        "model": st.sampled_from([None, "opus"]),
        "workflow": st.sampled_from([None, None, "release"]),
        "priority": st.sampled_from([5, 9]),
        "labels": st.dictionaries(st.sampled_from("ab"), st.sampled_from([None, "", "x", 1, ["x"]])),
        "status": st.sampled_from(["queued", "queued", "succeeded", "canceled"]),
        "delay_s": st.sampled_from([None, None, 60]),
    }
)
INSERT: LiteralString = """
    insert into tasks (tool, prompt, tenant_id, queue, account, model, workflow, priority, labels, status, scheduled_at)
    select tool, 'p', tenant_id, queue, account, model, workflow, priority, labels, status,
        now() + delay_s * interval '1 s'
    from jsonb_to_recordset(%s) as given (
        tool text, tenant_id text, queue text, account text, model text, workflow text, priority smallint,
        labels jsonb, status text, delay_s integer
    )
"""
FILED: list[LiteralString] = [
    "select lane, tool, account, model, tenant_id, queue, priority, workflow, min(number) - %(first)s"
    " from lane_inbox group by 1, 2, 3, 4, 5, 6, 7, 8 order by 1",
    "select tenant_id, tool, account, queue, state, sum(tasks) from task_tally_inbox group by 1, 2, 3, 4, 5"
    " order by 1, 2, 3, 4, 5",
    "select label, number - %(first)s from task_labels order by 1, 2",
]


def filed(db: Client, batches: list[list[dict[str, object]]]) -> list[object]:
    """What these statements file and tell; nothing of it stays."""
    db.run("begin")
    for batch in batches:
        db.run(INSERT, json.dumps(batch))
    first = db.value("select min(number) from tasks")
    tables: list[object] = [db.connection.execute(query, {"first": first}).fetchall() for query in FILED]
    db.run("rollback")
    return tables


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(rows=st.lists(ROW, min_size=1, max_size=6))
def test_rows_that_come_one_by_one_are_filed_like_rows_that_come_at_once(
    db: Client, rows: list[dict[str, object]]
) -> None:
    assert filed(db, [[row] for row in rows]) == filed(db, [rows])


def told(db: Client, batches: list[list[dict[str, object]]]) -> tuple[set[str], set[tuple[str, int]]]:
    """The tools that wake a dispatcher, and the changes that watchers learn of: a status and the place of a task."""
    for batch in batches:
        db.run(INSERT, json.dumps(batch))
    first = db.value("select min(number) from tasks")
    assert isinstance(first, int)
    db.run("delete from tasks")
    heard = list(db.connection.notifies(timeout=0))
    events = [json.loads(note.payload) for note in heard if note.channel == "task_event"]
    changes = {(event["status"], number - first) for event in events for number in event["numbers"]}
    return {note.payload for note in heard if note.channel == "task_ready"}, changes


@settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(rows=st.lists(ROW, min_size=1, max_size=6))
def test_rows_that_come_one_by_one_tell_what_rows_that_come_at_once_tell(
    db: Client, rows: list[dict[str, object]]
) -> None:
    db.run("listen task_ready")
    db.run("listen task_event")
    one_by_one, at_once = told(db, [[row] for row in rows]), told(db, [rows])
    assert one_by_one == at_once
    assert len(one_by_one[1]) == len(rows)
