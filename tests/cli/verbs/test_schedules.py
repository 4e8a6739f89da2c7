"""`llmctl schedule`."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cli.conftest import Llmctl, one_postgres
from tests.sql.client import Client

pytestmark = one_postgres


@pytest.fixture
def db(database: str) -> Iterator[Client]:
    with Client(database) as client:
        yield client


@pytest.mark.usefixtures("db")
def test_a_schedule_is_added_listed_shown_run_paused_resumed_and_removed(
    llmctl: Llmctl, tmp_path: Path
) -> None:
    report = tmp_path / "report.md"
    report.write_text("Report of {{scheduled_at}}")
    added = llmctl.ok("schedule", "add", "nightly", "--cron", "30 2 * * 1-5", "--tz", "Europe/Berlin",
                      "--", "claude", "-f", report, "--priority", "7", "--label", "kind=report")  # fmt: skip
    assert added.startswith(
        "schedule nightly added: At 02:30 on Monday through Friday, Europe/Berlin; next 2"
    )
    assert "+0" in added
    rows = llmctl("schedule", "ls", "-o", "json").json()
    assert isinstance(rows, list)
    row = rows[0]
    assert (row["cron"], row["zone"], row["overlap"], row["catch_up"]) == (
        "30 2 * * 1-5", "Europe/Berlin", "skip", "one")  # fmt: skip
    assert row["task"] == {
        "tool": "claude", "prompt": "Report of {{scheduled_at}}", "priority": 7, "labels": {"kind": "report"}
    }  # fmt: skip
    assert "At 02:30 on Monday through Friday" in llmctl.ok("schedule", "ls")
    shown = llmctl.ok("schedule", "show", "nightly")
    assert len([line for line in shown.splitlines() if ":30+0" in line]) == 5
    number = llmctl.ok("schedule", "run", "nightly", "-o", "name")
    assert f"task {number}: queued" in llmctl.ok("schedule", "ls")
    llmctl.ok("schedule", "pause", "nightly", "holidays")
    assert "paused: holidays" in llmctl.ok("schedule", "ls")
    assert "goes on" in llmctl.ok("schedule", "resume", "nightly")
    assert llmctl.ok("schedule", "rm", "nightly") == "schedule nightly removed"
    assert llmctl("schedule", "show", "nightly").code == 3


@pytest.mark.parametrize(
    ("arguments", "why"),
    [
        (["--cron", "0 30 2 * * *", "--", "claude", "p"], "not a valid cron expression"),
        (["--cron", "@daily", "--tz", "Mars", "--", "claude", "p"], "not a known time zone"),
        (["--cron", "@daily", "--", "claude", "p", "--wait"], "--wait is not an option"),
        (["--cron", "@daily", "--", "claude", "p", "--prioriti", "7"], "No such option"),
        (["--cron", "@daily", "--", "nobody", "p"], "nobody"),
        (
            ["--cron", "@daily", "--catch-up", "all", "--overlap", "skip", "--", "claude", "p"],
            "overlap queue",
        ),
    ],
)
@pytest.mark.usefixtures("db")
def test_what_is_wrong_is_said_and_nothing_is_added(llmctl: Llmctl, arguments: list[str], why: str) -> None:
    done = llmctl("schedule", "add", "nightly", *arguments)
    assert done.code == 2
    assert why in done.err
    assert llmctl("schedule", "ls", "-o", "json").json() == []
