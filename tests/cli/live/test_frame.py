"""The live table as a function of the screen's state, of time and of the room there is."""

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len

from cli.live.model import Model
from cli.live.snapshot import Snapshot
from cli.live.view import everything, fitted, frame, last_frame
from cli.show.group_tables import GROUPS
from cli.show.tables import fit, table
from cli.show.task_tables import TASKS
from sql.rows.people import TaskRow
from tests.cli.live.rows import NOW, busy, dispatcher, group, groups, lines, model, pressed, task


def later(shown: Model, seconds: float) -> Model:
    return fitted(replace(shown, seconds=seconds))


def row(shown: Model) -> str:
    """The only task, as its row tells."""
    place = next(place for place, line in enumerate(lines(shown)) if line.startswith("  TASK"))
    return lines(shown)[place + 1].removeprefix("▸ ")


def test_a_running_task_ages_and_so_does_its_run() -> None:
    shown = model(task(status="running", group_name="claude-main", age_s=100.0, elapsed_s=58.5))
    assert row(shown).split() == ["1", "running", "claude-main", "1m", "0:58", "1/3"]
    assert row(later(shown, 3)).split() == ["1", "running", "claude-main", "1m", "1:01", "1/3"]


def test_a_task_that_may_do_everything_says_so() -> None:
    assert "claude (full)" in row(model(task(permission="full")))
    assert "(full)" not in row(model(task()))


def test_states_are_words() -> None:
    told = {
        "starting": task(status="leased"),
        "running": task(status="running"),
        "stopping": task(number=7, status="running"),
        "queued": task(),
        "held": task(wait_reason="held"),
        "limit": task(wait_reason="limit", waits_s=30.0),
    }
    for word, one in told.items():
        shown = model(one, stopping=frozenset({7}) if one.number == 7 else frozenset())
        assert row(shown).split()[1] == word
        assert f"{word} 1" in lines(shown)[1]


def test_a_running_task_says_what_its_agent_does_and_when_that_takes_long() -> None:
    busy = model(task(status="running", activity="runs make test", silent_s=50.0))
    assert row(busy).endswith("  runs make test")
    assert row(later(busy, 15)).endswith("  silent for 65 s: runs make test")
    mute = model(task(status="running", silent_s=600.0))
    assert row(mute).endswith("  silent for 10 min: no output")


def test_a_task_that_has_ended_ran_as_long_as_it_did() -> None:
    ended = task(status="succeeded", elapsed_s=61.0, tokens=12_345, cost_usd=Decimal("1.31"))
    shown = later(model(ended), 100)
    assert row(shown).split() == ["1", "succeeded", "claude", "1m", "1:01", "1/3", "12.3k", "$1.31"]


@pytest.mark.parametrize(
    ("waits", "begins", "ends"),
    [
        (task(wait_reason="retry", error_message="it broke"), "again", ", after: it broke"),
        (task(wait_reason="limit", group_name="claude-main"), "again", ": usage limit of claude-main"),
        (task(wait_reason="budget"), "again", ": the budget of the day is spent"),
        (task(wait_reason="scheduled"), "starts", ""),
    ],
)
def test_what_waits_for_a_time_counts_down_by_itself(waits: TaskRow, begins: str, ends: str) -> None:
    from msgspec.structs import replace as with_fields

    shown = model(with_fields(waits, waits_s=30.0))
    assert row(shown).endswith(f"  {begins} in 30 s{ends}")
    assert row(later(shown, 12)).endswith(f"  {begins} in 18 s{ends}")
    assert row(later(shown, 31)).endswith(f"  {begins} now{ends}")


def test_a_limit_says_until_when() -> None:
    waits = task(wait_reason="limit", group_name="claude-main", waits_s=3_900.0)
    assert row(model(waits)).endswith("  until 13:05 (65 min): usage limit of claude-main")
    tomorrow = task(wait_reason="limit", group_name="claude-main", waits_s=90_000.0)
    assert row(model(tomorrow)).endswith("  until Sat 13:00: usage limit of claude-main")


def test_a_cool_down_counts_down_and_ends_by_itself() -> None:
    shown = model(groups=[group(state="cooling", cooldown_s=100.0, reason="usage limit")])
    assert "cooling until 12:01, 60 s (usage limit)" in lines(later(shown, 40))[3]
    assert lines(later(shown, 101))[3].split() == ["claude-main", "1/4", "█░░░", "2", "open"]


