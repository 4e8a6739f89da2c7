"""Rows as the database returns them, for tests that need none."""

from datetime import datetime, timedelta, timezone
from decimal import Decimal
from uuid import UUID

from cli.live.model import Model
from cli.live.press import press
from cli.live.snapshot import Snapshot
from cli.live.view import fitted, frame
from sql.rows.groups import GroupRow
from sql.rows.people import DispatcherRow, TaskRow

NOW = datetime(2031, 1, 31, 12, 0, tzinfo=timezone(timedelta(hours=1)))
ID = UUID(int=1)


def task(**given: object) -> TaskRow:
    usual: dict[str, object] = {
        "number": 1, "id": ID, "status": "queued", "wait_reason": None, "why": None, "waits_s": None,
        "tool": "claude", "account": None, "model": None, "group_name": None, "tenant_id": "default",
        "queue": "default", "priority": 5, "name": None, "attempt": 1, "failures": 0, "max_attempts": 3,
        "age_s": 10.0, "elapsed_s": None,
        "tokens": None, "cost_usd": None, "permission": "edit", "created_at": NOW, "started_at": None,
        "finished_at": None, "error_class": None, "error_message": None, "activity": None, "silent_s": None,
        "labels": {}, "actions": ("cancel",), "check_verdict": None, "changed_files": None, "insertions": None,
        "deletions": None, "title": given.get("name") or "",
    }  # fmt: skip
    return TaskRow(**(usual | given))  # type: ignore[arg-type]


def group(**given: object) -> GroupRow:
    usual: dict[str, object] = {
        "group_name": "claude-main", "tool": "claude", "account_name": "main", "current_concurrent": 1,
        "max_concurrent": 4, "queued": 2, "state": "open", "cooldown_s": None, "reason": None, "hosts": None,
        "config_home": None, "env_vars": {}, "failover": True, "daily_budget_usd": None, "task_budget_usd": None,
        "spent_usd": Decimal(0),
    }  # fmt: skip
    return GroupRow(**(usual | given))  # type: ignore[arg-type]


def dispatcher(**given: object) -> DispatcherRow:
    usual: dict[str, object] = {
        "id": ID, "host": "host-a", "pid": 1, "version": "0", "groups": None,
        "heartbeat_age_s": 5.0, "lease_left_s": 55.0, "alive": True, "draining": False,
        "active": 0,
    }  # fmt: skip
    return DispatcherRow(**(usual | given))  # type: ignore[arg-type]


def model(*tasks: TaskRow, width: int = 120, height: int = 30, **given: object) -> Model:
    """Return the model of a snapshot with these tasks, counted; ``given`` are other fields of the snapshot."""
    counts: dict[str, int] = {}
    for one in tasks:
        state = one.wait_reason or one.status
        counts[state] = counts.get(state, 0) + 1
    usual: dict[str, object] = {"at": NOW, "dispatchers": [dispatcher()], "counts": counts, "tasks": tasks}
    return fitted(Model(Snapshot(**(usual | given)), width=width, height=height))  # type: ignore[arg-type]


def pressed(shown: Model, *keys: str) -> Model:
    """Return the model after these keys."""
    for key in keys:
        shown = fitted(press(shown, key)[0])
    return shown


def lines(shown: Model) -> list[str]:
    return [line.plain.rstrip() for line in frame(shown)]


def busy() -> tuple[TaskRow, ...]:
    """Tasks in each state that people meet, as the database lists them."""
    error = "the tests in tests/e2e failed: 3 of 41"
    names = ("fix-auth-tests", "docs-pass", "refactor-cli")
    return (
        task(
            number=812, status="running", name="fix-auth-tests", group_name="claude-main", age_s=840.0, elapsed_s=372.0,
            tokens=412_000, cost_usd=Decimal("1.31"), activity="Edit src/auth/session.py", silent_s=2.0,
        ),
        task(
            number=815, status="running", name="docs-pass", group_name="claude-main", age_s=540.0, elapsed_s=530.0,
            tokens=96_000, cost_usd=Decimal("0.28"), activity="runs make test", silent_s=250.0,
        ),
        task(
            number=814, status="running", name="e2e", group_name="codex-team", age_s=540.0, elapsed_s=30.0, actions=(),
        ),
        task(number=816, status="leased", name="triage-#4411", group_name="codex-team", tool="codex", age_s=2.0),
        *(task(number=number, name=names[number % 3], why="claude-main is full (4/4)") for number in range(820, 840)),
        *(
            task(number=number, name=names[number % 3], why=f"waits for its turn: {number - 839} like it ahead")
            for number in range(840, 845)
        ),
        *(
            task(
                number=number, name="migrate-schema", wait_reason="limit", waits_s=3_900.0, group_name="claude-work",
                why="usage limit of claude-work, tried again in 65 min",
            )
            for number in range(850, 858)
        ),
        task(
            number=860, name="e2e-flaky", wait_reason="retry", waits_s=45.0, attempt=2, group_name="claude-main",
            error_message=error, why=f"attempt 2 of 3 in 45 s, after: {error}",
        ),
        task(number=861, name="nightly", wait_reason="held", why="held until somebody releases it"),
        task(number=807, status="failed", name="e2e-flaky", group_name="claude-main", age_s=2_400.0, elapsed_s=1_800.0,
            error_message="it ran for 30 min, which is its timeout", attempt=3),
        *(
            task(
                number=number, status="succeeded", name="lint-sweep", group_name="claude-main", age_s=1_900.0,
                elapsed_s=667.0, tokens=301_000, cost_usd=Decimal("0.92"), started_at=NOW, finished_at=NOW,
            )
            for number in range(801, 806)
        ),
    )  # fmt: skip


def groups() -> list[GroupRow]:
    return [
        group(current_concurrent=4, state="full", queued=25, spent_usd=Decimal("41.20")),
        group(
            group_name="claude-work", current_concurrent=0, max_concurrent=2, queued=25, state="cooling",
            cooldown_s=3_900.0, reason="usage limit",
        ),
        group(group_name="codex-team", tool="codex", current_concurrent=2, queued=0),
    ]  # fmt: skip
