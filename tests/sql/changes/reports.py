"""What a dispatcher says of a run that worked on a repository."""

from collections.abc import Mapping
from uuid import UUID

import psycopg

from tests.sql.client import Client, Run

BASE = "0" * 39 + "1"
HEAD = "0" * 39 + "2"


def change(**given: object) -> Mapping[str, object]:
    """One that was recorded; ``given`` replaces what it says."""
    usual = {
        "source": "/home/me/shop", "base_commit": BASE, "ref": "refs/llmctl/1/1", "head_commit": HEAD,
        "files": 2, "insertions": 10, "deletions": 3,
        "stat": [
            {"path": "a.py", "insertions": 10, "deletions": 3},
            {"path": "logo.png", "insertions": None, "deletions": None},
        ],
        "problem": None, "kept_in": None,
    }  # fmt: skip
    return usual | given


def unrecorded() -> Mapping[str, object]:
    return change(
        ref=None, head_commit=None, files=0, insertions=0, deletions=0, stat=[], problem="the disk is full",
        kept_in="/runs/1-1",
    )  # fmt: skip


def command(kind: str = "check", verdict: str = "passed", **given: object) -> Mapping[str, object]:
    usual = {
        "kind": kind, "command": f"make {kind}", "verdict": verdict, "exit_code": 0 if verdict == "passed" else 1,
        "ran_s": 2.5, "output_tail": "the end",
    }  # fmt: skip
    return usual | given


def claimed(db: Client, dispatcher: UUID, **keys: object) -> Run:
    """A run of a new task that names a repository."""
    db.submit(**{"repository": "shop", **keys})
    [run] = db.claim(dispatcher).runs
    return run


def again(db: Client, dispatcher: UUID) -> Run:
    [run] = db.claim(dispatcher).runs
    return run


def task(db: Client) -> Mapping[str, object]:
    """The row of the only task, or of the last one."""
    with db.connection.cursor(row_factory=psycopg.rows.dict_row) as cursor:
        row = cursor.execute("select * from tasks order by number desc limit 1").fetchone()
    assert row is not None
    return row
