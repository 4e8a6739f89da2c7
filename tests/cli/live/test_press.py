"""What keys do to the screen's state, and which commands they give. No key alone can change a task for the worse."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cli.live.items import SORTS, Fold
from cli.live.model import Act, Model, Open, Quit, Steer
from cli.live.press import press
from cli.live.snapshot import Snapshot
from cli.live.view import fitted
from sql.rows.people import TaskRow
from tests.cli.live.rows import busy, group, lines, model, pressed, task


def under(shown: Model) -> str:
    """The line under the cursor."""
    return next((line for line in lines(shown) if line.startswith("▸")), "")


def numbers(shown: Model) -> list[int]:
    return [item.number for item in shown.items if isinstance(item, TaskRow)]


def some(many: int) -> list[TaskRow]:
    return [task(number=number, name=f"name-{number}", status="running") for number in range(1, many + 1)]


@pytest.mark.parametrize(
    ("keys", "number"),
    [
        ([], 1),
        (["down", "j"], 3),
        (["down", "j", "up"], 2),
        (["up"], 1),
        (["G"], 40),
        (["end", "k"], 39),
        (["G", "g"], 1),
        (["page down"], 19),
        (["page down", "page up"], 1),
    ],
)
def test_the_cursor_moves_and_is_always_seen(keys: list[str], number: int) -> None:
    shown = pressed(model(*some(40), height=24), *keys)
    assert under(shown).split()[1] == str(number)


def test_the_cursor_stays_on_its_task_when_others_come_and_go() -> None:
    shown = pressed(model(*some(5)), "down", "down")
    fewer = Snapshot(tasks=some(5)[1:], counts={"running": 4})
    assert under(fitted(replace(shown, snapshot=fewer))).split()[1] == "3"
    gone = Snapshot(tasks=[*some(2), *some(5)[3:]], counts={"running": 4})
    assert under(fitted(replace(shown, snapshot=gone))).split()[1] == "4", "what took its place"
    assert under(fitted(replace(shown, snapshot=Snapshot()))) == ""


def test_cancel_asks_and_only_y_says_yes() -> None:
    asked = pressed(model(*some(3)), "down", "c")
    assert lines(asked)[-2] == "cancel task 2? y/N"
    for no in ("n", "enter", "escape", "q", "c", " "):
        after, command = press(asked, no)
        assert command is None
        assert after.said == "nothing was done"
    assert press(asked, "y")[1] == Act("cancel", [2])


def test_what_is_asked_is_what_is_done_also_when_the_list_changes_meanwhile() -> None:
    asked = pressed(model(*some(3)), "c")
    changed = fitted(replace(asked, snapshot=Snapshot(tasks=some(3)[1:])))
    assert press(changed, "y")[1] == Act("cancel", [1])


def test_actions_are_about_the_marked_tasks() -> None:
    shown = pressed(model(*some(5)), "space", "down", "space")
    assert [line.split()[1] for line in lines(shown) if line.startswith(" *")] == ["1", "3"]
    assert lines(pressed(shown, "c"))[-2] == "cancel tasks 1, 3? y/N"
    assert press(shown, "r")[1] == Act("retry", [1, 3])
    assert press(shown, "h")[1] == Act("hold", [1, 3])
    unmarked = pressed(shown, "g", "space")
    assert press(unmarked, "r")[1] == Act("retry", [3])
    assert press(pressed(shown, "escape"), "r")[1] == Act("retry", [4]), "that under the cursor"


def test_what_happened_to_become_the_first_is_not_changed_without_a_question() -> None:
    shown = model(*some(3))
    for key, action in (("r", "retry"), ("h", "hold"), ("t", "top")):
        assert press(shown, key)[1] is None
        asked = pressed(shown, key)
        assert lines(asked)[-2] == f"{action} task 1? y/N"
        assert press(asked, "y")[1] == Act(action, [1])
        assert press(pressed(shown, "up"), key)[1] == Act(action, [1]), "somebody has moved to it"


def test_until_somebody_moves_the_cursor_is_on_the_first_and_after_g_again() -> None:
    ended = [*some(3)[1:], task(number=1, status="succeeded")]
    later = Snapshot(tasks=ended, counts={"running": 2, "succeeded": 1})
    for shown in (model(*some(3)), pressed(model(*some(3)), "G", "g")):
        assert under(fitted(replace(shown, snapshot=later))).split()[1] == "2"
    assert under(fitted(replace(pressed(model(*some(3)), "up"), snapshot=later))).split()[1] == "1"


def test_the_cursor_goes_to_the_line_that_stands_for_its_task() -> None:
    few = [task(number=number, why="claude-main is full (4/4)") for number in range(1, 6)]
    shown = pressed(model(*few, height=24), "down", "down")
    others = [task(number=number, status="running") for number in range(50, 70)]
    assert under(fitted(replace(shown, snapshot=Snapshot(tasks=[*few, *others])))).startswith(
        "▸+  5x  queued"
    )


def test_h_releases_what_is_held() -> None:
    held = task(number=7, wait_reason="held")
    assert press(pressed(model(held), "up"), "h")[1] == Act("release", [7])
    both = pressed(model(held, task(number=8)), "space", "space")
    assert press(both, "h")[1] == Act("hold", [8]), "the other one first"


def test_pause_asks_about_the_group_of_the_task() -> None:
    running = task(status="running", group_name="claude-main")
    asked = pressed(model(running, groups=[group(), group(group_name="other")]), "P")
    assert lines(asked)[-2] == "pause the group claude-main? y/N"
    assert press(asked, "y")[1] == Steer("claude-main", pause=True)
    paused = pressed(model(running, groups=[group(state="paused")]), "P")
    assert lines(paused)[-2] == "resume the group claude-main? y/N"
    assert press(paused, "y")[1] == Steer("claude-main", pause=False)


def test_pause_of_a_task_without_a_group_says_which_there_are() -> None:
    waiting = task(number=7)
    assert lines(pressed(model(waiting, groups=[group()]), "P"))[-2] == "pause the group claude-main? y/N"
    two = pressed(model(waiting, groups=[group(), group(group_name="claude-work")]), "P")
    assert two.said == (
        "task 7 may run in any of claude-main, claude-work: `llmctl group pause NAME` pauses one"
    )
    assert "no worker group serves claude" in pressed(model(waiting), "P").said


def test_enter_shows_a_task_and_escape_goes_back() -> None:
    shown, command = press(model(*some(3)), "enter")
    assert command == Open(1, log=False)
    assert lines(fitted(shown))[0].startswith("task 1  running  name-1")
    assert pressed(shown, "escape").pane is None


def test_l_opens_the_log_also_from_the_task() -> None:
    assert press(model(*some(3)), "l")[1] == Open(1, log=True)
    shown, command = press(pressed(model(*some(3)), "down", "enter"), "l")
    assert command == Open(2, log=True)
    assert lines(fitted(shown))[:2] == ["log of task 2  running  name-2", "no output yet"]


def test_a_line_for_many_opens_and_closes_with_enter_and_has_all_of_them_canceled() -> None:
    many = [task(number=number, why="claude-main is full (4/4)") for number in range(1, 41)]
    shown = model(*many)
    assert under(shown).startswith("▸+ 40x  queued")
    opened = pressed(shown, "enter")
    assert under(opened).startswith("▸- 40x  queued")
    assert under(pressed(opened, "down")).split()[1] == "1"
    assert len(pressed(opened, "enter").items) == 1
    assert press(pressed(shown, "c"), "y")[1] == Act("cancel", list(range(1, 41)))
    assert lines(pressed(shown, "c"))[-2] == "cancel 40 tasks (1, 2, 3, …)? y/N"
    assert "Enter shows the tasks" in pressed(shown, "l").said


@pytest.mark.parametrize(
    ("typed", "found"),
    [
        ("docs", [2]),
        ("DOCS", [2]),
        ("12", [12]),
        ("run", [1, 12]),
        ("codex", [2]),
        ("batch=x", [1]),
        ("run codex", []),
        ("starting", []),
    ],
)
def test_the_filter_finds_numbers_names_states_groups_and_labels_as_it_is_typed(
    typed: str, found: list[int]
) -> None:
    tasks = [
        task(number=1, status="running", labels={"batch": "x"}),
        task(number=2, name="docs-pass", group_name="codex-team"),
        task(number=12, status="running"),
    ]
    keys = ["space" if one == " " else one for one in typed]
    assert numbers(pressed(model(*tasks), "/", *keys)) == found


def test_a_filter_is_kept_with_enter_and_ended_with_escape() -> None:
    shown = pressed(model(*some(12)), "/", "1", "2", "x", "backspace")
    assert lines(shown)[-2] == "/12█  Enter keeps it, Esc ends it"
    kept = pressed(shown, "enter")
    assert numbers(kept) == [12]
    assert lines(kept)[-2].startswith("filter: 12")
    assert len(pressed(kept, "escape").items) == 12
    assert len(pressed(shown, "escape").items) == 12
    assert len(pressed(shown, "erase").items) == 12
    assert "no task fits the filter" in lines(pressed(kept, "/", "z"))


def test_keys_that_act_are_letters_while_a_filter_is_typed() -> None:
    shown = model(*some(3))
    for key in "/qcrhPsfw?":
        shown, command = press(shown, key)
        assert command is None
    assert shown.filter == "qcrhPsfw?"


def test_what_is_pasted_gives_no_command_but_can_be_filtered_by() -> None:
    shown, command = press(model(*some(12)), "pasted cy")
    assert (shown.question, command) == (None, None)
    asked = pressed(model(*some(12)), "c")
    assert press(asked, "pasted y")[1] is None
    assert pressed(shown, "/", "pasted 12").filter == "12"


def test_s_goes_through_the_orders_and_f_puts_failed_tasks_first() -> None:
    tasks = [
        task(number=1, name="b", age_s=5.0),
        task(number=2, name="c", age_s=9.0, status="failed"),
        task(number=3, name="a", age_s=1.0),
    ]
    shown = model(*tasks)
    orders = {}
    for _ in SORTS:
        shown = pressed(shown, "s")
        orders[shown.sort] = numbers(shown)
    assert list(orders) == [*list(SORTS)[1:], "usual"]
    assert orders["task"] == [3, 2, 1]
    assert orders["age"] == [2, 1, 3]
    assert orders["name"] == [3, 1, 2]
    assert orders["usual"] == [1, 2, 3]
    assert numbers(pressed(shown, "f")) == [2, 1, 3]
    assert numbers(pressed(shown, "f", "f")) == [1, 2, 3]


def test_w_shows_all_columns() -> None:
    shown = model(*some(1), width=200)
    heading = next(line for line in lines(pressed(shown, "w")) if "TASK" in line)
    for title in ("MODEL", "TENANT", "QUEUE", "PRI", "LABELS", "WHY"):
        assert title in heading
    assert lines(pressed(shown, "w", "w")) == lines(shown)


def test_the_keys_are_explained() -> None:
    shown = pressed(model(*some(1), height=50), "?")
    text = "\n".join(lines(shown))
    for key in ("Enter", "PgUp", "Space", "Ctrl-Z", "h  ", "P  "):
        assert key in text
    assert pressed(shown, "q").pane is None


def test_q_ends_and_escape_ends_when_there_is_nothing_to_go_back_from() -> None:
    assert press(model(), "q")[1] == Quit()
    assert press(model(*some(2)), "escape")[1] == Quit()
    assert press(pressed(model(*some(2)), "space"), "escape")[1] is None


@given(
    st.lists(
        st.sampled_from(
            [
                "up",
                "down",
                "enter",
                "space",
                "c",
                "r",
                "h",
                "t",
                "P",
                "/",
                "escape",
                "s",
                "f",
                "w",
                "?",
                "l",
                "G",
            ]
        )
    )
)
def test_whatever_is_pressed_nothing_is_canceled_or_paused_without_y(keys: list[str]) -> None:
    shown = model(*busy(), groups=[group()], height=24)
    for key in keys:
        shown, command = press(shown, key)
        shown = fitted(shown)
        assert not isinstance(command, Steer)
        assert not (isinstance(command, Act) and command.action == "cancel")


def test_a_fold_of_the_list_is_one_item() -> None:
    folds = [item for item in model(*busy(), height=24).items if isinstance(item, Fold)]
    assert [(fold.state, len(fold.tasks)) for fold in folds] == [("queued", 20), ("limit", 8)]