def test_a_dispatcher_whose_lease_ends_is_said_to_be_silent() -> None:
    shown = model()
    assert lines(later(shown, 10))[0].startswith("dispatcher host-a ♥ 15 s ago ")
    assert lines(later(shown, 56))[0].startswith("dispatcher host-a silent for 61 s ")
    assert lines(model(dispatchers=[]))[0].startswith(
        "no dispatcher is running: start one with `dispatcher run`"
    )


def test_a_dead_dispatcher_comes_before_those_that_live() -> None:
    dead = dispatcher(host="host-b", alive=False, lease_left_s=-9.0, heartbeat_age_s=69.0)
    assert lines(model(dispatchers=[dispatcher(), dead]))[0].startswith(
        "dispatcher host-b silent for 69 s   dispatcher h"
    )


def test_a_dispatcher_that_drains_says_that_it_starts_nothing_more() -> None:
    told = lines(model(dispatchers=[dispatcher(), dispatcher(host="host-b", draining=True)]))[0]
    assert told.startswith("dispatcher host-b is stopping and starts nothing more   dispatcher host-a ♥")


def test_a_snapshot_holds_until_the_next_moment_that_changes_an_answer() -> None:
    shown = Snapshot(
        dispatchers=[dispatcher(lease_left_s=-4.0)],
        groups=[group(cooldown_s=70.0)],
        tasks=[task(waits_s=12.0, wait_reason="retry"), task()],
    )
    assert shown.holds_for() == 12.0
    assert shown.holds_for(13) == 57.0
    assert Snapshot().holds_for() == float("inf")


def test_pace_and_the_rest_are_told_of_what_is_selected() -> None:
    ended = [
        task(
            number=number,
            status="succeeded",
            age_s=3_000.0,
            finished_at=NOW + timedelta(seconds=600 * number),
        )
        for number in range(5)
    ]  # the first ended 3,000 s ago, and the last 600 s ago
    shown = model(*ended, task(number=9), ended=ended, selected=True)
    assert lines(shown)[2] == "5 done/h, 5 of 6 done, about 12 min left"
    assert lines(model(*ended, ended=ended))[2] == "5 done/h"
    assert lines(model(*ended, ended=ended[:2], selected=True))[2] == "5 of 5 done"


def test_tasks_beyond_the_list_are_counted() -> None:
    many = [task(number=number, name=str(number), status="running") for number in range(20)]
    shown = lines(model(*many, height=14, counts={"running": 1200}))
    assert len(shown) == 14
    assert shown[-2].startswith("lines 1-9 of 20, 1,180 more tasks are not listed")
    assert "more" not in "".join(lines(model(*many[:3], height=14)))


def test_groups_leave_the_room_to_the_tasks() -> None:
    many = model(
        *(task(number=number, status="running") for number in range(50)),
        groups=[group(group_name=f"g{number}") for number in range(49)]
        + [group(group_name="stuck", state="paused")],
    )
    assert "… 45 more groups" in lines(many)
    assert any(line.startswith("stuck") for line in lines(many)), "what stands still is shown first"
    assert len([line for line in lines(many) if "running" in line]) > 15


def test_in_a_low_window_the_groups_share_a_line_and_those_that_stand_still_come_first() -> None:
    told = lines(model(groups=groups(), height=12, width=150))[3]
    assert told.startswith(
        "claude-work 0/2 cooling until 13:05, 65 min (usage limit)   claude-main 4/4 full   codex"
    )


def test_equal_rows_share_a_line_when_the_rows_run_out() -> None:
    tight = lines(model(*busy(), height=24))
    assert (
        " + 20x  queued                                                     claude-main is full (4/4)"
        in tight
    )
    assert len([line for line in tight if "claude-main is full" in line]) == 1
    roomy = lines(model(*busy(), height=60))
    assert len([line for line in roomy if "claude-main is full" in line]) == 20


def test_a_line_for_many_says_what_they_have_in_common() -> None:
    limited = [
        task(number=one, wait_reason="limit", group_name="a", waits_s=600.0 * one) for one in range(1, 40)
    ]
    assert any(
        "39x" in line and "the first until 12:10 (10 min): usage limit of a" in line
        for line in lines(model(*limited))
    )
    queued = [task(number=one, why=f"waits for its turn: {one} like it ahead") for one in range(1, 40)]
    assert any("39x" in line and line.endswith("wait for their turn") for line in lines(model(*queued)))
    failed = [task(number=one, status="failed", error_message="not logged in") for one in range(1, 40)]
    assert any(
        "39x" in line and "failed" in line and line.endswith("not logged in")
        for line in lines(model(*failed))
    )


