"""The live table as a function of a snapshot, of time and of the room there is."""

from datetime import UTC, datetime
from decimal import Decimal
from uuid import UUID

from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len

from cli.live.snapshot import Snapshot
from cli.live.view import everything, frame
from cli.show.group_tables import GROUPS
from cli.show.tables import fit, table
from cli.show.task_tables import TASKS
from sql.rows import DispatcherRow, GroupRow, TaskRow

NOW = datetime(2031, 1, 31, tzinfo=UTC)
ID = UUID(int=1)


def task(**given: object) -> TaskRow:
    usual: dict[str, object] = {
        "number": 1, "id": ID, "status": "queued", "wait_reason": None, "why": None, "waits_s": None,
        "tool": "claude", "model": None, "group_name": None, "tenant_id": "default", "queue": "default",
        "priority": 5, "name": None, "attempt": 1, "max_attempts": 3, "age_s": 10.0, "elapsed_s": None,
        "tokens": None, "cost_usd": None, "permission": "edit", "created_at": NOW, "started_at": None,
        "finished_at": None, "error_class": None, "error_message": None, "activity": None, "silent_s": None,
        "labels": {}, "actions": (),
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
        "heartbeat_age_s": 5.0, "lease_left_s": 55.0, "alive": True,
        "draining": False, "active": 0,
    }  # fmt: skip
    return DispatcherRow(**(usual | given))  # type: ignore[arg-type]


def lines(snapshot: Snapshot, width: int = 150, height: int = 40, notice: str = "") -> list[str]:
    return [line.plain for line in frame(snapshot, width, height, notice)]


def row(snapshot: Snapshot, width: int = 150) -> str:
    return lines(snapshot, width)[-1]


def test_a_running_task_ages_and_so_does_its_run() -> None:
    shown = Snapshot(tasks=[task(status="running", group_name="claude-main", age_s=100.0, elapsed_s=58.5)])
    assert row(shown).split() == ["1", "running", "claude-main", "1m", "0:58", "1/3"]
    assert row(shown.aged(3)).split() == ["1", "running", "claude-main", "1m", "1:01", "1/3"]


def test_a_running_task_says_what_its_agent_does_and_when_that_takes_long() -> None:
    busy = Snapshot(tasks=[task(status="running", activity="runs make test", silent_s=50.0)])
    assert row(busy).endswith("  runs make test")
    assert row(busy.aged(15)).endswith("  runs make test, silent for 65 s")
    mute = Snapshot(tasks=[task(status="running", silent_s=600.0)])
    assert row(mute).endswith("  no output, silent for 10 min")


def test_a_task_that_has_ended_ran_as_long_as_it_did() -> None:
    ended = Snapshot(
        tasks=[task(status="succeeded", elapsed_s=61.0, tokens=12_345, cost_usd=Decimal("1.31"))],
    ).aged(100)
    assert row(ended).split() == ["1", "succeeded", "claude", "1m", "1:01", "1/3", "12.3k", "$1.31"]


def test_what_waits_for_a_time_counts_down_by_itself() -> None:
    waiting = {
        "retry": (
            task(wait_reason="retry", waits_s=30.0, error_message="it broke"),
            "again in {}, after: it broke",
        ),
        "limit": (task(wait_reason="limit", waits_s=30.0), "usage limit, again in {}"),
        "budget": (
            task(wait_reason="budget", waits_s=30.0),
            "the budget of the day is spent, again in {}",
        ),
        "scheduled": (task(wait_reason="scheduled", waits_s=30.0), "starts in {}"),
    }
    for waits, sentence in waiting.values():
        shown = Snapshot(tasks=[waits])
        assert row(shown).endswith(sentence.format("30 s"))
        assert row(shown.aged(12)).endswith(sentence.format("18 s"))
        assert "now" in row(shown.aged(31))


def test_a_cool_down_counts_down_and_ends_by_itself() -> None:
    cooling = Snapshot(groups=[group(state="cooling", cooldown_s=100.0, reason="usage limit")])
    assert "cooling for 60 s (usage limit)" in lines(cooling.aged(40))[4]
    assert lines(cooling.aged(101))[4].split() == ["claude-main", "1/4", "2", "open"]


def test_a_dispatcher_whose_lease_ends_is_said_to_be_silent() -> None:
    shown = Snapshot(dispatchers=[dispatcher()])
    assert lines(shown.aged(10))[0] == "dispatcher host-a ♥ 15 s ago"
    assert lines(shown.aged(56))[0] == "dispatcher host-a silent for 61 s"
    assert lines(Snapshot())[0] == "no dispatcher is running: start one with `dispatcher run`"


def test_a_snapshot_holds_until_the_next_moment_that_changes_an_answer() -> None:
    shown = Snapshot(
        dispatchers=[dispatcher(lease_left_s=-4.0)],
        groups=[group(cooldown_s=70.0)],
        tasks=[task(waits_s=12.0, wait_reason="retry"), task()],
    )
    assert shown.holds_for() == 12.0
    assert shown.aged(13).holds_for() == 57.0
    assert Snapshot().holds_for() == float("inf")


