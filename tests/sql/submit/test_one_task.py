"""submit_task() inserts most tasks directly. What comes of it is what submit_tasks() makes of the same keys."""

from typing import LiteralString

import psycopg
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from psycopg.types.json import Jsonb

from tests.sql.client import Client

Keys = dict[str, object]

NAMES = st.sampled_from(["main", "x", "", "-x", "a\nb", "ü" * 100, "ü" * 101])
COUNTS = st.sampled_from([1, 5, 0, -1, 999_999_999, 2_147_483_647])
OBJECTS = ("labels", "input_files", "output_files")
"""The keys whose parameter of submit_task() is JSON."""
TASK = st.fixed_dictionaries(
    {
        "tool": st.sampled_from(["claude", "claude", "codex", "clade", ""]),
        "prompt": st.sampled_from(["p", "é\n", ""]),
    },
    optional={
        "model": NAMES,
        "fallback_model": NAMES,
        "account": NAMES,
        "queue": NAMES,
        "tenant_id": st.sampled_from(["acme", "default", "other", "a\x1fb"]),
        "priority": st.sampled_from([1, 9, 0, 10, 100_000]),
        "name": st.sampled_from(["n", "", "a\nb"]),
        "labels": st.sampled_from([None, {}, {"a": 1}, {"a": None, "b": ["x"]}, ["a"], "a"]),
        "permission": st.sampled_from(["read", "edit", "full", "root"]),
        "workdir": st.sampled_from(["src", ""]),
        "timeout_s": COUNTS,
        "stall_timeout_s": COUNTS,
        "max_attempts": COUNTS,
        "backoff_s": st.sampled_from([0, 1.5, 30, -1]),
        "idempotency_key": st.sampled_from(["night", "known", "new", "", "k" * 1001]),
        "session_id": st.sampled_from(["latest", "-x"]),
        "delay_s": st.sampled_from([0, 60, -1]),
        "retry_on": st.sampled_from([["timeout"], ["no such"]]),
        "input_files": st.sampled_from([[{"path": "a", "content": "x"}], [{"path": "../a"}]]),
        "output_files": st.sampled_from([["a"], ["../a"]]),
    },
)
STORED: LiteralString = """
    select to_jsonb(tasks) - '{id,number,created_at,updated_at,scheduled_at,ready_at}'::text[],
        (select count(*) from task_files where task_id = tasks.id and path = 'a')
    from tasks where prompt <> 'before'
"""


def outcome(db: Client, session: Client, call: str, *arguments: object) -> object:
    """What the call returns and stores, or its error; what it stored is deleted again."""
    query = f"select status, created, same from {call}".encode()
    try:
        answer: object = session.connection.execute(query, arguments).fetchall()
    except psycopg.Error as error:
        return error.sqlstate, error.diag.message_primary, error.diag.message_hint
    stored = db.rows(STORED)
    db.run("delete from tasks where prompt <> 'before'")
    return answer, stored


@pytest.fixture
def sessions(db: Client, acme: Client) -> list[Client]:
    """The owner, and a producer of one tenant. Tasks with the keys of two tenants are there."""
    db.submit("before", tenant_id="acme", idempotency_key="known")
    db.run("update tasks set prompt = 'before'")
    return [db, acme]


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(keys=TASK)
@example(keys={"tool": "claude", "prompt": "p"})
@example(keys={"tool": "claude", "prompt": "p", "tenant_id": "acme", "idempotency_key": "known"})
@example(keys={"tool": "claude", "prompt": "p", "tenant_id": "other", "idempotency_key": "night"})
def test_a_task_alone_is_stored_or_refused_like_one_in_a_batch(
    db: Client, sessions: list[Client], keys: Keys
) -> None:
    named = ", ".join(f"p_{key} => %s" + "::real" * (key == "backoff_s") for key in keys)
    values = [Jsonb(value) if key in OBJECTS else value for key, value in keys.items()]
    for session in sessions:
        alone = outcome(db, session, f"submit_task({named})", *values)
        assert alone == outcome(db, session, "submit_tasks(%s)", Jsonb([keys]))