def test_trouble_is_told_in_one_line_above_the_keys() -> None:
    shown = replace(model(), trouble="the database\nis away\x1b[0m")
    assert lines(shown)[-2] == "the database is away"


def test_what_has_no_room_in_its_line_is_told_below_for_the_row_under_the_cursor() -> None:
    waits = task(name="nightly", why="no dispatcher is running: start one with `dispatcher run`")
    assert lines(model(waits, width=80))[-2] == (
        "1 nightly: no dispatcher is running: start one with `dispatcher run`"
    )
    assert lines(model(waits, width=150))[-2] == ""


def test_what_is_said_has_the_lines_that_it_needs() -> None:
    why = "task 5 is running: only a queued task can be held (to stop it: `llmctl cancel 5`)"
    shown = lines(replace(model(*busy(), width=60, height=16), said=why))
    assert shown[-3:-1] == [
        "task 5 is running: only a queued task can be held (to stop",
        "it: `llmctl cancel 5`)",
    ]
    assert len(shown) == 16


def test_without_a_window_nothing_is_cut() -> None:
    long = Snapshot(tasks=[task(name="n" * 500, why="w" * 500)] * 300, counts={"queued": 300})
    shown = [line.plain for line in everything(long)]
    assert len([line for line in shown if "n" * 500 in line and "w" * 500 in line]) == 300


def test_the_last_frame_has_no_keys_and_no_cursor() -> None:
    shown = [line.plain for line in last_frame(pressed(model(*busy()), "space"))]
    assert not any(line.startswith(("▸", " *", "?")) for line in shown)
    assert any("fix-auth-tests" in line for line in shown)


TEXT = st.text(max_size=60)
KEYS = st.lists(
    st.sampled_from(["up", "down", "page down", "enter", "space", "backspace", "escape", *"GgcyrhP/a=sfw?l"]),
    max_size=12,
)


@given(
    texts=st.tuples(TEXT, TEXT, TEXT, TEXT),
    status=st.sampled_from(["queued", "running", "failed", "succeeded"]),
    tasks=st.integers(0, 30),
    groups=st.integers(0, 12),
    size=st.tuples(st.integers(1, 160), st.integers(1, 40)),
    keys=KEYS,
)
def test_a_frame_never_leaves_the_window_whatever_it_shows_and_whatever_is_pressed(
    texts: tuple[str, str, str, str],
    status: str,
    tasks: int,
    groups: int,
    size: tuple[int, int],
    keys: list[str],
) -> None:
    name, why, reason, trouble = texts
    shown = model(
        *(
            task(
                number=number,
                name=name,
                why=why,
                status=status,
                activity=why,
                error_message=why,
                labels={name: why},
            )
            for number in range(tasks)
        ),
        dispatchers=[dispatcher(host=name or "h")],
        groups=[
            group(group_name=f"g{number}{name}", state="paused", reason=reason) for number in range(groups)
        ],
        width=size[0],
        height=size[1],
    )
    drawn = frame(fitted(replace(pressed(shown, *keys), trouble=trouble)))
    assert len(drawn) <= size[1]
    for line in drawn:
        assert cell_len(line.plain) <= size[0]
        assert not any(ord(char) < 32 or 127 <= ord(char) < 160 for char in line.plain)


@given(
    natural=st.lists(st.integers(0, 200), min_size=1, max_size=8),
    needs=st.lists(st.none() | st.integers(8, 60), min_size=8, max_size=8),
    room=st.integers(0, 400),
)
def test_widths_fit_or_every_column_that_can_be_cut_is_at_its_least(
    natural: list[int], needs: list[int | None], room: int
) -> None:
    widths = fit(natural, needs[: len(natural)], room)
    cut = [
        (wide, wish, need) for wide, wish, need in zip(widths, natural, needs, strict=False) if wide != wish
    ]
    assert all(need is not None and min(8, wish) <= wide < wish for wide, wish, need in cut)
    if sum(natural) <= room:
        assert widths == natural
    elif sum(widths) > room:
        assert all(need is None or wide <= 8 for wide, need in zip(widths, needs, strict=False))
    else:
        assert sum(widths) == room
    if any(need is not None and wide < min(need, wish) for wide, wish, need in cut):
        assert all(need is None or wide <= max(need, 8) for wide, need in zip(widths, needs, strict=False)), (
            "a column has less than it needs only if no other has more"
        )


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