def test_rows_beyond_the_window_are_counted() -> None:
    many = Snapshot(tasks=[task(number=number) for number in range(20)], counts={"queued": 1200})
    shown = lines(many, height=12)
    assert len(shown) == 12
    assert shown[-1] == "… 1,193 more tasks"
    few = Snapshot(tasks=[task(number=number) for number in range(3)], counts={"queued": 3})
    assert "more" not in "".join(lines(few, height=12))


def test_groups_leave_two_thirds_to_the_tasks() -> None:
    many = Snapshot(
        groups=[group(group_name=f"g{number}") for number in range(50)],
        tasks=[task(number=number) for number in range(50)],
        counts={"queued": 50},
    )
    shown = lines(many, height=30)
    assert "… 42 more groups" in shown
    assert len([line for line in shown if "queued" in line]) > 12


def test_a_notice_stands_at_the_end_in_one_line() -> None:
    assert lines(Snapshot(), notice="the database\nis away\x1b[0m")[-1] == "the database is away"


def test_a_narrow_window_keeps_what_a_task_waits_for() -> None:
    waiting = Snapshot(
        tasks=[task(why="claude-main is full (3/3)", tokens=5, cost_usd=Decimal(1), name="n" * 80)]
    )
    assert "$1.00" in row(waiting, 120)
    assert "$1.00" not in row(waiting, 80)
    assert "claude-main is full" in row(waiting, 80)


def test_without_a_window_nothing_is_cut() -> None:
    long = Snapshot(tasks=[task(name="n" * 500, why="w" * 500)] * 300, counts={"queued": 300})
    shown = [line.plain for line in everything(long)]
    assert len([line for line in shown if "n" * 500 in line and "w" * 500 in line]) == 300


TEXT = st.text(max_size=60)


@given(
    name=TEXT,
    why=TEXT,
    reason=TEXT,
    notice=TEXT,
    tasks=st.integers(0, 30),
    groups=st.integers(0, 12),
    width=st.integers(1, 160),
    height=st.integers(1, 40),
)
def test_a_frame_never_leaves_the_window(
    name: str, why: str, reason: str, notice: str, tasks: int, groups: int, width: int, height: int
) -> None:
    shown = frame(
        Snapshot(
            dispatchers=[dispatcher(host=name or "h")],
            groups=[
                group(group_name=f"g{number}", state="paused", reason=reason) for number in range(groups)
            ],
            tasks=[task(number=number, name=name, why=why) for number in range(tasks)],
            counts={"queued": tasks},
        ),
        width,
        height,
        notice,
    )
    assert len(shown) <= height
    for line in shown:
        assert cell_len(line.plain) <= width
        assert line.plain.isprintable() or not any(
            ord(char) < 32 or 127 <= ord(char) < 160 for char in line.plain
        )


@given(
    natural=st.lists(st.integers(0, 200), min_size=1, max_size=8),
    elastic=st.lists(st.booleans(), min_size=8, max_size=8),
    room=st.integers(0, 400),
)
def test_widths_fit_or_every_elastic_column_is_at_its_least(
    natural: list[int], elastic: list[bool], room: int
) -> None:
    widths = fit(natural, elastic[: len(natural)], room)
    for wide, wish, may in zip(widths, natural, elastic, strict=False):
        assert wide == wish or (may and min(8, wish) <= wide < wish)
    if sum(natural) <= room:
        assert widths == natural
    elif sum(widths) > room:
        assert all(wide <= 8 for wide, may in zip(widths, elastic, strict=False) if may)
    else:
        assert sum(widths) == room


def test_a_list_in_a_narrow_window_leaves_out_tokens_and_cost_before_it_cuts_the_reason() -> None:
    why = "no dispatcher is running: start one with `dispatcher run`"
    rows = [
        task(why=why, name="nightly tests", model="opus", group_name="claude-main"),
        task(number=1234, status="succeeded", elapsed_s=754.0, tokens=12_345, cost_usd=Decimal("1.31")),
    ]
    assert all("TOKENS" in table(rows, TASKS, width)[0].plain for width in (150, None))
    heading, first, second = table(rows, TASKS, 80)
    assert "TOKENS" not in heading.plain
    assert "COST" not in heading.plain
    assert "no dispatcher is" in first.plain
    assert "nightly tests" in first.plain
    assert second.plain.split() == ["1234", "succeeded", "claude", "10s", "12:34", "1/3"]
    assert [line.plain for line in table(rows, TASKS, 1000)] == [line.plain for line in table(rows, TASKS)]


def test_groups_in_a_narrow_window_are_told_without_their_variables() -> None:
    rows = [group(config_home="/home/llm/.claude-main", env_vars={"ANTHROPIC_API_KEY": "env:CLAUDE_KEY"})]
    assert [line.plain for line in table(rows, GROUPS, 80)] == [
        "GROUP        TOOL    ACCOUNT  SLOTS  QUEUE  STATE  HOME",
        "claude-main  claude  main       1/4      2  open   /home/llm/.claude-main",
    ]
